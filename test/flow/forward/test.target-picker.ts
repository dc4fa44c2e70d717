import fc from 'fast-check';
import { ProxyError } from '../../../ts/base/errors.js';
import type { IResolvedRoute } from '../../../ts/config/resolved.js';
import type { IRouteContext } from '../../../ts/config/types.js';
import type { TargetRegistry } from '../../../ts/flow/forward/target-registry.js';
import {
  ejecting,
  makeForward,
  makeRegistry,
  noContext,
  pickFirst,
  pickHosts,
  probed,
  refusal,
  someClient,
  someContext,
} from '../../helpers/make-targets.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

/** Every target that one connection may try, in order, as `host:port`. */
function tryAll(registry: TargetRegistry, route: IResolvedRoute, port = 443): string[] {
  const session = registry.pickerFor(route).session({ ...someClient, port }, someContext);
  const places: string[] = [];
  for (let pick = session.next(); pick !== null; pick = session.next()) {
    places.push(`${pick.host}:${pick.port}`);
    pick.lease.release();
  }
  return places;
}

/** Fails dials to these hosts until they are ejected. */
function eject(registry: TargetRegistry, route: IResolvedRoute, hosts: readonly string[]): void {
  for (let round = 0; round < 3; round++) {
    const session = registry.pickerFor(route).session(someClient, someContext);
    const picks = Array.from({ length: 20 }, () => session.next()).filter((pick) => pick !== null);
    for (const { host, lease } of picks) {
      if (hosts.includes(host)) lease.failed(refusal());
      else lease.release();
    }
  }
}

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof ProxyError ? error.code : String(error);
  }
};

tap.test('every host of a list is a target of its own, and a repeated one counts double', async () => {
  await using world = makeRegistry();
  const route = makeForward([{ host: ['a.test', 'b.test', 'a.test'], port: 8080 }]);
  world.registry.attach([route]);
  expect(pickHosts(world.registry, route, 6).filter((host) => host === 'a.test')).toHaveLength(4);
  expect(tryAll(world.registry, route).toSorted()).toEqual(['a.test:8080', 'b.test:8080']);
});

tap.test('backups are used when no primary is up, and everybody when nobody is', async () => {
  await using world = makeRegistry();
  const { registry } = world;
  const route = makeForward(['p.test', 'q.test', { host: 'backup.test', backup: true }], { healthCheck: ejecting });
  registry.attach([route]);
  expect(new Set(pickHosts(registry, route, 10))).toEqual(new Set(['p.test', 'q.test']));
  eject(registry, route, ['p.test']);
  expect(new Set(pickHosts(registry, route, 10))).toEqual(new Set(['q.test']));
  eject(registry, route, ['q.test']);
  expect(new Set(pickHosts(registry, route, 10))).toEqual(new Set(['backup.test']));
  // Successes through a lease would bring them back, so none is reported.
  eject(registry, route, ['backup.test']);
  expect(world.events.filter((line) => line.startsWith('down'))).toHaveLength(3);
  const first = Array.from({ length: 9 }, () => {
    const { host, lease } = pickFirst(registry, route);
    lease.release();
    return host;
  });
  expect(new Set(first)).toEqual(new Set(['p.test', 'q.test', 'backup.test']));
});

tap.test('one connection tries primaries, then backups, then those that are down, none twice', async () => {
  await using world = makeRegistry();
  const route = makeForward(['down.test', 'p.test', { host: 'backup.test', backup: true }], { healthCheck: ejecting });
  world.registry.attach([route]);
  eject(world.registry, route, ['down.test']);
  expect(tryAll(world.registry, route)).toEqual(['p.test:80', 'backup.test:80', 'down.test:80']);
});

