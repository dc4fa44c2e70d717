// ProxyRouter: hosts, paths, and the management of configurations.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError, type IReverseProxyConfig, ProxyRouter } from '../ts/index.js';
import { expect, tap } from './helpers/tapbundle.js';

const makeConfig = (hostName: string, more: Partial<IReverseProxyConfig> = {}): IReverseProxyConfig => ({
  hostName,
  destinationIps: ['10.0.0.1'],
  destinationPorts: [8080],
  ...more,
});
const req = (host: string | undefined, url = '/') => ({ headers: { host }, url });

function faultsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path }) => path);
    throw error;
  }
  return [];
}

tap.test('a host is compared without case, port and final dot', async () => {
  const config = makeConfig('Example.com');
  const router = new ProxyRouter([config]);
  for (const host of ['example.com', 'EXAMPLE.com', 'example.com:8443', 'eXample.COM.:80', 'example.com.']) {
    expect(router.routeReq(req(host))).toBe(config);
  }
  for (const host of ['www.example.com', 'example.org', 'xexample.com', 'example.com.org']) {
    expect(router.routeReq(req(host))).toBeUndefined();
  }
});

tap.test('every form of host is matched, the most specific one first, wherever it stands', async () => {
  const forms = ['*', '*.lossless*', 'example.*', '*.example.com', 'www.example.com'];
  const router = new ProxyRouter(forms.map((form) => makeConfig(form)));
  const takes = (host: string) => router.routeReq(req(host))?.hostName;
  expect(takes('www.example.com')).toEqual('www.example.com');
  expect(takes('a.example.com')).toEqual('*.example.com');
  expect(takes('a.b.example.com')).toEqual('*.example.com');
  expect(takes('example.com')).toEqual('example.*');
  expect(takes('example.co.uk')).toEqual('example.*');
  expect(takes('www.lossless.com')).toEqual('*.lossless*');
  expect(takes('a.losslessone.digital')).toEqual('*.lossless*');
  expect(takes('lossless.com')).toEqual('*');
  expect(takes('localhost')).toEqual('*');
});

tap.test('the default takes addresses too, and an address can be a host', async () => {
  const router = new ProxyRouter([makeConfig('*'), makeConfig('10.0.0.1'), makeConfig('2001:DB8::1')]);
  const takes = (host: string) => router.routeReq(req(host))?.hostName;
  expect(takes('10.0.0.1:80')).toEqual('10.0.0.1');
  expect(takes('[2001:db8:0::1]:80')).toEqual('2001:DB8::1');
  expect(takes('10.0.0.2')).toEqual('*');
  expect(router.removeProxyConfig('10.0.0.1')).toBeTrue();
  expect(takes('10.0.0.1')).toEqual('*');
});

tap.test('an exact path is that path alone, whatever the query', async () => {
  const router = new ProxyRouter([makeConfig('a.test', { pathPattern: '/api/users' })]);
  const details = router.routeReqWithDetails(req('a.test', '/api/users?id=/x'));
  expect(details).toEqual({ config: makeConfig('a.test', { pathPattern: '/api/users' }), pathMatch: '/api/users' });
  for (const url of ['/api/users/', '/api/users/1', '/api', '/', '/API/users']) {
    expect(router.routeReqWithDetails(req('a.test', url))).toBeUndefined();
  }
});

tap.test('of a wildcard path the remainder is given', async () => {
  const router = new ProxyRouter([makeConfig('a.test', { pathPattern: '/api/*' })]);
  const ask = (url: string) => {
    const { config: _, ...details } = router.routeReqWithDetails(req('a.test', url)) ?? {};
    return details;
  };
  expect(ask('/api/v1/users?x')).toEqual({ pathMatch: '/api/', pathRemainder: 'v1/users' });
  expect(ask('/api/')).toEqual({ pathMatch: '/api/', pathRemainder: '' });
  expect(ask('/api')).toEqual({});
  expect(ask('/apis/x')).toEqual({});
});

