import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../ts/base/errors.js';
import type { IResolvedLists, IResolvedRoute } from '../../ts/config/resolved.js';
import type { IRouteConfig } from '../../ts/config/types.js';
import { explain, formatExplanation, type IExplainQuery, type IExplainView } from '../../ts/flow/explain.js';
import { Guard } from '../../ts/flow/guard/guard.js';
import { compileRouteTable } from '../../ts/flow/match/route-table.js';
import { SmartProxy } from '../../ts/smart-proxy.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { type IRouteParts, makeAddresses, makeRoutes } from '../helpers/make-route.js';
import { makeForward } from '../helpers/make-targets.js';
import { codeBlocksOf } from '../helpers/markdown.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

interface IWorldParts extends Partial<Omit<IExplainView, 'config' | 'guard' | 'table'>> {
  readonly proxyIPs?: readonly string[];
  readonly listenAddress?: string;
  readonly defaultLists?: IResolvedLists;
  readonly maxConnectionsPerIP?: number;
}

/** A proxy with these routes, of which every one has the target `a.test:80`. */
function makeView(parts: readonly IRouteParts[], world: IWorldParts = {}): IExplainView {
  const { proxyIPs, listenAddress = null, defaultLists = null, maxConnectionsPerIP = 0, ...rest } = world;
  const routes = makeRoutes(parts);
  const config = { defaultLists, maxConnectionsPerIP, connectionRateLimitPerMinute: 0, routes };
  return {
    config: { proxyIPs: proxyIPs ? makeAddresses(proxyIPs) : null, listenAddress, denyPrivateTargets: false },
    table: compileRouteTable(routes),
    guard: new Guard({ config, clock: makeFakeClock(), live: () => [] }),
    pickerFor: () => ({ explain: () => [{ host: 'a.test', port: 80, chosen: true, why: 'would be chosen' }] }),
    ...rest,
  };
}

const forward: IResolvedRoute['action'] = makeForward(['a.test']).action;
const ask = (parts: readonly IRouteParts[], query: IExplainQuery, world: IWorldParts = {}) =>
  explain(query, makeView(parts, world));
const textsOf = (stage: string, { steps }: ReturnType<typeof explain>) =>
  steps.filter((step) => step.stage === stage).map(({ text }) => text);

tap.test('a connection is led through every stage to its target', async () => {
  const web: IRouteParts = {
    name: 'web',
    action: forward,
    match: { domains: ['*.a.com'], protocol: 'tls' },
    security: {
      lists: [{ allow: makeAddresses(['192.0.2.0/24']), block: null }],
      maxConnections: 5,
      basic: null,
      asks: null,
    },
  };
  const explanation = ask([web], { port: 443, domain: 'x.a.com', clientIp: '192.0.2.1' }, { proxyIPs: ['10.0.0.1'] });
  expect(formatExplanation(explanation).split('\n')).toEqual([
    '+ listen   [::]:443 listens',
    '  listen   192.0.2.1 is not in proxyIPs: a PROXY header from it would be plain data',
    '  peek     the ClientHello is read: x.a.com, TLSv1.3, no ALPN',
    '+ match    route web matches: domains ok (want *.a.com; got x.a.com), protocol ok (want tls; got tls)',
    '+ match    route web takes the connection',
    '+ guard    192.0.2.1 is in the allow list (192.0.2.0/24)',
    '+ guard    route web has 0 of 5 connections now',
    '+ forward  a.test:80: would be chosen',
    '= forward to a.test:80',
  ]);
  const { outcome, end, route, target } = explanation;
  expect({ outcome, end, route, target }).toEqual({
    outcome: 'forward',
    end: undefined,
    route: { key: 'web', name: 'web', index: 0 },
    target: { host: 'a.test', port: 80 },
  });
  expect(JSON.parse(JSON.stringify(explanation)).steps).toHaveLength(8);
});

