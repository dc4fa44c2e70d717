import type { IResolvedForward, IResolvedRoute, IResolvedTarget } from '../../ts/config/resolved.js';
import type {
  IFixedAnswer,
  IForwardAction,
  IHealthCheck,
  IRouteConfig,
  IRouteTimeouts,
  ISmartProxyOptions,
  ITarget,
} from '../../ts/config/types.js';
import { makeRoute, resolveRoutes } from '../helpers/make-config.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target: ITarget = { host: '10.0.0.1', port: 80 };

function resolveOne(route: Partial<IRouteConfig>, options: Omit<ISmartProxyOptions, 'routes'> = {}): IResolvedRoute {
  const [resolved] = resolveRoutes([makeRoute(route)], options).routes;
  if (!resolved) throw new Error('no route');
  return resolved;
}

function forwardOf(
  action: Partial<IForwardAction>,
  options: Omit<ISmartProxyOptions, 'routes'> = {},
): IResolvedForward {
  const resolved = resolveOne({ action: { type: 'forward', ...action } }, options).action;
  if (resolved.type !== 'forward') throw new Error(resolved.type);
  return resolved;
}

const plainTarget: IResolvedTarget = {
  host: ['10.0.0.1'],
  port: 80,
  matchPorts: null,
  matchRequest: null,
  priority: 0,
  weight: 1,
  backup: false,
  sendProxyProtocol: 0,
  backendProtocol: 'http1',
  tls: null,
  headers: [],
};

tap.test('a plain target gets its defaults, no probes and no ejection', () => {
  expect(forwardOf({ target })).toEqual({
    type: 'forward',
    targets: [plainTarget],
    algorithm: 'round-robin',
    hashKey: { of: 'ip', name: '' },
    sticky: null,
    slowStartMs: 0,
    healthCheck: { active: null, passive: null },
    grpcWeb: false,
    urlRewrite: null,
    retry: { attempts: 3, statuses: [], budget: 0.2 },
    circuitBreaker: null,
    websocket: {
      enabled: true,
      allowedOrigins: null,
      subprotocols: null,
      rewritePath: null,
      customHeaders: [],
      pingIntervalMs: 0,
      pingTimeoutMs: 10_000,
      maxPayload: 0,
    },
  });
});

tap.test('what is written of a target is kept', () => {
  const host = () => 'a';
  const port = () => 1;
  const full: ITarget = {
    host,
    port,
    match: { ports: [2, 1], path: '/%7e', method: 'get', headers: { 'X-A': 'b' } },
    priority: 3,
    weight: 4,
    backup: true,
    headers: { 'X-C': null },
  };
  expect(forwardOf({ targets: [full] }).targets).toEqual([
    {
      ...plainTarget,
      host,
      port,
      matchPorts: [{ from: 1, to: 2 }],
      matchRequest: { path: '/~', method: ['GET'], headers: [{ name: 'x-a', want: 'b' }] },
      priority: 3,
      weight: 4,
      backup: true,
      headers: [{ name: 'x-c', template: null }],
    },
  ]);
  expect(forwardOf({ target: { ...target, match: {} } }).targets).toEqual([plainTarget]);
});

tap.test('hosts are written as the network takes them', () => {
  const hosts = ['[::1]', 'A.Test.', '10.0.0.1', 'BÜCHER.example', 'fe80::1%eth0', 'a.test'];
  const want = ['::1', 'a.test', '10.0.0.1', 'xn--bcher-kva.example', 'fe80::1%eth0', 'a.test'];
  expect(forwardOf({ target: { host: hosts, port: 'preserve' } }).targets[0]?.host).toEqual(want);
});

