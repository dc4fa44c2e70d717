import fc from 'fast-check';
import { type IRateRule, makeCount } from '../../../ts/flow/guard/rate-count.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const sliding = (maxRequests: number, windowMs: number): IRateRule => ({ maxRequests, windowMs, burst: null });

const steps = fc.array(fc.nat({ max: 4_000 }), { maxLength: 120 });
const limits = fc.integer({ min: 1, max: 9 });
/** Not all of them are divided by twelve. */
const windows = fc.constantFrom(1_000, 12_000, 7_001, 60_000);

tap.test('no window ever sees more than the limit, and what was used comes back a twelfth late at most', () => {
  fc.assert(
    fc.property(steps, limits, windows, fc.nat({ max: 100_000 }), (waits, maxRequests, windowMs, startMs) => {
      const rule = sliding(maxRequests, windowMs);
      const count = makeCount(rule, startMs);
      const passed: number[] = [];
      let nowMs = startMs;
      for (const wait of waits) {
        nowMs += wait;
        const within = (ms: number) => passed.filter((atMs) => nowMs - atMs < ms).length;
        const looked = count.take(rule, nowMs, false);
        const { ok, limit, remaining, resetMs } = count.take(rule, nowMs, true);
        expect(looked.ok).toEqual(ok);
        if (ok) expect(within(windowMs)).toBeLessThan(maxRequests);
        else expect(within((windowMs * 13) / 12 + 1)).toBeGreaterThanOrEqual(maxRequests);
        if (ok) passed.push(nowMs);
        expect(limit).toEqual(maxRequests);
        expect(remaining).toBeLessThanOrEqual(maxRequests - within(windowMs));
        expect(resetMs).toBeLessThanOrEqual((windowMs * 13) / 12);
      }
    }),
    { seed: 214, numRuns: numRuns(200) },
  );
});

tap.test('who waits as long as a refusal says is let pass, and not before', () => {
  fc.assert(
    fc.property(
      steps,
      limits,
      windows,
      fc.option(fc.integer({ min: 1, max: 9 })),
      (waits, maxRequests, windowMs, burst) => {
        const rule = { maxRequests, windowMs, burst };
        const count = makeCount(rule, 0);
        let nowMs = 0;
        for (const wait of waits) {
          nowMs += wait;
          const { ok, resetMs } = count.take(rule, nowMs, true);
          if (ok) continue;
          expect(resetMs).toBeGreaterThan(0);
          if (resetMs > 1) expect(count.take(rule, nowMs + resetMs - 1, false).ok).toBeFalse();
          nowMs += Math.ceil(resetMs);
          expect(count.take(rule, nowMs, true).ok).toBeTrue();
        }
      },
    ),
    { seed: 214, numRuns: numRuns(200) },
  );
});

tap.test('a bucket gives its burst at once, then its rate, as a bucket that is filled drop by drop', () => {
  fc.assert(
    fc.property(steps, limits, limits, (waits, maxRequests, burst) => {
      // A token comes in whole milliseconds, so that the model is exact.
      const tokenMs = 100;
      const rule = { maxRequests, windowMs: maxRequests * tokenMs, burst };
      const count = makeCount(rule, 0);
      let nowMs = 0;
      let drops = burst * tokenMs;
      for (const wait of waits) {
        nowMs += wait;
        drops = Math.min(burst * tokenMs, drops + wait);
        const wanted = drops >= tokenMs;
        const { ok, remaining, limit } = count.take(rule, nowMs, true);
        if (wanted) drops -= tokenMs;
        expect([ok, remaining, limit]).toEqual([wanted, Math.floor(drops / tokenMs), burst]);
      }
    }),
    { seed: 214, numRuns: numRuns(200) },
  );
});

tap.test('a lower limit counts what was used under the higher one', () => {
  const count = makeCount(sliding(5, 12_000), 0);
  for (let at = 0; at < 5; at++) count.take(sliding(5, 12_000), at * 1_000, true);
  expect(count.take(sliding(2, 12_000), 5_000, true)).toEqual({ ok: false, limit: 2, remaining: 0, resetMs: 11_000 });
  expect(count.take(sliding(9, 12_000), 5_000, true)).toEqual({ ok: true, limit: 9, remaining: 3, resetMs: 8_000 });
});

export default tap.start();
