import { ProxyError, type TErrorCode } from '../../ts/base/errors.js';
import type { IOriginFailure } from '../../ts/http/exchange-types.js';
import { isIdempotent, mayRepeat, mayRepeatAfter, RetryBudget } from '../../ts/http/retry.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { makeHead } from '../helpers/upstream-world.js';

const failure = (code: TErrorCode, parts: Partial<IOriginFailure> = {}): IOriginFailure => ({
  error: new ProxyError(code, code),
  unsent: false,
  stale: false,
  ...parts,
});
const post = makeHead({ method: 'POST' });
const upload = makeHead({ method: 'PUT', contentLength: -1 });

tap.test('knows the idempotent methods, by their exact names', () => {
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) expect(isIdempotent(method)).toEqual(true);
  for (const method of ['POST', 'PATCH', 'CONNECT', 'get', 'REPORT']) expect(isIdempotent(method)).toEqual(false);
});

tap.test('repeats whatever was not sent, if the target was to blame', () => {
  for (const code of ['TARGET_UNREACHABLE', 'TARGET_TIMEOUT', 'TARGET_TLS', 'TARGET_DENIED', 'TARGET_BROKE'] as const) {
    expect(mayRepeat(post, failure(code, { unsent: true }), false)).toEqual(true);
  }
  for (const code of ['POOL_EXHAUSTED', 'POOL_CLOSED', 'REQUEST_MALFORMED', 'CLIENT_LEFT'] as const) {
    expect(mayRepeat(post, failure(code, { unsent: true }), false)).toEqual(false);
  }
});

tap.test('repeats what may have been seen only if doing it twice is the same, and never a POST', () => {
  expect(mayRepeat(makeHead(), failure('TARGET_BROKE'), false)).toEqual(true);
  expect(mayRepeat(makeHead(), failure('TARGET_BROKE', { stale: true }), false)).toEqual(true);
  expect(mayRepeat(post, failure('TARGET_BROKE'), true)).toEqual(false);
  expect(mayRepeat(post, failure('TARGET_BROKE', { stale: true }), true)).toEqual(false);
});

tap.test('repeats no content that it does not hold', () => {
  expect(mayRepeat(upload, failure('TARGET_UNREACHABLE', { unsent: true }), false)).toEqual(false);
  expect(mayRepeat(upload, failure('TARGET_UNREACHABLE', { unsent: true }), true)).toEqual(true);
  expect(mayRepeat(upload, failure('TARGET_BROKE'), false)).toEqual(false);
  expect(mayRepeat(upload, failure('TARGET_BROKE'), true)).toEqual(true);
});

tap.test('asks nobody again who was too slow or talked nonsense', () => {
  expect(mayRepeat(makeHead(), failure('RESPONSE_TIMEOUT'), true)).toEqual(false);
  expect(mayRepeat(makeHead(), failure('TARGET_MALFORMED'), true)).toEqual(false);
  expect(mayRepeat(makeHead(), { ...failure('TARGET_BROKE'), error: new Error('a defect') }, true)).toEqual(false);
});

tap.test('repeats after an answer only what the route names', () => {
  expect(mayRepeatAfter(makeHead(), 503, [502, 503], false)).toEqual(true);
  expect(mayRepeatAfter(makeHead(), 500, [502, 503], false)).toEqual(false);
  expect(mayRepeatAfter(makeHead(), 503, [], false)).toEqual(false);
  expect(mayRepeatAfter(post, 503, [503], true)).toEqual(false);
  expect(mayRepeatAfter(upload, 503, [503], false)).toEqual(false);
  expect(mayRepeatAfter(upload, 503, [503], true)).toEqual(true);
});

/** How many retries a route may make now. */
function spend(budget: RetryBudget, key: string): number {
  let taken = 0;
  while (budget.take(key)) taken += 1;
  return taken;
}

tap.test('a route without traffic may make a few retries, and one more a second', () => {
  const clock = makeFakeClock();
  const budget = new RetryBudget(clock);
  expect(spend(budget, 'a')).toEqual(10);
  clock.advance(999);
  expect(spend(budget, 'a')).toEqual(0);
  clock.advance(2_001);
  expect(spend(budget, 'a')).toEqual(3);
  clock.advance(3_600_000);
  expect(spend(budget, 'a')).toEqual(10);
  expect(spend(budget, 'b')).toEqual(10);
});

tap.test('retries of a route that fails wholly stay a part of its traffic', () => {
  const clock = makeFakeClock();
  const budget = new RetryBudget(clock);
  let retries = 0;
  for (let count = 0; count < 1_000; count++) {
    budget.paid('a', 0.25);
    if (budget.take('a')) retries += 1;
  }
  expect(retries).toEqual(10 + 250);
});

tap.test('a long quiet time saves up no storm', () => {
  const clock = makeFakeClock();
  const budget = new RetryBudget(clock);
  for (let count = 0; count < 100_000; count++) budget.paid('a', 0.5);
  expect(spend(budget, 'a')).toEqual(100);
});

export default tap.start();
