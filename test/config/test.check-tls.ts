import { faultPaths, faultsOf } from '../helpers/config-faults.js';
import { samplePem } from '../helpers/sample-pem.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };
const passthrough = { mode: 'passthrough' };
const terminated = { mode: 'terminate', certificate: samplePem };
const reencrypted = { mode: 'terminate-and-reencrypt', certificate: samplePem };

const route = (match: object, action: object, parts: object = {}, options: object = {}) => ({
  ...options,
  routes: [{ match: { ports: 443, ...match }, action: { type: 'forward', target, ...action }, ...parts }],
});

/** Faults of one `forward` route, with places relative to it. */
const paths = (...parts: Parameters<typeof route>): string[] =>
  faultPaths(route(...parts)).map((path) => path.replace('routes[0].', ''));

tap.test('termination needs a certificate, and says which kinds there are', () => {
  const [fault] = faultsOf(route({}, { tls: { mode: 'terminate' } }));
  expect(fault?.path).toEqual('routes[0].action.tls.certificate');
  expect(fault?.want).toEqual("'auto', 'internal', { cert, key } or { certFile, keyFile }");
  expect(paths({}, { tls: terminated })).toEqual([]);
  expect(paths({}, { tls: reencrypted })).toEqual([]);
  expect(faultPaths({ routes: [], defaults: { tls: { mode: 'terminate' } } })).toEqual(['defaults.tls.certificate']);
});

tap.test('all that belongs to termination is a fault with passthrough, each by itself', () => {
  const tls = {
    ...passthrough,
    certificate: samplePem,
    acme: { email: null },
    names: ['a.test'],
    versions: ['TLSv1.3'],
    ciphers: 'A',
    honorCipherOrder: true,
    alpn: ['http/1.1'],
    sessionTimeout: 5,
    clientAuth: { mode: 'require', ca: samplePem.cert },
    upstream: {},
  };
  const names = Object.keys(tls).filter((name) => name !== 'mode');
  expect(paths({}, { tls })).toEqual(names.map((name) => `action.tls.${name}`));
});

tap.test('upstream settings belong to reencryption, and a certificate has its key', () => {
  expect(paths({}, { tls: { ...terminated, upstream: {} } })).toEqual(['action.tls.upstream']);
  expect(paths({}, { tls: { ...reencrypted, upstream: {} } })).toEqual([]);
  expect(paths({}, { tls: { ...reencrypted, upstream: { cert: samplePem.cert } } })).toEqual([
    'action.tls.upstream.key',
  ]);
  expect(paths({}, { target: { ...target, tls: { key: samplePem.key } } })).toEqual(['action.target.tls.cert']);
});

tap.test('reencryption needs a target', () => {
  expect(paths({}, { type: 'block', target: undefined, tls: reencrypted })).toEqual(['action.tls.mode']);
  expect(paths({}, { type: 'block', target: undefined, tls: terminated })).toEqual([]);
});

tap.test('criteria that only TLS has contradict another protocol, unless TLS is terminated', () => {
  const criteria = { tlsVersion: ['TLSv1.3'], alpn: ['h2'], ja4: ['t13d1516h2_8daaf6152771_e5627efa2ab1'] };
  for (const [criterion, value] of Object.entries(criteria)) {
    for (const protocol of ['http', 'other']) {
      expect(paths({ [criterion]: value, protocol }, {})).toEqual(['match.protocol']);
      expect(paths({ [criterion]: value, protocol }, { tls: terminated })).toEqual([]);
    }
    expect(paths({ [criterion]: value, protocol: 'tls' }, {})).toEqual([]);
    expect(paths({ [criterion]: value }, {})).toEqual([]);
  }
});

tap.test('a name is known by SNI and by Host, and not of other bytes', () => {
  expect(paths({ domains: 'a.com', protocol: 'http' }, {})).toEqual([]);
  expect(paths({ domains: 'a.com', protocol: 'tls' }, {})).toEqual([]);
  expect(paths({ domains: 'a.com', protocol: 'other' }, {})).toEqual(['match.protocol']);
  expect(paths({ domains: 'a.com', protocol: 'other' }, { tls: terminated })).toEqual([]);
});

tap.test('where TLS is terminated, the protocol is what is inside', () => {
  expect(paths({ protocol: 'tls' }, { tls: terminated })).toEqual(['match.protocol']);
  expect(paths({ protocol: 'http' }, { tls: terminated })).toEqual([]);
});

tap.test('passthrough contradicts another protocol than TLS, for every action', () => {
  expect(paths({ protocol: 'http' }, { tls: passthrough })).toEqual(['action.tls']);
  const block = { type: 'block', target: undefined, tls: passthrough };
  expect(paths({ protocol: 'other' }, block)).toEqual(['action.tls']);
  expect(paths({ protocol: 'tls' }, { tls: passthrough })).toEqual([]);
});

tap.test('a default leaves routes for other protocols alone', () => {
  for (const tls of [passthrough, terminated]) {
    expect(paths({ protocol: 'http', path: '/' }, {}, {}, { defaults: { tls } })).toEqual([]);
    expect(paths({ path: '/' }, {}, {}, { defaults: { tls } })).toEqual([]);
  }
});

tap.test('what only HTTP has contradicts another protocol', () => {
  expect(paths({ path: '/', protocol: 'other' }, {})).toEqual(['match.protocol']);
  expect(paths({ path: '/', protocol: 'tls' }, {})).toEqual(['match.protocol']);
  expect(paths({ path: '/', protocol: 'other' }, { tls: terminated })).toEqual(['match.protocol']);
  expect(paths({ path: '/', protocol: 'http' }, {})).toEqual([]);
});

tap.test('everything for HTTP on a route that passes TLS through is a fault, all at once', () => {
  const action = {
    tls: passthrough,
    target: { ...target, match: { path: '/' }, headers: { a: null }, tls: true },
    urlRewrite: { stripPrefix: '/a' },
    retry: { attempts: 2 },
    circuitBreaker: true,
    websocket: { enabled: false },
    loadBalancing: { sticky: true, algorithm: 'consistent-hash', key: 'path' },
    healthCheck: { path: '/' },
  };
  const match = { path: '/', method: 'GET', headers: { a: 'b' }, query: { a: 'b' } };
  const parts = { headers: { hsts: true }, compression: true };
  expect(paths(match, action, parts).sort()).toEqual(
    [
      ...['match.path', 'match.method', 'match.headers', 'match.query', 'headers', 'compression'],
      ...['action.urlRewrite', 'action.retry', 'action.circuitBreaker', 'action.websocket'],
      ...['action.loadBalancing.sticky', 'action.loadBalancing.key', 'action.healthCheck.path'],
      ...['action.target.match.path', 'action.target.headers', 'action.target.tls'],
    ].sort(),
  );
  const redirect = { type: 'redirect', target: undefined, redirect: { to: '/' }, tls: passthrough };
  expect(paths({}, redirect)).toEqual(['action.tls.mode']);
});

tap.test('what is switched off or empty is for no protocol', () => {
  const action = { tls: passthrough, circuitBreaker: false, loadBalancing: { sticky: false }, urlRewrite: {} };
  expect(paths({}, action, { headers: { cors: false, request: {} }, compression: false })).toEqual([]);
});

export default tap.start();
