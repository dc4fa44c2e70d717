import type { IResolvedTls } from '../../ts/config/resolved.js';
import type { IRouteContext } from '../../ts/config/types.js';
import { explain, formatExplanation, type IExplainQuery, type IExplainView } from '../../ts/flow/explain.js';
import { Guard } from '../../ts/flow/guard/guard.js';
import { compileRouteTable } from '../../ts/flow/match/route-table.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { type IRouteParts, makeAddresses, makeRoutes } from '../helpers/make-route.js';
import { makeForward, makeRegistry } from '../helpers/make-targets.js';
import { expect, tap } from '../helpers/tapbundle.js';

function makeTls(key: string, policyKey = 'p', more: Partial<IResolvedTls> = {}): IResolvedTls {
  return {
    key,
    policyKey,
    certificate: { certFile: `${key}.pem`, keyFile: `${key}.key` },
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: null,
    honorCipherOrder: true,
    alpn: ['http/1.1'],
    alpnIsUsual: false,
    sessionTimeoutSeconds: 300,
    clientAuth: null,
    ...more,
  };
}

const forward = makeForward(['a.test']).action;
const httpOnly = { httpOnly: true, protocol: 'http' } as const;
const respond: IRouteParts['action'] = { type: 'respond', status: 204, headers: [], body: Buffer.from('ab') };
const handler: IRouteParts['action'] = { type: 'socket-handler', socketHandler: () => {} };

function ask(parts: readonly IRouteParts[], query: IExplainQuery, world: Partial<IExplainView> = {}) {
  const routes = makeRoutes(parts);
  const limits = { defaultLists: null, maxConnectionsPerIP: 0, connectionRateLimitPerMinute: 0, routes };
  return explain(query, {
    config: { proxyIPs: null, listenAddress: null, denyPrivateTargets: false },
    table: compileRouteTable(routes),
    guard: new Guard({ config: limits, clock: makeFakeClock(), live: () => [] }),
    pickerFor: () => ({ explain: () => [{ host: 'a.test', port: 80, chosen: true, why: 'would be chosen' }] }),
    ...world,
  });
}
const summary = (parts: readonly IRouteParts[], query: IExplainQuery, world: Partial<IExplainView> = {}) => {
  const { outcome, end, status, route } = ask(parts, query, world);
  return [outcome, end ?? '', status ?? 0, route?.key ?? ''].join(' ').trim();
};

tap.test('a request inside TLS is led through every stage to its target', async () => {
  const lists = [{ allow: makeAddresses(['192.0.2.0/24']), block: null }];
  const parts: IRouteParts[] = [
    { name: 'site', match: { domains: ['a.test'] }, tls: makeTls('site'), action: forward },
    {
      name: 'users',
      match: { ...httpOnly, domains: ['a.test'], path: '/users/:id/*', method: ['GET'] },
      tls: makeTls('site'),
      action: forward,
      security: { lists, maxConnections: 5, basic: null, asks: null },
    },
  ];
  const query: IExplainQuery = { port: 443, domain: 'a.test', path: '/users/a%20b/x/y', clientIp: '192.0.2.1' };
  expect(formatExplanation(ask(parts, query)).split('\n')).toEqual([
    '+ listen   [::]:443 listens',
    '  listen   PROXY headers are not read',
    '  peek     the ClientHello is read: a.test, TLSv1.3, no ALPN',
    '+ match    route site matches: domains ok (want a.test; got a.test), protocol ok (want tls; got tls)',
    '+ match    route users matches: domains ok (want a.test; got a.test), protocol ok (want tls; got tls)',
    '+ match    route site terminates the TLS of the connection',
    '  tls      route site has the certificate in site.pem, TLSv1.2 to TLSv1.3, ALPN http/1.1',
    '  tls      the first decrypted bytes are read: http',
    '  peek     the request is GET /users/a%20b/x/y for a.test',
    '+ match    route users matches: tls ok (want terminate; got terminate), domains ok (want a.test; got a.test), path ok (want /users/:id/*; got /users/a%20b/x/y), protocol ok (want http; got http), method ok (want GET; got GET)',
    '+ match    route site matches: tls ok (want terminate; got terminate), domains ok (want a.test; got a.test)',
    '+ match    route users takes the request',
    '  match    of the path id is "a b", the remainder is "x/y"',
    '+ guard    192.0.2.1 is in the allow list (192.0.2.0/24)',
    '+ guard    route users has 0 of 5 connections now',
    '+ forward  a.test:80: would be chosen',
    '= forward to a.test:80',
  ]);
});

