import fc from 'fast-check';
import { chooseInWindow, expiryStageOf, nextStageAt, renewAtOf, tickMs } from '../../../ts/certs/manager/schedule.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const dayMs = 86_400_000;
const lifeOf = (days: number) => ({ notBefore: 0, notAfter: days * dayMs });
const windowAt = (renewAtDays: number) => ({
  ...{ startMs: 0, endMs: 90 * dayMs, askAgainAtMs: 0, explanationUrl: null },
  renewAtMs: renewAtDays * dayMs,
});

tap.test('renews with a third of the life left, half of a short one, a little earlier for some', () => {
  expect(renewAtOf(lifeOf(90), null, null, 0) / dayMs).toEqual(60);
  expect(renewAtOf(lifeOf(6), null, null, 0) / dayMs).toEqual(3);
  expect(renewAtOf(lifeOf(90), null, null, 1) / dayMs).toEqual(55.5);
});

tap.test("an issuer's window wins, but for the last tenth and the first twentieth of the life", () => {
  expect(renewAtOf(lifeOf(90), null, windowAt(70), 0.5) / dayMs).toEqual(70);
  expect(renewAtOf(lifeOf(90), null, windowAt(88), 0.5) / dayMs).toEqual(81);
  expect(renewAtOf(lifeOf(90), null, windowAt(-5), 0.5) / dayMs).toEqual(4.5);
});

tap.test('renewBeforeDays makes it earlier, never later, and not so early that it never stops', () => {
  expect(renewAtOf(lifeOf(90), 40, null, 0) / dayMs).toEqual(50);
  expect(renewAtOf(lifeOf(90), 10, null, 0) / dayMs).toEqual(60);
  expect(renewAtOf(lifeOf(6), 30, null, 0) / dayMs).toEqual(3);
});

tap.test('whatever is suggested, a renewal is within the life and with a tenth of it left', () => {
  const anyDays = fc.double({ min: -1000, max: 1000, noNaN: true });
  const days = fc.option(fc.integer({ min: 1, max: 400 }));
  const life = fc.double({ min: 0.001, max: 800, noNaN: true });
  fc.assert(
    fc.property(
      life,
      days,
      fc.option(anyDays),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (long, before, at, spread) => {
        const renewAt = renewAtOf(lifeOf(long), before, at === null ? null : windowAt(at), spread);
        return renewAt >= (long * dayMs) / 20 && renewAt <= long * dayMs * 0.9000001;
      },
    ),
    { seed: 172, numRuns: numRuns() },
  );
});

tap.test('a moment is chosen once for a window; a bad window is none', () => {
  const suggested = { startMs: 100, endMs: 200, explanationUrl: null, retryAfterMs: null };
  const first = chooseInWindow(suggested, null, 50, 0.25);
  expect(first?.renewAtMs).toEqual(125);
  expect(chooseInWindow(suggested, first, 60, 0.9)?.renewAtMs).toEqual(125);
  expect(chooseInWindow({ ...suggested, endMs: 300 }, first, 60, 0.5)?.renewAtMs).toEqual(200);
  for (const endMs of [100, 99, Number.NaN]) {
    expect(chooseInWindow({ ...suggested, endMs }, null, 0, 0)).toEqual(null);
  }
});

tap.test('an issuer is asked again when it says, between a minute and a day', () => {
  const asked = (retryAfterMs: number | null) =>
    chooseInWindow({ startMs: 0, endMs: 1, explanationUrl: null, retryAfterMs }, null, 0, 0)?.askAgainAtMs;
  expect([null, 0, 7_200_000, 40 * dayMs].map(asked)).toEqual([21_600_000, 60_000, 7_200_000, dayMs]);
});

tap.test('tells at a fifth, at a tenth and at the end, each of which comes next in turn', () => {
  const life = lifeOf(100);
  expect([0, 79, 80, 89.9, 90, 99.9, 100, 200].map((day) => expiryStageOf(life, day * dayMs))).toEqual([
    0, 0, 1, 1, 2, 2, 3, 3,
  ]);
  expect([0, 80, 90, 100].map((day) => nextStageAt(life, day * dayMs) / dayMs)).toEqual([
    80,
    90,
    100,
    Number.POSITIVE_INFINITY,
  ]);
});

tap.test('never sleeps for more than ten minutes, nor past what falls due', () => {
  expect(tickMs(Number.POSITIVE_INFINITY, 0, 1)).toEqual(600_000);
  expect(tickMs(Number.POSITIVE_INFINITY, 0, 0)).toEqual(480_000);
  expect(tickMs(1_000, 0, 0.5)).toEqual(1_000);
  expect(tickMs(0, 1_000, 0.5)).toEqual(0);
});

export default tap.start();