tap.test('the target decides over the PROXY header, then the action, then the global option', () => {
  const version = (own?: ITarget['sendProxyProtocol'], action?: 1 | 2 | boolean, global?: 1 | 2 | boolean) =>
    forwardOf(
      {
        target: own === undefined ? target : { ...target, sendProxyProtocol: own },
        ...(action === undefined ? {} : { sendProxyProtocol: action }),
      },
      global === undefined ? {} : { sendProxyProtocol: global },
    ).targets[0]?.sendProxyProtocol;
  expect(version()).toEqual(0);
  expect(version(undefined, undefined, 2)).toEqual(2);
  expect(version(undefined, true, 2)).toEqual(1);
  expect(version(undefined, false, 2)).toEqual(0);
  expect(version(2, false, 1)).toEqual(2);
  expect(version(false, 2, 2)).toEqual(0);
});

tap.test('the default target serves routes without one only', () => {
  const defaults = { target: { host: 'fallback', port: 9 } };
  expect(forwardOf({}, { defaults }).targets[0]?.host).toEqual(['fallback']);
  expect(forwardOf({ target }, { defaults }).targets).toHaveLength(1);
  expect(forwardOf({ target }, { defaults }).targets[0]?.host).toEqual(['10.0.0.1']);
});

const usual = { failures: 3, ejectTimeMs: 10_000, maxEjectTimeMs: 300_000 };

tap.test('ejection is on where there is something else to choose, unless it is switched', () => {
  expect(forwardOf({ targets: [target, { ...target, port: 81 }] }).healthCheck.passive).toEqual(usual);
  expect(forwardOf({ target: { ...target, host: ['a', 'b'] } }).healthCheck.passive).toEqual(usual);
  expect(forwardOf({ target: { ...target, host: () => 'a' } }).healthCheck.passive).toEqual(usual);
  expect(forwardOf({ target: { ...target, host: ['a'] } }).healthCheck.passive).toBeNull();
  expect(forwardOf({ target, healthCheck: { passive: {} } }).healthCheck.passive).toEqual(usual);
  expect(forwardOf({ target, healthCheck: { passive: { failures: 9, ejectTime: 5 } } }).healthCheck.passive).toEqual({
    ...usual,
    failures: 9,
    ejectTimeMs: 5,
  });
  expect(
    forwardOf({ targets: [target, { ...target, port: 81 }], healthCheck: { passive: false } }).healthCheck.passive,
  ).toBeNull();
});

tap.test('probes run where they are asked for and possible', () => {
  const probes = { http: null, intervalMs: 10_000, timeoutMs: 2000, healthyThreshold: 2, unhealthyThreshold: 3 };
  expect(forwardOf({ target, healthCheck: {} }).healthCheck.active).toEqual(probes);
  expect(forwardOf({ target, healthCheck: { interval: 5, timeout: 6 } }).healthCheck.active).toEqual({
    ...probes,
    intervalMs: 5,
    timeoutMs: 6,
  });
  expect(forwardOf({ target, healthCheck: { interval: 0 } }).healthCheck.active).toBeNull();
  expect(forwardOf({ target: { ...target, host: () => 'a' }, healthCheck: {} }).healthCheck.active).toBeNull();
});

tap.test('handlers and blocks are what they are', () => {
  const socketHandler = () => {};
  expect(resolveOne({ action: { type: 'socket-handler', socketHandler } }).action).toEqual({
    type: 'socket-handler',
    socketHandler,
  });
  expect(resolveOne({ action: { type: 'block' } }).action).toEqual({ type: 'block', status: 403, message: '' });
  expect(resolveOne({ action: { type: 'block', block: { status: 451, message: 'no' } } }).action).toEqual({
    type: 'block',
    status: 451,
    message: 'no',
  });
});

tap.test('answers of our own are complete', () => {
  const httpHandler = () => new Response();
  expect(resolveOne({ action: { type: 'http-handler', httpHandler } }).action).toEqual({
    type: 'http-handler',
    httpHandler,
  });
  expect(resolveOne({ action: { type: 'redirect', redirect: { to: 'https://{domain}{path}' } } }).action).toEqual({
    type: 'redirect',
    to: ['https://', 'domain', '', 'path', ''],
    status: 308,
  });
  const answer = (respond: IFixedAnswer) => {
    const { action } = resolveOne({ action: { type: 'respond', respond } });
    return action.type === 'respond' ? [action.status, action.headers, Buffer.from(action.body).toString()] : [];
  };
  expect(answer({ status: 404 })).toEqual([404, [], '']);
  expect(answer({ status: 200, body: 'é' })).toEqual([200, ['Content-Type', 'text/plain; charset=utf-8'], 'é']);
  expect(answer({ status: 200, body: Buffer.from('x') })).toEqual([200, [], 'x']);
  expect(answer({ status: 200, body: '{}', headers: { 'content-TYPE': 'application/json', a: 'b' } })).toEqual([
    200,
    ['content-TYPE', 'application/json', 'a', 'b'],
    '{}',
  ]);
});

