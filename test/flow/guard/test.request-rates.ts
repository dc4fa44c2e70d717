import { createHash } from 'node:crypto';
import { silentLogger } from '../../../ts/base/logger.js';
import type { IResolvedRateLimit } from '../../../ts/config/resolved.js';
import type { IRateLimitStore, IRateVerdict } from '../../../ts/flow/guard/rate-store.js';
import { keyOf, RequestRates } from '../../../ts/flow/guard/request-rates.js';
import { makeFakeClock } from '../../helpers/fake-clock.js';
import { makeRoute } from '../../helpers/make-route.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const makeRate = (parts: Partial<IResolvedRateLimit> = {}): IResolvedRateLimit => ({
  place: 'route',
  maxRequests: 2,
  windowMs: 60_000,
  keyBy: 'ip',
  headerName: '',
  burst: null,
  status: 429,
  failOpen: true,
  storeTimeoutMs: 100,
  ...parts,
});

const routeWith = (...rates: IResolvedRateLimit[]) =>
  makeRoute({ key: 'web', security: { requests: { maxInFlight: null, maxBodyBytes: null, rates } } });

const from = (clientIp: string, path = '/', fields: string[] = []) => ({ clientIp, path, fields });

const pass: IRateVerdict = { ok: true, limit: 9, remaining: 8, resetMs: 1 };

/** The store says what `answers` have, in order. */
function world(answers?: (() => unknown)[]) {
  const clock = makeFakeClock();
  const asked: string[] = [];
  const warnings: unknown[] = [];
  const store: IRateLimitStore = {
    take(scope, key) {
      asked.push(`${scope} ${key}`);
      return answers?.shift()?.() as IRateVerdict;
    },
  };
  const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
  return { clock, asked, warnings, rates: new RequestRates({ clock, logger, store: answers ? store : null }) };
}

tap.test('pitfall 45: addresses count as they are meant, IPv6 by its /64, and long keys by their digest', () => {
  const key = (request: Parameters<typeof keyOf>[1], parts: Partial<IResolvedRateLimit> = {}) =>
    keyOf(makeRate(parts), request);
  expect(key(from('::ffff:192.0.2.1'))).toEqual(key(from('192.0.2.1')));
  expect(key(from('2001:db8::1'))).toEqual(key(from('2001:db8::ffff:2')));
  expect(key(from('2001:db8::1'))).not.toEqual(key(from('2001:db8:0:1::1')));
  expect(key(from('192.0.2.1', '/a'), { keyBy: 'path' })).toEqual('/a');
  const long = `/${'a'.repeat(10_000)}`;
  expect(key(from('', long), { keyBy: 'path' })).toEqual(`#${createHash('sha256').update(long).digest('base64url')}`);
  const byHeader = { keyBy: 'header', headerName: 'x-key' } as const;
  expect(key(from('192.0.2.1', '/', ['X-Key', 'k']), byHeader)).toEqual('=k');
  expect(key(from('192.0.2.1', '/', ['X-Key', '192.0.2.2']), byHeader)).not.toEqual(key(from('192.0.2.2'), byHeader));
  expect(key(from('192.0.2.1', '/', ['X-Key', 'k'.repeat(9_999)]), byHeader).length).toBeLessThan(67);
});

tap.test('every limit of a route counts, the first that refuses answers, and the tightest is told', () => {
  const { rates } = world();
  const route = routeWith(makeRate({ maxRequests: 5 }), makeRate({ place: 'action', maxRequests: 2, status: 420 }));
  const judge = () => rates.judge(route, from('192.0.2.1')) as { refusedBy: number; verdict: IRateVerdict };
  expect(
    [judge(), judge(), judge()].map(({ refusedBy, verdict }) => [refusedBy, verdict.limit, verdict.remaining]),
  ).toEqual([
    [0, 2, 1],
    [0, 2, 0],
    [420, 2, 0],
  ]);
  expect(rates.look(route, from('192.0.2.1')).map(({ verdict }) => verdict.remaining)).toEqual([2, 0]);
  rates.update([route]);
  expect(judge().refusedBy).toEqual(420);
  rates.update([]);
  expect(judge().refusedBy).toEqual(0);
});

tap.test('a store that takes its time is waited for, one limit after the other', async () => {
  const { rates, asked, clock } = world([async () => pass, () => ({ ...pass, remaining: 3 }), async () => pass]);
  const route = routeWith(makeRate(), makeRate({ place: 'action', keyBy: 'path' }), makeRate({ place: 'defaults' }));
  const judgement = rates.judge(route, from('192.0.2.1', '/a'));
  expect(judgement instanceof Promise).toBeTrue();
  expect(await judgement).toEqual({ refusedBy: 0, verdict: { ...pass, remaining: 3 } });
  expect(asked).toEqual(['route web 192.0.2.1', 'action web /a', 'defaults web 192.0.2.1']);
  expect(clock.pending).toEqual(0);
  const refusing = world([async () => ({ ...pass, ok: false }), () => pass]);
  expect((await refusing.rates.judge(route, from('192.0.2.1'))).refusedBy).toEqual(429);
  expect(refusing.asked).toHaveLength(1);
});

tap.test('a store that fails, lies or is late lets pass, or does not, as the limit says', async () => {
  const failures: (() => unknown)[] = [
    () => {
      throw new Error('down');
    },
    () => Promise.reject(new Error('down')),
    () => undefined,
    () => Promise.resolve({ ok: 'yes' }),
    () => ({ ...pass, resetMs: Number.NaN }),
  ];
  for (const [failOpen, refusedBy] of [
    [true, 0],
    [false, 503],
  ] as const) {
    for (const failure of failures) {
      const { rates, warnings, clock } = world([failure]);
      const judgement = await rates.judge(routeWith(makeRate({ failOpen })), from('192.0.2.1'));
      expect([judgement.refusedBy, judgement.verdict, warnings.length]).toEqual([refusedBy, null, 1]);
      expect(clock.pending).toEqual(0);
    }
    const { rates, clock } = world([() => new Promise(() => {})]);
    const late = rates.judge(routeWith(makeRate({ failOpen, storeTimeoutMs: 250 })), from('192.0.2.1'));
    await clock.advanceAsync(249);
    expect(clock.pending).toEqual(1);
    await clock.advanceAsync(1);
    expect((await late).refusedBy).toEqual(refusedBy);
  }
});

export default tap.start();