tap.test('targets that name the port come before those that name none, the highest priority alone', async () => {
  await using world = makeRegistry();
  const matchPorts = [{ from: 8000, to: 8010 }];
  const targets = [
    { host: 'any.test' },
    { host: 'low.test', matchPorts },
    { host: 'high.test', matchPorts, priority: 5 },
    { host: 'high-too.test', matchPorts: [{ from: 8005, to: 9000 }], priority: 5 },
  ];
  const route = makeForward(targets, { ports: [{ from: 1, to: 10_000 }] });
  world.registry.attach([route]);
  expect(tryAll(world.registry, route, 443)).toEqual(['any.test:80']);
  expect(tryAll(world.registry, route, 8000)).toEqual(['high.test:80']);
  expect(tryAll(world.registry, route, 8010).toSorted()).toEqual(['high-too.test:80', 'high.test:80']);
  expect(tryAll(world.registry, route, 8011)).toEqual(['high-too.test:80']);
  expect(tryAll(world.registry, route, 9001)).toEqual(['any.test:80']);
});

tap.test('a port that no target serves has none', async () => {
  await using world = makeRegistry();
  const route = makeForward([{ matchPorts: [{ from: 80, to: 80 }] }], { ports: [{ from: 80, to: 81 }] });
  world.registry.attach([route]);
  expect(
    world.registry
      .pickerFor(route)
      .session({ ...someClient, port: 81 }, noContext)
      .next(),
  ).toBeNull();
  expect(world.registry.pickerFor(route).explain({ ...someClient, port: 81 }, noContext)).toEqual([
    { host: 'a.test', port: 80, chosen: false, why: 'other port' },
  ]);
});

tap.test('preserve takes the port of the client, each with a state of its own', async () => {
  await using world = makeRegistry();
  const ports = [
    { from: 80, to: 80 },
    { from: 443, to: 444 },
  ];
  const route = makeForward([{ port: 'preserve' }], { ports });
  world.registry.attach([route]);
  expect(world.registry.targets().map(({ target }) => target)).toEqual(['a.test:80', 'a.test:443', 'a.test:444']);
  expect(tryAll(world.registry, route, 444)).toEqual(['a.test:444']);
  expect(world.registry.size).toEqual(3);
});

tap.test('over a wide range of ports preserved ones become known when used and are forgotten when idle', async () => {
  await using world = makeRegistry();
  const route = makeForward([{ port: 'preserve' }], { ports: [{ from: 1, to: 65_535 }] });
  world.registry.attach([route]);
  const atFirst = world.registry.size;
  expect(atFirst).toBeLessThan(3);
  for (let port = 1000; port < 9000; port++) expect(tryAll(world.registry, route, port)).toEqual([`a.test:${port}`]);
  expect(world.registry.size).toBeLessThan(4_100);
  world.clock.advance(700_000);
  expect(world.registry.size).toEqual(atFirst);
  expect(world.clock.pending).toEqual(0);
});

tap.test('functions are asked once a connection, with one context, and retries use the same answer', async () => {
  await using world = makeRegistry();
  const told: IRouteContext[] = [];
  let contexts = 0;
  const host = (context: IRouteContext) => {
    told.push(context);
    return ['[2001:DB8::1]', 'One.Test.', 'two.test'];
  };
  const port = (context: IRouteContext) => {
    told.push(context);
    return 9000;
  };
  const route = makeForward([{ host, port }]);
  world.registry.attach([route]);
  const session = world.registry.pickerFor(route).session(someClient, () => {
    contexts++;
    return someContext();
  });
  const places = Array.from({ length: 4 }, () => session.next()).map((pick) => pick && `${pick.host} ${pick.port}`);
  expect(places).toEqual(['2001:DB8::1 9000', 'one.test 9000', 'two.test 9000', null]);
  expect(told).toHaveLength(2);
  expect(contexts).toEqual(1);
  expect(told[0]).toBe(told[1]);
});

tap.test('the answers of functions are balanced, ejected and given up after ten idle minutes', async () => {
  await using world = makeRegistry({ probe: async () => {} });
  const { registry } = world;
  const route = makeForward([{ host: () => ['x.test', 'y.test'] }], { healthCheck: { ...probed, ...ejecting } });
  registry.attach([route]);
  expect(registry.size).toEqual(0);
  const firsts = () =>
    Array.from({ length: 4 }, () => {
      const pick = registry.pickerFor(route).session(someClient, someContext).next();
      pick?.lease.release();
      return pick?.host;
    });
  expect(firsts()).toEqual(['x.test', 'y.test', 'x.test', 'y.test']);
  eject(registry, route, ['x.test']);
  expect(firsts()).toEqual(['y.test', 'y.test', 'y.test', 'y.test']);
  const updated = makeForward([{ host: () => ['x.test', 'z.test'] }], { healthCheck: { ...probed, ...ejecting } });
  registry.attach([updated]);
  expect(registry.pickerFor(updated).session(someClient, someContext).next()?.host).toEqual('z.test');
  world.clock.advance(700_000);
  expect(registry.targets().map(({ target }) => target)).toEqual(['z.test:80']);
});

