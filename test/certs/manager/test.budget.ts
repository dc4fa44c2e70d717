import fc from 'fast-check';
import {
  blockedUntil,
  emptyBudget,
  type IBudget,
  orderableAt,
  ordersInWindow,
  readBudget,
  windowMs,
  withBlock,
  withOrder,
} from '../../../ts/certs/manager/budget.js';
import { attemptableAt, emptyPlan, readPlan, withFailure } from '../../../ts/certs/manager/plan.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const startMs = Date.UTC(2026, 0, 1);

tap.test('whoever asks before each order makes no more of them in any three hours than there may be', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1_800_000 }), { minLength: 300, maxLength: 900 }), (pauses) => {
      let budget: IBudget = emptyBudget;
      let nowMs = startMs;
      const made: number[] = [];
      for (const pause of pauses) {
        nowMs += pause / 50;
        if (orderableAt(budget, nowMs) > nowMs) continue;
        budget = readBudget(JSON.parse(JSON.stringify(withOrder(budget, nowMs))));
        made.push(nowMs);
      }
      return made.every((at, i) => i < ordersInWindow || at - (made[i - ordersInWindow] ?? 0) >= windowMs);
    }),
    { seed: 829, numRuns: numRuns(50) },
  );
});

tap.test('a full budget says when there is room again, and then there is', () => {
  let budget: IBudget = emptyBudget;
  for (let i = 0; i < ordersInWindow; i++) budget = withOrder(budget, startMs + i);
  const at = orderableAt(budget, startMs + 1_000);
  expect(at).toBeGreaterThan(startMs + windowMs - 1);
  expect(at).toBeLessThan(startMs + windowMs + 600_001);
  expect(orderableAt(budget, at)).toBeLessThan(at + 1);
});

tap.test('a block holds until it is over, the longest one counts, and a clock set back ends it', () => {
  const budget = withBlock(withBlock(emptyBudget, startMs, startMs + 500), startMs, startMs + 100);
  expect(blockedUntil(budget, startMs + 499)).toEqual(startMs + 500);
  expect(blockedUntil(budget, startMs + 500)).toEqual(0);
  expect(blockedUntil(budget, startMs - 86_400_000)).toEqual(0);
});

tap.test('records that are anything are read as something', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(orderableAt(readBudget(value), startMs)).not.toEqual(Number.NaN);
      const plan = readPlan(value);
      expect(attemptableAt(plan, 'x', 'y', startMs)).toEqual(0);
    }),
    { seed: 829, numRuns: numRuns() },
  );
  expect(readBudget({ blockedUntilMs: 'x', orders: [1, null, { fromMs: 1, count: 2 }] })).toEqual({
    ...emptyBudget,
    orders: [{ fromMs: 1, count: 2 }],
  });
});

tap.test('a plan says when an issuer may be asked: by its failure, its settings, and four validations an hour', () => {
  const failure = {
    class: 'validation',
    type: 'dns',
    detail: '',
    at: startMs,
    attempts: 1,
    issuer: 'x',
    link: null,
  } as const;
  const entry = { failure, nextAttemptAt: startMs + 60_000, settingsKey: 'k' };
  const plan = withFailure(emptyPlan, entry, true);
  expect(readPlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  expect(attemptableAt(plan, 'x', 'k', startMs)).toEqual(startMs + 60_000);
  expect(attemptableAt(plan, 'other', 'k', startMs)).toEqual(0);
  expect(attemptableAt(plan, 'x', 'changed', startMs)).toEqual(0);
  expect(attemptableAt(plan, 'x', 'k', startMs, true)).toEqual(0);
  expect(attemptableAt(plan, 'x', 'k', startMs - 86_400_000)).toEqual(0);
  let full = emptyPlan;
  for (let i = 0; i < 4; i++) full = withFailure(full, { ...entry, failure: { ...failure, at: startMs + i } }, true);
  expect(attemptableAt(full, 'x', 'k', startMs + 10, true)).toEqual(startMs + 3_600_000);
  const limit = withFailure(emptyPlan, { ...entry, failure: { ...failure, class: 'ca-limit' } }, false);
  expect(attemptableAt(limit, 'x', 'changed', startMs, true)).toEqual(startMs + 60_000);
});

export default tap.start();
