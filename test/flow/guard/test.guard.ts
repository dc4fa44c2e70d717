import fc from 'fast-check';
import type { IResolvedRoute } from '../../../ts/config/resolved.js';
import type { Connection } from '../../../ts/flow/connection.js';
import { Guard, type IGuardConfig, type IRequestPermit } from '../../../ts/flow/guard/guard.js';
import { Permit } from '../../../ts/flow/guard/permit.js';
import { type IFakeClock, makeFakeClock } from '../../helpers/fake-clock.js';
import { makeConnection } from '../../helpers/make-connection.js';
import { makeAddresses, makeFacts, makeRoute } from '../../helpers/make-route.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

interface IWorld {
  readonly guard: Guard;
  readonly clock: IFakeClock;
  readonly live: Set<Connection>;
  /** A client comes; 'in', or the word it is sent away with. */
  come(clientIp?: string): string;
  /** A connection that was let in goes on to its route. */
  route(connection: Connection, route: IResolvedRoute): string;
  leave(connection: Connection): void;
}

const open: IGuardConfig = {
  defaultLists: null,
  maxConnectionsPerIP: 0,
  connectionRateLimitPerMinute: 0,
  routes: [],
};

function makeWorld(rules: Partial<IGuardConfig> = {}): IWorld {
  const clock = makeFakeClock();
  const live = new Set<Connection>();
  const guard = new Guard({ config: { ...open, ...rules }, clock, live: () => live });
  const leave = (connection: Connection) => {
    live.delete(connection);
    connection.finish('client_closed');
  };
  const come = (clientIp = '192.0.2.1') => {
    const connection = makeConnection({ clientIp });
    live.add(connection);
    const end = guard.admitClient(connection);
    if (end !== null) leave(connection);
    return end ?? 'in';
  };
  const route = (connection: Connection, to: IResolvedRoute) => {
    connection.routed = to;
    const admitted = guard.admit({ connection, facts: makeFacts(), bytes: null, route: to });
    if (typeof admitted !== 'string') return 'in';
    leave(connection);
    return admitted;
  };
  return { guard, clock, live, come, route, leave };
}

const anyOf = (live: Set<Connection>): Connection => {
  const [first] = live;
  if (first === undefined) throw new Error('nobody is there');
  return first;
};

tap.test('without rules everybody comes in and nothing is counted', async () => {
  const { guard, come, live, route } = makeWorld();
  for (const ip of ['192.0.2.1', '2001:db8::1', '']) expect(come(ip)).toEqual('in');
  for (const connection of live) {
    expect(route(connection, makeRoute())).toEqual('in');
    expect(connection.admitted).toBeTrue();
    expect([connection.countedAddress, connection.countedRoute]).toEqual([null, null]);
  }
  expect(guard.explainClient('192.0.2.1')).toEqual([]);
  expect(guard.explainRoute(makeRoute(), '192.0.2.1')).toEqual([]);
});

tap.test('the default lists decide first, and whoever they refuse uses up no limit', async () => {
  const { come } = makeWorld({
    defaultLists: { allow: null, block: makeAddresses(['192.0.2.7']) },
    maxConnectionsPerIP: 1,
    connectionRateLimitPerMinute: 1,
  });
  for (let i = 0; i < 3; i++) expect(come('192.0.2.7')).toEqual('ip_blocked');
  expect(come('::ffff:192.0.2.7')).toEqual('ip_blocked');
  expect(come('')).toEqual('ip_blocked');
  expect(come('192.0.2.8')).toEqual('in');
});

tap.test(
  'an address has its connections and its rate; a /64 of IPv6 is one address, an IPv4-mapped one its IPv4 address',
  async () => {
    const { come, live, leave, clock } = makeWorld({ maxConnectionsPerIP: 2, connectionRateLimitPerMinute: 3 });
    expect([come('2001:db8::1'), come('2001:db8::ffff:2'), come('2001:db8::3')]).toEqual([
      'in',
      'in',
      'connection_limit',
    ]);
    expect(come('2001:db8:0:1::1')).toEqual('in');
    expect([come('192.0.2.1'), come('::ffff:192.0.2.1'), come('192.0.2.1')]).toEqual(['in', 'in', 'connection_limit']);
    for (const connection of [...live]) leave(connection);
    expect([come('192.0.2.1'), come('192.0.2.1')]).toEqual(['in', 'rate_limit']);
    clock.advance(65_000);
    expect(come('192.0.2.1')).toEqual('in');
  },
);

tap.test('a connection is given back under the address it was counted under', async () => {
  const { come, live, leave } = makeWorld({ maxConnectionsPerIP: 1 });
  expect(come('192.0.2.1')).toEqual('in');
  const connection = anyOf(live);
  connection.clientIp = '192.0.2.99';
  leave(connection);
  expect([come('192.0.2.1'), come('192.0.2.99')]).toEqual(['in', 'in']);
});