tap.test('of a path with parameters these are given', async () => {
  const router = new ProxyRouter([
    makeConfig('a.test', { pathPattern: '/users/:id/profile' }),
    makeConfig('a.test', { pathPattern: '/files/:owner/*' }),
  ]);
  const ask = (url: string) => router.routeReqWithDetails(req('a.test', url));
  expect(ask('/users/5/profile')?.pathParams).toEqual({ id: '5' });
  expect(ask('/users/5/profile')?.pathMatch).toEqual('/users/5/profile');
  expect(ask('/users/a%20b/profile')?.pathParams).toEqual({ id: 'a b' });
  expect(ask('/users/5')).toBeUndefined();
  expect(ask('/users//profile')).toBeUndefined();
  const { config, ...files } = ask('/files/joe/a/b.txt') ?? {};
  expect(config?.pathPattern).toEqual('/files/:owner/*');
  expect(files).toEqual({ pathMatch: '/files/joe/', pathParams: { owner: 'joe' }, pathRemainder: 'a/b.txt' });
});

tap.test('of several paths of a host the most specific is taken, and none where none fits', async () => {
  const patterns = [undefined, '/*', '/api/*', '/api/:name', '/api/me'];
  const router = new ProxyRouter<IReverseProxyConfig>();
  for (const pattern of patterns) router.addProxyConfig(makeConfig('a.test', { publicKey: `${pattern}` }), pattern);
  const takes = (url: string) => router.routeReq(req('a.test', url))?.publicKey;
  expect(takes('/api/me')).toEqual('/api/me');
  expect(takes('/api/you')).toEqual('/api/:name');
  expect(takes('/api/you/too')).toEqual('/api/*');
  expect(takes('/other')).toEqual('/*');
  expect(takes('*')).toEqual('undefined');
});

tap.test('where no path of the best host fits, the next best host is asked', async () => {
  const router = new ProxyRouter([makeConfig('a.test', { pathPattern: '/a' }), makeConfig('*.test'), makeConfig('*')]);
  expect(router.routeReq(req('a.test', '/a'))?.hostName).toEqual('a.test');
  expect(router.routeReq(req('a.test', '/b'))?.hostName).toEqual('*.test');
  expect(router.routeReq(req('b.org', '/b'))?.hostName).toEqual('*');
});

tap.test('configurations are set, added, listed and removed', async () => {
  const [one, two, three] = [makeConfig('one.test'), makeConfig('Two.test'), makeConfig('two.test')];
  const router = new ProxyRouter([one]);
  expect(router.getProxyConfigs()).toEqual([one]);
  router.addProxyConfig(two);
  router.addProxyConfig(three, '/api/*');
  expect(router.getProxyConfigs()).toEqual([one, two, three]);
  expect(router.getHostnames()).toEqual(['one.test', 'two.test']);
  expect(router.routeReq(req('two.test', '/api/x'))).toBe(three);
  expect(router.routeReq(req('two.test', '/'))).toBe(two);

  expect(router.removeProxyConfig('TWO.test')).toBeTrue();
  expect(router.removeProxyConfig('two.test')).toBeFalse();
  expect(router.removeProxyConfig('not a host')).toBeFalse();
  expect(router.routeReq(req('two.test', '/'))).toBeUndefined();
  expect(router.getHostnames()).toEqual(['one.test']);

  router.setNewProxyConfigs([two]);
  expect(router.routeReq(req('one.test'))).toBeUndefined();
  expect(router.routeReq(req('two.test'))).toBe(two);
  router.setNewProxyConfigs([]);
  expect([router.getHostnames(), router.getProxyConfigs()]).toEqual([[], []]);
  expect(router.routeReq(req('two.test'))).toBeUndefined();
});

tap.test('what is listed is a copy', async () => {
  const router = new ProxyRouter([makeConfig('a.test')]);
  router.getProxyConfigs().length = 0;
  router.getHostnames().length = 0;
  expect(router.getHostnames()).toEqual(['a.test']);
  expect(router.routeReq(req('a.test'))?.hostName).toEqual('a.test');
});

