import fc from 'fast-check';
import { ConfigError } from '../../ts/base/errors.js';
import { AddressSet } from '../../ts/codec/address.js';
import { resolveConfig } from '../../ts/config/resolve.js';
import type { ISmartProxyOptions } from '../../ts/config/types.js';
import { faultPaths, faultsOf } from '../helpers/config-faults.js';
import { leastCpuMs } from '../helpers/least-cpu.js';
import { makeRoute } from '../helpers/make-config.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('an empty configuration is complete', () => {
  expect(resolveConfig({ routes: [] })).toEqual({
    routes: [],
    proxyIPs: null,
    initialDataTimeoutMs: 10_000,
    gracefulShutdownTimeoutMs: 30_000,
    socket: { noDelay: true, keepAlive: true, keepAliveInitialDelayMs: 10_000 },
    maxConnections: null,
    listenAddress: null,
    denyPrivateTargets: false,
    maxConnectionsPerIP: 0,
    connectionRateLimitPerMinute: 0,
    metrics: { sampleIntervalMs: 1000, retentionSeconds: 3600 },
    defaultLists: null,
    http,
    certificates: { store: './certs', provision: null },
    admin: null,
  });
});

const http = {
  ports: [],
  port: null,
  trustedProxies: null,
  maxHeaderBytes: 16_384,
  maxHeaders: 100,
  maxBodyBytes: 0,
  minRequestBytesPerSecond: 100,
  minResponseBytesPerSecond: 100,
  rateGraceMs: 30_000,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
  requestTimeoutMs: 0,
  maxRequestsPerConnection: 0,
  maxConcurrentStreams: 128,
  h2c: false,
  pingIntervalMs: 0,
  pingTimeoutMs: 10_000,
  maxUpstreamConnections: 1024,
  maxUpstreamQueue: 1024,
  upstreamIdleTimeoutMs: 55_000,
  upstreamMaxAgeMs: 0,
  upstreamMaxRequests: 0,
};

const provision = () => 'http01' as const;

tap.test('global options arrive where they are read', () => {
  const config = resolveConfig({
    routes: [],
    certificateStore: './kept',
    certProvisionFunction: provision,
    acceptProxyProtocol: true,
    proxyIPs: ['10.0.0.1'],
    initialDataTimeout: 1,
    gracefulShutdownTimeout: 2,
    noDelay: false,
    keepAlive: false,
    keepAliveInitialDelay: 3000,
    maxConnections: 4,
    listenAddress: '0:0::1',
    denyPrivateTargets: true,
    maxConnectionsPerIP: 5,
    connectionRateLimitPerMinute: 6,
    metrics: { retentionSeconds: 7 },
    admin: { host: '::1' },
  });
  expect(config.proxyIPs?.matches('10.0.0.1')).toBeTrue();
  expect({ ...config, proxyIPs: null }).toEqual({
    routes: [],
    proxyIPs: null,
    initialDataTimeoutMs: 1,
    gracefulShutdownTimeoutMs: 2,
    socket: { noDelay: false, keepAlive: false, keepAliveInitialDelayMs: 3000 },
    maxConnections: 4,
    listenAddress: '::1',
    denyPrivateTargets: true,
    maxConnectionsPerIP: 5,
    connectionRateLimitPerMinute: 6,
    metrics: { sampleIntervalMs: 1000, retentionSeconds: 7 },
    defaultLists: null,
    http,
    certificates: { store: './kept', provision },
    admin: { host: '::1', port: 9190, token: null, hosts: [] },
  });
  expect(resolveConfig({ routes: [], metrics: false }).metrics).toBeNull();
});

tap.test('the limits of the HTTP engine arrive where they are read', () => {
  const limits = {
    maxHeaderBytes: 2000,
    maxHeaders: 2,
    maxBodyBytes: 3,
    minRequestBytesPerSecond: 16,
    minResponseBytesPerSecond: 17,
    rateGrace: 18,
    headersTimeout: 4,
    keepAliveTimeout: 5,
    requestTimeout: 6,
    maxRequestsPerConnection: 7,
    maxConcurrentStreams: 13,
    h2c: true,
    pingInterval: 14,
    pingTimeout: 15,
    maxUpstreamConnections: 8,
    maxUpstreamQueue: 9,
    upstreamIdleTimeout: 10,
    upstreamMaxAge: 11,
    upstreamMaxRequests: 12,
  };
  const given = { useHttpProxy: [80, 81, 80], httpProxyPort: 9080, trustedProxies: ['10.0.0.0/8'] };
  const resolved = resolveConfig({ routes: [], ...given, http: limits }).http;
  expect(resolved.trustedProxies?.matches('10.1.2.3')).toBeTrue();
  expect({ ...resolved, trustedProxies: null }).toEqual({
    ports: [80, 81],
    port: 9080,
    trustedProxies: null,
    maxHeaderBytes: 2000,
    maxHeaders: 2,
    maxBodyBytes: 3,
    minRequestBytesPerSecond: 16,
    minResponseBytesPerSecond: 17,
    rateGraceMs: 18,
    headersTimeoutMs: 4,
    keepAliveTimeoutMs: 5,
    requestTimeoutMs: 6,
    maxRequestsPerConnection: 7,
    maxConcurrentStreams: 13,
    h2c: true,
    pingIntervalMs: 14,
    pingTimeoutMs: 15,
    maxUpstreamConnections: 8,
    maxUpstreamQueue: 9,
    upstreamIdleTimeoutMs: 10,
    upstreamMaxAgeMs: 11,
    upstreamMaxRequests: 12,
  });
});

