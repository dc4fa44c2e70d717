import fc from 'fast-check';
import { maxRateKeys, SlidingRates } from '../../../ts/flow/guard/sliding-rates.js';
import { makeFakeClock } from '../../helpers/fake-clock.js';
import { expect, long, numRuns, tap } from '../../helpers/tapbundle.js';

const minuteMs = 60_000;
/** How much later than after a minute something may come back. */
const lateMs = 5_000;

tap.test('gives exactly the limit at once, and all of it back a minute later', async () => {
  const clock = makeFakeClock();
  const rates = new SlidingRates(clock);
  const taken = () => Array.from({ length: 12 }, () => rates.take('a', 10)).filter(Boolean).length;
  expect(taken()).toEqual(10);
  clock.advance(minuteMs - 1);
  expect(taken()).toEqual(0);
  clock.advance(1 + lateMs);
  expect(taken()).toEqual(10);
});

tap.test('nothing comes back before a minute has passed, at whatever moment it was taken', async () => {
  for (let atMs = 0; atMs <= 10_000; atMs += 250) {
    for (const takenMs of [atMs, Math.max(0, atMs - 1)]) {
      const clock = makeFakeClock();
      const rates = new SlidingRates(clock);
      clock.advance(takenMs);
      expect(rates.take('a', 1)).toBeTrue();
      clock.advance(minuteMs - 1);
      expect(rates.take('a', 1)).toBeFalse();
      clock.advance(1 + lateMs);
      expect(rates.take('a', 1)).toBeTrue();
    }
  }
});

tap.test(
  'never gives more than the limit in any minute, and refuses only while the last 65 s have used it up',
  async () => {
    const step = fc.tuple(
      fc.constantFrom('a', 'b'),
      fc.oneof(fc.integer({ min: 0, max: 9_000 }), fc.constantFrom(0, 5_000, 60_000, 65_000, 10 ** 7)),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 80 }), (limit, script) => {
        const clock = makeFakeClock();
        const rates = new SlidingRates(clock);
        const given = new Map<string, number[]>([
          ['a', []],
          ['b', []],
        ]);
        for (const [key, passMs] of script) {
          clock.advance(passMs);
          const now = clock.nowMs();
          const times = given.get(key) ?? [];
          const within = (ms: number) => times.filter((time) => time > now - ms).length;
          const used = rates.used(key);
          const gave = rates.take(key, limit);
          expect(used < limit).toEqual(gave);
          if (gave) times.push(now);
          expect(within(minuteMs)).not.toBeGreaterThan(limit);
          if (!gave) expect(within(minuteMs + lateMs)).toBeGreaterThan(limit - 1);
        }
      }),
      { seed: 60_001, numRuns: numRuns(1000) },
    );
  },
);

tap.test('being refused does not keep a client out longer', async () => {
  const clock = makeFakeClock();
  const rates = new SlidingRates(clock);
  expect(rates.take('a', 1)).toBeTrue();
  for (let ms = 0; ms < minuteMs; ms += 1_000) {
    clock.advance(1_000);
    if (ms < minuteMs - 1_000) expect(rates.take('a', 1)).toBeFalse();
  }
  clock.advance(lateMs);
  expect(rates.take('a', 1)).toBeTrue();
});

tap.test('a lower limit holds at once, for what was taken under the higher one', async () => {
  const rates = new SlidingRates(makeFakeClock());
  for (let i = 0; i < 5; i++) rates.take('a', 10);
  expect(rates.take('a', 3)).toBeFalse();
  expect(rates.used('a')).toEqual(5);
});

tap.test('asking changes nothing', async () => {
  const clock = makeFakeClock();
  const rates = new SlidingRates(clock);
  rates.take('a', 2);
  for (let i = 0; i < 100; i++) expect(rates.used('a')).toEqual(1);
  expect(rates.used('b')).toEqual(0);
  expect(rates.size).toEqual(1);
  expect(rates.take('a', 2)).toBeTrue();
});

tap.test('a flood of addresses is remembered within the bound, and the latest of them exactly', async () => {
  const rates = new SlidingRates(makeFakeClock());
  const flood = long ? 1_000_000 : 150_000;
  let most = 0;
  for (let i = 0; i < flood; i++) {
    rates.take(`2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::/64`, 1);
    most = Math.max(most, rates.size);
  }
  expect(most).toEqual(maxRateKeys);
  expect(
    rates.take(`2001:db8:${((flood - 1) >> 16).toString(16)}:${((flood - 1) & 0xffff).toString(16)}::/64`, 1),
  ).toBeFalse();
});

tap.test('who comes again and again is not forgotten for those who came once', async () => {
  const rates = new SlidingRates(makeFakeClock());
  for (let i = 0; i < maxRateKeys * 1.5; i++) {
    rates.take(`once-${i}`, 5);
    if (i % 30_000 === 0) rates.take('regular', 5);
  }
  expect(rates.used('regular')).toEqual(4);
});

tap.test('addresses of long ago make room as new ones come, without a timer', async () => {
  const clock = makeFakeClock();
  const rates = new SlidingRates(clock);
  for (let i = 0; i < 1000; i++) rates.take(`old-${i}`, 5);
  for (let i = 0; i < 3; i++) {
    clock.advance(minuteMs + lateMs);
    rates.take('new', 5);
  }
  expect(rates.size).toEqual(1);
  expect(rates.used('new')).toEqual(1);
  expect(clock.pending).toEqual(0);
});

export default tap.start();
