import { ConfigError } from '../../ts/base/errors.js';
import {
  createApiRoute,
  createCompleteHttpsServer,
  createHttpRoute,
  createHttpsTerminateRoute,
  createHttpToHttpsRedirect,
  createWebSocketRoute,
} from '../../ts/config/http-route-helpers.js';
import { createLoadBalancerRoute } from '../../ts/config/route-helpers.js';
import type { IHttpRouteExtras } from '../../ts/config/route-parts.js';
import { validateRouteConfig } from '../../ts/config/route-tools.js';
import type { IRouteConfig } from '../../ts/config/types.js';
import { makeCertificate } from '../helpers/certificates.js';
import { expect, tap } from '../helpers/tapbundle.js';

const target = { host: 'a.test', port: 8080 };
const certificate = await makeCertificate({ names: ['a.com'] });

const extras: Required<IHttpRouteExtras> = {
  name: 'n',
  id: 'i',
  description: 'd',
  tags: ['t'],
  enabled: false,
  priority: 2,
  security: { maxConnections: 1 },
  timeouts: { stallTimeout: 5 },
  headers: { hsts: true },
  compression: true,
  domains: 'a.com',
  clientIp: ['10.0.0.1'],
  listenAddress: '127.0.0.1',
  path: '/x',
  method: 'GET',
};

const made: Record<string, (options: IHttpRouteExtras) => IRouteConfig> = {
  http: (o) => createHttpRoute({ target, ...o }),
  terminate: (o) => createHttpsTerminateRoute({ target, certificate, domains: 'a.com', ...o }),
  redirect: (o) => createHttpToHttpsRedirect(o),
  api: (o) => createApiRoute({ target, ...o }),
  webSocket: (o) => createWebSocketRoute({ target, ...o }),
};

tap.test('every helper makes a valid route', () => {
  for (const [name, make] of Object.entries(made)) {
    expect([name, validateRouteConfig(make({}))]).toEqual([name, []]);
  }
  const { compression: _, ...most } = extras;
  for (const [name, make] of Object.entries(made)) {
    expect([name, validateRouteConfig(make({ ...most, headers: { response: { 'x-a': '1' } } }))]).toEqual([name, []]);
  }
});

tap.test('options that all routes of HTTP have go where they belong', () => {
  const { domains, clientIp, listenAddress, path, method, ...ofRoute } = extras;
  for (const [name, make] of Object.entries(made)) {
    const { match, action, ...rest } = make(extras);
    expect([name, rest]).toEqual([name, ofRoute]);
    const want = { ports: 0, domains, clientIp, listenAddress, path: name === 'api' ? '/x/*' : path, method };
    expect([name, { ...match, ports: 0 }]).toEqual([name, want]);
    expect(action.type.length).toBeGreaterThan(0);
  }
});

tap.test('a route for HTTP is about requests, even where it takes all of them', () => {
  expect(createHttpRoute({ target })).toEqual({
    match: { ports: 80, path: '/*' },
    action: { type: 'forward', target },
  });
  expect(createHttpRoute({ domains: 'a.com', ports: 8080, targets: [target], retry: { attempts: 2 } })).toEqual({
    match: { ports: 8080, domains: 'a.com' },
    action: { type: 'forward', targets: [target], retry: { attempts: 2 } },
  });
});

tap.test('TLS is terminated, and spoken to the target if so told', () => {
  const route = createHttpsTerminateRoute({ domains: 'a.com', target, certificate });
  expect(route.match).toEqual({ ports: 443, domains: 'a.com' });
  expect(route.action).toEqual({ type: 'forward', target, tls: { mode: 'terminate', certificate } });
  const again = createHttpsTerminateRoute({
    domains: 'a.com',
    target,
    certificate,
    reencrypt: true,
    tls: { versions: ['TLSv1.3'], upstream: { servername: 'b.test' } },
  });
  expect(again.action.type === 'forward' && again.action.tls).toEqual({
    mode: 'terminate-and-reencrypt',
    certificate,
    versions: ['TLSv1.3'],
    upstream: { servername: 'b.test' },
  });
  expect(validateRouteConfig(again)).toEqual([]);
});