tap.test('a function that names a place per client fills no memory', async () => {
  await using world = makeRegistry();
  let client = 0;
  const route = makeForward([{ host: () => `c${client++}.test` }]);
  world.registry.attach([route]);
  for (let at = 0; at < 10_000; at++) tryAll(world.registry, route);
  expect(world.registry.size).toBeGreaterThan(3_500);
  expect(world.registry.size).toBeLessThan(4_097);
  await world.registry.cleanup();
  expect(world.registry.size).toEqual(0);
  expect(world.clock.pending).toEqual(0);
});

tap.test('a function that throws, is async or gives nonsense is a failure of its own', async () => {
  await using world = makeRegistry();
  const rejecting = async () => {
    throw new Error('later');
  };
  const answers: unknown[] = [
    '',
    'a b',
    'unix:/run/x',
    '/run/x',
    '127.1',
    '0x7f.0.0.1',
    'a.test:80',
    '[::1',
    null,
    undefined,
    7,
    {},
    [],
    [''],
    ['a.test', 7],
    [[]],
    Array(257).fill('a.test'),
  ];
  const ports: unknown[] = [0, -1, 65_536, 1.5, Number.NaN, '80', null, undefined, 80n];
  // Functions are plain JavaScript to us: their types promise nothing.
  const hostFunctions = [...answers.map((answer) => () => answer), rejecting, () => [rejecting(), rejecting()]];
  const portFunctions = [...ports.map((answer) => () => answer), rejecting];
  const thrower = () => {
    throw new Error('boom');
  };
  const routes = [
    ...hostFunctions.map((host) => makeForward([{ host: host as () => string }])),
    ...portFunctions.map((port) => makeForward([{ port: port as () => number }])),
    makeForward([{ host: thrower }]),
    makeForward([{ port: thrower }]),
  ];
  for (const route of routes) {
    const picker = world.registry.pickerFor(route);
    expect(codeOf(() => picker.session(someClient, someContext).next())).toEqual('TARGET_FUNCTION_FAILED');
    const [verdict] = picker.explain(someClient, someContext);
    expect(verdict?.port).toBeNull();
    expect(verdict?.chosen).toBeFalse();
    expect(verdict?.why).toMatch(/^the function for a target's (host|port) (gave|threw)/);
  }
  expect(world.registry.size).toEqual(0);
});

tap.test('explain says of every target what would become of it', async () => {
  await using world = makeRegistry({ probe: () => Promise.reject(refusal()), random: () => 0.5 });
  const { registry } = world;
  const route = makeForward(
    [
      'a.test',
      'b.test',
      { host: 'backup.test', backup: true },
      { host: 'other.test', matchPorts: [{ from: 80, to: 80 }] },
    ],
    { healthCheck: ejecting },
  );
  registry.attach([route]);
  const explain = () => registry.pickerFor(route).explain(someClient, noContext);
  const whys = () => Object.fromEntries(explain().map(({ host, why }) => [host, why]));
  expect(whys()).toEqual({
    'a.test': 'would be chosen',
    'b.test': 'up, another comes first',
    'backup.test': 'backup',
    'other.test': 'other port',
  });
  eject(registry, route, ['a.test']);
  world.clock.advance(2_500);
  expect(whys()['a.test']).toEqual('ejected for another 7.5 s after 3 failed dials, last: ECONNREFUSED');
  expect(explain().filter(({ chosen }) => chosen)).toEqual([
    { host: 'b.test', port: 80, chosen: true, why: 'would be chosen', speaks: 'HTTP/1.1' },
  ]);
  const sick = makeForward(['s.test'], { healthCheck: probed, name: 'sick' });
  registry.attach([route, sick]);
  await world.clock.advanceAsync(30_000);
  expect(registry.pickerFor(sick).explain(someClient, noContext)[0]?.why).toEqual(
    'would be chosen, as all are down: unhealthy: 3 failed probes, last: ECONNREFUSED',
  );
});

tap.test('explain commits to nobody where chance decides', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test', 'b.test', { host: 'c.test', backup: true }], {
    algorithm: 'random-two-choices',
  });
  const verdicts = world.registry.pickerFor(route).explain(someClient, noContext);
  expect(verdicts.map(({ chosen }) => chosen)).toEqual([false, false, false]);
  expect(verdicts[0]?.why).toEqual('may be chosen: chance and load decide');
  expect(verdicts[2]?.why).toEqual('backup');
});

