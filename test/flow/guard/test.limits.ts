import fc from 'fast-check';
import { ConnectionLimits } from '../../../ts/flow/guard/limits.js';
import { makeFakeClock } from '../../helpers/fake-clock.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const makeLimits = (maxConnectionsPerIP: number, connectionRateLimitPerMinute: number) => {
  const clock = makeFakeClock();
  const limits = new ConnectionLimits(clock);
  limits.update({ maxConnectionsPerIP, connectionRateLimitPerMinute });
  return { clock, limits };
};

tap.test('is inactive and keeps nothing while both limits are off', async () => {
  const { limits } = makeLimits(0, 0);
  expect(limits.active).toBeFalse();
  for (let i = 0; i < 100; i++) expect(limits.enter(`10.0.0.${i}`)).toEqual(null);
  expect(limits.sizes).toEqual({ live: 0, rates: 0 });
  expect(limits.look('10.0.0.1')).toEqual([]);
});

tap.test('each key has its own connections; one that leaves makes room for one', async () => {
  const { limits } = makeLimits(2, 0);
  expect([limits.enter('a'), limits.enter('a'), limits.enter('a')]).toEqual([null, null, 'connection_limit']);
  expect(limits.enter('b')).toEqual(null);
  limits.leave('a');
  expect([limits.enter('a'), limits.enter('a')]).toEqual([null, 'connection_limit']);
});

tap.test('the rate counts new connections, not live ones', async () => {
  const { limits, clock } = makeLimits(0, 3);
  expect(limits.counting).toBeFalse();
  expect([limits.enter('a'), limits.enter('a'), limits.enter('a'), limits.enter('a')]).toEqual([
    null,
    null,
    null,
    'rate_limit',
  ]);
  clock.advance(65_000);
  expect(limits.enter('a')).toEqual(null);
  expect(limits.sizes).toEqual({ live: 0, rates: 1 });
});

tap.test('who is refused by one limit is not counted by the other', async () => {
  const { limits } = makeLimits(1, 2);
  expect(limits.enter('a')).toEqual(null);
  for (let i = 0; i < 10; i++) expect(limits.enter('a')).toEqual('connection_limit');
  limits.leave('a');
  expect(limits.enter('a')).toEqual(null);
  limits.leave('a');
  expect(limits.enter('a')).toEqual('rate_limit');
  expect(limits.sizes.live).toEqual(0);
});

tap.test('counts are exact under any coming and going, and nothing is left at the end', async () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('enter' as const), key }),
    fc.record({ kind: fc.constant('leave' as const), key }),
    fc.record({ kind: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: 6 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (script) => {
      const { limits } = makeLimits(3, 0);
      const model = new Map<string, number>();
      let limit = 3;
      for (const one of script) {
        if (one.kind === 'limit') {
          limit = one.limit;
          limits.update({ maxConnectionsPerIP: limit, connectionRateLimitPerMinute: 0 });
          continue;
        }
        const live = model.get(one.key) ?? 0;
        if (one.kind === 'leave') {
          if (live > 0) limits.leave(one.key);
          model.set(one.key, Math.max(0, live - 1));
        } else {
          expect(limits.enter(one.key)).toEqual(live < limit ? null : 'connection_limit');
          if (live < limit) model.set(one.key, live + 1);
        }
        expect(limits.look(one.key)).toEqual([{ end: 'connection_limit', used: model.get(one.key) ?? 0, limit }]);
      }
      for (const [name, live] of model) for (let i = 0; i < live; i++) limits.leave(name);
      expect(limits.sizes).toEqual({ live: 0, rates: 0 });
    }),
    { seed: 3, numRuns: numRuns(1000) },
  );
});

tap.test(
  'what is counted stays counted while limits change, and rates are forgotten only when switched off',
  async () => {
    const { limits } = makeLimits(5, 5);
    for (let i = 0; i < 3; i++) limits.enter('a');
    limits.update({ maxConnectionsPerIP: 3, connectionRateLimitPerMinute: 4 });
    expect(limits.enter('a')).toEqual('connection_limit');
    limits.update({ maxConnectionsPerIP: 9, connectionRateLimitPerMinute: 3 });
    expect(limits.enter('a')).toEqual('rate_limit');
    limits.update({ maxConnectionsPerIP: 0, connectionRateLimitPerMinute: 0 });
    expect(limits.active).toBeFalse();
    expect(limits.sizes).toEqual({ live: 1, rates: 0 });
    for (let i = 0; i < 3; i++) limits.leave('a');
    expect(limits.sizes.live).toEqual(0);
  },
);

tap.test('a connection from before the limit counts, even over it, and is no new one for the rate', async () => {
  const { limits } = makeLimits(2, 1);
  for (let i = 0; i < 3; i++) limits.adopt('a');
  expect(limits.enter('a')).toEqual('connection_limit');
  limits.leave('a');
  limits.leave('a');
  expect(limits.enter('a')).toEqual(null);
});

tap.test('looking counts nothing', async () => {
  const { limits } = makeLimits(1, 1);
  for (let i = 0; i < 10; i++) {
    expect(limits.look('a')).toEqual([
      { end: 'connection_limit', used: 0, limit: 1 },
      { end: 'rate_limit', used: 0, limit: 1 },
    ]);
  }
  expect(limits.enter('a')).toEqual(null);
});

export default tap.start();