tap.test('plain HTTP is matched request by request where a route or the port asks for it', async () => {
  const parts: IRouteParts[] = [
    { name: 'raw', action: forward },
    { name: 'api', match: { ...httpOnly, path: '/api/*' }, action: respond },
  ];
  expect(summary(parts, { port: 443, path: '/api/x' })).toEqual('respond  204 api');
  expect(summary(parts, { port: 443, path: '/' })).toEqual('forward  0 raw');
  const [raw] = parts;
  const only = raw === undefined ? [] : [raw];
  expect(summary(only, { port: 443, protocol: 'other' })).toEqual('forward  0 raw');
  const engineOf = (world: Partial<IExplainView>) =>
    ask(only, { port: 443, path: '/' }, world).steps.find(({ stage }) => stage === 'match')?.text;
  expect(engineOf({ isHttpPort: () => true })).toMatch(/^the HTTP engine takes the connection, as all plain HTTP/);
  expect(engineOf({})).toMatch(/^route raw matches/);
});

tap.test('bytes that no route asked for, where others are for HTTP, are told by what the nearest lacks', async () => {
  const failed = [{ name: 'protocol', want: "http, unless it says protocol 'other'", got: 'other', ok: false }];
  const parts: IRouteParts[] = [
    { name: 'raw', action: forward },
    { name: 'api', match: { ...httpOnly, path: '/api/*' }, action: respond },
  ];
  const explanation = ask(parts, { port: 443, protocol: 'other' });
  expect([explanation.outcome, explanation.end]).toEqual(['no_route', 'no_route']);
  expect(explanation.nearestMiss?.failed).toEqual(failed);
  expect(formatExplanation(explanation)).toInclude("(want http, unless it says protocol 'other'; got other)");
  const inside = parts.map((part) => ({ ...part, tls: makeTls('one') }));
  const decrypted = ask(inside, { port: 443, tls: true, protocol: 'other', domain: 'a.test' });
  expect([decrypted.outcome, decrypted.end]).toEqual(['no_route', 'no_route']);
  expect([decrypted.nearestMiss?.route.key, decrypted.nearestMiss?.failed]).toEqual(['raw', failed]);
  expect(formatExplanation(decrypted)).toInclude('no route takes other bytes inside this TLS; nearest is route raw');
  const asked = [{ name: 'asked', match: { protocol: 'other' as const }, action: forward, tls: makeTls('one') }];
  expect(summary([...inside, ...asked], { port: 443, tls: true, protocol: 'other' })).toEqual('forward  0 asked');
});

tap.test('a request without a route is answered by 404, and the nearest miss is told', async () => {
  const parts: IRouteParts[] = [
    { name: 'post', match: { ...httpOnly, path: '/a', method: ['POST'] } },
    { name: 'far', match: { ...httpOnly, path: '/b', domains: ['b.test'] } },
  ];
  const explanation = ask(parts, { port: 443, host: 'a.test', path: '/a' });
  expect([explanation.outcome, explanation.status, explanation.end]).toEqual(['no_route', 404, undefined]);
  expect(explanation.nearestMiss?.route.key).toEqual('post');
  expect(explanation.nearestMiss?.failed).toEqual([{ name: 'method', want: 'POST', got: 'GET', ok: false }]);
  expect(formatExplanation(explanation).split('\n').at(-1)).toEqual('= no_route (404)');
});

tap.test('a request for a host with other TLS settings is answered by 421', async () => {
  const parts: IRouteParts[] = [
    { name: 'one', match: { domains: ['one.test'] }, tls: makeTls('one') },
    { name: 'two', match: { domains: ['two.test'] }, tls: makeTls('two') },
    { name: 'strict', match: { domains: ['strict.test'] }, tls: makeTls('strict', 'strict') },
  ];
  const to = (host: string, domain?: string) =>
    summary(parts, { port: 443, tls: true, host, ...(domain === undefined ? {} : { domain }) });
  expect(to('one.test', 'one.test')).toEqual('block  403 one');
  expect(to('two.test', 'one.test')).toEqual('refused  421 two');
  // Who named no host got whatever certificate there was.
  expect(to('two.test')).toEqual('block  403 two');
  expect(to('strict.test')).toEqual('refused  421 strict');
  expect(summary(parts, { port: 443, domain: 'three.test' })).toEqual('no_route no_route 0');
});

tap.test('who lends its TLS to a client that names no host is told', async () => {
  const parts: IRouteParts[] = [{ name: 'one', match: { domains: ['one.test'] }, tls: makeTls('one') }];
  const { steps } = ask(parts, { port: 443, tls: true });
  expect(steps.map(({ text }) => text)).toContain(
    'no host is named: route one lends its TLS, and the host of each request decides',
  );
});

tap.test('the rules of a route refuse its requests; the connection only if all routes would refuse it', async () => {
  const security = {
    lists: [{ allow: makeAddresses(['10.0.0.0/8']), block: null }],
    maxConnections: null,
    basic: null,
    asks: null,
  };
  const closed: IRouteParts = { name: 'closed', match: { ...httpOnly, path: '/a' }, security };
  const query: IExplainQuery = { port: 443, path: '/a', clientIp: '192.0.2.1' };
  expect(summary([closed], query)).toEqual('refused route_ip_blocked 0');
  expect(summary([closed, { name: 'open', match: httpOnly }], query)).toEqual('refused  403 closed');
  const full: IRouteParts = {
    name: 'full',
    match: httpOnly,
    security: { lists: [], maxConnections: 0, basic: null, asks: null },
  };
  expect(summary([full], query)).toEqual('refused  503 full');
});