tap.test('faults are told all at once, and change nothing', async () => {
  const router = new ProxyRouter([makeConfig('a.test')]);
  const bad = [
    makeConfig('b.test'),
    makeConfig('{a,b}.test', { pathPattern: 'api' }),
    makeConfig('', { pathPattern: '/a?b' }),
    makeConfig('c.test', { pathPattern: 5 as unknown as string }),
    null as unknown as IReverseProxyConfig,
  ];
  expect(faultsOf(() => router.setNewProxyConfigs(bad))).toEqual([
    'configs[1].hostName',
    'configs[1].pathPattern',
    'configs[2].hostName',
    'configs[2].pathPattern',
    'configs[3].pathPattern',
    'configs[4].hostName',
  ]);
  expect(faultsOf(() => router.addProxyConfig(makeConfig('b.test'), '/:1'))).toEqual(['config.pathPattern']);
  expect(faultsOf(() => new ProxyRouter([makeConfig('a b')]))).toEqual(['configs[0].hostName']);
  expect(router.getHostnames()).toEqual(['a.test']);
});

tap.test('what is no proper request gives undefined and never throws', async () => {
  const logged: unknown[] = [];
  const log = (facts: unknown) => void logged.push(facts);
  const router = new ProxyRouter([makeConfig('*')], { debug: log, info: log, warn: log, error: log });
  const odd: unknown[] = [
    ...[null, undefined, 5, {}, { headers: null }, { headers: {} }, { headers: { host: ['a.test'] }, url: '/' }],
    ...['', ' ', 'a b', 'a.test/x', 'me@a.test', 'a.test:99999', 'a.test:x', '[::1', 'a..b', '\0'].map((host) =>
      req(host),
    ),
    ...['http://', '/%zz', '/../x', '//a', '\\', 'a', 'ftp://a.test/'].map((url) => req('a.test', url)),
    { headers: { host: 'a.test' }, url: 5 },
  ];
  for (const each of odd) {
    expect([each, router.routeReq(each as never), router.routeReqWithDetails(each as never)]).toEqual([
      each,
      undefined,
      undefined,
    ]);
  }
  expect(logged).toHaveLength(odd.length * 2);
  expect(router.routeReq({ headers: { host: 'a.test' } })?.hostName).toEqual('*');
});

tap.test('the authority of an absolute target goes before Host', async () => {
  const router = new ProxyRouter([makeConfig('a.test', { pathPattern: '/x' }), makeConfig('b.test')]);
  expect(router.routeReq(req('b.test', 'http://a.test:80/x?y'))?.hostName).toEqual('a.test');
  expect(router.routeReq(req('a.test', 'HTTP://b.test?y'))?.hostName).toEqual('b.test');
});

tap.test('the path that is matched is the normal form of the one asked for', async () => {
  const router = new ProxyRouter([makeConfig('a.test', { pathPattern: '/admin/*' }), makeConfig('a.test')]);
  for (const url of ['/admin/x', '/a/../admin/x', '/%61dmin/x', '/./admin/']) {
    expect(router.routeReqWithDetails(req('a.test', url))?.config.pathPattern).toEqual('/admin/*');
  }
});

tap.test('requests of a real server are routed', async () => {
  const config = makeConfig('a.test', { pathPattern: '/users/:id/profile' });
  const router = new ProxyRouter([config]);
  const server = http.createServer((request, response) => {
    response.end(JSON.stringify(router.routeReqWithDetails(request)?.pathParams ?? 'none'));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const asked = http.get({ port, host: '127.0.0.1', path: '/users/7/profile', headers: { host: 'A.test' } });
    const [response] = (await once(asked, 'response')) as [http.IncomingMessage];
    expect(JSON.parse((await response.toArray()).join(''))).toEqual({ id: '7' });
  } finally {
    server.close();
  }
});

export default tap.start();
