import type { IResolvedRoute } from '../../ts/config/resolved.js';
import type { IRouteContext } from '../../ts/config/types.js';
import { explainAction } from '../../ts/flow/explain-forward.js';
import { readQuery } from '../../ts/flow/explain-query.js';
import type { IExplainStep, IExplainView } from '../../ts/flow/explain-types.js';
import type { TargetRegistry } from '../../ts/flow/forward/target-registry.js';
import { Guard } from '../../ts/flow/guard/guard.js';
import { compileRouteTable } from '../../ts/flow/match/route-table.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeRoute } from '../helpers/make-route.js';
import { makeForward, makeRegistry } from '../helpers/make-targets.js';
import { expect, tap } from '../helpers/tapbundle.js';

const limits = { defaultLists: null, maxConnectionsPerIP: 0, connectionRateLimitPerMinute: 0, routes: [] };

/** What the action of a route would do for a TLS connection to port 443. */
function ask(route: IResolvedRoute, registry: TargetRegistry, denyPrivateTargets = false) {
  const visit = readQuery({ port: 443, address: '127.0.0.1', clientIp: '192.0.2.1', domain: 'a.com', alpn: ['h2'] });
  const steps: IExplainStep[] = [];
  const view: IExplainView = {
    config: { proxyIPs: null, listenAddress: null, denyPrivateTargets },
    table: compileRouteTable([route]),
    guard: new Guard({ config: limits, clock: makeFakeClock(), live: () => [] }),
    pickerFor: (of) => registry.pickerFor(of),
  };
  const served = explainAction({ route, facts: visit.facts, request: null, visit, view }, steps);
  return { ...served, lines: steps.map(({ ok, text }) => `${ok} ${text}`) };
}

tap.test('blocking and handling are told', async () => {
  await using world = makeRegistry();
  expect(ask(makeRoute(), world.registry)).toEqual({
    outcome: 'block',
    end: 'route_blocked',
    lines: ['false the action of the route is to block'],
  });
  const handler = makeRoute({ action: { type: 'socket-handler', socketHandler: () => {} } });
  expect(ask(handler, world.registry)).toEqual({
    outcome: 'handler',
    lines: ['true the socket handler of the route gets the connection'],
  });
});

tap.test('the target that would be dialed is told, with why others are not, and asking changes nothing', async () => {
  await using world = makeRegistry();
  const route = makeForward([
    'a.test',
    { host: '2001:db8::1', port: 'preserve' },
    { host: 'c.test', backup: true },
    { host: 'd.test', matchPorts: [{ from: 80, to: 80 }] },
  ]);
  world.registry.attach([route]);
  for (let i = 0; i < 3; i++) {
    expect(ask(route, world.registry)).toEqual({
      outcome: 'forward',
      target: { host: 'a.test', port: 80 },
      lines: [
        'true a.test:80: would be chosen',
        'null [2001:db8::1]:443: up, another comes first',
        'null c.test:80: backup',
        'null d.test:80: other port',
      ],
    });
  }
  const session = world.registry.pickerFor(route).session({ port: 443, clientIp: '192.0.2.1' }, neverAsked);
  expect(session.next()?.host).toEqual('a.test');
  expect(ask(route, world.registry).target).toEqual({ host: '2001:db8::1', port: 443 });
});

const neverAsked = (): IRouteContext => {
  throw new Error('no target function is there to be asked');
};

tap.test('where chance decides, no target is named', async () => {
  await using world = makeRegistry();
  const { outcome, target, lines } = ask(
    makeForward(['a.test', 'b.test'], { algorithm: 'random-two-choices' }),
    world.registry,
  );
  expect([outcome, target]).toEqual(['forward', undefined]);
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).toMatch(/^null .*chance/);
});

tap.test('a route without a target for the port refuses', async () => {
  await using world = makeRegistry();
  const route = makeForward([{ host: 'a.test', matchPorts: [{ from: 80, to: 80 }] }]);
  expect(ask(route, world.registry)).toEqual({
    outcome: 'refused',
    end: 'no_target',
    lines: ['null a.test:80: other port', 'false there is no target'],
  });
});

tap.test('target functions are given the connection that is asked about', async () => {
  await using world = makeRegistry();
  const seen: IRouteContext[] = [];
  const host = (context: IRouteContext) => {
    seen.push(context);
    return `${context.domain}.internal`;
  };
  const route = makeForward([{ host }], { name: 'dynamic' });
  expect(ask(route, world.registry).target).toEqual({ host: 'a.com.internal', port: 80 });
  const { signal, timestamp, ...context } = seen[0] ?? neverAsked();
  expect(signal.aborted).toBeFalse();
  expect(timestamp).toBeGreaterThan(0);
  expect(context).toEqual({
    port: 443,
    domain: 'a.com',
    clientIp: '192.0.2.1',
    clientPort: 0,
    serverIp: '127.0.0.1',
    isTls: true,
    tlsVersion: 'TLSv1.3',
    alpn: ['h2'],
    routeName: 'dynamic',
    connectionId: 'explain',
  });
});

tap.test('a target function that fails leaves no target', async () => {
  await using world = makeRegistry();
  const host = () => {
    throw new Error('no idea');
  };
  const { outcome, end, lines } = ask(makeForward([{ host }]), world.registry);
  expect([outcome, end]).toEqual(['refused', 'no_target']);
  expect(lines[0]).toMatch(/threw/);
});

tap.test('private addresses are told to be denied', async () => {
  await using world = makeRegistry();
  const only = ask(makeForward(['10.0.0.1']), world.registry, true);
  expect([only.outcome, only.end, only.target]).toEqual(['refused', 'target_denied', undefined]);
  expect(only.lines[1]).toMatch(/^false 10\.0\.0\.1 is a private address/);
  const first = ask(makeForward(['10.0.0.1', 'b.test']), world.registry, true);
  expect([first.outcome, first.end, first.target]).toEqual(['forward', undefined, undefined]);
  expect(ask(makeForward(['10.0.0.1']), world.registry).target).toEqual({ host: '10.0.0.1', port: 80 });
});

export default tap.start();
