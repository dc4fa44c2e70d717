import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { optionsSchema } from '../../ts/config/schema.js';
import { knownOptions } from '../../ts/config/schema-base.js';
import type { ISmartProxyOptions } from '../../ts/config/types.js';
import type { zod } from '../../ts/plugins.js';
import { faultPaths, faultsOf } from '../helpers/config-faults.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** Each place of the schema, and the interfaces that describe it. */
const interfaces: Record<string, readonly string[]> = {
  options: ['ISmartProxyOptions', 'IRouteTimeouts'],
  admin: ['IAdminOptions'],
  route: ['IRouteConfig'],
  match: ['IRouteMatch'],
  'port span': ['IPortSpan'],
  'forward action': ['IForwardAction'],
  'socket-handler action': ['ISocketHandlerAction'],
  'http-handler action': ['IHttpHandlerAction'],
  'redirect action': ['IRedirectAction'],
  redirect: ['IRedirect'],
  'respond action': ['IRespondAction'],
  respond: ['IFixedAnswer'],
  'block action': ['IBlockAction'],
  block: ['IBlockAnswer'],
  urlRewrite: ['IUrlRewrite'],
  retry: ['IRetry'],
  circuitBreaker: ['ICircuitBreakerRule'],
  websocket: ['IWebSocketRules'],
  headers: ['IRouteHeaders'],
  cors: ['ICors'],
  hsts: ['IHsts'],
  compression: ['ICompression'],
  http: ['IHttpLimits'],
  sticky: ['ISticky'],
  target: ['ITarget'],
  'target match': ['ITargetMatch'],
  loadBalancing: ['ILoadBalancing'],
  nftables: ['INfTablesRules'],
  healthCheck: ['IHealthCheck'],
  acme: ['IAcmeOptions'],
  eab: ['IExternalAccount'],
  dns: ['IDnsHook'],
  'dns command': ['IDnsCommand'],
  onDemand: ['IOnDemand'],
  tls: ['IRouteTls'],
  certificate: ['ICertificatePem'],
  'certificate files': ['ICertificateFiles'],
  clientAuth: ['IClientAuth'],
  upstream: ['IUpstreamTls'],
  security: ['IRouteSecurity'],
  authentication: ['IBasicAuthentication'],
  basicAuth: ['IBasicAuth'],
  'basicAuth user': ['IBasicUser'],
  jwtAuth: ['IJwtAuth'],
  jwks: ['IJwks'],
  forwardAuth: ['IForwardAuth'],
  rateLimit: ['IRateLimit'],
  credentials: ['IBasicCredentials'],
  timeouts: ['IRouteTimeouts'],
};

/** Places whose type is written inside another one. */
const inner: Record<string, string> = {
  defaults: 'defaults?: {',
  expect: 'expect?: {',
  passive: 'passive?: false | {',
  profile: 'profile?: string | {',
  metrics: 'metrics?: boolean | {',
};

