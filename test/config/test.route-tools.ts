import {
  mergeRouteConfigs,
  type TRouteOverride,
  validateRouteConfig,
  validateRoutes,
} from '../../ts/config/route-tools.js';
import type { IRouteConfig } from '../../ts/config/types.js';
import { makeRoute } from '../helpers/make-config.js';
import { samplePem } from '../helpers/sample-pem.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };

tap.test('a route is checked by itself, with places relative to it', () => {
  expect(validateRouteConfig(makeRoute())).toEqual([]);
  expect(validateRouteConfig({ ...makeRoute(), match: { ports: 'x', path: 'a' } }).map(({ path }) => path)).toEqual([
    'match.ports',
    'match.path',
  ]);
  expect(validateRouteConfig(null)).toEqual([{ path: '', want: 'an object (route)', got: 'null' }]);
  expect(validateRouteConfig({ match: { ports: 1 }, action: { type: 'forward' } })[0]?.path).toEqual('action.target');
});

tap.test('a list of routes is checked between them too', () => {
  expect(validateRoutes([makeRoute()])).toEqual([]);
  expect(
    validateRoutes([makeRoute({ name: 'a' }), makeRoute({ name: 'a', priority: 1 })]).map(({ path }) => path),
  ).toEqual(['routes[1].name']);
  expect(validateRoutes('none').map(({ path }) => path)).toEqual(['routes']);
});

tap.test('an override changes what it names and nothing else', () => {
  const base = makeRoute({
    name: 'a',
    match: { ports: 443, domains: ['a.com', 'b.com'] },
    security: { ipAllowList: ['10.0.0.1'], maxConnections: 5 },
  });
  const merged = mergeRouteConfigs(base, {
    priority: 3,
    match: { domains: ['c.com'] },
    action: { target: { port: 8080 } },
    security: { maxConnections: 9 },
  });
  expect(merged).toEqual({
    name: 'a',
    priority: 3,
    match: { ports: 443, domains: ['c.com'] },
    action: { type: 'forward', target: { host: '10.0.0.1', port: 8080 } },
    security: { ipAllowList: ['10.0.0.1'], maxConnections: 9 },
  });
});

tap.test('undefined changes nothing, false and 0 do', () => {
  const base = makeRoute({ enabled: true, priority: 5 });
  expect(mergeRouteConfigs(base, { enabled: undefined, match: undefined } as unknown as TRouteOverride)).toEqual(base);
  expect(mergeRouteConfigs(base, { enabled: false, priority: 0 })).toEqual({ ...base, enabled: false, priority: 0 });
});

tap.test('another type of action replaces all of it', () => {
  const tls = { mode: 'passthrough' } as const;
  const base = makeRoute({ action: { type: 'forward', target, tls, loadBalancing: {} } });
  expect(mergeRouteConfigs(base, { action: { type: 'block' } }).action).toEqual({ type: 'block' });
  expect(mergeRouteConfigs(base, { action: { type: 'forward', healthCheck: {} } }).action).toEqual({
    type: 'forward',
    target,
    tls,
    loadBalancing: {},
    healthCheck: {},
  });
});

tap.test('target and targets replace each other', () => {
  const one = makeRoute({ action: { type: 'forward', target } });
  const several = makeRoute({ action: { type: 'forward', targets: [target, target] } });
  expect(mergeRouteConfigs(one, { action: { targets: [target] } }).action).toEqual({
    type: 'forward',
    targets: [target],
  });
  expect(mergeRouteConfigs(several, { action: { target } }).action).toEqual({ type: 'forward', target });
});

tap.test('ports are one value, however they are written', () => {
  const base = makeRoute({ match: { ports: { from: 1, to: 9 } } });
  expect(mergeRouteConfigs(base, { match: { ports: { from: 3, to: 4 } } }).match.ports).toEqual({ from: 3, to: 4 });
  expect(mergeRouteConfigs(base, { match: { ports: [80] } }).match.ports).toEqual([80]);
});

tap.test('the sources stay as they are and share nothing with the result but functions', () => {
  const socketHandler = () => {};
  const base: IRouteConfig = {
    match: { ports: [1, 2] },
    action: { type: 'socket-handler', socketHandler },
    security: {},
  };
  const override = { security: { ipBlockList: ['10.0.0.1'] } };
  const merged = mergeRouteConfigs(base, override);
  expect(merged.match).not.toBe(base.match);
  expect(merged.match.ports).not.toBe(base.match.ports);
  expect(merged.security?.ipBlockList).not.toBe(override.security.ipBlockList);
  expect(base).toEqual({ match: { ports: [1, 2] }, action: { type: 'socket-handler', socketHandler }, security: {} });
  expect(merged.action).toEqual(base.action);
});

tap.test('no override reaches a prototype', () => {
  const hostile = JSON.parse('{"__proto__":{"x":1},"match":{"constructor":{"prototype":{"x":1}}}}') as TRouteOverride;
  expect(mergeRouteConfigs(makeRoute(), hostile)).toEqual(makeRoute());
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

tap.test('a certificate replaces the whole certificate and nothing else of the TLS', () => {
  const tls = { mode: 'terminate', certificate: samplePem, sessionTimeout: 5 } as const;
  const base = makeRoute({ action: { type: 'forward', target, tls } });
  const certificate = { certFile: 'a', keyFile: 'b' };
  expect(mergeRouteConfigs(base, { action: { tls: { certificate } } }).action).toEqual({
    type: 'forward',
    target,
    tls: { mode: 'terminate', certificate, sessionTimeout: 5 },
  });
  expect(mergeRouteConfigs(base, { action: { tls: { sessionTimeout: 6 } } }).action.tls).toEqual({
    ...tls,
    sessionTimeout: 6,
  });
});

tap.test('rules for headers are merged name by name, and answers are options too', () => {
  const base = makeRoute({
    action: { type: 'redirect', redirect: { to: '/a' } },
    headers: { request: { a: 'b', c: 'd' } },
  });
  const merged = mergeRouteConfigs(base, {
    action: { redirect: { to: '/b', status: 302 } },
    headers: { request: { a: null } },
    match: { headers: { accept: /json/ } },
  });
  expect(merged.action).toEqual({ type: 'redirect', redirect: { to: '/b', status: 302 } });
  expect(merged.headers).toEqual({ request: { a: null, c: 'd' } });
  expect(String(merged.match.headers?.accept)).toEqual('/json/');
});

export default tap.start();