const pem = { cert: '-----BEGIN CERTIFICATE-----', key: '-----BEGIN PRIVATE KEY-----' };

const rich = (): ISmartProxyOptions => ({
  defaults: { target: { host: ['a', 'b'], port: 1 }, security: { ipBlockList: ['10.0.0.1'] } },
  routes: [
    makeRoute({ name: 'one', match: { ports: [{ from: 1, to: 3 }, 7], domains: ['a.com'], clientIp: ['10.0.*'] } }),
    makeRoute({
      name: 'two',
      match: { ports: 8, alpn: ['h2'] },
      security: { ipAllowList: ['::1'], maxConnections: 3 },
    }),
    makeRoute({ match: { ports: 9 }, action: { type: 'forward', healthCheck: { passive: { failures: 2 } } } }),
    makeRoute({ match: { ports: 10 }, action: { type: 'socket-handler', socketHandler() {} }, timeouts: {} }),
    makeRoute({ match: { ports: 11 }, action: { type: 'block' } }),
    makeRoute({
      match: { ports: 12, path: '/a/*', method: ['GET'], headers: { 'X-A': /b/i }, query: { q: '1' } },
      action: {
        type: 'forward',
        target: { host: 'a', port: 1, match: { path: '/a/b' }, headers: { 'X-B': null }, tls: { ca: [pem.cert] } },
        tls: { mode: 'terminate', certificate: { ...pem, key: new TextEncoder().encode(pem.key) } },
        websocket: { allowedOrigins: ['https://a.test'], customHeaders: { a: '{path}' } },
        urlRewrite: { pattern: /a/g, target: 'b' },
        loadBalancing: { sticky: true },
      },
      headers: { request: { 'X-A': '{clientIp}' }, cors: true, hsts: true },
      compression: true,
    }),
    makeRoute({ match: { ports: 13 }, action: { type: 'redirect', redirect: { to: '/?{query}' } } }),
    makeRoute({ match: { ports: 14 }, action: { type: 'respond', respond: { status: 200, body: 'x' } } }),
  ],
});

tap.test('the result is frozen all the way down', () => {
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    // The language cannot freeze bytes, and regular expressions without memory have nothing that could change.
    if (value instanceof Uint8Array || (value instanceof RegExp && !value.sticky)) return;
    if (!Object.isFrozen(value)) throw new Error(`${path} is not frozen`);
    if (value instanceof AddressSet) return;
    for (const [key, inner] of Object.entries(value)) walk(inner, `${path}.${key}`);
  };
  walk(resolveConfig(rich()), 'config');
});

tap.test('what the user gave is neither changed nor frozen nor kept', () => {
  const options = rich();
  const before = structuredClone({
    ...options,
    routes: options.routes.filter(({ action }) => action.type !== 'socket-handler'),
  });
  const config = resolveConfig(options);
  expect({ ...options, routes: options.routes.filter(({ action }) => action.type !== 'socket-handler') }).toEqual(
    before,
  );
  const [route] = options.routes;
  if (!route) throw new Error('no route');
  expect(Object.isFrozen(route) || Object.isFrozen(route.match)).toBeFalse();
  route.match.ports = 5;
  expect(config.routes[0]?.source.match.ports).toEqual([{ from: 1, to: 3 }, 7]);
});

tap.test('a configuration made of frozen objects is taken too', () => {
  const route = Object.freeze(makeRoute());
  expect(resolveConfig(Object.freeze({ routes: Object.freeze([route]) })).routes).toHaveLength(1);
});

tap.test('disabled routes are left out and the others keep their places', () => {
  const routes = [makeRoute({ enabled: false }), makeRoute({ name: 'b', priority: 4 })];
  const config = resolveConfig({ routes });
  expect(config.routes.map(({ key, name, id, index, priority }) => ({ key, name, id, index, priority }))).toEqual([
    { key: 'b', name: 'b', id: undefined, index: 1, priority: 4 },
  ]);
});

