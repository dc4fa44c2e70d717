import { mostRetries, retryFailed } from '../../scripts/test-retry.mjs';
import { expect, tap } from '../helpers/tapbundle.js';

const result = (file: string, troubles: string[] = []) => ({ file, tests: [], troubles });
const never = (): Promise<never> => Promise.reject(new Error('nothing is to run again'));

tap.test('what passed does not run again', async () => {
  const results = [result('a'), result('b')];
  expect(await retryFailed(results, never)).toEqual(results);
});

tap.test('what failed runs once more, one after the other, and is flaky if it passes then', async () => {
  let running = 0;
  const asked: string[] = [];
  const runAgain = async (file: string) => {
    expect(++running).toEqual(1);
    asked.push(file);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return result(file);
  };
  const [a, b, c] = [result('a', ['late']), result('b'), result('c', ['left a process'])] as const;
  const final = await retryFailed([a, b, c], runAgain);
  expect(asked).toEqual(['a', 'c']);
  expect(final).toEqual([{ ...result('a'), flaky: a }, b, { ...result('c'), flaky: c }]);
});

tap.test('what fails twice has failed, for its second reason', async () => {
  const final = await retryFailed([result('a', ['first'])], async (file) => result(file, ['second']));
  expect(final).toEqual([result('a', ['second'])]);
});

tap.test('when many files fail the machine is not to blame, and none runs again', async () => {
  const many = Array.from({ length: mostRetries + 1 }, (_, n) => result(`${n}`, ['broken']));
  expect(await retryFailed(many, never)).toEqual(many);
  const few = await retryFailed(many.slice(1), async (file) => result(file));
  expect(few.every(({ flaky }) => flaky !== undefined)).toBeTrue();
});

export default tap.start();
