import { IssuerQueue } from '../../../ts/certs/manager/issuer-queue.js';
import { makeFakeClock, settle } from '../../helpers/fake-clock.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const forever = () => new Promise<void>(() => {});
const { signal } = new AbortController();

tap.test('runs so many at a time, those that failed less often first, in the order of coming', async () => {
  const queue = new IssuerQueue(makeFakeClock(), 1, 1_000);
  const begun: string[] = [];
  const done = ['a0', 'b2', 'c0', 'd1'].map((name) =>
    queue.run(Number(name[1]), signal, async () => void begun.push(name)),
  );
  await Promise.all(done);
  expect(begun).toEqual(['a0', 'c0', 'd1', 'b2']);
});

tap.test('whoever takes too long goes on beside the others, and gives its place back once', async () => {
  const clock = makeFakeClock();
  const queue = new IssuerQueue(clock, 1, 1_000);
  let release: () => void = () => {};
  const slow = queue.run(0, signal, () => new Promise<void>((resolve) => (release = resolve)));
  let running = 0;
  let most = 0;
  const others = [1, 2].map(() =>
    queue.run(0, signal, async () => {
      most = Math.max(most, ++running);
      await settle();
      running--;
    }),
  );
  await settle();
  expect(most).toEqual(0);
  await clock.advanceAsync(1_000);
  release();
  await Promise.all([slow, ...others]);
  expect(most).toEqual(1);
  expect(clock.pending).toEqual(0);
});

tap.test('a place is given on after a failure, and who is aborted while waiting leaves the queue', async () => {
  const queue = new IssuerQueue(makeFakeClock(), 1, 1_000);
  await expect(queue.run(0, signal, () => Promise.reject(new Error('no')))).rejects.toThrow();
  void queue.run(0, signal, forever);
  const controller = new AbortController();
  const waiting = queue.run(0, controller.signal, forever);
  controller.abort(new Error('enough'));
  expect(await waiting.catch(({ message }) => message)).toEqual('enough');
});

export default tap.start();