tap.test('of a trusted proxy it is told that its requests state who they are from', async () => {
  const security = {
    lists: [{ allow: makeAddresses(['203.0.113.0/24']), block: null }],
    maxConnections: null,
    basic: null,
    asks: null,
  };
  const parts: IRouteParts[] = [{ name: 'web', match: httpOnly, security }];
  const http = { trustedProxies: makeAddresses(['192.0.2.1']) };
  const config = { proxyIPs: null, listenAddress: null, denyPrivateTargets: false, http };
  const { outcome, status, steps } = ask(parts, { port: 443, path: '/', clientIp: '192.0.2.1' }, { config });
  // The connection stays; a request without a word about its client is the proxy's own.
  expect([outcome, status]).toEqual(['refused', 403]);
  expect(steps.map(({ text }) => text).join('\n')).toMatch(/192\.0\.2\.1 is in trustedProxies/);
});

tap.test('every action that answers by itself is told with its status', async () => {
  const asked: IExplainQuery = { port: 443, path: '/' };
  const of = (action: NonNullable<IRouteParts['action']>) => {
    const { outcome, status, steps } = ask([{ name: 'r', match: httpOnly, action }], asked);
    return [outcome, status, steps.at(-1)?.text];
  };
  expect(of({ type: 'block', status: 451, message: '' })).toEqual([
    'block',
    451,
    'the action of the route is to block',
  ]);
  expect(of(respond)).toEqual(['respond', 204, 'the route answers by itself, with 2 bytes of content']);
  const redirect = { type: 'redirect', to: ['https://', 'domain', '', 'path', ''], status: 308 } as const;
  expect(of(redirect)).toEqual(['redirect', 308, 'the route sends the client to https://{domain}{path}']);
  const httpHandler = () => new Response();
  expect(of({ type: 'http-handler', httpHandler })).toEqual([
    'handler',
    undefined,
    'the HTTP handler of the route answers',
  ]);
  expect(summary([{ name: 'r', match: httpOnly }], { port: 443, method: 'connect' })).toEqual('refused  501');
});

tap.test('bytes inside TLS go to the route that takes them', async () => {
  const tls = makeTls('k');
  const parts: IRouteParts[] = [
    { name: 'web', match: httpOnly, tls },
    { name: 'mail', match: { protocol: 'other' }, tls, action: handler },
  ];
  expect(summary(parts, { port: 443, tls: true, protocol: 'other' })).toEqual('handler  0 mail');
  expect(summary(parts.slice(0, 1), { port: 443, tls: true, protocol: 'other' })).toEqual('no_route no_route 0');
  const unread = ask(parts.slice(1), { port: 443, tls: true });
  expect([unread.outcome, unread.route?.key]).toEqual(['handler', 'mail']);
  expect(unread.steps.map(({ text }) => text)).toContain('no decrypted byte is waited for');
});

tap.test('target functions are given the request that is asked about', async () => {
  await using world = makeRegistry();
  const seen: IRouteContext[] = [];
  const host = (context: IRouteContext) => {
    seen.push(context);
    return `${context.pathParams?.id}.internal`;
  };
  const { action } = makeForward([{ host }]);
  const match = { ...httpOnly, domains: ['a.test'], path: '/t/:id/*' };
  const query: IExplainQuery = { port: 443, host: 'a.test', path: '/t/7/x', query: 'q=1', headers: { 'X-A': '1' } };
  const parts = [{ match, action }];
  const pickerFor: IExplainView['pickerFor'] = (route) => {
    world.registry.attach([route]);
    return world.registry.pickerFor(route);
  };
  expect(ask(parts, query, { pickerFor }).target).toEqual({ host: '7.internal', port: 80 });
  const {
    path,
    query: parameters,
    method,
    headers,
    pathParams,
    pathRemainder,
    domain,
    isTls,
  } = seen[0] ?? ({} as IRouteContext);
  expect({ path, parameters, method, headers, pathParams, pathRemainder, domain, isTls }).toEqual({
    path: '/t/7/x',
    parameters: 'q=1',
    method: 'GET',
    headers: { 'x-a': '1' },
    pathParams: { id: '7' },
    pathRemainder: 'x',
    domain: 'a.test',
    isTls: false,
  });
});

tap.test('a request that has no target is answered', async () => {
  const nobody = { explain: () => [] };
  const parts: IRouteParts[] = [
    {
      name: 'web',
      match: httpOnly,
      action: makeForward([{ host: 'a.test', matchPorts: [{ from: 80, to: 80 }] }]).action,
    },
  ];
  expect(summary(parts, { port: 443, path: '/' }, { pickerFor: () => nobody })).toEqual('refused  503 web');
});

export default tap.start();
