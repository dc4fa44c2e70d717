import { cookieValue, hashedText, stickySetCookie } from '../../../ts/flow/forward/target-keys.js';
import type { IPickFacts, IPickRequest } from '../../../ts/flow/forward/target-types.js';
import { compilePath } from '../../../ts/flow/match/path-pattern.js';
import {
  makeForward,
  makeRegistry,
  noContext,
  refusal,
  someClient,
  type TTargetParts,
} from '../../helpers/make-targets.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const makeRequest = (parts: Partial<IPickRequest> = {}): IPickRequest => ({
  path: '/',
  method: 'GET',
  fields: [],
  isTls: false,
  ...parts,
});
const factsOf = (request: IPickRequest, clientIp = '192.0.2.1'): IPickFacts => ({ port: 443, clientIp, request });

tap.test('finds a cookie among others, and no part of one', () => {
  const found: readonly [string, string | null][] = [
    ['sp=1', '1'],
    ['a=b; sp=1; c=d', '1'],
    ['a=b;sp=1', '1'],
    ['xsp=2; sp=1', '1'],
    ['a=sp=2; sp=1', '1'],
    ['xsp=2', null],
    ['sp', null],
    ['sp=', ''],
    ['', null],
  ];
  for (const [text, value] of found) expect(cookieValue(['Cookie', text], 'sp')).toEqual(value);
  expect(cookieValue(['cookie', 'a=b', 'COOKIE', 'sp=1'], 'sp')).toEqual('1');
});

tap.test('a consistent hash is of what the route says, or of the address where the request lacks it', () => {
  const request = makeRequest({ path: '/p', fields: ['X-User', 'ann', 'Cookie', 'id=7'] });
  const textOf = (of: 'ip' | 'path' | 'header' | 'cookie', name = ''): string => {
    const { action } = makeForward(['a.test'], { algorithm: 'consistent-hash', hashKey: { of, name } });
    return action.type === 'forward' ? hashedText(action, factsOf(request)) : '';
  };
  expect(textOf('ip')).toEqual('192.0.2.1');
  expect(textOf('path')).toEqual('/p');
  expect(textOf('header', 'X-User')).toEqual('ann');
  expect(textOf('header', 'x-other')).toEqual('192.0.2.1');
  expect(textOf('cookie', 'id')).toEqual('7');
  expect(textOf('cookie', 'other')).toEqual('192.0.2.1');
});

tap.test('requests of one key go to one target, whoever sends them', async () => {
  await using world = makeRegistry();
  const hashKey = { of: 'header', name: 'x-user' } as const;
  const route = makeForward(['a.test', 'b.test', 'c.test'], { algorithm: 'consistent-hash', hashKey });
  world.registry.attach([route]);
  const hostFor = (user: string, clientIp: string): string => {
    const facts = factsOf(makeRequest({ fields: ['X-User', user] }), clientIp);
    const pick = world.registry.pickerFor(route).session(facts, noContext).next();
    pick?.lease.release();
    return pick?.host ?? '';
  };
  const used = new Set<string>();
  for (let user = 0; user < 40; user++) {
    const hosts = new Set(['192.0.2.1', '192.0.2.2', '2001:db8::1'].map((ip) => hostFor(`user ${user}`, ip)));
    expect(hosts.size).toEqual(1);
    for (const host of hosts) used.add(host);
  }
  expect(used.size).toEqual(3);
});

tap.test('writes a cookie that scripts cannot read, for as long as the route says', () => {
  const sticky = { cookie: 'sp_target', maxAgeSeconds: null };
  expect(stickySetCookie(sticky, 'T', makeRequest())).toEqual('sp_target=T; Path=/; HttpOnly; SameSite=Lax');
  expect(stickySetCookie({ ...sticky, maxAgeSeconds: 60 }, 'T', makeRequest({ isTls: true }))).toEqual(
    'sp_target=T; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60',
  );
});

/** A route with a sticky cookie, and a visit: who serves it, and the cookie that is set. */
function makeSticky(hosts: readonly string[], stickyKey: Uint8Array | undefined = undefined) {
  const made = makeRegistry(stickyKey === undefined ? {} : { stickyKey });
  const route = makeForward(hosts, {
    sticky: { cookie: 'sp', maxAgeSeconds: null },
    circuitBreaker: { failures: 1, openMs: 9 },
  });
  made.registry.attach([route]);
  const visit = (cookie = '', failed = false): { host: string; cookie: string | null } => {
    const facts = factsOf(makeRequest({ fields: cookie === '' ? [] : ['Cookie', cookie] }));
    const session = made.registry.pickerFor(route).session(facts, noContext);
    const pick = session.next();
    if (pick === null) return { host: '', cookie: null };
    const set = session.stickyCookie(pick);
    pick.lease.answered(!failed);
    pick.lease.release();
    return { host: pick.host, cookie: set === null ? null : (set.split(';')[0] ?? null) };
  };
  return { ...made, visit };
}

