import { httpFeatures } from '../../ts/config/http-features.js';
import type { IForwardAction, IRouteConfig } from '../../ts/config/types.js';
import { makeRoute } from '../helpers/make-config.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 80 };
const places = (route: Partial<IRouteConfig>): string[] =>
  httpFeatures(makeRoute(route), undefined).map((path) => path.join('.'));
const ofForward = (part: Partial<IForwardAction>) => places({ action: { type: 'forward', target, ...part } });

tap.test('a plain route has nothing that only HTTP has', () => {
  expect(places({})).toEqual([]);
  expect(places({ match: { ports: 1, domains: 'a.com', protocol: 'http' } })).toEqual([]);
  expect(places({ action: { type: 'block', block: { status: 404 } } })).toEqual([]);
  expect(ofForward({ sendProxyProtocol: true, healthCheck: { path: '/' }, loadBalancing: { slowStart: 5 } })).toEqual(
    [],
  );
  expect(places({ timeouts: { responseTimeout: 5 } })).toEqual([]);
});

tap.test('each criterion of requests, each rule and each action that answers is one', () => {
  expect(places({ match: { ports: 1, path: '/' } })).toEqual(['match.path']);
  expect(places({ match: { ports: 1, method: 'GET' } })).toEqual(['match.method']);
  expect(places({ match: { ports: 1, headers: {} } })).toEqual(['match.headers']);
  expect(places({ match: { ports: 1, query: {} } })).toEqual(['match.query']);
  for (const headers of [{ request: { a: null } }, { response: { a: 'b' } }, { cors: true }, { hsts: {} }]) {
    expect(places({ headers })).toEqual(['headers']);
  }
  expect(places({ compression: {} })).toEqual(['compression']);
  expect(places({ action: { type: 'http-handler', httpHandler: () => new Response() } })).toEqual(['action.type']);
  expect(places({ action: { type: 'redirect', redirect: { to: '/' } } })).toEqual(['action.type']);
  expect(places({ action: { type: 'respond', respond: { status: 200 } } })).toEqual(['action.type']);
});

tap.test('so is what is done to requests on their way to a target', () => {
  expect(ofForward({ urlRewrite: { addPrefix: '/a' } })).toEqual(['action.urlRewrite']);
  expect(ofForward({ grpcWeb: true })).toEqual(['action.grpcWeb']);
  expect(ofForward({ grpcWeb: false })).toEqual([]);
  expect(ofForward({ retry: { attempts: 1 } })).toEqual(['action.retry']);
  expect(ofForward({ circuitBreaker: true })).toEqual(['action.circuitBreaker']);
  expect(ofForward({ websocket: { enabled: true } })).toEqual(['action.websocket']);
  expect(ofForward({ loadBalancing: { sticky: true } })).toEqual(['action.loadBalancing.sticky']);
  for (const key of ['path', 'header', 'cookie'] as const) {
    expect(ofForward({ loadBalancing: { algorithm: 'consistent-hash', key } })).toEqual(['action.loadBalancing.key']);
  }
  expect(ofForward({ loadBalancing: { algorithm: 'consistent-hash', key: 'ip' } })).toEqual([]);
});

tap.test('and what chooses a target by requests', () => {
  const match = { ports: 5, path: '/', method: 'GET', headers: { a: 'b' } };
  const names = ['match.path', 'match.method', 'match.headers', 'headers'];
  expect(ofForward({ target: { ...target, match, headers: { a: 'b' } } })).toEqual(
    names.map((name) => `action.target.${name}`),
  );
  const targets = [target, { ...target, match: { ports: 5 } }, { ...target, match: { path: '/' } }];
  expect(places({ action: { type: 'forward', targets } })).toEqual(['action.targets.2.match.path']);
});

tap.test('what is empty or switched off is none', () => {
  expect(places({ headers: { request: {}, response: {}, cors: false, hsts: false }, compression: false })).toEqual([]);
  expect(ofForward({ urlRewrite: {}, retry: {}, websocket: {}, circuitBreaker: false })).toEqual([]);
  expect(ofForward({ loadBalancing: { sticky: false }, target: { ...target, headers: {}, match: {} } })).toEqual([]);
});

export default tap.start();
