import { longestFirst, splitAlone } from '../../scripts/test-order.mjs';
import { readTree, root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('the longest files begin, then those that wait, and those that compute are last', () => {
  const files = ['test/base/test.a.ts', 'test/test.docs.ts', 'test/scenario/test.new.ts', 'test/cli/test.process.ts'];
  expect(longestFirst(files)).toEqual([
    'test/cli/test.process.ts',
    'test/test.docs.ts',
    'test/scenario/test.new.ts',
    'test/base/test.a.ts',
  ]);
});

tap.test('no file is lost, and those of one kind stay in their order', () => {
  const files = ['test/codec/test.a.ts', 'test/codec/test.b.ts', 'test/codec/test.c.ts'];
  expect(longestFirst(files)).toEqual(files);
});

tap.test('every file that is named as slow is there', async () => {
  const script = (await readTree(['scripts'], ['test-order.mjs'])).get('scripts/test-order.mjs') ?? '';
  const named = [...script.matchAll(/'(test\/[^']+\.ts)'/g)].map(([, file]) => file ?? '');
  const tests = await readTree(['test'], ['.ts']);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((file) => !tests.has(file))).toEqual([]);
});

tap.test('who asks for it by a line of its own runs alone', async () => {
  const files = ['test/rig/test.slow-clients.ts', 'test/rig/test.plain-tcp.ts'];
  const { together, alone } = await splitAlone(root, files);
  expect([together, alone]).toEqual([[files[1]], [files[0]]]);
});

export default tap.start();
