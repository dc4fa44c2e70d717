import { maxDelayMs, systemClock } from '../../ts/base/clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('its time goes forward and its wall shows the date', async () => {
  const [first, second] = [systemClock.nowMs(), systemClock.nowMs()];
  expect(second).toBeGreaterThanOrEqual(first);
  expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThan(1000);
});

tap.test('a timer fires once after its delay', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let fired = 0;
  systemClock.setTimer(() => fired++, 20);
  t.mock.timers.tick(19);
  expect(fired).toEqual(0);
  t.mock.timers.tick(1);
  t.mock.timers.tick(100);
  expect(fired).toEqual(1);
});

tap.test('a cancelled timer does not fire', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let fired = 0;
  systemClock.setTimer(() => fired++, 20).cancel();
  t.mock.timers.tick(100);
  expect(fired).toEqual(0);
});

tap.test('its timers do not keep the process alive, and no delay is too long or too short', async (t) => {
  const real = globalThis.setTimeout;
  const made: { ms: number | undefined; timer: NodeJS.Timeout }[] = [];
  t.mock.method(globalThis, 'setTimeout', ((fire: () => void, ms?: number) => {
    const timer = real(fire, ms);
    made.push({ ms, timer });
    return timer;
  }) as typeof setTimeout);
  for (const ms of [1000, Number.POSITIVE_INFINITY, -5]) systemClock.setTimer(() => {}, ms).cancel();
  systemClock.setTimer(() => {}, 60_000);
  t.mock.restoreAll();
  expect(made.map(({ ms }) => ms)).toEqual([1000, maxDelayMs, 0, 60_000]);
  expect(made.at(-1)?.timer.hasRef()).toBeFalse();
  for (const { timer } of made) clearTimeout(timer);
});

export default tap.start();