tap.test('the schema has the options of the types at every place, no more and no fewer', async () => {
  const folder = join(root, 'ts/config');
  const files = (await readdir(folder)).filter((name) => /^types(-\w+)?\.ts$/.test(name));
  const types = (await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
  for (const [place, names] of Object.entries(interfaces)) {
    const keys = names.flatMap((name) => keysOfInterface(types, name));
    expect(keys.length).toBeGreaterThan(0);
    expect([...(knownOptions.get(place) ?? [])].sort()).toEqual(keys.sort());
  }
  for (const [place, beginning] of Object.entries(inner)) {
    const start = types.indexOf(beginning) + beginning.indexOf('{');
    const keys = [...types.slice(start, types.indexOf('}', start)).matchAll(/(?<=[{;]) *(\w+)\??:/g)].map(
      ([, key]) => key,
    );
    expect(keys.length).toBeGreaterThan(0);
    expect([...(knownOptions.get(place) ?? [])].sort()).toEqual(keys.sort());
  }
  expect([...knownOptions.keys()].sort()).toEqual([...Object.keys(interfaces), ...Object.keys(inner)].sort());
});

function keysOfInterface(source: string, name: string): string[] {
  const body =
    new RegExp(`export interface ${name}(?: extends \\w+)? \\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, key]) => key ?? '');
}

tap.test('what the schema gives is what the types say', () => {
  // Judged by the compiler: neither assignment holds if an option is missing or of another type.
  type TParsed = zod.output<typeof optionsSchema>;
  const there = (parsed: TParsed): ISmartProxyOptions => parsed;
  const back = (options: TMutable<ISmartProxyOptions>): TParsed => options;
  expect(there(back({ routes: [] }))).toEqual({ routes: [] });
});

type TMutable<T> = T extends ((...args: never[]) => unknown) | RegExp | Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? TMutable<E>[]
    : T extends object
      ? { -readonly [K in keyof T]: TMutable<Exclude<T[K], undefined>> }
      : T;

const target = { host: 'a.test', port: 80 };
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const noop = () => {};

const withOption = (option: object) => ({ routes: [], ...option });
const withRoute = (route: object) => ({
  routes: [{ match: { ports: 443 }, action: { type: 'forward', target }, ...route }],
});
const withMatch = (match: object) => withRoute({ match: { ports: 443, ...match } });
const withAction = (action: object) => withRoute({ action: { type: 'forward', target, ...action } });
const withTarget = (part: object) => withAction({ target: { ...target, ...part } });
const withHandler = (part: object) => withRoute({ action: { type: 'socket-handler', socketHandler: noop, ...part } });
const withBlock = (part: object) => withRoute({ action: { type: 'block', ...part } });

const withTls = (part: object) => withAction({ tls: { mode: 'terminate', certificate: pem, ...part } });
const withAuto = (part: object) => ({
  routes: [
    {
      match: { ports: 443, domains: 'a.test' },
      action: { type: 'forward', target, tls: { mode: 'terminate', certificate: 'auto', acme: part } },
    },
  ],
});
/** The challenge and what it needs come together. */
const addDns = (part: object) =>
  'challenges' in part && JSON.stringify(part).includes('dns-01') ? { dns: { command: ['/bin/hook'] }, ...part } : part;
const withUpstream = (upstream: object) => withAction({ target: { ...target, tls: upstream } });
const rate = { maxRequests: 10, window: 60, keyBy: 'ip' };
const keyed = ({ keyBy, headerName }: { keyBy?: unknown; headerName?: unknown }) =>
  keyBy === 'header' ? { headerName: 'x' } : headerName === undefined ? {} : { keyBy: 'header' };
const withHeaders = (headers: object) => withRoute({ headers });

const certPem = '-----BEGIN CERTIFICATE-----\nMII=';
const keyPem = '-----BEGIN PRIVATE KEY-----\nMII=';
const pem = { cert: certPem, key: keyPem };
const pemTexts = { good: [certPem, Buffer.from(certPem)], bad: ['/etc/cert.pem', '', 7, Buffer.from('x'), null] };
const authorities = { good: [...pemTexts.good, [certPem, Buffer.from(certPem)]], bad: [...pemTexts.bad, []] };
const passphrases = { good: ['', 'secret'], bad: [7, null] };
const fileNames = { good: ['/etc/cert.pem'], bad: ['', 7] };
const paths = {
  good: ['/', '/a', '/a/*', '/a/:id/b', '/a/*/b*', '/%7Ea', '/é', '/a[0-9]', '/a:b', '/a//b'],
  bad: ['', 'a', '/a/../b', '/.', '/a?b', '/a#b', '/a b', '/%zz', '/\ud800', '/:1', '/:a/:a', '/:', '/*/*/*/*/*', 7],
};
const methods = { good: ['GET', 'get', ['GET', 'M-SEARCH']], bad: ['', 'G T', [], [7], 7] };
const wantedFields = {
  good: [{}, { 'X-A': 'b' }, { 'x-a': /b/i, accept: '' }],
  bad: [{ 'a b': 'c' }, { a: 7 }, { a: null }, { 'X-A': '', 'x-a': '' }, [], 'a', /a/],
};
const values = {
  good: ['', 'a b', 'é', '{clientIp}:{port}', '{"a":1}'],
  bad: ['a\r\nb', ' a', 'a\0', '{nobody}', '€', 7],
};
const rules = (host: boolean) => ({
  good: [
    {},
    { 'X-A': null, b: 'c' },
    ...values.good.map((value) => ({ a: value })),
    ...(host ? [{ Host: 'a.test' }] : []),
  ],
  bad: [
    ...values.bad.map((value) => ({ a: value })),
    { 'a b': 'c' },
    { '': 'c' },
    ...['Content-Length', 'transfer-encoding', 'Connection', 'Upgrade', 'Keep-Alive', 'TE', 'Trailer'].map((name) => ({
      [name]: 'c',
    })),
    { 'X-A': 'b', 'x-a': 'c' },
    { host: null },
    ...(host ? [] : [{ Host: 'a' }]),
    [],
    'a',
  ],
});
const counts = { good: [0, 10_000_000], bad: [-1, 10_000_001, 1.5] };
const bytes = (min: number) => ({ good: [min, 1_000_000], bad: [min - 1, 1.5, '5'] });
const store = Object.fromEntries(
  [
    'check',
    'lock',
    ...['read', 'write', 'remove'].flatMap((verb) => [`${verb}Certificate`, `${verb}Record`]),
    'listCertificates',
  ].map((name) => [name, noop]),
);
const acme = { email: 'a@b.test' };
const seconds = (min: number) => ({ good: [min, 600], bad: [min - 1, 1.5, '5'] });

const security = { ipBlockList: ['10.0.0.1'] };
const pair = { username: 'ann', password: 'secret' };
const basic = { type: 'basic', credentials: [pair] };
const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: 'a' };
const token = { secret: 'x'.repeat(64), algorithms: ['HS256'] };
const asked = { url: 'http://127.0.0.1:9091/verify?rd=x' };
const scrypt = '$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA';
const bcrypt = '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW';
const excluded = {
  good: [[], ['/public/*', '/a/:b']],
  bad: ['/a', ['a'], ['/../a'], [7], Array.from({ length: 101 }, () => '/a')],
};
const ownedNames = ['Host', 'Connection', 'content-length', 'authorization', 'X-Forwarded-For', 'a b', 'X_User', ''];
const urls = {
  good: ['http://a.test', 'https://a.test:8443/x?y=@', 'http://[::1]:80/', 'http://10.0.0.1/'],
  bad: [
    'a.test',
    'ftp://a.test',
    'https://me:word@a.test',
    'http://@a.test/',
    'http://a.test/#x',
    'http://a b/',
    '',
    7,
    'http://010.0.0.1.5/',
  ],
};
const tls = { mode: 'passthrough' };
const terminated = { mode: 'terminate', certificate: pem };
const milliseconds = (min: number) => ({
  good: [min, 315_360_000_000],
  bad: [min - 1, 315_360_000_001, 1.5, '1', NaN],
});
const flags = { good: [true, false], bad: ['yes', 1, null] };
const addresses = {
  good: [['10.0.0.1', '10.0.0.0/8', '10.0.0.1-10.0.0.9', '10.0.*', '10.?.?.1', '::1', 'fe80::/10']],
  bad: ['10.0.0.1', ['010.0.0.1'], ['10.0.0.0/33'], ['a.test'], [7], ['::1%eth0']],
};
const proxyHeader = { good: [true, false, 1, 2], bad: [0, 3, 'v1'] };
const labels = { good: ['a', 'Ä b'], bad: ['', 'a\nb', 'x'.repeat(201), 7] };
const connections = (min: number) => ({ good: [min, 10_000_000], bad: [min - 1, 10_000_001, 2.5, '5'] });
const listenAddresses = { good: ['127.0.0.1', '::', '::1', 'fe80::1%eth0'], bad: ['localhost', '127.1', '', 4] };
const portRanges = {
  good: [443, 0, [80, 443], { from: 1, to: 65_535 }, [0, { from: 8000, to: 8010 }]],
  bad: [-1, 65_536, '443', [], { from: 2, to: 1 }, { from: 0, to: 3 }, { from: 1 }, [[1]], 1.5, null],
};

interface ICase {
  readonly config: (part: object) => object;
  readonly options: Record<string, { readonly good: readonly unknown[]; readonly bad: readonly unknown[] }>;
}

const timeouts: ICase['options'] = {
  connectionTimeout: milliseconds(1),
  inactivityTimeout: milliseconds(0),
  maxConnectionLifetime: milliseconds(0),
  halfOpenTimeout: milliseconds(1),
  stallTimeout: milliseconds(0),
  keepAliveTreatment: { good: ['standard', 'extended', 'immortal'], bad: ['Standard', 1, null] },
  keepAliveInactivityMultiplier: { good: [1, 1.5, 1000], bad: [0.5, 1001, Number.POSITIVE_INFINITY] },
  enableHalfOpen: flags,
  responseTimeout: milliseconds(0),
};

/** Values that each option takes and values that it does not. */
const cases: Record<string, ICase> = {
  options: {
    config: (part) =>
      'proxyIPs' in part || 'acceptProxyProtocol' in part ? { ...proxied, ...part } : withOption(part),
    options: {
      routes: { good: [[]], bad: [{}, null, 7, [null]] },
      defaults: { good: [{}, { target, security, tls }], bad: [7, { targets: [target] }] },
      acme: { good: [{}, acme, { ...acme, port: 81 }], bad: [true, { email: 'a@b.test', accountEmail: null }] },
      certificateStore: { good: ['./certs', store], bad: ['', 7, {}, { lock: noop }] },
      certProvisionFunction: { good: [noop], bad: ['http01', {}] },
      acceptProxyProtocol: { good: [true], bad: ['yes', null] },
      proxyIPs: addresses,
      sendProxyProtocol: proxyHeader,
      preserveSourceIP: flags,
      ...timeouts,
      initialDataTimeout: milliseconds(1),
      gracefulShutdownTimeout: milliseconds(0),
      noDelay: flags,
      keepAlive: flags,
      keepAliveInitialDelay: milliseconds(1000),
      maxConnections: connections(1),
      listenAddress: listenAddresses,
      denyPrivateTargets: flags,
      maxConnectionsPerIP: connections(0),
      connectionRateLimitPerMinute: connections(0),
      useHttpProxy: { good: [[], [80, 0, 65_535]], bad: [80, [-1], [65_536], ['80']] },
      httpProxyPort: { good: [0, 8080], bad: [-1, 65_536, '80'] },
      trustedProxies: { good: [...addresses.good, []], bad: addresses.bad },
      http: { good: [{}], bad: [true, 7] },
      logger: { good: [logger], bad: [{}, noop, { ...logger, warn: 1 }] },
      metrics: { good: [true, false, {}], bad: [1, 'on'] },
      admin: { good: [{}], bad: [true, 9190, '127.0.0.1'] },
    },
  },
  defaults: {
    config: (defaults) => withOption({ defaults }),
    options: {
      target: { good: [target], bad: [{ host: 'a' }, 'a:1'] },
      security: { good: [security], bad: [[]] },
      tls: { good: [tls], bad: [true, {}] },
    },
  },
  admin: {
    config: (admin) => withOption({ admin }),
    options: {
      host: { good: ['127.0.0.1', '::1', 'localhost'], bad: ['a.test', '', 1] },
      port: { good: [0, 65_535], bad: [-1, 65_536, '1'] },
      token: { good: ['x'.repeat(16), 'a-._~+/0123456789='], bad: ['x'.repeat(15), 'with a space in it', 1] },
      hosts: { good: [[], ['a.test']], bad: ['a.test', [''], ['*.test']] },
    },
  },
  metrics: {
    config: (metrics) => withOption({ metrics }),
    options: {
      sampleIntervalMs: { good: [100, 3_600_000], bad: [9, 3_600_001, 10.5] },
      retentionSeconds: { good: [1, 86_400], bad: [0, 31_536_001, 1.5] },
    },
  },
  route: {
    config: withRoute,
    options: {
      name: labels,
      id: labels,
      description: { good: ['', 'two\nlines'], bad: [7] },
      tags: { good: [[], ['a']], bad: ['a', [1]] },
      enabled: flags,
      priority: { good: [-1_000_000, 0, 7], bad: [0.5, '1', 1_000_001] },
      match: { good: [{ ports: 1 }], bad: [{}, 443, null] },
      action: { good: [{ type: 'block' }], bad: [{}, 'block', { type: 'drop' }] },
      security: { good: [{}, security], bad: [null, []] },
      headers: { good: [{}, { cors: true }], bad: [true, null, []] },
      compression: { good: [true, false, {}], bad: ['gzip', null] },
      timeouts: { good: [{}, { stallTimeout: 1 }], bad: [5, { initialDataTimeout: 5 }] },
    },
  },
  timeouts: { config: (part) => withRoute({ timeouts: part }), options: timeouts },
  match: {
    config: withMatch,
    options: {
      ports: portRanges,
      listenAddress: listenAddresses,
      transport: { good: ['tcp'], bad: ['udp', 'all', 'sctp'] },
      domains: {
        good: ['a.com', ['*.a.com', 'a.*', '*.a.*', '*.a*', '*', 'A.COM.', 'bücher.example', 'a?.com', 'x[0-9].com']],
        bad: ['', [], '1.2.3.4', '::1', '{a,b}.com', '!a.com', '+(a).com', 'a b.com', 'a..com', 'a.com:443', 7],
      },
      clientIp: { good: addresses.good, bad: [...addresses.bad, []] },
      tlsVersion: { good: [['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']], bad: ['TLSv1.3', ['TLSv1.4'], []] },
      alpn: { good: [['h2', 'http/1.1']], bad: ['h2', [''], ['x'.repeat(256)], ['a b'], []] },
      ja4: {
        good: [['t13d1516h2_8daaf6152771_e5627efa2ab1']],
        bad: [['q13d1516h2_8daaf6152771_e5627efa2ab1'], ['x'], []],
      },
      protocol: { good: ['tls', 'http', 'other'], bad: ['ssh', null] },
      path: paths,
      method: methods,
      headers: wantedFields,
      query: { good: [{}, { a: 'b', '': /c/ }], bad: [{ a: 7 }, [], 'a', /a/] },
    },
  },
  'port span': {
    config: (part) => withMatch({ ports: { from: 5, to: 9, ...part } }),
    options: { from: { good: [1, 9], bad: [0, 10, '5'] }, to: { good: [5, 65_535], bad: [4, 65_536, null] } },
  },
  'forward action': {
    config: withAction,
    options: {
      type: { good: ['forward'], bad: ['forwards', 7] },
      target: { good: [target], bad: ['a:1', null] },
      targets: { good: [], bad: [[], target, [{ host: 'a' }]] },
      tls: { good: [tls], bad: [true] },
      loadBalancing: { good: [{}], bad: ['round-robin'] },
      healthCheck: { good: [{}], bad: [true] },
      backendProtocol: { good: ['http1', 'http2', 'auto'], bad: ['h2', 2, null] },
      grpcWeb: { good: [false], bad: ['yes', null] },
      sendProxyProtocol: proxyHeader,
      forwardingEngine: { good: ['node', 'nftables'], bad: ['kernel', true] },
      nftables: { good: [], bad: [true, 'tcp'] },
      urlRewrite: { good: [{}], bad: ['/a', null] },
      retry: { good: [{}], bad: [3, true] },
      circuitBreaker: { good: [true, false, {}], bad: [5, null] },
      websocket: { good: [{}], bad: [true] },
      security: { good: [security], bad: [null] },
    },
  },
  nftables: {
    config: (nftables) =>
      withAction({
        forwardingEngine: 'nftables',
        target: {
          host: 'redirect' in nftables && nftables.redirect === true ? 'localhost' : 'a.test',
          port: 'portOffset' in nftables && nftables.portOffset !== undefined ? 'preserve' : 80,
        },
        nftables,
      }),
    options: {
      protocol: { good: ['tcp', 'udp', 'all'], bad: ['sctp', 6] },
      preserveSourceIP: flags,
      maxRate: {
        good: ['10mbps', '1.5gbps', '9600 bps', '500KBPS'],
        bad: ['10', '10mb', '-1mbps', '0bps', '99gbps', 10],
      },
      priority: { good: [1, 10], bad: [0, 11, 1.5] },
      tableName: {
        good: ['edge_1', 'Proxy'],
        bad: ['', 'inet', 'Table', '1a', 'a-b', 'a b', 'a;b', 'x'.repeat(32), 7],
      },
      useIPSets: flags,
      useAdvancedNAT: flags,
      markConnections: flags,
      log: { good: [true, false, 'edge: web'], bad: ['', 'a"b', 'a\nb', ' a', 'x'.repeat(65), 7] },
      changeSysctls: flags,
      redirect: flags,
      portOffset: { good: [0, 100, -100], bad: [1.5, 65_535, '5'] },
      fallback: { good: ['node'], bad: ['none', true] },
    },
  },
  urlRewrite: {
    config: (urlRewrite) => withAction({ urlRewrite: addPartner(urlRewrite) }),
    options: {
      stripPrefix: { good: ['/api', '/api/', '/'], bad: ['', 'api', '/a?b', '/a b', 7] },
      addPrefix: { good: ['/v1'], bad: ['v1', '/a#b'] },
      pattern: { good: ['^/a(.*)', /b/gi], bad: ['(', '', 7] },
      target: { good: ['/$1', ''], bad: ['/a b', '/a?b', 7] },
    },
  },
  retry: {
    config: (retry) => withAction({ retry }),
    options: {
      attempts: { good: [1, 10], bad: [0, 11, 1.5] },
      statuses: { good: [[], [502, 429]], bad: [502, [399], [600], ['502']] },
      budget: { good: [0, 0.2, 1], bad: [-0.1, 1.1, '0.2'] },
    },
  },
  circuitBreaker: {
    config: (circuitBreaker) => withAction({ circuitBreaker }),
    options: { failures: { good: [1, 1000], bad: [0, 1001] }, openMs: milliseconds(1) },
  },
  websocket: {
    config: (websocket) => withAction({ websocket }),
    options: {
      enabled: flags,
      allowedOrigins: {
        good: [['https://a.test', 'HTTP://A.test:80', '*.a.test', '*']],
        bad: [[], ['a.test'], 'https://a.test'],
      },
      subprotocols: { good: [['mqtt', 'v1.json']], bad: [[], ['a b'], [''], 'mqtt'] },
      rewritePath: { good: ['/ws', '/ws{path}', '{path}/ws'], bad: ['ws', '//a', '/{path}', '/{nobody}', '/a b', 7] },
      customHeaders: {
        good: [{}, { Host: 'a', 'X-A': '{clientIp}' }],
        bad: [{ Upgrade: 'x' }, { a: null }, { a: 'b\n' }, { 'X-A': '', 'x-a': '' }, []],
      },
      pingInterval: milliseconds(0),
      pingTimeout: milliseconds(1),
      maxPayload: bytes(0),
    },
  },
  acme: {
    config: (part) => withAuto({ ...('accountEmail' in part ? {} : acme), ...addDns(part) }),
    options: {
      email: { good: ['a@b.test', null], bad: ['', 'a', 'mailto:a@b.test,c@d.test', 'a@b.test?x=1', 7] },
      accountEmail: { good: ['a@b.test', null], bad: ['a b@c', 7] },
      useProduction: flags,
      directoryUrl: {
        good: ['https://ca.test/dir', ['https://ca.test:14000/dir', 'https://other.test/']],
        bad: ['http://ca.test/dir', 'ca.test', 'https://a@ca.test/', '', [], 7],
      },
      directoryCa: pemTexts,
      challengePort: { good: [80, 0, 65_535], bad: [-1, 65_536, '80'] },
      port: { good: [80, 0, 65_535], bad: [-1, 65_536, '80'] },
      challenges: {
        good: [['http-01'], ['tls-alpn-01', 'http-01'], ['dns-01'], ['dns-persist-01']],
        bad: [[], ['http-01', 'http-01'], ['dns-02'], 'http-01'],
      },
      renewBeforeDays: { good: [1, 3650], bad: [0, 1.5, 3651, '30'] },
      profile: { good: ['shortlived', { name: 'tlsserver', prefer: true }], bad: ['', {}, { prefer: true }, 7] },
      keyType: { good: ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-4096'], bad: ['rsa', 'ed25519', 2048] },
      eab: { good: [{ kid: 'a', hmacKey: 'x'.repeat(43) }], bad: [{}, { kid: 'a' }, 'a'] },
      dns: { good: [{ set: noop, remove: noop }, { command: ['/bin/hook'] }], bad: [{}, noop, { command: [] }] },
      onDemand: { good: [{ ask: noop }], bad: [true, {}, { ask: true }] },
      preferredChain: { good: ['ISRG Root X1'], bad: ['', 7] },
      strictExpiry: flags,
    },
  },
  profile: {
    config: (profile) => withAuto({ ...acme, profile: { name: 'a', ...profile } }),
    options: { name: { good: ['tlsserver'], bad: ['', 7] }, prefer: flags },
  },
  eab: {
    config: (eab) => withAuto({ ...acme, eab: { kid: 'a', hmacKey: 'x'.repeat(43), ...eab } }),
    options: {
      kid: { good: ['a'], bad: ['', 7] },
      hmacKey: { good: ['x'.repeat(16), `${'_-'.repeat(20)}==`], bad: ['x', `${'x'.repeat(42)}+`, 7] },
    },
  },
  dns: {
    config: (dns) => withAuto({ ...acme, dns: { set: noop, remove: noop, ...dns } }),
    options: {
      set: { good: [noop], bad: ['x', null] },
      remove: { good: [noop], bad: ['x', null] },
      propagationDelay: milliseconds(0),
    },
  },
  'dns command': {
    config: (dns) => withAuto({ ...acme, dns: { command: ['/bin/hook'], ...dns } }),
    options: {
      command: { good: [['/bin/hook', 'a b']], bad: [[], [''], 'hook', [7]] },
      propagationDelay: milliseconds(0),
    },
  },
  onDemand: {
    config: (onDemand) => withAuto({ ...acme, onDemand: { ask: noop, ...onDemand } }),
    options: { ask: { good: [noop], bad: ['x', null] }, maxPerHour: { good: [1, 1_000_000], bad: [0, 1.5, '9'] } },
  },
  'socket-handler action': {
    config: withHandler,
    options: {
      type: { good: ['socket-handler'], bad: ['socket'] },
      socketHandler: { good: [noop, async () => {}], bad: ['echo', {}, null] },
      tls: { good: [tls], bad: [7] },
      security: { good: [security], bad: [7] },
    },
  },
  'http-handler action': {
    config: (part) => withRoute({ action: { type: 'http-handler', httpHandler: noop, ...part } }),
    options: {
      type: { good: ['http-handler'], bad: ['http'] },
      httpHandler: { good: [noop, async () => {}], bad: ['echo', {}, null] },
      tls: { good: [terminated], bad: [7, tls] },
      security: { good: [security], bad: [7] },
    },
  },
  'redirect action': {
    config: (part) => withRoute({ action: { type: 'redirect', redirect: { to: '/' }, ...part } }),
    options: {
      type: { good: ['redirect'], bad: ['redirection'] },
      redirect: { good: [{ to: '/a' }], bad: ['/a', {}, null] },
      tls: { good: [terminated], bad: [7, tls] },
      security: { good: [security], bad: [7] },
    },
  },
  redirect: {
    config: (part) => withRoute({ action: { type: 'redirect', redirect: { to: '/', ...part } } }),
    options: {
      to: {
        good: ['/', '/a?b#c', 'https://{domain}{path}', 'http://a.test:81/x{path}', 'https://{domain}:8443{path}'],
        bad: [
          '',
          'a',
          '//a.test',
          '/{path}',
          '/{query}',
          'https://a.test{query}',
          'https://{clientIp}/',
          'https://user@a.test/',
          '{path}',
          'ftp://a',
          'javascript:x',
          'https://',
          '/a\r\nb',
          '/a b',
          '/{x}',
          7,
        ],
      },
      status: { good: [301, 302, 303, 307, 308], bad: [300, 304, 200, '308'] },
    },
  },
  'respond action': {
    config: (part) => withRoute({ action: { type: 'respond', respond: { status: 200 }, ...part } }),
    options: {
      type: { good: ['respond'], bad: ['response'] },
      respond: { good: [{ status: 404 }], bad: [200, {}, null] },
      tls: { good: [terminated], bad: [7, tls] },
      security: { good: [security], bad: [7] },
    },
  },
  respond: {
    config: (part) => withRoute({ action: { type: 'respond', respond: { status: 200, ...part } } }),
    options: {
      status: { good: [200, 404, 599], bad: [199, 600, 101, '200'] },
      headers: {
        good: [{}, { 'X-A': 'b {nobody}' }],
        bad: [{ 'Content-Length': '5' }, { Host: 'a' }, { a: null }, { a: 'b\n' }, { A: '', a: '' }, []],
      },
      body: { good: ['', 'x', Buffer.from('x')], bad: [7, null, {}] },
    },
  },
  block: {
    config: (block) => withBlock({ block }),
    options: {
      status: { good: [400, 599], bad: [399, 600, 200, '403'] },
      message: { good: ['', 'two\nlines'], bad: [7, 'x'.repeat(65_537)] },
    },
  },
  headers: {
    config: withHeaders,
    options: {
      request: rules(true),
      response: rules(false),
      cors: { good: [true, false, {}], bad: ['*', null] },
      hsts: { good: [true, false, {}], bad: [5, null] },
    },
  },
  cors: {
    config: (cors) => withHeaders({ cors: { allowOrigin: 'https://a.test', ...cors } }),
    options: {
      allowOrigin: {
        good: ['*', 'https://a.test', 'HTTPS://A.test:8443', ['https://a.test', 'null'], 'app://x'],
        bad: ['a.test', 'https://a.test/x', 'https://*.a.test?', 'https://u@a.test', [], '', 7],
      },
      allowMethods: { good: [['get', 'PURGE']], bad: ['GET', [], ['G T']] },
      allowHeaders: { good: [[], ['X-A']], bad: ['X-A', ['a b']] },
      exposeHeaders: { good: [[], ['X-A']], bad: ['X-A', ['a b']] },
      allowCredentials: flags,
      maxAge: seconds(0),
    },
  },
  hsts: {
    config: (hsts) => withHeaders({ hsts: { includeSubDomains: true, ...hsts } }),
    options: { maxAge: seconds(0), includeSubDomains: flags, preload: flags },
  },
  compression: {
    config: (compression) => withRoute({ compression }),
    options: {
      algorithms: { good: [['gzip'], ['br', 'gzip', 'zstd']], bad: [[], 'gzip', ['deflate']] },
      minBytes: bytes(0),
      types: { good: [['text/*', 'application/*+json']], bad: [[], ['text'], ['a b/c'], 'text/*'] },
    },
  },
  http: {
    config: (http) => withOption({ http }),
    options: {
      maxHeaderBytes: bytes(1024),
      maxHeaders: { good: [1, 10_000], bad: [0, 10_001] },
      maxBodyBytes: bytes(0),
      minRequestBytesPerSecond: bytes(0),
      minResponseBytesPerSecond: bytes(0),
      rateGrace: milliseconds(0),
      headersTimeout: milliseconds(1),
      keepAliveTimeout: milliseconds(1),
      requestTimeout: milliseconds(0),
      maxRequestsPerConnection: counts,
      maxConcurrentStreams: { good: [1, 100_000], bad: [0, 100_001] },
      h2c: flags,
      pingInterval: milliseconds(0),
      pingTimeout: milliseconds(1),
      maxUpstreamConnections: { good: [1, 10_000_000], bad: [0, 10_000_001] },
      maxUpstreamQueue: counts,
      upstreamIdleTimeout: milliseconds(1),
      upstreamMaxAge: milliseconds(0),
      upstreamMaxRequests: counts,
    },
  },
  'block action': {
    config: withBlock,
    options: {
      type: { good: ['block'], bad: ['Block'] },
      block: { good: [{}], bad: [403, true] },
      tls: { good: [tls], bad: [7] },
      security: { good: [security], bad: [7] },
    },
  },
  target: {
    config: (target) => withTarget({ match: { ports: 443 }, ...target }),
    options: {
      host: {
        good: [
          'a.test',
          'localhost',
          'my_db',
          '10.0.0.1',
          '::1',
          '[::1]',
          'fe80::1%eth0',
          ['a.test', '10.0.0.2'],
          () => 'a',
        ],
        bad: ['', [], '010.0.0.1', '127.1', 'a b', 'a.test:80', 'http://a.test', '[::1', ['a', 7], 7],
      },
      port: { good: [1, 65_535, 'preserve', () => 80], bad: [0, 65_536, '80', 'same', 1.5] },
      match: { good: [{}, { ports: 443 }], bad: [443, { query: {} }] },
      priority: { good: [-5, 5], bad: [1.5] },
      weight: { good: [1, 1000], bad: [0, 1001, 1.5] },
      backup: flags,
      backendProtocol: { good: ['http1', 'http2', 'auto'], bad: ['h2', 2, null] },
      sendProxyProtocol: proxyHeader,
      tls: { good: [true, false, {}], bad: ['yes', null] },
      headers: rules(true),
    },
  },
  'target match': {
    config: (match) => withTarget({ match }),
    options: { ports: portRanges, path: paths, method: methods, headers: wantedFields },
  },
  upstream: {
    config: (part) => withUpstream({ ...('cert' in part ? { key: keyPem } : { cert: certPem, key: keyPem }), ...part }),
    options: {
      ca: authorities,
      rejectUnauthorized: flags,
      servername: { good: ['a.test', 'my_db', 'a.test.'], bad: ['', '::1', 'a b', 'a..b', 7] },
      cert: pemTexts,
      key: { good: [keyPem, Buffer.from(keyPem)], bad: pemTexts.bad },
      passphrase: passphrases,
    },
  },
  loadBalancing: {
    config: (loadBalancing) =>
      withAction({
        loadBalancing: {
          algorithm: 'consistent-hash',
          ...('keyName' in loadBalancing && loadBalancing.keyName !== undefined ? { key: 'cookie' } : {}),
          ...loadBalancing,
        },
      }),
    options: {
      algorithm: {
        good: ['round-robin', 'least-connections', 'ip-hash', 'random-two-choices', 'consistent-hash'],
        bad: ['random', 1],
      },
      key: { good: ['ip', 'path'], bad: ['name', 7] },
      keyName: { good: ['X-User'], bad: ['', 'a b', 7] },
      sticky: { good: [true, false, {}], bad: ['yes', null] },
      slowStart: milliseconds(0),
    },
  },
  sticky: {
    config: (sticky) => withAction({ loadBalancing: { sticky } }),
    options: {
      cookie: { good: ['sp_target', 'A'], bad: ['', 'a b', 'a=b', 'a;b', 7] },
      maxAge: { good: [1, 34_560_000], bad: [0, 34_560_001, 1.5] },
    },
  },
  healthCheck: {
    config: (healthCheck) => withAction({ healthCheck: { path: '/', ...healthCheck } }),
    options: {
      path: { good: ['/', '/health?full'], bad: ['', 'health', '/a b', '/a#b', 7] },
      host: { good: ['a.test', 'a.test:8080', '[::1]:80', '10.0.0.1'], bad: ['', 'a b', 'a/b', 7] },
      expect: { good: [{}, { status: 200 }], bad: [200, null] },
      interval: milliseconds(0),
      timeout: milliseconds(1),
      healthyThreshold: { good: [1, 1000], bad: [0, 1001] },
      unhealthyThreshold: { good: [1, 1000], bad: [0, 1001] },
      passive: { good: [false, {}, { failures: 5 }], bad: [true, 0] },
    },
  },
  expect: {
    config: (expected) => withAction({ healthCheck: { path: '/', expect: expected } }),
    options: {
      status: { good: [200, [200, 204]], bad: [99, 600, [], '200'] },
      body: { good: ['ok'], bad: ['', 7, 'x'.repeat(65_537)] },
    },
  },
  passive: {
    config: (passive) => withAction({ healthCheck: { passive } }),
    options: {
      failures: { good: [1, 1000], bad: [0, 1001] },
      ejectTime: { good: [1, 300_000], bad: [0, 300_001, '5'] },
      maxEjectTime: { good: [10_000, 315_360_000_000], bad: [9999, 0] },
    },
  },
  tls: {
    config: withTls,
    options: {
      mode: { good: ['terminate', 'terminate-and-reencrypt'], bad: ['none', 7] },
      certificate: {
        good: [pem, { certFile: 'a', keyFile: 'b' }, 'internal'],
        bad: ['x', {}, { cert: certPem }, { certFile: 'a' }, { ...pem, certFile: 'a' }, null],
      },
      acme: { good: [], bad: [true, acme] },
      names: { good: [], bad: [['a.test'], 'a.test', ['a b'], [7]] },
      versions: {
        good: [['TLSv1.3'], ['TLSv1.3', 'TLSv1.2'], ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']],
        bad: [[], ['TLSv1.1', 'TLSv1.3'], ['SSLv3'], 'TLSv1.3'],
      },
      ciphers: { good: ['ECDHE-RSA-AES128-GCM-SHA256:!aNULL', '@SECLEVEL=0'], bad: ['', 'a b', 7] },
      honorCipherOrder: flags,
      alpn: { good: [[], ['h2', 'http/1.1', 'postgresql']], bad: ['http/1.1', [''], [7]] },
      sessionTimeout: { good: [0, 604_800], bad: [-1, 604_801, 1.5] },
      clientAuth: { good: [{ mode: 'require', ca: certPem }], bad: [true, {}, { mode: 'require' }] },
      upstream: { good: [], bad: [{}, true] },
    },
  },
  certificate: {
    config: (part) => withTls({ certificate: { ...pem, ...part } }),
    options: {
      cert: pemTexts,
      key: { good: [keyPem, Buffer.from(keyPem)], bad: pemTexts.bad },
      ca: pemTexts,
      passphrase: passphrases,
    },
  },
  'certificate files': {
    config: (part) => withTls({ certificate: { certFile: 'a', keyFile: 'b', ...part } }),
    options: { certFile: fileNames, keyFile: fileNames, caFile: fileNames, passphrase: passphrases },
  },
  clientAuth: {
    config: (part) => withTls({ clientAuth: { mode: 'optional', ca: certPem, ...part } }),
    options: { mode: { good: ['require', 'optional'], bad: ['none', true] }, ca: authorities },
  },
  security: {
    config: (part) => withRoute({ security: part }),
    options: {
      ipAllowList: { good: addresses.good, bad: [...addresses.bad, []] },
      ipBlockList: { good: [...addresses.good, []], bad: addresses.bad },
      maxConnections: connections(1),
      maxInFlight: connections(1),
      maxBodyBytes: bytes(0),
      rateLimit: {
        good: [rate, { ...rate, keyBy: 'header', headerName: 'X-Key' }],
        bad: [7, {}, [], { ...rate, keyBy: 'header' }, { ...rate, headerName: 'a' }],
      },
      authentication: { good: [basic], bad: [true, {}, [basic]] },
      basicAuth: { good: [{ users: [pair] }], bad: [true, {}, [pair]] },
      jwtAuth: { good: [token], bad: [true, {}, { ...token, jwks: 'https://a.test/' }, { algorithms: ['HS256'] }] },
      forwardAuth: { good: [asked], bad: [true, {}, asked.url, { ...asked, tls: {} }] },
    },
  },
  rateLimit: {
    config: (part) => withRoute({ security: { rateLimit: { ...rate, ...keyed(part), ...part } } }),
    options: {
      maxRequests: connections(1),
      window: { good: [1, 86_400], bad: [0, 86_401, 0.5, '1', undefined] },
      keyBy: { good: ['ip', 'path', 'header'], bad: ['IP', 7, undefined] },
      headerName: { good: ['X-Key', 'a'], bad: ['', 'a b', 7] },
      burst: connections(1),
      status: { good: [400, 429, 503, 599], bad: [200, 399, 600, '429'] },
      failOpen: flags,
      storeTimeout: { good: [1, 60_000], bad: [0, 60_001, 1.5] },
    },
  },
  authentication: {
    config: (part) => withRoute({ security: { authentication: { ...basic, ...part } } }),
    options: {
      type: { good: ['basic'], bad: ['Basic', 'digest', undefined, 7] },
      credentials: {
        good: [[pair], [pair, pair], Array.from({ length: 1000 }, () => pair)],
        bad: [[], pair, [[]], Array.from({ length: 1001 }, () => pair), undefined],
      },
      realm: {
        good: ['restricted', 'a b!', 'x'.repeat(1000)],
        bad: ['', 'a"b', 'a\\b', 'a\nb', 'é', 'x'.repeat(1001), 7],
      },
    },
  },
  basicAuth: {
    config: (part) => withRoute({ security: { basicAuth: { users: [pair], ...part } } }),
    options: {
      users: {
        good: [[pair], { ann: 'secret' }, [{ ...pair, password: scrypt }], { ann: bcrypt, bob: scrypt, eve: 'text' }],
        bad: [
          [],
          {},
          pair.username,
          { 'a:b': 'c' },
          { ann: '' },
          { ann: 7 },
          Array.from({ length: 1001 }, () => pair),
          undefined,
        ],
      },
      realm: { good: ['restricted'], bad: ['', 'a"b', 'é', 7] },
      excludePaths: excluded,
    },
  },
  'basicAuth user': {
    config: (part) => withRoute({ security: { basicAuth: { users: [{ ...pair, ...part }] } } }),
    options: {
      username: { good: ['a', 'Ä b'], bad: ['', 'a:b', 'a\tb', 7, null, undefined] },
      password: {
        good: ['a', 'a:b', '€', '$', '$2', scrypt, bcrypt],
        bad: [
          ...[
            '',
            'a\nb',
            7,
            null,
            undefined,
            '$2b$12$short',
            '$2x$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW',
          ],
          ...[bcrypt.replace('$12$', '$31$'), scrypt.replace('ln=15', 'ln=18'), scrypt.replace('ln=15', 'ln=2')],
          ...[
            scrypt.replace(',p=1', ''),
            scrypt.replace('p=1', 'r=1'),
            '$argon2id$v=19$x',
            '$6$salt$hash',
            '{SSHA}abc=',
          ],
        ],
      },
    },
  },
  jwtAuth: {
    config: (part) => withRoute({ security: { jwtAuth: withKeys(part) } }),
    options: {
      secret: { good: ['x'.repeat(32), '€'.repeat(11)], bad: ['', 'x'.repeat(31), 7] },
      jwks: { good: [{ keys: [jwk] }, 'https://a.test/keys'], bad: [...urls.bad, { keys: [] }, [jwk]] },
      algorithms: {
        good: [['HS256'], ['HS256', 'HS512']],
        bad: [[], ['none'], ['RS256'], ['HS255'], 'HS256', undefined],
      },
      issuer: { good: ['a', ['a', 'b']], bad: ['', [], 7] },
      audience: { good: ['a', ['a', 'b']], bad: ['', [], 7] },
      requiredClaims: { good: [[], ['exp', 'jti']], bad: ['exp', [''], [7]] },
      clockTolerance: { good: [0, 600], bad: [-1, 601, 1.5] },
      excludePaths: excluded,
      forwardClaims: {
        good: [{}, { sub: 'X-User', 'https://a.test/role': 'X-Forwarded-Role' }],
        bad: [...ownedNames.map((name) => ({ sub: name })), { sub: 7 }, { a: 'X-A', b: 'x-a' }, ['X-A']],
      },
      forwardToken: flags,
      tls: { good: [{}, { rejectUnauthorized: false }], bad: [true, { cert: certPem }] },
    },
  },
  jwks: {
    config: (part) => withRoute({ security: { jwtAuth: withKeys({ jwks: part }) } }),
    options: {
      keys: {
        good: [[jwk], [jwk, { ...jwk, kid: 'b' }]],
        bad: [
          ...[[], jwk, undefined, [{ ...jwk, d: 'x' }], [{ kty: 'oct', k: 'eHh4' }], [{ ...jwk, x: 'short' }], [7]],
          [{ kty: 'RSA', e: 'AQAB', n: `0${'A'.repeat(170)}` }],
        ],
      },
    },
  },
  forwardAuth: {
    config: (part) =>
      withRoute({
        security: { forwardAuth: { ...asked, ...('tls' in part ? { url: 'https://a.test/' } : {}), ...part } },
      }),
    options: {
      url: { good: urls.good, bad: [...urls.bad, undefined] },
      requestHeaders: { good: [[], ['Cookie', 'X-A']], bad: ['Cookie', ['a b'], [7], ['Host'], ['Upgrade']] },
      responseHeaders: {
        good: [[], ['X-User', 'X-Forwarded-User', 'Authorization']],
        bad: [
          ...ownedNames.filter((name) => name.toLowerCase() !== 'authorization').map((name) => [name]),
          ...[['X-A', 'x-a'], ['Authorization', 'authorization'], 'X-A'],
        ],
      },
      clientHeaders: {
        good: [[], ['Set-Cookie', 'X-Session', 'Cache-Control']],
        bad: ['Set-Cookie', ['a b'], ['Content-Type'], ['content-encoding'], ['Vary'], ['Transfer-Encoding'], ['Host']],
      },
      timeout: { good: [1, 600_000], bad: [0, 600_001, '5s'] },
      tls: { good: [{}, { rejectUnauthorized: false }], bad: [true, { key: keyPem }] },
    },
  },
  credentials: {
    config: (part) => withRoute({ security: { authentication: { ...basic, credentials: [{ ...pair, ...part }] } } }),
    options: {
      username: {
        good: ['a', 'Ä b', '😀'],
        bad: ['', 'a:b', 'a\tb', '\x7f', '\ud800', '\ufffd', 'x'.repeat(1001), 7, null],
      },
      password: {
        good: ['a', 'a:b', ' ', '€'],
        bad: ['', 'a\nb', '\x9f', '\udc00', '\ufffd', 'x'.repeat(1001), 7, null],
      },
    },
  },
};

/** Either a secret or public keys. */
const withKeys = (part: object): object => {
  const asksKeys = 'jwks' in part || 'tls' in part;
  const jwks = 'tls' in part ? { jwks: 'https://a.test/keys' } : {};
  return { ...(asksKeys ? { algorithms: ['EdDSA', 'RS256'], ...jwks } : token), ...part };
};

/** `pattern` and `target` come together. */
const addPartner = (rewrite: object): object => ({
  ...('target' in rewrite && rewrite.target !== undefined ? { pattern: 'a' } : {}),
  ...('pattern' in rewrite && rewrite.pattern !== undefined ? { target: 'b' } : {}),
  ...rewrite,
});

const proxied = { routes: [], acceptProxyProtocol: true, proxyIPs: ['10.0.0.1'] };

tap.test('every option has values that are tried here', () => {
  for (const [place, keys] of knownOptions) {
    expect(Object.keys(cases[place]?.options ?? {}).sort()).toEqual([...keys].sort());
  }
});

for (const [place, { config, options }] of Object.entries(cases)) {
  tap.test(`the options of ${place} take what they should and nothing else`, () => {
    for (const [option, { good, bad }] of Object.entries(options)) {
      for (const value of good) {
        const paths = faultPaths(config({ [option]: value }));
        if (paths.length > 0) throw new Error(`${place}.${option}: refused ${String(value)} at ${paths}`);
      }
      expect(bad.length).toBeGreaterThan(0);
      for (const value of bad) {
        const paths = faultPaths(config({ [option]: value }));
        const named = paths.some((path) => path.includes(option) || place === 'port span' || place === 'passive');
        if (!named) throw new Error(`${place}.${option}: ${JSON.stringify(value)} gave faults at [${paths}]`);
      }
    }
  });

  tap.test(`an option of ${place} that is undefined counts as left out`, () => {
    const required = [
      ...['redirect', 'to', 'respond', 'httpHandler', 'certificate', 'cert', 'key', 'certFile', 'keyFile', 'ca'],
      'routes',
      'match',
      'action',
      'ports',
      'from',
      'to',
      'type',
      'host',
      'port',
      'mode',
      'socketHandler',
      'kid',
      'hmacKey',
      'set',
      'remove',
      'command',
      'ask',
      'credentials',
      ...['users', 'algorithms', 'keys', 'url', 'secret', 'jwks'],
      'username',
      'password',
      'maxRequests',
      'window',
      'keyBy',
    ];
    for (const option of Object.keys(options)) {
      if (required.includes(option) || (place === 'respond' && option === 'status')) continue;
      if (place === 'options' && (option === 'proxyIPs' || option === 'acceptProxyProtocol')) continue;
      if (place === 'forward action' && option === 'target') continue;
      if (place === 'acme' && (option === 'email' || option === 'accountEmail')) continue;
      if (place === 'profile' && option === 'name') continue;
      expect([option, faultPaths(config({ [option]: undefined }))]).toEqual([option, []]);
    }
  });

  tap.test(`${place} takes no unknown option`, () => {
    const path = faultPaths(config({ surprise: 1 })).find((each) => each.endsWith('surprise'));
    expect(path).not.toBeUndefined();
  });
}

tap.test('why a redirect may not begin with what clients write is said', () => {
  const faultOf = (to: string) =>
    faultsOf({ routes: [{ match: { ports: 80 }, action: { type: 'redirect', redirect: { to } } }] })[0]?.want;
  for (const to of ['{path}', '/{path}', '{target}'])
    expect([to, faultOf(to)?.includes('write a host')]).toEqual([to, true]);
  expect([faultOf('nowhere')?.startsWith('a URL (http://'), faultOf('/new{path}')]).toEqual([true, undefined]);
});

export default tap.start();
