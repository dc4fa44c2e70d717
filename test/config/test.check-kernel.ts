import { resolveConfig } from '../../ts/config/resolve.js';
import {
  createNfTablesRoute,
  createNfTablesTerminateRoute,
  createOffsetPortMappingRoute,
} from '../../ts/config/route-helpers.js';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/config/types.js';
import { faultsOf } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: '192.0.2.1', port: 9000 };
type TParts = { match?: object; action?: object; [key: string]: unknown };
const kernel = ({ match = {}, action = {}, ...route }: TParts = {}) => ({
  match: { ports: 80, ...match },
  action: { type: 'forward', target, forwardingEngine: 'nftables', ...action },
  ...route,
});
const placesOf = (route: object, options: object = {}) =>
  faultsOf({ ...options, routes: [route] }).map(({ path }) => path.replace('routes[0].', ''));

tap.test('a route of addresses and ports is good', () => {
  expect(placesOf(kernel())).toEqual([]);
  expect(
    placesOf(kernel({ match: { clientIp: ['10.0.0.0/8', '10.1.*', '10.0.0.1-10.0.0.9', '2001:db8::/32', '*'] } })),
  ).toEqual([]);
  expect(placesOf(kernel({ action: { tls: { mode: 'passthrough' } } }))).toEqual([]);
  expect(placesOf(kernel(), { defaults: { tls: { mode: 'passthrough' } } })).toEqual([]);
});

/** What the kernel cannot do, and the place that the fault names. */
const impossible: Record<string, TParts> = {
  name: { name: 'a"b' },
  id: { id: 'a\u00e9' },
  'match.domains': { match: { domains: 'a.test' } },
  'match.path': { match: { path: '/a' } },
  'match.method': { match: { method: 'GET' } },
  'match.headers': { match: { headers: { a: 'b' } } },
  'match.query': { match: { query: { a: 'b' } } },
  'match.protocol': { match: { protocol: 'other' } },
  'match.ports': { match: { ports: [0, 80] } },
  'match.clientIp[1]': { match: { clientIp: ['10.0.0.1', '10.?.?.1'] } },
  'match.listenAddress': { match: { listenAddress: 'fe80::1%eth0' } },
  headers: { headers: { request: { a: 'b' } } },
  compression: { compression: true },
  timeouts: { timeouts: { inactivityTimeout: 5 } },
  'security.ipAllowList[0]': { security: { ipAllowList: ['10.?.?.1'] } },
  'action.security.ipBlockList[0]': { action: { security: { ipBlockList: ['1?.0.0.1'] } } },
  'action.tls.mode': { action: { tls: { mode: 'terminate', certificate: { certFile: 'a', keyFile: 'b' } } } },
  'action.healthCheck': { action: { healthCheck: {} } },
  'action.sendProxyProtocol': { action: { sendProxyProtocol: 2 } },
  'action.urlRewrite': { action: { urlRewrite: { stripPrefix: '/a' } } },
  'action.retry': { action: { retry: { attempts: 2 } } },
  'action.circuitBreaker': { action: { circuitBreaker: true } },
  'action.websocket': { action: { websocket: { enabled: false } } },
  'action.loadBalancing.algorithm': { action: { loadBalancing: { algorithm: 'least-connections' } } },
  'action.loadBalancing.slowStart': { action: { loadBalancing: { slowStart: 5 } } },
  'action.loadBalancing.sticky': { action: { loadBalancing: { sticky: true } } },
  'action.target.host': { action: { target: { host: () => 'a', port: 80 } } },
  'action.target.port': { action: { target: { host: '192.0.2.1', port: () => 80 } } },
  'action.target.match': { action: { target: { ...target, match: { ports: 80 } } } },
  'action.targets[1].backup': { action: { target: undefined, targets: [target, { ...target, backup: true }] } },
  'action.target.tls': { action: { target: { ...target, tls: true } } },
  'action.target.sendProxyProtocol': { action: { target: { ...target, sendProxyProtocol: true } } },
  'action.nftables.protocol': { action: { nftables: { protocol: 'udp', fallback: 'node' } } },
  'action.nftables.maxRate': { action: { nftables: { maxRate: '1mbps', fallback: 'node' } } },
  'action.nftables.preserveSourceIP': { action: { nftables: { preserveSourceIP: true, fallback: 'node' } } },
};

tap.test('what the kernel cannot do is a fault that names it', () => {
  for (const [place, parts] of Object.entries(impossible)) expect(placesOf(kernel(parts))).toEqual([place]);
});

tap.test('a target of this machine is redirected to, and no other way leads to ::1', () => {
  const redirected = (one: object) => kernel({ action: { nftables: { redirect: true }, target: one } });
  expect(placesOf(redirected({ host: 'localhost', port: 8443 }))).toEqual([]);
  expect(placesOf(redirected({ host: '127.0.0.1', port: 8443 }))).toEqual(['action.target.host']);
  expect(placesOf(redirected({ host: 'localhost', port: 'preserve' }))).toEqual(['action.target.port']);
  for (const host of ['::1', '[::1]', '0:0:0:0:0:0:0:1', '::0.0.0.1', '0.0.0.0', '::', '224.0.0.1', '[ff02::1]']) {
    expect(placesOf(kernel({ action: { target: { host, port: 80 } } }))).toEqual(['action.target.host']);
  }
});

