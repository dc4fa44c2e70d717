import { faultPaths, faultsOf } from '../helpers/config-faults.js';
import { makeRoute } from '../helpers/make-config.js';
import { samplePem } from '../helpers/sample-pem.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('PROXY headers are accepted from somebody, or not at all', () => {
  expect(faultPaths({ routes: [], acceptProxyProtocol: true })).toEqual(['proxyIPs']);
  expect(faultPaths({ routes: [], acceptProxyProtocol: true, proxyIPs: [] })).toEqual(['proxyIPs']);
  expect(faultPaths({ routes: [], proxyIPs: ['10.0.0.1'] })).toEqual(['acceptProxyProtocol']);
  expect(faultPaths({ routes: [], acceptProxyProtocol: false, proxyIPs: ['10.0.0.1'] })).toEqual([
    'acceptProxyProtocol',
  ]);
  expect(faultPaths({ routes: [], acceptProxyProtocol: true, proxyIPs: ['10.0.0.1'] })).toEqual([]);
  expect(faultPaths({ routes: [], acceptProxyProtocol: false, proxyIPs: [] })).toEqual([]);
});

const named = (...labels: { name?: string; id?: string; enabled?: boolean }[]) => ({
  routes: labels.map((label, index) => makeRoute({ ...label, match: { ports: index + 1 } })),
});

tap.test('a name or id stands for one route', () => {
  expect(faultPaths(named({ name: 'a' }, { name: 'b' }, {}, {}))).toEqual([]);
  expect(faultPaths(named({ name: 'a' }, { name: 'b' }, { name: 'a' }))).toEqual(['routes[2].name']);
  expect(faultPaths(named({ id: 'a' }, { id: 'a' }))).toEqual(['routes[1].id']);
  expect(faultPaths(named({ name: 'a' }, { id: 'a' }))).toEqual(['routes[1].id']);
  expect(faultPaths(named({ id: 'a' }, { name: 'a', id: 'b' }))).toEqual(['routes[0].id']);
  expect(faultPaths(named({ id: 'a', name: 'a' }))).toEqual([]);
  expect(faultPaths(named({ name: 'a' }, { name: 'a', enabled: false }))).toEqual(['routes[1].name']);
});

tap.test('a name that is taken is told with its owner, whatever else is wrong', () => {
  const routes = [makeRoute({ name: 'a' }), { name: 'a', match: 7 }];
  const faults = faultsOf({ routes });
  expect(faults.map(({ path }) => path)).toEqual(['routes[1].match', 'routes[1].action', 'routes[1].name']);
  expect(faults[2]?.want).toContain('routes[0]');
});

tap.test('a route that can never match is a fault that names the route in front of it', () => {
  const routes = [
    makeRoute({ match: { ports: [80, 443], domains: ['a.com', 'B.com'] } }),
    makeRoute({ match: { ports: 443 } }),
    makeRoute({ match: { ports: [443, 80], domains: ['b.com.', 'a.com'] } }),
  ];
  const faults = faultsOf({ routes });
  expect(faults.map(({ path }) => path)).toEqual(['routes[2].match']);
  expect(faults[0]?.want).toContain('routes[0]');
});

tap.test('any criterion, the priority or being switched off makes a difference', () => {
  const base = { ports: 443, domains: 'a.com' };
  const others = [
    makeRoute({ match: { ...base, clientIp: ['10.0.0.1'] } }),
    makeRoute({ match: { ...base, tlsVersion: ['TLSv1.3'] } }),
    makeRoute({ match: { ...base, alpn: ['h2'] } }),
    makeRoute({ match: { ...base, ja4: ['t13d1516h2_8daaf6152771_e5627efa2ab1'] } }),
    makeRoute({ match: { ...base, protocol: 'tls' } }),
    makeRoute({ match: { ...base, ports: [443, 444] } }),
    makeRoute({ match: { ...base, domains: ['a.com', 'b.com'] } }),
    makeRoute({ match: base, priority: 1 }),
    makeRoute({ match: base, enabled: false }),
  ];
  expect(faultPaths({ routes: [makeRoute({ match: base }), ...others] })).toEqual([]);
});

tap.test('what is asked of requests makes a difference too', () => {
  const base = { ports: 80 };
  const others = [
    { path: '/a' },
    { path: '/b' },
    { method: 'GET' },
    { headers: { a: 'b' } },
    { headers: { a: /b/ } },
    { headers: { a: /b/i } },
    { query: { a: 'b' } },
    { path: '/a', method: ['GET', 'PUT'] },
  ].map((part) => makeRoute({ match: { ...base, ...part } }));
  expect(faultPaths({ routes: [makeRoute({ match: base }), ...others] })).toEqual([]);
  const twice = makeRoute({ match: { ...base, path: '/%61', method: ['put', 'GET'] } });
  expect(faultPaths({ routes: [...others, twice] })).toEqual([`routes[${others.length}].match`]);
});

tap.test('a route that terminates TLS stands beside one for all other bytes', () => {
  const tls = { mode: 'terminate' as const, certificate: samplePem };
  const routes = [makeRoute({ action: { type: 'block', tls } }), makeRoute({ action: { type: 'block' } })];
  expect(faultPaths({ routes })).toEqual([]);
});

tap.test('passthrough is TLS: with protocol tls it is the same match', () => {
  const target = { host: 'a', port: 1 };
  const routes = [
    makeRoute({ action: { type: 'forward', target, tls: { mode: 'passthrough' } } }),
    makeRoute({ match: { ports: 443, protocol: 'tls' } }),
  ];
  expect(faultPaths({ routes })).toEqual(['routes[1].match']);
});

export default tap.start();