tap.test('a key is the id, else the name, else made, and never that of another', () => {
  const keys = (...labels: { id?: string; name?: string }[]) =>
    resolveConfig({
      routes: labels.map((label, index) => makeRoute({ ...label, match: { ports: 440 + index } })),
    }).routes.map(({ key }) => key);
  expect(keys({ id: 'i', name: 'n' }, { name: 'm' }, {})).toEqual(['i', 'm', '442']);
  expect(keys({ name: '441' }, {}, { name: '441 #2' })).toEqual(['441', '441 #3', '441 #2']);
});

tap.test('all faults come at once, those between options beside those of single ones', () => {
  const paths = faultPaths({
    acceptProxyProtocol: true,
    noDelay: 'yes',
    surprise: 1,
    routes: [
      makeRoute({ name: 'a' }),
      { name: 'a', match: { ports: 0.5 }, action: { type: 'forward' } },
      null,
      makeRoute({ match: { ports: 443, listenAddress: '127.0.0.1' } }),
    ],
  });
  expect(paths).toEqual([
    'noDelay',
    'surprise',
    'proxyIPs',
    'routes[1].match.ports',
    'routes[1].name',
    'routes[1].action.target',
    'routes[2]',
    'routes[3].match.listenAddress',
  ]);
});

tap.test('what is no configuration at all is one fault', () => {
  for (const input of [undefined, null, 7, 'x', [], () => {}, Symbol('x'), 10n, new Map(), new Date()]) {
    const faults = faultsOf(input);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.path).toEqual('');
  }
});

const names = [
  ...['headers', 'request', 'response', 'cors', 'path', 'method', 'query', 'websocket', 'urlRewrite', 'certificate'],
  ...['compression', 'redirect', 'respond', 'status', 'body', 'http', 'trustedProxies', 'upstream', 'sticky', 'retry'],
  ...['routes', 'defaults', 'match', 'action', 'target', 'targets', 'ports', 'host', 'port', 'type', 'security', 'tls'],
  ...[
    'from',
    'to',
    'domains',
    'clientIp',
    'passive',
    'healthCheck',
    'loadBalancing',
    'key',
    'timeouts',
    'metrics',
    'name',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'proxyIPs',
    'acceptProxyProtocol',
    'listenAddress',
    'id',
    'mode',
  ],
];
const values = [
  ...['terminate', 'redirect', 'respond', '/a/*', '{path}', 'GET', 'Host', 200],
  0,
  443,
  'forward',
  'block',
  'tls',
  '*.a.com',
  '10.0.0.1',
  'passthrough',
  true,
  false,
  null,
  '',
  -1,
  'preserve',
];

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 7 },
    { weight: 3, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    { weight: 3, arbitrary: tie('record') },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
  ),
  record: fc
    .array(fc.tuple(fc.constantFrom(...names), tie('value')), { maxLength: 5 })
    // By JSON, as a file would bring it: that way `__proto__` is a property of its own.
    .map((entries) =>
      JSON.parse(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)}}`),
    ),
}));

/** Nearly right configurations: routes whose parts are replaced now and then. */
const nearly = fc.array(
  fc.record(
    {
      match: fc.oneof(json.record, fc.record({ ports: fc.oneof(fc.nat(70_000), json.value) }, { requiredKeys: [] })),
      action: fc.oneof(
        json.record,
        fc.constant({ type: 'block' }),
        fc.record({ type: fc.constant('forward'), target: json.value }),
      ),
      security: json.value,
      name: fc.constantFrom('a', 'b', 7),
    },
    { requiredKeys: ['match', 'action'] },
  ),
  { maxLength: 4 },
);

tap.test('no JSON brings anything but a ConfigError, and no prototype changes', () => {
  const inherited = Object.getOwnPropertyNames(Object.prototype);
  const input = fc.oneof(
    json.record,
    json.value,
    nearly.map((routes) => ({ routes })),
    fc.record({ routes: nearly, defaults: json.value }),
  );
  fc.assert(
    fc.property(input, (config) => {
      try {
        resolveConfig(config);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        expect(error.faults.length).toBeGreaterThan(0);
        for (const { path, want, got } of error.faults) {
          expect(typeof path === 'string' && want.length > 0 && got.length > 0).toBeTrue();
        }
      }
    }),
    { seed: 5, numRuns: numRuns(3000) },
  );
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(inherited);
});

tap.test('ten thousand routes take far less than the blink of an eye', () => {
  const routes = Array.from({ length: 10_000 }, (_, index) =>
    makeRoute({ name: `route-${index}`, match: { ports: 443, domains: `host-${index}.example.com` } }),
  );
  const cpuMs = leastCpuMs(() => expect(resolveConfig({ routes }).routes).toHaveLength(10_000));
  // Some 60 ms where nothing else runs; what grows with the square would take minutes.
  expect(cpuMs).toBeLessThan(750);
});

export default tap.start();
