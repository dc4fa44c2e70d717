import fc from 'fast-check';
import { compareConfigs } from '../../ts/config/change.js';
import { resolveConfig } from '../../ts/config/resolve.js';
import type { IRouteConfig, IRouteTls, ISmartProxyOptions, TPortRange } from '../../ts/config/types.js';
import { compileRouteTable } from '../../ts/flow/match/route-table.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import { makeRoute, resolveRoutes } from '../helpers/make-config.js';
import { otherPem, samplePem } from '../helpers/sample-pem.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const target = { host: '10.0.0.1', port: 80 };
const change = (before: readonly IRouteConfig[], after: readonly IRouteConfig[]) =>
  compareConfigs(resolveRoutes(before), resolveRoutes(after));

const named = (name: string, route: Partial<IRouteConfig> = {}) =>
  makeRoute({ name, match: { ports: 443, domains: `${name}.com` }, ...route });

tap.test('equal configurations differ in nothing', () => {
  const socketHandler = () => {};
  const routes = (): IRouteConfig[] => [
    named('a', { security: { ipAllowList: ['10.0.0.0/8'] }, timeouts: { stallTimeout: 5 } }),
    named('b', { action: { type: 'socket-handler', socketHandler } }),
    makeRoute({ match: { ports: 1, clientIp: ['10.0.*'] } }),
  ];
  expect(change(routes(), routes())).toEqual({
    routes: { added: [], removed: [], changed: [], unchanged: ['a', 'b', '1 from ["10.0.*"]'] },
    points: { added: [], removed: [] },
  });
});

tap.test('routes come and go by their keys, whatever their places', () => {
  const { routes } = change([named('a'), named('b'), named('c')], [named('d'), named('c'), named('a')]);
  expect(routes).toEqual({ added: ['d'], removed: ['b'], changed: [], unchanged: ['c', 'a'] });
});

const partsOf = (
  before: Partial<IRouteConfig>,
  after: Partial<IRouteConfig>,
  options: Omit<ISmartProxyOptions, 'routes'>[] = [{}, {}],
) =>
  compareConfigs(
    resolveRoutes([makeRoute({ id: 'x', ...before })], options[0]),
    resolveRoutes([makeRoute({ id: 'x', ...after })], options[1]),
  ).routes.changed.flatMap(({ parts }) => parts);

tap.test('a change says which parts of the route differ', () => {
  expect(partsOf({}, { match: { ports: 444 } })).toEqual(['match']);
  expect(
    partsOf({ match: { ports: 1, clientIp: ['10.0.0.1'] } }, { match: { ports: 1, clientIp: ['10.0.0.2'] } }),
  ).toEqual(['match']);
  expect(partsOf({ match: { ports: 1, clientIp: ['10.0.0.1'] } }, { match: { ports: 1 } })).toEqual(['match']);
  expect(partsOf({}, { action: { type: 'block' } })).toEqual(['action']);
  expect(partsOf({ action: { type: 'block' } }, {})).toEqual(['action']);
  expect(partsOf({}, { action: { type: 'forward', target: { ...target, weight: 2 } } })).toEqual(['action']);
  expect(partsOf({}, { action: { type: 'forward', targets: [target, target] } })).toEqual(['action']);
  expect(partsOf({}, { security: { maxConnections: 5 } })).toEqual(['security']);
  expect(partsOf({}, { timeouts: { stallTimeout: 5 } })).toEqual(['timeouts']);
  expect(partsOf({}, { priority: 5, name: 'n' })).toEqual(['name', 'priority']);
});

tap.test('what is done to requests and the TLS of a route are parts of their own', () => {
  const match = { ports: 443, protocol: 'http' as const };
  const forward = (tls: IRouteTls): IRouteConfig['action'] => ({ type: 'forward', target, tls });
  const terminated = forward({ mode: 'terminate', certificate: samplePem });
  expect(partsOf({ action: terminated }, { action: forward({ mode: 'terminate', certificate: otherPem }) })).toEqual([
    'tls',
  ]);
  expect(partsOf({ match, compression: true }, { match, compression: { minBytes: 5 } })).toEqual(['compression']);
  expect(partsOf({ headers: { hsts: true } }, { headers: { hsts: true, cors: true } })).toEqual(['headers']);
  expect(partsOf({ headers: { hsts: true } }, { headers: { hsts: true } })).toEqual([]);
});