tap.test("a route's lists and its limit are checked when it is known", async () => {
  const lists = [{ allow: makeAddresses(['192.0.2.0/24']), block: null }];
  const web = makeRoute({ key: 'web', security: { lists, maxConnections: 1, basic: null, asks: null } });
  const { come, live, leave, route } = makeWorld({ routes: [web] });
  come('203.0.113.5');
  expect(route(anyOf(live), web)).toEqual('route_ip_blocked');
  come();
  const first = anyOf(live);
  expect(route(first, web)).toEqual('in');
  come();
  const [, second] = live;
  expect(second && route(second, web)).toEqual('route_connection_limit');
  leave(first);
  come();
  expect(route(anyOf(live), web)).toEqual('in');
});

tap.test('a reload keeps counts; a lower limit holds for those who come, and sends nobody away', async () => {
  const before = makeRoute({ key: 'web', security: { lists: [], maxConnections: 3, basic: null, asks: null } });
  const after = makeRoute({ key: 'web', security: { lists: [], maxConnections: 2, basic: null, asks: null } });
  const { guard, come, live, leave, route } = makeWorld({ maxConnectionsPerIP: 3, routes: [before] });
  for (let i = 0; i < 3; i++) come();
  for (const connection of live) expect(route(connection, before)).toEqual('in');
  guard.update({ ...open, maxConnectionsPerIP: 2, routes: [after] });
  expect(live.size).toEqual(3);
  expect(come()).toEqual('connection_limit');
  leave(anyOf(live));
  expect(come()).toEqual('connection_limit');
  leave(anyOf(live));
  expect(come()).toEqual('in');
  const [, last] = live;
  expect(last && route(last, after)).toEqual('in');
  expect(guard.explainRoute(after, '192.0.2.1')).toEqual([
    { ok: false, end: 'route_connection_limit', why: 'route web has 2 of 2 connections now' },
  ]);
});

tap.test('limits that a reload switches on count those who are there already, each once', async () => {
  const free = makeRoute({ key: 'web' });
  const limited = makeRoute({ key: 'web', security: { lists: [], maxConnections: 3, basic: null, asks: null } });
  const rules = { maxConnectionsPerIP: 3, routes: [limited] };
  const { guard, come, live, leave, route } = makeWorld({ routes: [free] });
  come();
  come();
  for (const connection of live) route(connection, free);
  // Still reading its PROXY header: its address is not known yet.
  live.add(makeConnection());
  for (let i = 0; i < 3; i++) guard.update({ ...open, ...rules });
  expect(come()).toEqual('in');
  expect(come()).toEqual('connection_limit');
  guard.update({ ...open, routes: [free] });
  expect(come()).toEqual('in');
  guard.update({ ...open, ...rules });
  expect(come()).toEqual('connection_limit');
  expect(guard.explainClient('192.0.2.1')).toEqual([
    { ok: false, end: 'connection_limit', why: '192.0.2.1 has 4 of 3 connections now' },
  ]);
  expect(guard.explainRoute(limited, '192.0.2.1')).toEqual([
    { ok: true, end: 'route_connection_limit', why: 'route web has 2 of 3 connections now' },
  ]);
  for (const connection of [...live]) leave(connection);
  expect(guard.explainClient('192.0.2.1')[0]?.why).toEqual('192.0.2.1 has 0 of 3 connections now');
  expect(guard.explainRoute(limited, '192.0.2.1')[0]?.why).toEqual('route web has 0 of 3 connections now');
});

tap.test('explaining names every rule, agrees with what then happens, and uses nothing up', async () => {
  const route = makeRoute({
    key: 'web',
    security: {
      lists: [{ allow: makeAddresses(['192.0.2.*']), block: null }],
      maxConnections: 1,
      basic: null,
      asks: null,
    },
  });
  const world = makeWorld({
    defaultLists: { allow: null, block: makeAddresses(['192.0.2.66']) },
    maxConnectionsPerIP: 1,
    connectionRateLimitPerMinute: 1,
    routes: [route],
  });
  for (let i = 0; i < 50; i++) {
    expect(world.guard.explainClient('192.0.2.1')).toEqual([
      { ok: true, end: 'ip_blocked', why: '192.0.2.1 is not in the block list' },
      { ok: true, end: 'connection_limit', why: '192.0.2.1 has 0 of 1 connections now' },
      { ok: true, end: 'rate_limit', why: '192.0.2.1 has 0 of 1 new connections in the last minute' },
    ]);
    expect(world.guard.explainRoute(route, '192.0.2.1').map(({ ok }) => ok)).toEqual([true, true]);
  }
  expect(world.guard.explainClient('192.0.2.66')[0]?.ok).toEqual(false);
  expect(world.guard.explainRoute(route, '203.0.113.1')[0]?.ok).toEqual(false);
  expect(world.come()).toEqual('in');
  expect(world.route(anyOf(world.live), route)).toEqual('in');
  expect(world.guard.explainClient('192.0.2.1').map(({ ok }) => ok)).toEqual([true, false, false]);
});