tap.test('a body that is given as bytes is ours alone', () => {
  const body = Buffer.from('before');
  const { action } = resolveOne({ action: { type: 'respond', respond: { status: 200, body } } });
  body.write('after!');
  expect(action.type === 'respond' && Buffer.from(action.body).toString()).toEqual('before');
});

tap.test('what is done to requests is complete', () => {
  const forward = forwardOf({
    target,
    loadBalancing: { algorithm: 'consistent-hash', key: 'header', keyName: 'X-User', sticky: {}, slowStart: 5 },
    urlRewrite: { stripPrefix: '/%7eapi/', addPrefix: '/v1/', pattern: '^/(.*)', target: '/$1' },
    retry: { statuses: [503] },
    circuitBreaker: { failures: 2 },
    websocket: {
      allowedOrigins: ['HTTPS://A.test:443', '*.B.test'],
      subprotocols: ['a', 'a'],
      rewritePath: '/ws{path}',
      customHeaders: { Host: 'a', 'X-A': '{clientIp}' },
      pingInterval: 6,
      maxPayload: 7,
    },
  });
  expect(forward.hashKey).toEqual({ of: 'header', name: 'x-user' });
  expect(forward.sticky).toEqual({ cookie: 'sp_target', maxAgeSeconds: null });
  expect(forward.slowStartMs).toEqual(5);
  expect({ ...forward.urlRewrite, pattern: String(forward.urlRewrite?.pattern) }).toEqual({
    stripPrefix: '/~api',
    addPrefix: '/v1',
    pattern: '/^\\/(.*)/',
    target: '/$1',
  });
  expect(forward.retry).toEqual({ attempts: 3, statuses: [503], budget: 0.2 });
  expect(forward.circuitBreaker).toEqual({ failures: 2, openMs: 10_000 });
  expect(forward.websocket).toEqual({
    enabled: true,
    allowedOrigins: ['https://a.test', '*.b.test'],
    subprotocols: ['a'],
    rewritePath: ['/ws', 'path', ''],
    customHeaders: [
      { name: 'host', template: ['a'] },
      { name: 'x-a', template: ['', 'clientIp', ''] },
    ],
    pingIntervalMs: 6,
    pingTimeoutMs: 10_000,
    maxPayload: 7,
  });
});

tap.test('the names of cookies have case, and a path needs no name', () => {
  const hashKey = (key: 'cookie' | 'path', part: object) =>
    forwardOf({ target, loadBalancing: { algorithm: 'consistent-hash', key, ...part } }).hashKey;
  expect(hashKey('cookie', { keyName: 'Sid' })).toEqual({ of: 'cookie', name: 'Sid' });
  expect(hashKey('path', {})).toEqual({ of: 'path', name: '' });
});

tap.test('what is switched on by true has its defaults, and by false is not there', () => {
  const on = forwardOf({ target, circuitBreaker: true, loadBalancing: { sticky: true }, urlRewrite: {} });
  expect(on.circuitBreaker).toEqual({ failures: 5, openMs: 10_000 });
  expect(on.sticky).toEqual({ cookie: 'sp_target', maxAgeSeconds: null });
  expect(on.urlRewrite).toBeNull();
  const off = forwardOf({ target, circuitBreaker: false, loadBalancing: { sticky: false } });
  expect([off.circuitBreaker, off.sticky]).toEqual([null, null]);
});

