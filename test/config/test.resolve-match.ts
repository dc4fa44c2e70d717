import { AddressSet } from '../../ts/codec/address.js';
import { AddressLists, resolveMatch } from '../../ts/config/resolve-match.js';
import type { IRouteMatch } from '../../ts/config/types.js';
import { makeRoute, resolveRoutes } from '../helpers/make-config.js';
import { expect, tap } from '../helpers/tapbundle.js';

const matchOf = (match: Partial<IRouteMatch>, options = {}) =>
  resolveRoutes([makeRoute({ match: { ports: 443, ...match } })], options).routes[0]?.match;

tap.test('a match that asks for nothing but a port is all null', () => {
  expect(matchOf({})).toEqual({
    ports: [{ from: 443, to: 443 }],
    listenAddress: null,
    domains: null,
    clientIp: null,
    tlsVersion: null,
    alpn: null,
    ja4: null,
    protocol: null,
    httpOnly: false,
    path: null,
    method: null,
    headers: null,
    query: null,
  });
});

tap.test('what is asked of requests is normalised, and makes the route one for HTTP only', () => {
  const match = matchOf({
    path: '/%7euser/é/*',
    method: ['get', 'POST', 'GET'],
    headers: { 'X-Tenant': 'a', Accept: /json/gi },
    query: { Q: '1' },
  });
  expect(match?.protocol).toEqual('http');
  expect(match?.httpOnly).toBeTrue();
  expect(match?.path).toEqual('/~user/%C3%A9/*');
  expect(match?.method).toEqual(['GET', 'POST']);
  // A pattern with `g` would remember where it ended.
  expect(match?.headers?.map(({ name, want }) => [name, String(want)])).toEqual([
    ['accept', '/json/i'],
    ['x-tenant', 'a'],
  ]);
  expect(match?.query).toEqual([{ name: 'Q', want: '1' }]);
});

tap.test('a route that terminates TLS takes whatever is inside, unless it says which', () => {
  const certificate = { cert: '-----BEGIN CERTIFICATE-----', key: '-----BEGIN PRIVATE KEY-----' };
  const defaults = { tls: { mode: 'terminate', certificate } };
  expect(matchOf({}, { defaults })?.protocol).toBeNull();
  expect(matchOf({ protocol: 'other' }, { defaults })?.protocol).toEqual('other');
  expect(matchOf({ path: '/' }, { defaults })?.protocol).toEqual('http');
});

tap.test('passing TLS through by default leaves routes for HTTP alone', () => {
  const match = matchOf({ path: '/' }, { defaults: { tls: { mode: 'passthrough' } } });
  expect([match?.protocol, match?.httpOnly]).toEqual(['http', true]);
});

tap.test('domains are normalised and said once', () => {
  expect(matchOf({ domains: 'A.com.' })?.domains).toEqual(['a.com']);
  expect(matchOf({ domains: ['*.Bücher.example', 'b.com', 'B.COM'] })?.domains).toEqual([
    '*.xn--bcher-kva.example',
    'b.com',
  ]);
});

tap.test('addresses are compiled', () => {
  const clientIp = matchOf({ clientIp: ['10.0.0.0/8'] })?.clientIp;
  expect(clientIp?.matches('::ffff:10.1.2.3')).toBeTrue();
  expect(clientIp?.matches('11.0.0.1')).toBeFalse();
});

tap.test('lists that routes share are compiled once', () => {
  const list = ['10.0.0.0/8'];
  const [a, b] = resolveRoutes([
    makeRoute({ match: { ports: 1, clientIp: list } }),
    makeRoute({ match: { ports: 2, clientIp: list }, security: { ipAllowList: list } }),
  ]).routes;
  expect(a?.match.clientIp instanceof AddressSet).toBeTrue();
  expect(b?.match.clientIp).toBe(a?.match.clientIp);
  expect(b?.security.lists[0]?.allow).toBe(a?.match.clientIp);
});

tap.test('the global address given again, in any spelling, is no address of its own', () => {
  expect(matchOf({ listenAddress: '127.0.0.1' })?.listenAddress).toEqual('127.0.0.1');
  expect(matchOf({ listenAddress: '127.0.0.1' }, { listenAddress: '127.0.0.1' })?.listenAddress).toBeNull();
  expect(matchOf({ listenAddress: '0:0:0:0:0:0:0:1' }, { listenAddress: '::1' })?.listenAddress).toBeNull();
  expect(matchOf({ listenAddress: '::' })?.listenAddress).toBeNull();
  expect(matchOf({ listenAddress: '::' }, { listenAddress: '127.0.0.1' })?.listenAddress).toEqual('::');
  expect(matchOf({ listenAddress: 'FE80::1%eth0' })?.listenAddress).toEqual('fe80::1%eth0');
});

tap.test('passthrough asks for TLS', () => {
  const tls = { mode: 'passthrough' } as const;
  const context = { lists: new AddressLists(), globalAddress: null, tls, defaults: undefined };
  expect(resolveMatch(makeRoute(), context).protocol).toEqual('tls');
  expect(matchOf({}, { defaults: { tls } })?.protocol).toEqual('tls');
  expect(matchOf({ protocol: 'http' }, { defaults: { tls } })?.protocol).toEqual('http');
  expect(matchOf({ protocol: 'http' }, {})?.httpOnly).toBeTrue();
  expect(matchOf({ protocol: 'other' }, {})?.httpOnly).toBeFalse();
});

const keyOf = (match: Partial<IRouteMatch>, priority = 0) =>
  resolveRoutes([makeRoute({ match: { ports: 443, ...match }, priority })]).routes[0]?.key;

tap.test('a route without name is known by its match, however it is written', () => {
  expect(keyOf({ ports: [444, 443], domains: ['b.com', 'A.com'] })).toEqual('443-444 a.com,b.com');
  expect(keyOf({ ports: { from: 443, to: 444 }, domains: ['a.com', 'b.com.'] })).toEqual('443-444 a.com,b.com');
  expect(keyOf({}, 5)).toEqual('443 priority 5');
  expect(keyOf({ listenAddress: '127.0.0.1', protocol: 'other' })).toEqual('443 at 127.0.0.1 other');
  expect(keyOf({ path: '/a', method: ['post', 'GET'], headers: { B: 'c', A: /d/ }, query: { e: 'f' } })).toEqual(
    '443 http /a GET,POST headers [["a",["/d/"]],["b","c"]] query [["e","f"]]',
  );
});

tap.test('a key stays short, and long matches stay apart', () => {
  const domains = Array.from({ length: 1000 }, (_, index) => `host-${index}.example.com`);
  const key = keyOf({ domains });
  expect(key?.length).toEqual(160);
  expect(keyOf({ domains: [...domains].reverse() })).toEqual(key);
  expect(keyOf({ domains: domains.slice(1) })).not.toEqual(key);
  expect(keyOf({ domains: [...domains.slice(0, -1), 'host-x.example.com'] })).not.toEqual(key);
});

export default tap.start();