tap.test('an offset is told as data, or by the helper whose function is known', () => {
  const shifted = (portOffset: number, port: unknown) =>
    placesOf(
      kernel({
        match: { ports: { from: 80, to: 90 } },
        action: { nftables: { portOffset }, target: { host: 'a', port } },
      }),
    );
  expect(shifted(1000, 'preserve')).toEqual([]);
  expect(shifted(1000, 80)).toEqual(['action.target.port']);
  expect(shifted(-80, 'preserve')).toEqual(['action.target.port']);
  // Ports 80 to 90: the last one fits, the first one does.
  expect([shifted(65_445, 'preserve'), shifted(-79, 'preserve')]).toEqual([[], []]);
  expect(shifted(65_446, 'preserve')).toEqual(['action.target.port']);
  const route = createOffsetPortMappingRoute({ ports: 80, targetHost: '192.0.2.1', offset: 5 });
  expect(placesOf({ ...route, action: { ...route.action, forwardingEngine: 'nftables' } })).toEqual([]);
});

tap.test('global options that the kernel cannot keep to are faults of the routes that ask for the kernel', () => {
  const proxied = { acceptProxyProtocol: true, proxyIPs: ['10.0.0.1'] };
  expect(placesOf(kernel(), proxied)).toEqual(['action.forwardingEngine']);
  expect(placesOf(kernel(), { sendProxyProtocol: true })).toEqual(['action.sendProxyProtocol']);
  expect(placesOf(kernel({ action: { sendProxyProtocol: false } }), { sendProxyProtocol: true })).toEqual([]);
  expect(placesOf(kernel(), { defaults: { security: { ipBlockList: ['1?.0.0.1'] } } })).toEqual([
    'action.forwardingEngine',
  ]);
  const basic = { type: 'basic', credentials: [{ username: 'a', password: 'b' }] };
  expect(placesOf(kernel(), { defaults: { security: { authentication: basic } } })).toEqual([
    'action.forwardingEngine',
  ]);
  const inside = kernel({ action: { target: { host: '10.0.0.1', port: 1 } } });
  expect(placesOf(inside, { denyPrivateTargets: true })).toEqual(['action.forwardingEngine']);
  expect(placesOf(kernel({ action: { nftables: { fallback: 'node' } } }), { preserveSourceIP: true })).toEqual([
    'action.nftables.fallback',
  ]);
});

tap.test('preserveSourceIP is for the kernel: where it has no route, sendProxyProtocol is named', () => {
  const node = { match: { ports: 80 }, action: { type: 'forward', target } };
  const [fault] = faultsOf({ routes: [node], preserveSourceIP: true });
  expect([fault?.path, fault?.want.includes('sendProxyProtocol')]).toEqual(['preserveSourceIP', true]);
  expect(faultsOf({ routes: [], preserveSourceIP: true })).toEqual([]);
  const options = { preserveSourceIP: true, routes: [kernel()] } as unknown as ISmartProxyOptions;
  expect(resolveConfig(options).routes[0]?.kernel?.preserveSourceIP).toBeTrue();
});

tap.test('rules for the kernel on a route of this process are a fault', () => {
  expect(placesOf(kernel({ action: { forwardingEngine: 'node', nftables: {} } }))).toEqual(['action.nftables']);
});

tap.test('the kernel goes first: with a port in common its route must be the one of higher priority', () => {
  const node = { match: { ports: [80, 443] }, action: { type: 'block' } };
  const pathsOf = (...routes: object[]) => faultsOf({ routes }).map(({ path }) => path);
  expect(pathsOf(kernel(), node)).toEqual(['routes[0].priority']);
  expect(pathsOf(kernel({ priority: 1 }), node)).toEqual([]);
  expect(pathsOf(kernel({ match: { ports: 81 } }), node)).toEqual([]);
  expect(pathsOf(kernel({ action: { nftables: { protocol: 'udp' } } }), node)).toEqual([]);
  expect(
    pathsOf(kernel({ match: { listenAddress: '10.0.0.1' } }), {
      ...node,
      match: { ports: 80, listenAddress: '10.0.0.2' },
    }),
  ).toEqual([]);
  expect(pathsOf(kernel(), kernel())).toEqual(['routes[1].match']);
  expect(pathsOf(kernel(), kernel({ action: { nftables: { protocol: 'udp' } } }))).toEqual([]);
});

tap.test('the helpers give routes that are good', () => {
  const routes: IRouteConfig[] = [
    createNfTablesRoute({
      name: 'a',
      ports: { from: 1, to: 9 },
      target,
      offset: 5,
      maxRate: '1mbps',
      trafficPriority: 2,
      priority: 7,
    }),
    createNfTablesRoute({
      name: 'b',
      ports: 80,
      targets: [target, target],
      algorithm: 'ip-hash',
      ipAllowList: ['::1'],
      maxConnections: 5,
    }),
  ];
  const [a, b] = resolveConfig({ routes }).routes;
  expect([a?.priority, a?.kernel?.trafficPriority, a?.kernel?.maxRateBytes]).toEqual([7, 2, 125_000]);
  expect(a?.action.type === 'forward' && typeof a.action.targets[0]?.port).toEqual('function');
  expect([b?.security.maxConnections, b?.security.lists.length]).toEqual([5, 1]);
  const certificate = { certFile: 'a.pem', keyFile: 'a.key' };
  const pair = createNfTablesTerminateRoute({
    name: 'tls',
    terminatePort: 8443,
    certificate,
    target,
    ipBlockList: ['10.0.0.1'],
  });
  const [front, own] = resolveConfig({ routes: pair }).routes;
  expect([front?.kernel?.redirect, front?.match.ports, own?.kernel, own?.tls === null]).toEqual([
    true,
    [{ from: 443, to: 443 }],
    null,
    false,
  ]);
});

export default tap.start();