tap.test('probes by HTTP know what to ask and what to expect', () => {
  const httpOf = (healthCheck: IHealthCheck) => forwardOf({ target, healthCheck }).healthCheck.active?.http;
  expect(httpOf({ path: '/h?x' })).toEqual({ path: '/h?x', host: null, statuses: null, body: null });
  expect(httpOf({ path: '/', host: 'a.test', expect: { status: 204, body: 'ok' } })).toEqual({
    path: '/',
    host: 'a.test',
    statuses: [204],
    body: 'ok',
  });
});

tap.test('security of route and action both apply, with the smaller limit', () => {
  const { lists, maxConnections } = resolveOne({
    security: { ipAllowList: ['10.0.0.0/8'], maxConnections: 9 },
    action: { type: 'forward', target, security: { ipBlockList: ['10.0.0.1'], maxConnections: 5 } },
  }).security;
  expect(maxConnections).toEqual(5);
  expect(lists.map(({ allow, block }) => [allow?.patterns, block?.patterns])).toEqual([
    [['10.0.0.0/8'], undefined],
    [undefined, ['10.0.0.1']],
  ]);
});

tap.test('default security adds lists to all and a limit to those without one', () => {
  const defaults = { security: { ipBlockList: ['10.0.0.9'], maxConnections: 7 } };
  const config = resolveRoutes([makeRoute(), makeRoute({ match: { ports: 1 }, security: { maxConnections: 70 } })], {
    defaults,
  });
  expect(config.defaultLists?.block?.matches('10.0.0.9')).toBeTrue();
  expect(config.routes.map(({ security }) => security)).toEqual([
    { lists: [], maxConnections: 7, requests: null, basic: null, asks: null },
    { lists: [], maxConnections: 70, requests: null, basic: null, asks: null },
  ]);
  expect(resolveRoutes([], { defaults: { security: { maxConnections: 7 } } }).defaultLists).toBeNull();
});

tap.test('an empty block list is none', () => {
  expect(resolveOne({ security: { ipBlockList: [] } }).security).toEqual({
    lists: [],
    maxConnections: null,
    requests: null,
    basic: null,
    asks: null,
  });
});

const timeoutsOf = (own: IRouteTimeouts, global: IRouteTimeouts = {}) => resolveOne({ timeouts: own }, global).timeouts;

tap.test('a route has the global timeouts but for its own', () => {
  const usualTimeouts = {
    connectionTimeoutMs: 10_000,
    inactivityTimeoutMs: 14_400_000,
    maxConnectionLifetimeMs: 0,
    halfOpenTimeoutMs: 30_000,
    stallTimeoutMs: 60_000,
    enableHalfOpen: false,
    responseTimeoutMs: 60_000,
  };
  expect(resolveOne({}).timeouts).toEqual(usualTimeouts);
  const mixed = timeoutsOf({ stallTimeout: 1, enableHalfOpen: true }, { stallTimeout: 2, connectionTimeout: 3 });
  expect(mixed).toEqual({ ...usualTimeouts, stallTimeoutMs: 1, enableHalfOpen: true, connectionTimeoutMs: 3 });
});

tap.test('the treatment is applied to the inactivity limit', () => {
  const inactivity = (own: IRouteTimeouts, global: IRouteTimeouts = {}) => timeoutsOf(own, global).inactivityTimeoutMs;
  expect(inactivity({ keepAliveTreatment: 'extended' })).toEqual(6 * 14_400_000);
  expect(
    inactivity({ inactivityTimeout: 10, keepAliveInactivityMultiplier: 1.25 }, { keepAliveTreatment: 'extended' }),
  ).toEqual(13);
  expect(inactivity({ keepAliveTreatment: 'immortal' })).toEqual(0);
  expect(inactivity({ keepAliveTreatment: 'standard' }, { keepAliveTreatment: 'immortal' })).toEqual(14_400_000);
  expect(inactivity({ keepAliveTreatment: 'extended', inactivityTimeout: 0 })).toEqual(0);
  const most = 315_360_000_000;
  expect(inactivity({ keepAliveTreatment: 'extended', inactivityTimeout: most })).toEqual(most);
});

export default tap.start();
