// Counts of all workers together.

import fc from 'fast-check';
import { PrimaryCounts } from '../../ts/workers/primary-counts.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('a limit holds over all workers, and what one gives back another may have', () => {
  const counts = new PrimaryCounts(makeFakeClock());
  const enter = (worker: number) => counts.count(worker, ['enter', 'route', 'web', 3]);
  expect([enter(1), enter(2), enter(1), enter(2)]).toEqual([true, true, true, false]);
  expect(counts.leave(1, 'route', 'web')).toBeTrue();
  expect(enter(2)).toBeTrue();
  expect(enter(1)).toBeFalse();
});

tap.test('nobody gives back what others hold', () => {
  const counts = new PrimaryCounts(makeFakeClock());
  counts.count(1, ['enter', 'client', '192.0.2.1', 1]);
  expect(counts.leave(2, 'client', '192.0.2.1')).toBeFalse();
  expect(counts.count(2, ['enter', 'client', '192.0.2.1', 1])).toBeFalse();
});

tap.test('what a worker held is free once it is gone', () => {
  const counts = new PrimaryCounts(makeFakeClock());
  for (let i = 0; i < 3; i++) counts.count(1, ['enter', 'route', 'web', 3]);
  counts.forget(1);
  expect(counts.size).toEqual(0);
  expect(counts.count(2, ['enter', 'route', 'web', 3])).toBeTrue();
});

tap.test('arrivals are counted for a minute, whoever they came to', () => {
  const clock = makeFakeClock();
  const counts = new PrimaryCounts(clock);
  const arrive = (worker: number) => counts.count(worker, ['arrive', '', '192.0.2.1', 2]);
  expect([arrive(1), arrive(2), arrive(3)]).toEqual([true, true, false]);
  clock.advance(65_001);
  expect(arrive(3)).toBeTrue();
});

tap.test('whatever is entered, left and forgotten: never more than the limit, and nothing remains', () => {
  const step = fc.record({ worker: fc.integer({ min: 1, max: 3 }), what: fc.constantFrom('enter', 'leave', 'forget') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (steps, max) => {
      const counts = new PrimaryCounts(makeFakeClock());
      const held = new Map([
        [1, 0],
        [2, 0],
        [3, 0],
      ]);
      const sum = () => [...held.values()].reduce((total, count) => total + count, 0);
      for (const { worker, what } of steps) {
        const own = held.get(worker) ?? 0;
        if (what === 'enter') {
          const expected = sum() < max;
          expect(counts.count(worker, ['enter', 's', 'k', max])).toEqual(expected);
          held.set(worker, own + Number(expected));
        } else if (what === 'leave') {
          expect(counts.leave(worker, 's', 'k')).toEqual(own > 0);
          held.set(worker, Math.max(0, own - 1));
        } else {
          counts.forget(worker);
          held.set(worker, 0);
        }
      }
      for (const worker of held.keys()) counts.forget(worker);
      expect(counts.size).toEqual(0);
    }),
    { seed: 218, numRuns: numRuns() },
  );
});

export default tap.start();
