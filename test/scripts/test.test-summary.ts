import type { ITestReport } from '../../scripts/test-file.mjs';
import { summarise } from '../../scripts/test-summary.mjs';
import { expect, tap } from '../helpers/tapbundle.js';

const report = (outcome: ITestReport['outcome'], nesting = 0): ITestReport => {
  return {
    name: `a ${outcome} test`,
    outcome,
    nesting,
    ms: 1,
    ...(outcome === 'failed' ? { why: 'Error: x\nat y' } : {}),
  };
};
const file = (tests: ITestReport[], troubles: string[] = []) => ({ file: 'test/test.a.ts', tests, troubles });

tap.test('a run of passed tests is good', async () => {
  const { lines, last, good } = summarise([file([report('passed'), report('passed')])], true);
  expect(good).toBeTrue();
  expect(lines).toEqual([]);
  expect(last).toEqual('2 passed, 0 failed');
});

tap.test('failed tests and troubles count as failed and are named', async () => {
  const { lines, last, good } = summarise([file([report('passed'), report('failed')], ['left a process'])], false);
  expect(good).toBeFalse();
  expect(last).toEqual('1 passed, 2 failed');
  expect(lines).toEqual(['', 'Failed:', '  test/test.a.ts: a failed test', '  test/test.a.ts: left a process']);
});

tap.test('a skipped test is told, and fails the run in CI only', async () => {
  const results = [file([report('passed'), report('skipped')])];
  expect(summarise(results, false).good).toBeTrue();
  expect(summarise(results, true).good).toBeFalse();
  expect(summarise(results, true).last).toEqual('1 passed, 0 failed, 1 skipped');
  expect(summarise(results, true).lines).toContain('  test/test.a.ts: a skipped test');
});

tap.test('a file that passed at its second run is good, and its first failure is told whole', async () => {
  const flaky = { ...file([report('passed')]), flaky: file([report('failed')], ['left a process']) };
  const { lines, last, good } = summarise([flaky, file([report('passed')])], true);
  expect([last, good]).toEqual(['2 passed, 0 failed', true]);
  expect(lines).toEqual([
    ...['', 'flaky: 1 file', '  test/test.a.ts failed, and passed when it ran again alone. Its failure:'],
    ...['    a failed test\n      Error: x\n      at y', '    left a process'],
  ]);
  expect(summarise([flaky, flaky], true).lines[1]).toEqual('flaky: 2 files');
});

tap.test('a run without a passed test is not good', async () => {
  expect(summarise([], false).good).toBeFalse();
  expect(summarise([file([report('skipped')])], false).good).toBeFalse();
});

tap.test('subtests count with the test they are in', async () => {
  expect(summarise([file([report('passed', 1), report('passed')])], false).last).toEqual('1 passed, 0 failed');
});

export default tap.start();
