// How connections and limits are spread over workers.

import fc from 'fast-check';
import { RestartPolicy } from '../../ts/workers/restart-policy.js';
import { ceilingOf, isOtherCeiling, partsOf } from '../../ts/workers/spread.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('a worker alone keeps everything', () => {
  expect(ceilingOf([1_000])).toEqual(Number.POSITIVE_INFINITY);
});

tap.test('the ceiling leaves room above the mean, so that not every arrival is handed over', () => {
  for (const live of [
    [0, 0],
    [100, 0],
    [5_000, 4_000, 0],
  ]) {
    const mean = live.reduce((sum, count) => sum + count, 0) / live.length;
    expect(ceilingOf(live)).toBeGreaterThan(mean);
    expect(ceilingOf(live)).toBeLessThan(mean * 1.2 + 10);
  }
});

tap.test('small changes of it are not worth telling', () => {
  expect(isOtherCeiling(100, 101)).toBeFalse();
  expect(isOtherCeiling(100, 110)).toBeTrue();
  expect(isOtherCeiling(Number.POSITIVE_INFINITY, 8)).toBeTrue();
  expect(isOtherCeiling(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)).toBeFalse();
});

tap.test('parts of a limit are the limit together, give each what it has, and share what is free evenly', () => {
  const counts = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.nat(20_000), counts, (limit, live) => {
      const parts = partsOf(limit, live);
      const used = live.reduce((sum, count) => sum + count, 0);
      expect(parts.reduce((sum, count) => sum + count, 0)).toEqual(Math.max(limit, used));
      const free = parts.map((part, at) => part - (live[at] ?? 0));
      expect(Math.min(...free) >= 0).toBeTrue();
      expect(Math.max(...free) - Math.min(...free) <= 1).toBeTrue();
    }),
    { seed: 218, numRuns: numRuns() },
  );
});

tap.test('a worker that dies is replaced at once, then ever later, then no more', () => {
  const policy = new RestartPolicy(10);
  const delays = Array.from({ length: 11 }, () => policy.ended(100));
  expect(delays).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, null]);
});

tap.test('one that lived for a minute begins anew', () => {
  const policy = new RestartPolicy(2);
  expect(policy.ended(100)).toEqual(0);
  expect(policy.ended(100)).toEqual(500);
  expect(policy.ended(60_000)).toEqual(0);
});

export default tap.start();