tap.test('regular expressions and bytes are the same if they say the same', () => {
  const matching = (want: RegExp) => ({ match: { ports: 80, headers: { a: want } } });
  expect(partsOf(matching(/a/i), matching(/a/i))).toEqual([]);
  expect(partsOf(matching(/a/i), matching(/a/))).toEqual(['match']);
  expect(partsOf(matching(/a/), matching(/b/))).toEqual(['match']);
  const answering = (body: string | Uint8Array): Partial<IRouteConfig> => ({
    action: { type: 'respond', respond: { status: 200, headers: { 'content-type': 'a/b' }, body } },
  });
  expect(partsOf(answering('abc'), answering(Buffer.from('abc')))).toEqual([]);
  expect(partsOf(answering('abc'), answering('abd'))).toEqual(['action']);
  expect(partsOf(answering('abc'), answering('abcd'))).toEqual(['action']);
});

tap.test('a default that reaches the route changes it, a remark for people does not', () => {
  expect(partsOf({}, {}, [{}, { stallTimeout: 5 }])).toEqual(['timeouts']);
  expect(partsOf({}, {}, [{}, { sendProxyProtocol: 2 }])).toEqual(['action']);
  expect(partsOf({}, {}, [{}, { defaults: { tls: { mode: 'passthrough' } } }])).toEqual(['match']);
  expect(partsOf({}, { description: 'new', tags: ['new'] })).toEqual([]);
  expect(partsOf({ match: { ports: 443 } }, { match: { ports: [443] } })).toEqual([]);
});

tap.test('functions are the same if they are identical', () => {
  const one = () => 'a';
  const host = (make: () => string): Partial<IRouteConfig> => ({
    action: { type: 'forward', target: { host: make, port: 1 } },
  });
  expect(partsOf(host(one), host(one))).toEqual([]);
  expect(
    partsOf(
      host(one),
      host(() => 'a'),
    ),
  ).toEqual(['action']);
});

const at = (ports: TPortRange, listenAddress?: string) =>
  makeRoute({ match: { ports, ...(listenAddress === undefined ? {} : { listenAddress }) } });

tap.test('listening points come and go by address and port', () => {
  const { points } = change([at([80, 443]), at(9000, '127.0.0.1')], [at([443, 444]), at(9000, '127.0.0.2')]);
  expect(points).toEqual({
    added: [
      { address: null, port: 444 },
      { address: '127.0.0.2', port: 9000 },
    ],
    removed: [
      { address: null, port: 80 },
      { address: '127.0.0.1', port: 9000 },
    ],
  });
});

tap.test('port 0 is one point for all who ask for it', () => {
  const zero = (domains: string) => makeRoute({ match: { ports: 0, domains } });
  expect(change([], [zero('a.com'), zero('b.com')]).points.added).toEqual([{ address: null, port: 0 }]);
  expect(change([zero('a.com')], [zero('b.com')]).points).toEqual({ added: [], removed: [] });
});

tap.test('another global address moves the points that rely on it', () => {
  const routes = [at(80), at(81, '127.0.0.3')];
  const { points } = compareConfigs(
    resolveRoutes(routes, { listenAddress: '127.0.0.1' }),
    resolveRoutes(routes, { listenAddress: '127.0.0.2' }),
  );
  expect(points).toEqual({ added: [{ address: null, port: 80 }], removed: [{ address: null, port: 80 }] });
});

tap.test('points added and removed lead from one set to the other', () => {
  const port = fc.integer({ min: 1, max: 30 });
  const span = fc.tuple(port, port).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
  const ports = fc.array(fc.oneof(port, span), { minLength: 1, maxLength: 5 });
  const keys = (points: readonly { readonly port: number }[]) => points.map((point) => point.port);
  fc.assert(
    fc.property(ports, ports, (first, second) => {
      const [before, after] = [resolveRoutes([at(first)]), resolveRoutes([at(second)])];
      const { added, removed } = compareConfigs(before, after).points;
      const [was, is] = [keys(compileRouteTable(before.routes).points), keys(compileRouteTable(after.routes).points)];
      expect(keys(added)).toEqual(is.filter((each) => !was.includes(each)));
      expect(keys(removed)).toEqual(was.filter((each) => !is.includes(each)));
    }),
    { seed: 9, numRuns: numRuns() },
  );
});

tap.test('one change among ten thousand routes is found quickly', () => {
  const routes = Array.from({ length: 10_000 }, (_, index) => named(`r${index}`));
  const before = resolveConfig({ routes });
  const after = resolveConfig({ routes: routes.with(5000, named('r5000', { priority: 1 })) });
  const cpuMs = leastCpuMs(() => {
    expect(compareConfigs(before, after).routes.changed).toEqual([{ key: 'r5000', parts: ['priority'] }]);
  });
  // Some 20 ms where nothing else runs; a comparison of each with each would take minutes.
  expect(cpuMs).toBeLessThan(500);
});

export default tap.start();
