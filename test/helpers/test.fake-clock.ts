import { makeFakeClock } from './fake-clock.js';
import { expect, tap } from './tapbundle.js';

tap.test('time moves only when it is moved', async () => {
  const clock = makeFakeClock(1000);
  expect(clock.nowMs()).toEqual(0);
  clock.advance(25);
  expect(clock.nowMs()).toEqual(25);
  expect(clock.wallMs()).toEqual(1025);
});

tap.test('timers fire in order of time and see their own time', async () => {
  const clock = makeFakeClock();
  const fired: string[] = [];
  clock.setTimer(() => fired.push(`b@${clock.nowMs()}`), 20);
  clock.setTimer(() => fired.push(`a@${clock.nowMs()}`), 10);
  clock.setTimer(() => fired.push(`c@${clock.nowMs()}`), 20);
  clock.setTimer(() => fired.push('late'), 31);
  expect(clock.pending).toEqual(4);
  clock.advance(30);
  expect(fired).toEqual(['a@10', 'b@20', 'c@20']);
  expect(clock.pending).toEqual(1);
  expect(clock.nowMs()).toEqual(30);
});

tap.test('timers set by timers fire in the same move if they fall due', async () => {
  const clock = makeFakeClock();
  const fired: number[] = [];
  const again = () => {
    fired.push(clock.nowMs());
    clock.setTimer(again, 10);
  };
  clock.setTimer(again, 10);
  clock.advance(35);
  expect(fired).toEqual([10, 20, 30]);
});

tap.test('a cancelled timer does not fire', async () => {
  const clock = makeFakeClock();
  let fired = false;
  const timer = clock.setTimer(() => (fired = true), 10);
  timer.cancel();
  clock.advance(100);
  expect(fired).toBeFalse();
  expect(clock.pending).toEqual(0);
});

tap.test('the asynchronous move lets promises set timers in between', async () => {
  const clock = makeFakeClock();
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(resolve, ms));
  const seen: number[] = [];
  const walk = (async () => {
    for (let step = 0; step < 3; step++) {
      await sleep(10);
      seen.push(clock.nowMs());
    }
  })();
  await clock.advanceAsync(30);
  await walk;
  expect(seen).toEqual([10, 20, 30]);
});

export default tap.start();
