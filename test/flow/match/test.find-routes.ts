import { findBestMatchingRoute, findMatchingRoutes } from '../../../ts/flow/match/find-routes.js';
import { ConfigError, type IRouteConfig, SmartProxy } from '../../../ts/index.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const action = { type: 'forward', target: { host: 'a.test', port: 1 } } as const;
const routes: readonly IRouteConfig[] = [
  { name: 'rest', match: { ports: 443 }, action },
  { name: 'off', enabled: false, match: { ports: 443, domains: 'red.shop.test' }, action },
  { name: 'tenants', match: { ports: [443, 8443], domains: '*.shop.test' }, action },
  { name: 'red', match: { ports: 443, domains: 'red.shop.test', clientIp: ['10.0.0.0/8'] }, action },
  { name: 'inside', match: { ports: 25, listenAddress: '127.0.0.1' }, action },
];
const namesFor = (query: Parameters<typeof findMatchingRoutes>[1]) =>
  findMatchingRoutes(routes, query).map(({ name }) => name);

tap.test('the routes that match come best first, as the very objects that were given', async () => {
  expect(namesFor({ port: 443, domain: 'red.shop.test', clientIp: '10.1.2.3' })).toEqual(['red', 'tenants', 'rest']);
  expect(namesFor({ port: 443, domain: 'red.shop.test' })).toEqual(['tenants', 'rest']);
  expect(namesFor({ port: 8443, domain: 'BLUE.shop.test.' })).toEqual(['tenants']);
  expect(namesFor({ port: 25, address: '127.0.0.1' })).toEqual(['inside']);
  expect(namesFor({ port: 80 })).toEqual([]);
  expect(findBestMatchingRoute(routes, { port: 443 })).toBe(routes[0]);
  expect(findBestMatchingRoute(routes, { port: 80 })).toBeUndefined();
});

tap.test('the best is the one that a proxy explains', async () => {
  const proxy = new SmartProxy({ routes });
  for (const domain of ['red.shop.test', 'blue.shop.test', 'other.test']) {
    for (const clientIp of ['10.0.0.1', '192.0.2.1']) {
      const query = { port: 443, domain, clientIp };
      expect(findBestMatchingRoute(routes, query)?.name).toEqual(proxy.explain(query).route?.name);
    }
  }
});

tap.test('faults of routes and of the query are told', async () => {
  const wrong = { match: { ports: 70_000 }, action } as IRouteConfig;
  expect(() => findMatchingRoutes([wrong], { port: 1 })).toThrow(ConfigError);
  expect(() => findMatchingRoutes(routes, { port: -1 })).toThrow(ConfigError);
});

export default tap.start();