tap.test('explain foretells the choice, advances nothing and leaves nothing behind', async () => {
  const cases = fc.record({
    algorithm: fc.constantFrom('round-robin', 'least-connections', 'ip-hash', 'consistent-hash'),
    targets: fc.array(
      fc.record({ weight: fc.integer({ min: 1, max: 9 }), backup: fc.boolean(), asked: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 6,
      },
    ),
    clients: fc.array(fc.ipV4(), { minLength: 1, maxLength: 10 }),
  } as const);
  const property = fc.property(cases, ({ algorithm, targets, clients }) => {
    const { registry } = makeRegistry();
    const parts = targets.map(({ asked, ...rest }, at) => {
      const host = `t${at}.test`;
      return { ...rest, host: asked ? () => host : host };
    });
    const route = makeForward(parts, { algorithm });
    registry.attach([route]);
    const picker = registry.pickerFor(route);
    for (const clientIp of clients) {
      const facts = { port: 443, clientIp };
      const size = registry.size;
      const [foretold] = picker.explain(facts, someContext).filter(({ chosen }) => chosen);
      expect(registry.size).toEqual(size);
      picker.explain(facts, someContext);
      const pick = picker.session(facts, someContext).next();
      expect(pick?.host).toEqual(foretold?.host);
    }
    void registry.cleanup();
  });
  fc.assert(property, { seed: 4, numRuns: numRuns(300) });
});

tap.test('whatever happens, in the end nothing is counted, known or timed', async () => {
  const step = fc.oneof(
    fc.constant('pick'),
    fc.constant('retry'),
    fc.record({ end: fc.constantFrom('failed', 'connected', 'released'), at: fc.nat(30) }),
    fc.record({ attach: fc.subarray(['one', 'two', 'three'] as const) }),
    fc.record({ advance: fc.nat(30_000) }),
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const world = makeRegistry({ probe: async () => {} });
    const { registry, clock } = world;
    const hosts = ['a.test', 'b.test', 'c.test'];
    const make = (name: string) =>
      makeForward(name === 'three' ? [{ host: () => hosts }] : hosts, {
        name,
        healthCheck: { ...probed, ...ejecting },
      });
    let routes = [make('one')];
    registry.attach(routes);
    let session = registry.pickerFor(routes[0] ?? make('one')).session(someClient, someContext);
    const held = [];
    for (const one of steps) {
      if (one === 'pick' || one === 'retry') {
        const [route] = routes;
        if (one === 'pick' && route) session = registry.pickerFor(route).session(someClient, someContext);
        const pick = session.next();
        if (pick) held.push(pick.lease);
      } else if ('end' in one) {
        const [lease] = held.splice(one.at % Math.max(1, held.length), 1);
        if (one.end === 'failed') lease?.failed(refusal());
        if (one.end === 'connected') lease?.connected();
        lease?.release();
      } else if ('attach' in one) {
        routes = one.attach.map(make);
        registry.attach(routes);
      } else {
        clock.advance(one.advance);
      }
    }
    for (const lease of held) lease.release();
    expect(registry.targets().every(({ active }) => active === 0)).toBeTrue();
    registry.attach([]);
    clock.advance(2_000_000);
    expect(registry.size).toEqual(0);
    expect(clock.pending).toEqual(0);
    await registry.cleanup();
  });
  await fc.assert(property, { seed: 5, numRuns: numRuns(300) });
});

export default tap.start();