tap.test('a client comes back to the target that its cookie names, and the cookie tells nothing of it', async () => {
  await using world = makeSticky(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  const first = world.visit();
  expect(first.cookie ?? '').toMatch(/^sp=[\w-]{16}$/);
  expect(new Set(Array.from({ length: 6 }, () => world.visit().host)).size).toEqual(3);
  for (let count = 0; count < 5; count++) {
    expect(world.visit(first.cookie ?? '')).toEqual({ host: first.host, cookie: null });
  }
});

tap.test('a cookie that names nobody, or somebody who is down, is replaced', async () => {
  await using world = makeSticky(['10.0.0.1', '10.0.0.2']);
  const forged = world.visit('sp=AAAAAAAAAAAAAAAA');
  expect(forged.cookie ?? '').toMatch(/^sp=/);
  const mine = forged.cookie ?? '';
  world.visit(mine, true);
  const moved = world.visit(mine);
  expect(moved.host).not.toEqual(forged.host);
  expect(moved.cookie).not.toEqual(mine);
  world.clock.advance(9);
  expect(world.visit(mine).host).toEqual(forged.host);
});

tap.test("processes that share a key know each other's cookies; others do not", async () => {
  const key = Buffer.alloc(32, 7);
  await using one = makeSticky(['10.0.0.1', '10.0.0.2'], key);
  await using other = makeSticky(['10.0.0.1', '10.0.0.2'], key);
  await using stranger = makeSticky(['10.0.0.1', '10.0.0.2']);
  const { host, cookie } = one.visit();
  for (let count = 0; count < 4; count++) expect(other.visit(cookie ?? '')).toEqual({ host, cookie: null });
  expect(stranger.visit(cookie ?? '').cookie).not.toEqual(null);
});

tap.test('targets that match a request come before those that match any', async () => {
  await using world = makeRegistry({ compilePath });
  const takes = (parts: Partial<NonNullable<TTargetParts['matchRequest']>>) => ({
    matchRequest: { path: null, method: null, headers: null, ...parts },
  });
  const route = makeForward([
    { host: 'api.test', ...takes({ path: '/api/*' }) },
    { host: 'write.test', priority: 5, ...takes({ method: ['POST', 'PUT'] }) },
    { host: 'beta.test', priority: 9, ...takes({ headers: [{ name: 'x-beta', want: /^y/ }] }) },
    { host: 'port.test', matchPorts: [{ from: 8080, to: 8080 }], ...takes({ path: '/api/*' }), priority: 20 },
    'any.test',
  ]);
  world.registry.attach([route]);
  const hostFor = (parts: Partial<IPickRequest> | null, port = 443): string => {
    const base = { port, clientIp: '192.0.2.1' };
    const facts = parts === null ? base : { ...base, request: makeRequest(parts) };
    const session = world.registry.pickerFor(route).session(facts, noContext);
    const pick = session.next();
    pick?.lease.release();
    expect(session.next()).toEqual(null);
    return pick?.host ?? '';
  };
  for (let round = 0; round < 2; round++) {
    expect(hostFor({ path: '/api/x' })).toEqual('api.test');
    expect(hostFor({ path: '/other' })).toEqual('any.test');
    expect(hostFor({ path: '/api/x', method: 'POST' })).toEqual('write.test');
    expect(hostFor({ path: '/api/x', method: 'POST', fields: ['X-Beta', 'yes'] })).toEqual('beta.test');
    expect(hostFor({ fields: ['X-Beta', 'no'] })).toEqual('any.test');
    expect(hostFor({ path: '/api/x' }, 8080)).toEqual('port.test');
    expect(hostFor(null)).toEqual('any.test');
  }
  const size = world.registry.size;
  expect(size).toEqual(5);
  world.registry.attach([]);
  expect(world.registry.size).toEqual(0);
});

tap.test('a target that is new, or comes back, gets its share bit by bit', async () => {
  await using world = makeRegistry();
  const healthCheck = { active: null, passive: { failures: 1, ejectTimeMs: 1_000, maxEjectTimeMs: 1_000 } };
  const makeSlow = (hosts: readonly string[]) => makeForward(hosts, { healthCheck, slowStartMs: 10_000 });
  let route = makeSlow(['a.test', 'b.test']);
  const pickOne = () => {
    const pick = world.registry.pickerFor(route).session(someClient, noContext).next();
    if (pick === null) throw new Error('no target');
    return pick;
  };
  /** How many of `count` requests a host gets. */
  const shareOf = (host: string, count: number): number => {
    let got = 0;
    for (let left = count; left > 0; left--) {
      const pick = pickOne();
      if (pick.host === host) got += 1;
      pick.lease.release();
    }
    return got;
  };
  const isNear = (got: number, want: number): boolean => Math.abs(got - want) <= 1;

  world.registry.attach([route]);
  expect(shareOf('a.test', 100)).toEqual(50);
  world.clock.advance(60_000);
  for (let isEjected = false; !isEjected; ) {
    const { host, lease } = pickOne();
    isEjected = host === 'a.test';
    if (isEjected) lease.failed(refusal());
    else lease.release();
  }
  expect(shareOf('a.test', 100)).toEqual(0);
  world.clock.advance(1_000);
  expect(isNear(shareOf('a.test', 110), 10)).toEqual(true);
  world.clock.advance(5_000);
  expect(isNear(shareOf('a.test', 150), 50)).toEqual(true);
  world.clock.advance(5_000);
  expect(isNear(shareOf('a.test', 100), 50)).toEqual(true);

  route = makeSlow(['a.test', 'b.test', 'c.test']);
  world.registry.attach([route]);
  expect(isNear(shareOf('c.test', 210), 10)).toEqual(true);
  world.clock.advance(10_000);
  expect(isNear(shareOf('c.test', 90), 30)).toEqual(true);
});

export default tap.start();
