// Routes asked as a proxy asks them.

import { ConfigError, type IRouteConfig, RouteManager } from '../../ts/index.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'localhost', port: 80 };
const route = (name: string, match: IRouteConfig['match'], more: Partial<IRouteConfig> = {}): IRouteConfig => ({
  ...{ name, match },
  action: { type: 'forward', target },
  ...more,
});

const routes = [
  route('ssh', { ports: [22, { from: 2_200, to: 2_202 }] }),
  route('users', { ports: 80, domains: 'a.test', path: '/users/:id' }),
  route('api', { ports: 80, domains: 'a.test', path: '/api/*' }),
  route('rest', { ports: 80, domains: '*.test' }),
  route(
    'secure',
    { ports: 443, domains: '*.a.test' },
    { action: { type: 'forward', target, tls: { mode: 'passthrough' } } },
  ),
  route('inner', { ports: 22, clientIp: ['10.0.0.0/8'] }),
  route('off', { ports: 9_999 }, { enabled: false }),
];

tap.test('connections and requests find the route that a proxy would use', () => {
  const manager = new RouteManager({ routes });
  const found = (query: Parameters<RouteManager['findMatchingRoute']>[0]) =>
    manager.findMatchingRoute(query)?.route.name;
  expect(found({ port: 22 })).toEqual('ssh');
  expect(found({ port: 22, clientIp: '10.1.2.3' })).toEqual('inner');
  expect(found({ port: 443, domain: 'X.a.test' })).toEqual('secure');
  expect(found({ port: 443, domain: 'a.test' })).toEqual(undefined);
  expect(found({ port: 80, domain: 'b.test', path: '/' })).toEqual('rest');
  expect(found({ port: 80, domain: 'b.test', isTls: false, method: 'GET' })).toEqual('rest');
  expect(found({ port: 9_999 })).toEqual(undefined);
  expect(found({ port: 2_201, clientIp: '192.0.2.1' })).toEqual('ssh');
});

tap.test('of a path its parameters and its remainder are given', () => {
  const manager = new RouteManager({ routes });
  expect(manager.findMatchingRoute({ port: 80, domain: 'a.test', path: '/users/7' })?.params).toEqual({ id: '7' });
  expect(manager.findMatchingRoute({ port: 80, domain: 'a.test', path: '/api/x/y' })?.pathRemainder).toEqual('x/y');
  expect(
    manager.findMatchingRoutes({ port: 80, domain: 'a.test', path: '/api/x' }).map(({ route: { name } }) => name),
  ).toEqual(['api', 'rest']);
});

tap.test('ports and their routes are told', () => {
  const manager = new RouteManager({ routes });
  expect(manager.getListeningPorts()).toEqual([22, 80, 443, 2_200, 2_201, 2_202]);
  expect(manager.getRoutesForPort(22).map(({ name }) => name)).toEqual(['ssh', 'inner']);
  expect(manager.getRoutesForPort(2_202)).toEqual([routes[0]]);
  expect([manager.getRoutesForPort(9_999), manager.getRoutes()]).toEqual([[], routes]);
});

tap.test('routes are replaced as a whole or not at all, and that is told', () => {
  const manager = new RouteManager();
  const told: number[] = [];
  manager.on('routesUpdated', (now) => told.push(now.length));
  manager.updateRoutes(routes);
  expect(() => manager.updateRoutes([...routes, route('x', { ports: 70_000 }), route('y', { ports: -1 })])).toThrow(
    ConfigError,
  );
  expect([manager.getRoutes().length, told]).toEqual([routes.length, [routes.length]]);
  expect(() => manager.findMatchingRoute({ port: -1 })).toThrow(ConfigError);
});

export default tap.start();