tap.test('the trace in the documentation is the one that its routes give', async () => {
  const to = (host: string) =>
    ({ type: 'forward', target: { host, port: 443 }, tls: { mode: 'passthrough' } }) as const;
  const routes: IRouteConfig[] = [
    { name: 'rest', match: { ports: 443 }, action: { type: 'block' } },
    { name: 'any tenant', match: { ports: 443, domains: '*.shop.example' }, action: to('tenants.internal') },
    { name: 'one tenant', match: { ports: 443, domains: 'red.shop.example' }, action: to('red.internal') },
    { name: 'abuse', priority: 10, match: { ports: 443, clientIp: ['203.0.113.0/24'] }, action: { type: 'block' } },
  ];
  const proxy = new SmartProxy({ routes });
  const page = await readFile(join(root, 'docs/matching.md'), 'utf8');
  const trace = formatExplanation(proxy.explain({ port: 443, domain: 'blue.shop.example', clientIp: '198.51.100.7' }));
  expect(codeBlocksOf(page).map(({ text }) => text.trim())).toContain(trace.trim());
  const takes = (domain: string, clientIp: string) => proxy.explain({ port: 443, domain, clientIp }).route?.name;
  expect(takes('red.shop.example', '198.51.100.7')).toEqual('one tenant');
  expect(takes('blue.shop.example', '198.51.100.7')).toEqual('any tenant');
  expect(takes('other.example', '198.51.100.7')).toEqual('rest');
  expect(takes('red.shop.example', '203.0.113.9')).toEqual('abuse');
});

tap.test('so is the trace of a request', async () => {
  const tls = { mode: 'terminate', certificate: { certFile: 'shop.pem', keyFile: 'shop.key' } } as const;
  const to = (host: string) => ({ type: 'forward', target: { host, port: 8080 }, tls }) as const;
  const match = { ports: 443, domains: 'shop.example' };
  const routes: IRouteConfig[] = [
    { name: 'shop', match, action: to('shop.internal') },
    { name: 'orders', match: { ...match, path: '/orders/:id', method: 'POST' }, action: to('orders.internal') },
  ];
  const query: IExplainQuery = { port: 443, domain: 'shop.example', path: '/orders/7', method: 'POST' };
  const trace = formatExplanation(new SmartProxy({ routes }).explain(query));
  const page = await readFile(join(root, 'docs/matching.md'), 'utf8');
  expect(codeBlocksOf(page).map(({ text }) => text.trim())).toContain(trace.trim());
});

tap.test('a port on which nothing listens ends there', async () => {
  const explanation = ask([{}], { port: 444 });
  expect([explanation.outcome, explanation.end]).toEqual(['not_listening', undefined]);
  expect(formatExplanation(explanation)).toEqual('- listen  nothing listens on [::]:444\n= not_listening');
});

tap.test('the point is found by its address, else by the global one, else by the port alone', async () => {
  const parts: readonly IRouteParts[] = [
    { name: 'global' },
    { name: 'loopback', match: { listenAddress: '127.0.0.1' } },
    { name: 'elsewhere', match: { listenAddress: '127.0.0.2', ports: [{ from: 80, to: 80 }] } },
  ];
  const routeOf = (query: IExplainQuery) => ask(parts, query).route?.key;
  expect(routeOf({ port: 443 })).toEqual('global');
  expect(routeOf({ port: 443, address: '127.0.0.1' })).toEqual('loopback');
  expect(routeOf({ port: 443, address: '127.0.0.9' })).toEqual('global');
  expect(routeOf({ port: 80 })).toEqual('elsewhere');
  expect(ask(parts, { port: 80, address: '127.0.0.1' }).outcome).toEqual('not_listening');
  const local = ask([{}], { port: 443, address: '127.0.0.1' }, { listenAddress: '127.0.0.1' });
  expect(local.steps[0]?.text).toEqual('127.0.0.1:443 listens');
});

tap.test('of a running proxy the open ports count', async () => {
  const parts: readonly IRouteParts[] = [{ name: 'free', match: { ports: [{ from: 0, to: 0 }] } }];
  const listening = [
    { point: { address: null, port: 0 }, port: 40_000 },
    { point: { address: null, port: 8443 }, port: 8443 },
  ];
  const free = ask(parts, { port: 40_000 }, { listening });
  expect(free.route?.key).toEqual('free');
  expect(free.steps[0]?.text).toEqual('[::]:40000 listens, the free port of all routes with port 0');
  const added = ask(parts, { port: 8443 }, { listening });
  expect([added.outcome, added.end, added.nearestMiss]).toEqual(['no_route', 'no_route', undefined]);
  expect(ask(parts, { port: 0 }, { listening }).outcome).toEqual('not_listening');
});

