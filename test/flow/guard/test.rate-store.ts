import { maxRateKeys, RateStore } from '../../../ts/flow/guard/rate-store.js';
import { makeFakeClock } from '../../helpers/fake-clock.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const rule = { maxRequests: 2, windowMs: 60_000, burst: null };

tap.test('each limit counts each key by itself, and looking counts nothing', () => {
  const store = new RateStore(makeFakeClock());
  const ok = (scope: string, key: string) => store.take(scope, key, rule).ok;
  expect([ok('a', '1'), ok('a', '1'), ok('a', '1')]).toEqual([true, true, false]);
  expect([ok('a', '2'), ok('b', '1')]).toEqual([true, true]);
  expect(store.look('a', '2', rule).remaining).toEqual(1);
  expect(store.look('a', '2', rule).remaining).toEqual(1);
  expect(store.look('c', 'x', rule)).toEqual({ ok: true, limit: 2, remaining: 2, resetMs: 0 });
  expect(store.size).toEqual(3);
});

tap.test('pitfall 45: a million random keys leave memory flat, and whoever keeps coming is not forgotten', () => {
  const clock = makeFakeClock();
  const store = new RateStore(clock);
  for (let at = 0; at < 3; at++) store.take('a', 'loud', rule);
  let largest = 0;
  for (let at = 0; at < 1_000_000; at++) {
    store.take('a', `${(at * 2_654_435_761) % 4_294_967_296}`, rule);
    if (at % 20_000 !== 0) continue;
    largest = Math.max(largest, store.size);
    expect(store.take('a', 'loud', rule).ok).toBeFalse();
  }
  expect(largest).toBeGreaterThan(maxRateKeys / 2);
  expect(largest).toBeLessThanOrEqual(maxRateKeys);
  expect(store.take('a', 'loud', rule).ok).toBeFalse();
});

tap.test('limits share the room for keys, so that a flood in one leaves the keys of others', () => {
  const store = new RateStore(makeFakeClock());
  for (const scope of ['a', 'b', 'c', 'd']) for (let at = 0; at < 2; at++) store.take(scope, 'loud', rule);
  for (let at = 0; at < 100_000; at++) store.take('a', `${at}`, rule);
  expect(store.size).toBeLessThanOrEqual(maxRateKeys / 4 + 3);
  for (const scope of ['b', 'c', 'd']) expect(store.take(scope, 'loud', rule).ok).toBeFalse();
});

tap.test('keys that count nothing any more go with time, and limits that are no more at once', () => {
  const clock = makeFakeClock();
  const store = new RateStore(clock);
  for (let at = 0; at < 100; at++) store.take('a', `${at}`, rule);
  clock.advance(70_000);
  store.take('a', 'x', rule);
  clock.advance(70_000);
  store.take('a', 'y', rule);
  expect(store.size).toEqual(2);
  store.retain(new Set(['b']));
  expect(store.size).toEqual(0);
});

tap.test('a limit that counts in another way begins anew; another number goes on', () => {
  const store = new RateStore(makeFakeClock());
  for (let at = 0; at < 2; at++) store.take('a', 'x', rule);
  expect(store.take('a', 'x', { ...rule, maxRequests: 3 }).remaining).toEqual(0);
  expect(store.take('a', 'x', { ...rule, windowMs: 1_000 }).remaining).toEqual(1);
  expect(store.take('a', 'x', { ...rule, windowMs: 1_000, burst: 5 }).remaining).toEqual(4);
});

export default tap.start();
