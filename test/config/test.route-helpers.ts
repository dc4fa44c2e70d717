import { ConfigError } from '../../ts/base/errors.js';
import {
  createDynamicRoute,
  createHttpsPassthroughRoute,
  createLoadBalancerRoute,
  createOffsetPortMappingRoute,
  createPortMappingRoute,
  createSocketHandlerRoute,
  type IRouteExtras,
} from '../../ts/config/route-helpers.js';
import { validateRouteConfig } from '../../ts/config/route-tools.js';
import type { IRouteConfig, IRouteContext } from '../../ts/config/types.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 8443 };

const portGiven = (route: IRouteConfig, port: number): unknown => {
  if (route.action.type !== 'forward') throw new Error(route.action.type);
  const mapper = route.action.target?.port;
  return typeof mapper === 'function' ? mapper({ port } as IRouteContext) : mapper;
};

const extras: Required<IRouteExtras> = {
  name: 'n',
  id: 'i',
  description: 'd',
  tags: ['t'],
  enabled: false,
  priority: 2,
  security: { maxConnections: 1 },
  timeouts: { stallTimeout: 5 },
  domains: 'a.com',
  clientIp: ['10.0.0.1'],
  listenAddress: '127.0.0.1',
};

const socketHandler = () => {};

/** What each helper makes, with these options beside the ones it needs. */
const made: Record<string, (options: IRouteExtras) => IRouteConfig> = {
  portMapping: (o) =>
    createPortMappingRoute({ ports: [1, 2], targetHost: 'a.test', portMapper: ({ port }) => port, ...o }),
  offset: (o) => createOffsetPortMappingRoute({ ports: { from: 1, to: 9 }, targetHost: 'a.test', offset: 100, ...o }),
  dynamic: (o) => createDynamicRoute({ ports: 5, targetHost: () => 'a.test', ...o }),
  handler: (o) => createSocketHandlerRoute({ ports: 5, socketHandler, ...o }),
  passthrough: (o) => createHttpsPassthroughRoute({ target, ...o, domains: o.domains ?? 'a.com' }),
  balancer: (o) => createLoadBalancerRoute({ ports: 5, targets: [target, { ...target, backup: true }], ...o }),
};

tap.test('every helper makes a valid route', () => {
  for (const make of Object.values(made)) {
    expect(validateRouteConfig(make({}))).toEqual([]);
    expect(validateRouteConfig(make(extras))).toEqual([]);
  }
});

tap.test('options that all routes have go where they belong', () => {
  const { domains, clientIp, listenAddress, ...ofRoute } = extras;
  for (const make of Object.values(made)) {
    const { match, action, ...rest } = make(extras);
    expect(rest).toEqual(ofRoute);
    expect({ ...match, ports: 0 }).toEqual({ ports: 0, domains, clientIp, listenAddress });
    expect(action.type.length).toBeGreaterThan(0);
  }
});

tap.test('what is left out does not appear', () => {
  expect(made.handler?.({ name: 'n', id: undefined } as unknown as IRouteExtras)).toEqual({
    name: 'n',
    match: { ports: 5 },
    action: { type: 'socket-handler', socketHandler },
  });
});

tap.test('ports are mapped by the function', () => {
  const route = createPortMappingRoute({ ports: 80, targetHost: 'a', portMapper: ({ port }) => port * 2 });
  expect(portGiven(route, 80)).toEqual(160);
});

tap.test('an offset is added, and the same offset is the same function', () => {
  const route = (offset: number) =>
    createOffsetPortMappingRoute({ ports: { from: 8000, to: 8009 }, targetHost: 'a', offset });
  for (let port = 8000; port <= 8009; port++) expect(portGiven(route(1000), port)).toEqual(port + 1000);
  expect(portGiven(route(-7000), 8005)).toEqual(1005);
  expect(route(1000)).toEqual(route(1000));
  expect(route(1000)).not.toEqual(route(1001));
});

tap.test('an offset that leaves the range of ports is refused', () => {
  const route = (offset: number) => () =>
    createOffsetPortMappingRoute({ ports: [{ from: 100, to: 60_000 }], targetHost: 'a', offset });
  for (const offset of [-100, 5536, 0.5, Number.NaN]) expect(route(offset)).toThrow(ConfigError);
  for (const offset of [-99, 5535]) expect(route(offset)()).not.toBeUndefined();
});

tap.test('a dynamic route keeps the port unless it is told otherwise', () => {
  const targetHost = () => 'a.test';
  expect(createDynamicRoute({ ports: 5, targetHost }).action).toEqual({
    type: 'forward',
    target: { host: targetHost, port: 'preserve' },
  });
  expect(portGiven(createDynamicRoute({ ports: 5, targetHost, portMapper: 7 }), 5)).toEqual(7);
});

tap.test('passthrough is for TLS on port 443', () => {
  expect(createHttpsPassthroughRoute({ domains: ['a.com'], target })).toEqual({
    match: { ports: 443, domains: ['a.com'] },
    action: { type: 'forward', target, tls: { mode: 'passthrough' } },
  });
  expect(createHttpsPassthroughRoute({ domains: 'a.com', ports: 8443, target }).match.ports).toEqual(8443);
});

tap.test('a balancer has its algorithm, checks and TLS', () => {
  const route = createLoadBalancerRoute({
    ports: 443,
    targets: [target],
    algorithm: 'ip-hash',
    healthCheck: { interval: 5 },
    tlsPassthrough: true,
  });
  expect(route.action).toEqual({
    type: 'forward',
    targets: [target],
    loadBalancing: { algorithm: 'ip-hash' },
    healthCheck: { interval: 5 },
    tls: { mode: 'passthrough' },
  });
});

export default tap.start();
