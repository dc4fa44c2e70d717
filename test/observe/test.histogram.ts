import fc from 'fast-check';
import { Histogram } from '../../ts/observe/histogram.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const runs = { seed: 90, numRuns: numRuns(500) };
// As many small values as large ones.
const value = fc
  .tuple(fc.integer({ min: 0, max: 52 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([bits, share]) => Math.floor(2 ** bits * (1 + share)) - 1);

const histogramOf = (values: readonly number[]): Histogram => {
  const histogram = new Histogram();
  for (const one of values) histogram.record(one);
  return histogram;
};

tap.test('a percentile is never below the true one and at most a sixteenth above', async () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? -1;
        const told = histogramOf(values).percentile(share);
        expect(told).not.toBeLessThan(exact);
        expect(told).not.toBeGreaterThan(exact + exact / 16);
      },
    ),
    runs,
  );
});

tap.test('small values and both sides of every power of two are told apart', async () => {
  for (let bits = 0; bits <= 52; bits++) {
    const power = 2 ** bits;
    expect(histogramOf([power - 1]).percentile(1)).toEqual(power - 1);
    expect(histogramOf([power]).percentile(1)).not.toBeLessThan(power);
  }
  for (let one = 0; one < 32; one++) expect(histogramOf([one]).percentile(0.5)).toEqual(one);
  expect(histogramOf([Number.MAX_SAFE_INTEGER]).percentile(1)).toEqual(Number.MAX_SAFE_INTEGER);
});

tap.test('what is no whole number from 0 to 2^53-1 is brought there', async () => {
  const percentile = (one: number) => histogramOf([one]).percentile(0.5);
  expect([1.4, 1.5, -3, Number.NaN].map(percentile)).toEqual([1, 2, 0, 0]);
  expect(percentile(Number.POSITIVE_INFINITY)).toEqual(Number.MAX_SAFE_INTEGER);
});

tap.test('empty, it says 0', async () => {
  expect(new Histogram().percentiles()).toEqual({ p50: 0, p90: 0, p95: 0, p99: 0, count: 0 });
  expect(new Histogram().counts()).toEqual([]);
});

tap.test('the usual percentiles of 1 to 1000', async () => {
  const histogram = histogramOf(Array.from({ length: 1000 }, (_, i) => i + 1));
  expect(histogram.percentiles()).toEqual({ p50: 511, p90: 927, p95: 959, p99: 991, count: 1000 });
});

tap.test('adding the counts of others is the same as having recorded their values', async () => {
  fc.assert(
    fc.property(fc.array(value), fc.array(value), (ours, theirs) => {
      const merged = histogramOf(ours);
      merged.add(JSON.parse(JSON.stringify(histogramOf(theirs).counts())));
      const whole = histogramOf([...ours, ...theirs]);
      expect(merged.counts()).toEqual(whole.counts());
      expect(merged.percentiles()).toEqual(whole.percentiles());
    }),
    runs,
  );
});

tap.test('counts up to bounds that end a bucket are exact, and add up as the values do', () => {
  const bounds = [0, 1, 3, 7, 1023, 2 ** 26 - 1, 2 ** 40 - 1];
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 31 - 1)), (values) => {
      const { counts, count, sum } = histogramOf(values).countsUpTo(bounds);
      expect(counts).toEqual(bounds.map((bound) => values.filter((each) => each <= bound).length));
      expect([count, sum]).toEqual([values.length, values.reduce((all, each) => all + each, 0)]);
    }),
    runs,
  );
});

tap.test('its buckets are a fixed number of whole counts', async () => {
  const histogram = histogramOf([Number.MAX_SAFE_INTEGER, 0, 0]);
  expect(histogram.counts()).toHaveLength(800);
  expect(histogram.counts().every(Number.isInteger)).toBeTrue();
});

export default tap.start();
