import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, numRuns, tap } from './tapbundle.js';
import { moduleUrl, nodeArgs } from './this-run.js';

const helperUrl = moduleUrl('test/helpers/tapbundle.ts');

interface IRun {
  readonly code: number | null;
  readonly output: string;
}

async function runFile(body: string): Promise<IRun> {
  const folder = await mkdtemp(join(tmpdir(), 'tapbundle-'));
  try {
    const file = join(folder, 'test.child.mjs');
    await writeFile(
      file,
      `import { tap, expect } from '${helperUrl}';\nimport { EventEmitter } from 'node:events';\n${body}\nexport default tap.start();\nvoid [expect, EventEmitter];\n`,
    );
    // A child that believes it is run by `node --test` would speak the runner's binary protocol.
    const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
    const child = spawn(process.execPath, [...nodeArgs, file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { code, output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const failing = (fn: () => unknown) => expect(fn).toThrow(Error);

tap.test('each word of the vocabulary accepts what fits', async () => {
  expect('a').toBeTypeofString();
  expect(1).toBeTypeofNumber();
  expect({ a: [1, { b: 2 }] }).toEqual({ a: [1, { b: 2 }] });
  expect(1).not.toEqual(2);
  expect('abc').toMatch(/^a/);
  expect(2).toBeGreaterThan(1);
  expect(1.0049).toBeCloseTo(1, 2);
  expect([1, 2]).toContain(2);
  expect('abc').toContain('b');
  expect(new Set([1])).toContain(1);
  expect([1, 2]).toHaveLength(2);
  expect(true).toBeTrue();
  expect(false).toBeFalse();
  expect(undefined).toBeUndefined();
  expect(null).toBeNull();
  expect(() => JSON.parse('{')).toThrow(SyntaxError);
  expect(() => JSON.parse('1')).not.toThrow();
  const nested = { list: [{ name: 'x' }, { name: 'y' }] };
  expect(nested).property('list').arrayItem(1).property('name').toEqual('y');
});

tap.test('each word of the vocabulary refuses what does not fit', async () => {
  failing(() => expect(1).toBeTypeofString());
  failing(() => expect('1').toBeTypeofNumber());
  failing(() => expect({ a: 1 }).toEqual({ a: 2 }));
  failing(() => expect({ a: 1 }).not.toEqual({ a: 1 }));
  failing(() => expect('abc').toMatch(/^b/));
  failing(() => expect(1).toBeGreaterThan(1));
  failing(() => expect(1).not.toBeGreaterThan(0));
  failing(() => expect(1.006).toBeCloseTo(1, 2));
  failing(() => expect([1, 2]).toContain(3));
  failing(() => expect('abc').not.toContain('b'));
  failing(() => expect([1, 2]).toHaveLength(3));
  failing(() => expect(1).toBeTrue());
  failing(() => expect(0).toBeFalse());
  failing(() => expect(null).toBeUndefined());
  failing(() => expect(undefined).toBeNull());
  failing(() => expect(() => 1).toThrow());
  failing(() => expect(() => JSON.parse('{')).toThrow(TypeError));
  failing(() => expect(() => JSON.parse('{')).not.toThrow());
  failing(() =>
    expect({ list: [{ name: 'x' }] })
      .property('list')
      .arrayItem(0)
      .property('name')
      .toEqual('y'),
  );
});

tap.test('values that cannot have the asked property fail, even after not', async () => {
  failing(() => expect(undefined).not.toContain(1));
  failing(() => expect(undefined).not.toHaveLength(1));
  failing(() => expect(1).not.toMatch(/2/));
  failing(() => expect(1).not.toThrow());
});

tap.test('equality looks into maps, sets, errors and buffers', async () => {
  expect(new Map([[1, { a: 1 }]])).toEqual(new Map([[1, { a: 1 }]]));
  expect(Buffer.from('ab')).toEqual(Buffer.from('ab'));
  failing(() => expect(new Map([[1, 2]])).toEqual(new Map([[1, 3]])));
  failing(() => expect(new Set([1])).toEqual(new Set([2])));
  failing(() => expect(new Error('a')).toEqual(new Error('b')));
  failing(() => expect(Buffer.from('ab')).toEqual(Buffer.from('ac')));
});

tap.test('promises are judged by what they become', async () => {
  await expect(Promise.resolve({ a: [{ b: 1 }] })).resolves.toEqual({ a: [{ b: 1 }] });
  await expect(Promise.resolve({ a: [{ b: 1 }] }))
    .resolves.property('a')
    .arrayItem(0)
    .property('b')
    .toEqual(1);
  await expect(Promise.resolve(1)).resolves.not.toEqual(2);
  await expect(Promise.resolve(3)).resolves.withTimeout(1000).toBeGreaterThan(2);
  await expect(Promise.reject(new TypeError('no'))).rejects.toThrow(TypeError);
  await expect(Promise.reject(new TypeError('no')))
    .rejects.property('message')
    .toEqual('no');

  const never = new Promise(() => {});
  await expect(expect(Promise.resolve(1)).resolves.toEqual(2)).rejects.toThrow(/to equal 2/);
  await expect(expect(Promise.resolve(1)).resolves.not.toEqual(1)).rejects.toThrow(/not/);
  await expect(expect(Promise.reject(new Error('no'))).resolves.toEqual(1)).rejects.toThrow(/rejected/);
  await expect(expect(Promise.resolve(1)).rejects.toEqual(1)).rejects.toThrow(/resolved/);
  await expect(expect(never).resolves.withTimeout(5).toEqual(1)).rejects.toThrow(/within 5 ms/);
  await expect(expect(1).resolves.toEqual(1)).rejects.toThrow(/needs a promise/);
  await expect((async () => await expect(Promise.resolve(1)).rejects)()).rejects.toThrow(/resolved/);
});

tap.test('a file with a failing expectation fails, one without passes', async () => {
  const good = await runFile(`tap.test('fine', async () => { expect(1).toEqual(1); });`);
  expect(good).property('code').toEqual(0);
  const bad = await runFile(`tap.test('wrong', async () => { expect(1).toEqual(2); });`);
  expect(bad).property('code').toEqual(1);
  expect(bad.output).toMatch(/expected 1 to equal 2/);
});

tap.test('only runs what it names and skip leaves out what it names, without flags', async () => {
  const only = await runFile(`
    tap.test('left out', async () => { console.log('ran-left-out'); });
    tap.only.test('chosen', async () => { console.log('ran-chosen'); });`);
  expect(only.code).toEqual(0);
  expect(only.output).toContain('ran-chosen');
  expect(only.output).not.toContain('ran-left-out');
  const skip = await runFile(`
    tap.skip.test('left out', async () => { console.log('ran-left-out'); });
    tap.test('chosen', async () => { console.log('ran-chosen'); });`);
  expect(skip.code).toEqual(0);
  expect(skip.output).toContain('ran-chosen');
  expect(skip.output).not.toContain('ran-left-out');
});

tap.test('the time limit counts for the tests after it', async () => {
  const { code, output } = await runFile(`
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    tap.test('first', async () => { await wait(100); console.log('first-done'); });
    tap.timeout(20);
    tap.test('second', async () => { await wait(200); });`);
  expect(output).toContain('first-done');
  expect(output).toMatch(/timed out after 20ms/);
  expect(code).toEqual(1);
});

tap.test('tests run in order and start resolves when they are done', async () => {
  const { code, output } = await runFile(`
    tap.test('a', async () => { await new Promise((resolve) => setTimeout(resolve, 30)); console.log('<a>'); });
    tap.test('b', () => { console.log('<b>'); });
    await tap.start();
    console.log('<end>');`);
  expect(code).toEqual(0);
  expect(output.match(/<\w+>/g)).toEqual(['<a>', '<b>', '<end>']);
});

tap.test('stray exceptions, stray rejections and listener leaks fail the file', async () => {
  const strays = [
    `setTimeout(() => { throw new Error('stray'); }, 20);`,
    `setTimeout(() => { Promise.reject(new Error('stray')); }, 20);`,
    `const e = new EventEmitter(); for (let i = 0; i < 11; i++) e.on('stray', () => {});`,
  ];
  for (const stray of strays) {
    const { code, output } = await runFile(`tap.test('fine', async () => { ${stray} });`);
    expect(code).toEqual(1);
    expect(output).toContain('stray');
  }
});

tap.test('the number of cases of a property test grows in the long form only', async () => {
  expect(numRuns(10)).toEqual(process.env.LONG === '1' ? 1000 : 10);
});

export default tap.start();
