import type { ICompression, IRouteConfig, IRouteHeaders } from '../../ts/config/types.js';
import { makeRoute, resolveRoutes } from '../helpers/make-config.js';
import { expect, tap } from '../helpers/tapbundle.js';

const resolveOne = (route: Partial<IRouteConfig>) => resolveRoutes([makeRoute(route)]).routes[0];
const headersOf = (headers: IRouteHeaders, route: Partial<IRouteConfig> = {}) =>
  resolveOne({ headers, ...route })?.headers;

tap.test('no rules are none', () => {
  expect(resolveOne({})?.headers).toBeNull();
  expect(headersOf({})).toBeNull();
  expect(headersOf({ request: {}, response: {}, cors: false, hsts: false })).toBeNull();
});

tap.test('rules are names in lower case and templates, in order', () => {
  expect(headersOf({ request: { 'X-B': 'a {path}', 'X-A': null }, response: { Server: '' } })).toEqual({
    request: [
      { name: 'x-b', template: ['a ', 'path', ''] },
      { name: 'x-a', template: null },
    ],
    response: [{ name: 'server', template: [''] }],
    cors: null,
    hsts: null,
  });
});

tap.test('cross-origin rules are complete', () => {
  expect(headersOf({ cors: true })?.cors).toEqual({
    origins: null,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    headers: null,
    exposed: [],
    credentials: false,
    maxAgeSeconds: 600,
  });
  const cors = {
    allowOrigin: ['HTTPS://A.test:443', 'http://b.test:8080', 'null'],
    allowMethods: ['get', 'GET'],
    allowHeaders: ['X-A', 'x-a'],
    exposeHeaders: ['X-B'],
    allowCredentials: true,
    maxAge: 0,
  };
  expect(headersOf({ cors })?.cors).toEqual({
    origins: ['https://a.test', 'http://b.test:8080', 'null'],
    methods: ['GET'],
    headers: ['x-a'],
    exposed: ['x-b'],
    credentials: true,
    maxAgeSeconds: 0,
  });
  expect(headersOf({ cors: { allowOrigin: ['https://a.test', '*'] } })?.cors?.origins).toBeNull();
});

tap.test('the methods of a preflight are those of the route, unless they are named', () => {
  const match = { ports: 80, method: ['put', 'GET'] };
  expect(headersOf({ cors: true }, { match })?.cors?.methods).toEqual(['PUT', 'GET']);
  expect(headersOf({ cors: { allowMethods: ['POST'] } }, { match })?.cors?.methods).toEqual(['POST']);
});

tap.test('strict transport security is a text', () => {
  expect(headersOf({ hsts: true })?.hsts).toEqual('max-age=31536000');
  expect(headersOf({ hsts: { maxAge: 0 } })?.hsts).toEqual('max-age=0');
  expect(headersOf({ hsts: { includeSubDomains: true, preload: true } })?.hsts).toEqual(
    'max-age=31536000; includeSubDomains; preload',
  );
});

tap.test('compression is complete or not there', () => {
  const compressionOf = (compression: boolean | ICompression) => resolveOne({ compression })?.compression;
  expect(resolveOne({})?.compression).toBeNull();
  expect(compressionOf(false)).toBeNull();
  expect(compressionOf(true)).toEqual(compressionOf({}));
  expect(compressionOf({ algorithms: ['gzip', 'gzip'], minBytes: 0, types: ['Text/*'] })).toEqual({
    algorithms: ['gzip'],
    minBytes: 0,
    types: ['text/*'],
  });
});

export default tap.start();
