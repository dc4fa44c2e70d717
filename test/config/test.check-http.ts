import { faultPaths } from '../helpers/config-faults.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };

/** Faults of one route, with places relative to it. */
const paths = (action: object, parts: object = {}): string[] =>
  faultPaths({ routes: [{ match: { ports: 80 }, action: { type: 'forward', target, ...action }, ...parts }] }).map(
    (path) => path.replace('routes[0].', ''),
  );

tap.test('a field is named once, whatever its case', () => {
  const twice = { 'X-A': 'b', 'x-a': 'c' };
  expect(paths({}, { headers: { request: twice, response: twice } })).toEqual([
    'headers.request["x-a"]',
    'headers.response["x-a"]',
  ]);
  expect(paths({ target: { ...target, headers: twice } })).toEqual(['action.target.headers["x-a"]']);
  expect(paths({ targets: [{ ...target, match: { headers: twice } }], target: undefined })).toEqual([
    'action.targets[0].match.headers["x-a"]',
  ]);
  expect(paths({ websocket: { customHeaders: twice } })).toEqual(['action.websocket.customHeaders["x-a"]']);
});

tap.test('a request cannot go without Host', () => {
  expect(paths({}, { headers: { request: { host: null } } })).toEqual(['headers.request.host']);
  expect(paths({}, { headers: { request: { host: 'a.test' } } })).toEqual([]);
});

tap.test('credentials are for origins that are named', () => {
  const cors = (part: object) => paths({}, { headers: { cors: { allowCredentials: true, ...part } } });
  expect(cors({})).toEqual(['headers.cors.allowCredentials']);
  expect(cors({ allowOrigin: ['https://a.test', '*'] })).toEqual(['headers.cors.allowCredentials']);
  expect(cors({ allowOrigin: 'https://a.test' })).toEqual([]);
});

tap.test('preloading asks for what browsers ask for', () => {
  const hsts = (part: object) => paths({}, { headers: { hsts: { preload: true, ...part } } });
  expect(hsts({})).toEqual(['headers.hsts.preload']);
  expect(hsts({ includeSubDomains: true, maxAge: 5 })).toEqual(['headers.hsts.preload']);
  expect(hsts({ includeSubDomains: true })).toEqual([]);
});

tap.test('a faulty part hides no fault of the parts beside it', () => {
  const headers = { request: { 'a b': 'c' }, response: { A: '', a: '' }, cors: { allowCredentials: true } };
  expect(paths({}, { headers })).toEqual([
    'headers.request["a b"]',
    'headers.response.a',
    'headers.cors.allowCredentials',
  ]);
});

tap.test('some answers have no body', () => {
  const answer = (respond: object) => paths({ type: 'respond', target: undefined, respond });
  for (const status of [204, 205, 304]) {
    expect(answer({ status, body: 'x' })).toEqual(['action.respond.body']);
    expect(answer({ status, body: '' })).toEqual([]);
  }
});

tap.test('a socket handler writes its own bytes', () => {
  const action = { type: 'socket-handler', target: undefined, socketHandler() {} };
  expect(paths(action, { headers: { hsts: true }, compression: true })).toEqual(['headers', 'compression']);
  expect(paths(action, { match: { ports: 80, path: '/' } })).toEqual([]);
});

tap.test('what is hashed has a name where it needs one, and only there', () => {
  const key = (loadBalancing: object) => paths({ loadBalancing: { algorithm: 'consistent-hash', ...loadBalancing } });
  expect(key({ key: 'header' })).toEqual(['action.loadBalancing.keyName']);
  expect(key({ key: 'cookie' })).toEqual(['action.loadBalancing.keyName']);
  expect(key({ key: 'cookie', keyName: 'a' })).toEqual([]);
  expect(key({ key: 'path', keyName: 'a' })).toEqual(['action.loadBalancing.keyName']);
  expect(key({ keyName: 'a' })).toEqual(['action.loadBalancing.keyName']);
});

tap.test('a pattern and what replaces it come together', () => {
  expect(paths({ urlRewrite: { pattern: 'a' } })).toEqual(['action.urlRewrite.target']);
  expect(paths({ urlRewrite: { target: 'a' } })).toEqual(['action.urlRewrite.pattern']);
  expect(paths({ urlRewrite: { pattern: 'a', target: '' } })).toEqual([]);
});

tap.test('gRPC-Web needs a target that is spoken to in HTTP/2', () => {
  const at = (backendProtocol?: string) => ({ host: 'a', port: 1, ...(backendProtocol ? { backendProtocol } : {}) });
  expect(paths({ grpcWeb: true })).toEqual(['action.grpcWeb']);
  expect(paths({ grpcWeb: true, backendProtocol: 'http1' })).toEqual(['action.grpcWeb']);
  expect(paths({ grpcWeb: true, backendProtocol: 'http2', target: at('http1') })).toEqual(['action.grpcWeb']);
  for (const action of [
    { grpcWeb: false },
    { grpcWeb: true, backendProtocol: 'http2' },
    { grpcWeb: true, backendProtocol: 'auto' },
    { grpcWeb: true, target: undefined, targets: [at(), at('http2')] },
  ]) {
    expect(paths(action)).toEqual([]);
  }
});

tap.test('what probes by HTTP expect needs their path', () => {
  expect(paths({ healthCheck: { host: 'a', expect: {} } })).toEqual([
    'action.healthCheck.host',
    'action.healthCheck.expect',
  ]);
});

export default tap.start();