tap.test(
  'whoever comes and goes, and however the rules change meanwhile, nothing is left counted at the end',
  async () => {
    const ip = fc.constantFrom('192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '2001:db8::2', '');
    const routes = [null, 1, 3].map((maxConnections) =>
      makeRoute({ key: 'web', security: { lists: [], maxConnections, basic: null, asks: null } }),
    );
    const step = fc.oneof(
      fc.record({ kind: fc.constant('come' as const), ip, routed: fc.boolean() }),
      fc.record({ kind: fc.constant('leave' as const), nth: fc.nat(9) }),
      fc.record({ kind: fc.constant('reload' as const), perIP: fc.nat(3), perMinute: fc.nat(9), route: fc.nat(2) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (script) => {
        const world = makeWorld();
        let perIP = 0;
        let route = makeRoute({ key: 'web' });
        for (const one of script) {
          if (one.kind === 'come') {
            const came = world.come(one.ip) === 'in';
            const newest = [...world.live].at(-1);
            if (came && one.routed && newest) world.route(newest, route);
          } else if (one.kind === 'leave') {
            const connection = [...world.live][one.nth];
            if (connection) world.leave(connection);
          } else {
            perIP = one.perIP;
            route = routes[one.route] ?? route;
            const config = { ...open, maxConnectionsPerIP: perIP, connectionRateLimitPerMinute: one.perMinute };
            world.guard.update({ ...config, routes: [route] });
          }
          const here = [...world.live].filter(({ clientIp }) => clientIp.endsWith('192.0.2.1')).length;
          const shown = world.guard.explainClient('192.0.2.1')[0]?.why;
          if (perIP > 0) expect(shown).toEqual(`192.0.2.1 has ${here} of ${perIP} connections now`);
        }
        for (const connection of [...world.live]) world.leave(connection);
        world.guard.update({ ...open, maxConnectionsPerIP: 1 });
        for (const one of ['192.0.2.1', '2001:db8::1', '']) expect(world.guard.explainClient(one)[0]?.ok).toEqual(true);
        expect(world.guard.explainRoute(routes[1] ?? route, '192.0.2.1')[0]?.why).toMatch(/has 0 of 1 /);
      }),
      { seed: 8, numRuns: numRuns(500) },
    );
  },
);

tap.test('requests are let in by the rules of their route, and give their place back once', async () => {
  const { guard, live, come } = makeWorld();
  come('192.0.2.1');
  come('192.0.2.2');
  const [one, two] = [...live] as [Connection, Connection];
  const lists = [{ allow: makeAddresses(['192.0.2.0/24']), block: null }];
  const limited = makeRoute({ key: 'web', security: { lists, maxConnections: 1, basic: null, asks: null } });

  const first = guard.admitRequest(one, limited) as IRequestPermit | string;
  const second = guard.admitRequest(one, limited) as IRequestPermit | string;
  if (typeof first === 'string' || typeof second === 'string')
    throw new Error('one connection was refused its own place');
  expect(Permit.isGranted(first.permit)).toBeTrue();
  expect(guard.admitRequest(two, limited)).toEqual('route_connection_limit');
  first.release();
  first.release();
  expect(guard.admitRequest(two, limited)).toEqual('route_connection_limit');
  second.release();
  expect(typeof guard.admitRequest(two, limited)).toEqual('object');
  // Behind a trusted proxy the address that the request states counts.
  expect(guard.admitRequest(two, limited, '198.51.100.1')).toEqual('route_ip_blocked');
});

tap.test('the rules for all routes hold for the client that a request states, too', async () => {
  const { guard } = makeWorld();
  guard.update({ ...open, defaultLists: { allow: null, block: makeAddresses(['203.0.113.0/24']) } });
  const proxy = makeConnection({ clientIp: '192.0.2.1' });
  expect(guard.admitRequest(proxy, makeRoute(), '203.0.113.9')).toEqual('ip_blocked');
  expect(typeof guard.admitRequest(proxy, makeRoute(), '198.51.100.1')).toEqual('object');
  expect(typeof guard.admitRequest(proxy, makeRoute())).toEqual('object');
});

tap.test('without a limit all requests share one permit, and releasing it does nothing', async () => {
  const { guard } = makeWorld();
  const permit = guard.admitRequest(makeConnection(), makeRoute()) as IRequestPermit | string;
  expect(guard.admitRequest(makeConnection(), makeRoute({ key: 'other' }))).toBe(permit);
  if (typeof permit === 'string') throw new Error(permit);
  permit.release();
  permit.release();
  expect(Permit.isGranted(permit.permit)).toBeTrue();
});

tap.test('a connection is refused only if every route that its requests may find refuses it', async () => {
  const { guard } = makeWorld();
  const ofLists = (...addresses: string[]) =>
    makeRoute({
      security: {
        lists: [{ allow: makeAddresses(addresses), block: null }],
        maxConnections: 0,
        basic: null,
        asks: null,
      },
    });
  const connection = makeConnection({ clientIp: '192.0.2.1' });
  expect(guard.mayServe(connection, [])).toBeNull();
  expect(guard.mayServe(connection, [ofLists('10.0.0.0/8')])).toEqual('route_ip_blocked');
  expect(guard.mayServe(connection, [ofLists('10.0.0.0/8'), ofLists('192.0.2.1')])).toBeNull();
  expect(guard.mayServe(connection, [ofLists('10.0.0.0/8'), makeRoute()])).toBeNull();
});

export default tap.start();
