import type { TPortRange } from '../../ts/config/types.js';
import { faultPaths, faultsOf } from '../helpers/config-faults.js';
import { makeRoute } from '../helpers/make-config.js';
import { expect, tap } from '../helpers/tapbundle.js';

const config = (listenAddress: string | undefined, ...points: [TPortRange, string?][]) => ({
  ...(listenAddress === undefined ? {} : { listenAddress }),
  routes: points.map(([ports, address], index) =>
    makeRoute({ match: { ports, ...(address === undefined ? {} : { listenAddress: address }) }, priority: index }),
  ),
});

tap.test('a port is listened on at a wildcard or at particular addresses, not both', () => {
  expect(faultPaths(config(undefined, [443], [443, '127.0.0.1']))).toEqual(['routes[1].match.listenAddress']);
  expect(faultPaths(config(undefined, [443, '::1'], [443]))).toEqual(['routes[0].match.listenAddress']);
  expect(faultPaths(config('127.0.0.1', [443], [443, '0.0.0.0']))).toEqual(['routes[1].match.listenAddress']);
  expect(faultPaths(config(undefined, [443], [443, '0.0.0.0']))).toEqual(['routes[1].match.listenAddress']);
  expect(faultPaths(config(undefined, [{ from: 1, to: 500 }], [[80, 443, 9000], '127.0.0.1']))).toEqual([
    'routes[1].match.listenAddress',
  ]);
});

tap.test('the fault names the other route and the ports', () => {
  const want = faultsOf(config(undefined, [[80, 443]], [443, '127.0.0.1']))[0]?.want;
  expect(want).toContain('routes[0] (::)');
  expect(want).toContain('443');
  expect(want).not.toContain('80');
});

tap.test('what can listen side by side is accepted', () => {
  expect(faultPaths(config(undefined, [443], [444, '127.0.0.1']))).toEqual([]);
  expect(faultPaths(config(undefined, [443, '127.0.0.1'], [443, '127.0.0.2'], [443, '::1']))).toEqual([]);
  expect(faultPaths(config('127.0.0.1', [443], [443, '127.0.0.2']))).toEqual([]);
  expect(faultPaths(config('0.0.0.0', [443], [443, '::1']))).toEqual([]);
  expect(faultPaths(config(undefined, [0], [0, '127.0.0.1']))).toEqual([]);
  expect(faultPaths(config('127.0.0.1', [443], [443, '127.0.0.1']))).toEqual([]);
  expect(faultPaths(config(undefined, [443], [443, '::']))).toEqual([]);
});

tap.test('a disabled route does not listen', () => {
  const { routes } = config(undefined, [443], [443, '127.0.0.1']);
  expect(faultPaths({ routes: routes.map((route, index) => ({ ...route, enabled: index === 0 })) })).toEqual([]);
});

tap.test("the HTTP engine's own port is no port of a route on loopback", () => {
  const faults = (httpProxyPort: number, match: object) =>
    faultPaths({ httpProxyPort, routes: [makeRoute({ match: { ports: [80, { from: 8000, to: 8100 }], ...match } })] });
  expect(faults(8080, {})).toEqual(['httpProxyPort']);
  expect(faults(0, { ports: 0, listenAddress: '127.0.0.1' })).toEqual(['httpProxyPort']);
  expect(faults(0, { ports: 0 })).toEqual([]);
  expect(faults(80, { listenAddress: '127.0.0.1' })).toEqual(['httpProxyPort']);
  expect(faults(80, { listenAddress: '10.0.0.1' })).toEqual([]);
  expect(faults(8101, {})).toEqual([]);
  expect(faults(0, { ports: 0 })).toEqual([]);
});

export default tap.start();
