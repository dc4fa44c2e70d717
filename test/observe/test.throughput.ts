import fc from 'fast-check';
import { Throughput } from '../../ts/observe/throughput.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

/** One sample a second, from the beginning of 1970. */
function makeThroughput(capacity: number, bytes: readonly number[], durationMs = 1000): Throughput {
  const throughput = new Throughput(capacity);
  bytes.forEach((bytesIn, i) => {
    throughput.add({ wallMs: (i + 1) * durationMs, durationMs, bytesIn, bytesOut: bytesIn * 2 });
  });
  return throughput;
}

tap.test('without samples every rate is 0', async () => {
  const throughput = new Throughput(10);
  expect(throughput.instant()).toEqual({ in: 0, out: 0 });
  expect(throughput.over(10)).toEqual({ in: 0, out: 0 });
  expect(throughput.history(10)).toEqual([]);
});

tap.test('rates are bytes a second over the newest samples that fit', async () => {
  const throughput = makeThroughput(10, [100, 200, 300, 400]);
  expect(throughput.instant()).toEqual({ in: 400, out: 800 });
  expect(throughput.over(1)).toEqual({ in: 400, out: 800 });
  expect(throughput.over(2)).toEqual({ in: 350, out: 700 });
  expect(throughput.over(4)).toEqual({ in: 250, out: 500 });
  expect(throughput.over(60)).toEqual({ in: 250, out: 500 });
  expect(throughput.over(0)).toEqual({ in: 0, out: 0 });
});

tap.test('a sample that took longer than planned is not a higher rate', async () => {
  const throughput = new Throughput(5);
  throughput.add({ wallMs: 2500, durationMs: 2500, bytesIn: 5000, bytesOut: 0 });
  expect(throughput.instant()).toEqual({ in: 2000, out: 0 });
  expect(throughput.over(1)).toEqual({ in: 2000, out: 0 });
});

tap.test('samples that are a little late still make up the seconds that were asked for', async () => {
  const throughput = makeThroughput(
    100,
    Array.from({ length: 30 }, (_, i) => (i < 20 ? 0 : 1000.4)),
    1000.4,
  );
  expect(throughput.history(10)).toHaveLength(10);
  expect(Math.round(throughput.over(10).in)).toEqual(1000);
});

tap.test('the ring forgets the oldest and never grows', async () => {
  const throughput = makeThroughput(3, [1, 2, 3, 4, 5, 6, 7]);
  expect(throughput.size).toEqual(3);
  expect(throughput.history(1000)).toEqual([
    { at: 5000, in: 5, out: 10 },
    { at: 6000, in: 6, out: 12 },
    { at: 7000, in: 7, out: 14 },
  ]);
});

tap.test('a ring without room takes nothing', async () => {
  expect(makeThroughput(0, [1, 2, 3]).history(10)).toEqual([]);
});

tap.test('it agrees with a plain list of samples', async () => {
  const sample = fc.record({
    durationMs: fc.integer({ min: 1, max: 5000 }),
    bytesIn: fc.nat(1e6),
    bytesOut: fc.nat(1e6),
  });
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(30),
      (samples, capacity, seconds) => {
        const throughput = new Throughput(capacity);
        for (const one of samples) throughput.add({ wallMs: 0, ...one });
        let ms = 0;
        const fitting = samples
          .slice(-capacity)
          .reverse()
          .filter(({ durationMs }) => {
            ms += durationMs;
            return ms <= seconds * 1010;
          });
        const newest = samples.at(-1);
        const counted = fitting.length === 0 && seconds > 0 && newest ? [newest] : fitting;
        const sum = (of: 'durationMs' | 'bytesIn' | 'bytesOut') => counted.reduce((total, one) => total + one[of], 0);
        const rate = (of: 'bytesIn' | 'bytesOut') => (counted.length === 0 ? 0 : (sum(of) * 1000) / sum('durationMs'));
        expect(throughput.over(seconds)).toEqual({ in: rate('bytesIn'), out: rate('bytesOut') });
        expect(throughput.history(seconds)).toHaveLength(counted.length);
      },
    ),
    { seed: 77, numRuns: numRuns(500) },
  );
});

export default tap.start();