tap.test('the client is judged before its bytes are read', async () => {
  const world = { defaultLists: { allow: null, block: makeAddresses(['192.0.2.7']) }, maxConnectionsPerIP: 2 };
  const explanation = ask([{}], { port: 443, clientIp: '192.0.2.7' }, world);
  expect([explanation.outcome, explanation.end, explanation.route]).toEqual(['refused', 'ip_blocked', undefined]);
  expect(textsOf('guard', explanation)).toEqual([
    '192.0.2.7 is in the block list (192.0.2.7)',
    '192.0.2.7 has 0 of 2 connections now',
  ]);
  expect(explanation.steps.some(({ stage }) => stage === 'peek')).toBeFalse();
  const unknown = ask([{}], { port: 443 }, world);
  expect([unknown.outcome, unknown.end]).toEqual(['refused', 'ip_blocked']);
});

tap.test('a full proxy refuses', async () => {
  const full = ask([{}], { port: 443 }, { live: { size: 3, maxConnections: 3 } });
  expect([full.outcome, full.end]).toEqual(['refused', 'connection_limit']);
  expect(ask([{}], { port: 443 }, { live: { size: 2, maxConnections: 3 } }).outcome).toEqual('block');
});

tap.test('what the port does not read is not known to its routes', async () => {
  const query: IExplainQuery = { port: 443, domain: 'a.com' };
  const peekOf = (match: IRouteParts['match']) => textsOf('peek', ask([{ match: match ?? {} }], query));
  expect(peekOf({})).toEqual(['nothing is read: no route of this port asks for any byte']);
  expect(peekOf({ protocol: 'tls' })).toEqual(['the first bytes are read: tls']);
  expect(peekOf({ alpn: ['h2'] })).toEqual(['the ClientHello is read: a.com, TLSv1.3, no ALPN']);
  const full: IExplainQuery = { port: 443, tls: true, tlsVersion: 'TLSv1.2', alpn: ['h2', 'x'], ja4: 'print' };
  expect(textsOf('peek', ask([{ match: { ja4: ['print'] } }], full))).toEqual([
    'the ClientHello is read: no name, TLSv1.2, ALPN h2, x, JA4 print',
  ]);
  const plain = ask([{ match: { domains: ['a.com'] } }], { port: 443, domain: 'a.com', tls: false });
  expect(textsOf('peek', plain)[0]).toEqual('the first bytes are read: other');
  expect(textsOf('peek', plain)[1]).toMatch(/in plain bytes none is seen/);
});

tap.test('without a route the nearest miss is told', async () => {
  const explanation = ask([{ name: 'web', match: { domains: ['a.com'] } }], { port: 443, domain: 'b.com' });
  expect([explanation.outcome, explanation.end]).toEqual(['no_route', 'no_route']);
  expect(explanation.nearestMiss).toEqual({
    route: { key: 'web', name: 'web', index: 0 },
    failed: [{ name: 'domains', want: 'a.com', got: 'b.com', ok: false }],
  });
});

tap.test('the rules of the route refuse with their own word, and all are told', async () => {
  const lists = [{ allow: makeAddresses(['10.0.0.0/8']), block: null }];
  const parts: readonly IRouteParts[] = [
    { name: 'web', action: forward, security: { lists, maxConnections: 1, basic: null, asks: null } },
  ];
  const explanation = ask(parts, { port: 443, clientIp: '192.0.2.1' });
  expect([explanation.outcome, explanation.end]).toEqual(['refused', 'route_ip_blocked']);
  expect(explanation.route?.key).toEqual('web');
  expect(explanation.target).toBeUndefined();
  expect(textsOf('guard', explanation)).toHaveLength(2);
  expect(formatExplanation(explanation).split('\n').at(-1)).toEqual('= refused (route_ip_blocked)');
});

tap.test('a proxy in front must send a header', async () => {
  const explanation = ask([{}], { port: 443, clientIp: '10.0.0.1' }, { proxyIPs: ['10.0.0.1'] });
  expect(textsOf('listen', explanation)[1]).toMatch(/^10\.0\.0\.1 is in proxyIPs: it must send a PROXY header/);
  expect(textsOf('listen', ask([{}], { port: 443 }))[1]).toEqual('PROXY headers are not read');
});

tap.test('a question that cannot be answered is refused', async () => {
  expect(() => ask([{}], { port: -1 })).toThrow(ConfigError);
});

tap.test('no name can add a line to the trace or steer a terminal', async () => {
  const explanation = ask([{ name: 'a\n= forward\u001b[2J\u202e' }], { port: 443 });
  const lines = formatExplanation(explanation).split('\n');
  expect(lines).toHaveLength(explanation.steps.length + 1);
  expect(lines.join('')).toMatch(/route a\\u\{a\}= forward\\u\{1b\}\[2J\\u\{202e\} matches/);
});

export default tap.start();