tap.test('the redirect names the port where it is not the usual one', () => {
  const redirect = (httpsPort?: number) => {
    const { action } = createHttpToHttpsRedirect(httpsPort === undefined ? {} : { httpsPort });
    return action.type === 'redirect' ? action.redirect : null;
  };
  expect(redirect()).toEqual({ to: 'https://{domain}{path}', status: 308 });
  expect(redirect(443)?.to).toEqual('https://{domain}{path}');
  expect(redirect(8443)?.to).toEqual('https://{domain}:8443{path}');
  expect(createHttpToHttpsRedirect({ status: 301 }).action).toEqual({
    type: 'redirect',
    redirect: { to: 'https://{domain}{path}', status: 301 },
  });
});

tap.test('a complete server is HTTPS and a redirect, told apart by their names', () => {
  const [https, redirect] = createCompleteHttpsServer({
    name: 'shop',
    id: '1',
    domains: ['a.com'],
    target,
    certificate,
    headers: { hsts: true },
    httpsPort: 8443,
    httpPort: 8080,
  });
  expect([https.name, https.id, https.match.ports, https.headers]).toEqual(['shop', '1', 8443, { hsts: true }]);
  expect(redirect).toEqual({
    name: 'shop-redirect',
    id: '1-redirect',
    match: { ports: 8080, domains: ['a.com'] },
    action: { type: 'redirect', redirect: { to: 'https://{domain}:8443{path}', status: 308 } },
  });
  for (const route of [https, redirect]) expect(validateRouteConfig(route)).toEqual([]);
});

tap.test('an API lies below its path', () => {
  for (const path of ['/api', '/api/', '/api/*']) {
    expect(createApiRoute({ path, target, domains: 'a.com' }).match).toEqual({
      ports: 80,
      domains: 'a.com',
      path: '/api/*',
    });
  }
  expect(createApiRoute({ target }).match.path).toEqual('/api/*');
  expect(createApiRoute({ path: '/', target, stripPrefix: true })).toEqual({
    match: { ports: 80, path: '/*' },
    action: { type: 'forward', target },
  });
  const route = createApiRoute({ target, certificate, domains: 'a.com', stripPrefix: true, cors: true, path: '/v1' });
  expect([route.match.ports, route.headers]).toEqual([443, { cors: true }]);
  expect(route.action).toEqual({
    type: 'forward',
    target,
    urlRewrite: { stripPrefix: '/v1' },
    tls: { mode: 'terminate', certificate },
  });
  expect(validateRouteConfig(route)).toEqual([]);
});

tap.test('a route for WebSockets has their rules', () => {
  const websocket = { allowedOrigins: ['https://a.com'], pingInterval: 30_000 };
  expect(createWebSocketRoute({ target, websocket })).toEqual({
    match: { ports: 80, path: '/ws' },
    action: { type: 'forward', target, websocket },
  });
  const secure = createWebSocketRoute({ target, certificate, domains: 'a.com', path: '/chat/*' });
  expect(secure.match).toEqual({ ports: 443, domains: 'a.com', path: '/chat/*' });
});

tap.test('settings of TLS without a certificate are refused', () => {
  expect(() => createApiRoute({ target, reencrypt: true })).toThrow(ConfigError);
  expect(() => createWebSocketRoute({ target, tls: { alpn: ['http/1.1'] } })).toThrow(ConfigError);
});

tap.test('a balancer terminates TLS and keeps clients at their targets', () => {
  const route = createLoadBalancerRoute({ ports: 443, domains: 'a.com', targets: [target], certificate, sticky: true });
  expect(route.action).toEqual({
    type: 'forward',
    targets: [target],
    loadBalancing: { sticky: true },
    tls: { mode: 'terminate', certificate },
  });
  expect(validateRouteConfig(route)).toEqual([]);
});

export default tap.start();
