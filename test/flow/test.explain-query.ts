import { ConfigError } from '../../ts/base/errors.js';
import { type IExplainQuery, readQuery } from '../../ts/flow/explain-query.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** `path: want` of each fault. */
function faultsOf(query: object): string[] {
  try {
    readQuery(query as IExplainQuery);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path, want }) => `${path}: ${want}`);
    throw error;
  }
  return [];
}

tap.test('a port alone is a connection of plain bytes from an unknown client', async () => {
  expect(readQuery({ port: 80 })).toEqual({
    address: null,
    facts: { port: 80, clientIp: '', protocol: 'other', domain: null, tlsVersion: null, alpn: [], hello: null },
    inside: 'other',
    request: null,
    plain: null,
    remark: null,
  });
});

tap.test('whatever only a ClientHello says makes it TLS', async () => {
  const hints: readonly Partial<IExplainQuery>[] = [
    { domain: 'a.com' },
    { alpn: ['h2'] },
    { tlsVersion: 'TLSv1.2' },
    { ja4: 'x' },
    { tls: true },
    { protocol: 'tls' },
  ];
  for (const hint of hints) expect(readQuery({ port: 1, ...hint }).facts.protocol).toEqual('tls');
  expect(readQuery({ port: 1, domain: 'a.com', protocol: 'http' }).facts.protocol).toEqual('http');
  expect(readQuery({ port: 1, tls: false }).facts.protocol).toEqual('other');
});

tap.test('names and addresses are brought into the form in which they are compared', async () => {
  const { address, facts } = readQuery({
    port: 1,
    address: '::FFFF:127.0.0.1',
    clientIp: '2001:DB8::0:1',
    domain: 'BÜCHER.de.',
  });
  expect(address).toEqual('127.0.0.1');
  expect(facts.clientIp).toEqual('2001:db8::1');
  expect(facts.domain).toEqual('xn--bcher-kva.de');
});

tap.test('TLS 1.3 is assumed, and a fingerprint is passed on', async () => {
  expect(readQuery({ port: 1, tls: true }).facts.tlsVersion).toEqual('TLSv1.3');
  expect(readQuery({ port: 1, tlsVersion: 'TLSv1.1' }).facts.tlsVersion).toEqual('TLSv1.1');
  expect(readQuery({ port: 1, ja4: 'x' }).facts.hello).toEqual({ ja4: 'x' });
});

tap.test('what no connection can show is remarked on and left out', async () => {
  const plain = readQuery({ port: 80, domain: 'a.com', protocol: 'other' });
  expect(plain.facts.domain).toBeNull();
  expect(plain.remark).toMatch(/plain bytes/);
  const address = readQuery({ port: 443, domain: '192.0.2.1' });
  expect(address.facts.domain).toBeNull();
  expect(address.remark).toMatch(/"192\.0\.2\.1" is no host name/);
});

tap.test('every fault is told at once', async () => {
  expect(
    faultsOf({
      port: 70_000,
      clientIp: '010.0.0.1',
      tls: 'yes',
      protocol: 'h3',
      alpn: 'h2',
      tlsVersion: 'TLSv2',
      foo: 1,
    }),
  ).toEqual([
    'port: a port, 0 to 65535',
    'clientIp: an IP address',
    'tls: true or false',
    "protocol: 'tls', 'http' or 'other'",
    'alpn: a list of protocol names',
    'tlsVersion: a TLS version',
    'foo: one of port, address, clientIp, domain, tls, protocol, alpn, tlsVersion, ja4, host, path, method, headers, query',
  ]);
  expect(faultsOf({})).toEqual(['port: a port, 0 to 65535']);
  expect(faultsOf({ port: 1, toString: 1 })).toHaveLength(1);
});

tap.test('what is said of a request makes it HTTP, inside TLS where a ClientHello is spoken of', async () => {
  const plain = readQuery({ port: 80, host: 'A.com:80', path: '/a/../b%7e', method: 'post', query: 'x=1' });
  expect([plain.facts.protocol, plain.facts.domain, plain.inside, plain.remark]).toEqual(['http', null, 'http', null]);
  expect(plain.request).toEqual({
    domain: 'a.com',
    path: '/b~',
    query: 'x=1',
    method: 'POST',
    fields: [],
    isAsked: true,
  });
  const inTls = readQuery({ port: 443, domain: 'a.com', path: '/', headers: { 'X-A': '1', Host: 'b.com' } });
  expect([inTls.facts.protocol, inTls.facts.domain, inTls.inside]).toEqual(['tls', 'a.com', 'http']);
  expect([inTls.request?.domain, inTls.request?.fields]).toEqual(['b.com', ['X-A', '1']]);
  expect(readQuery({ port: 443, domain: 'a.com', host: '127.0.0.1' }).request?.domain).toBeNull();
});

tap.test('a domain is the Host of plain HTTP as it is of HTTP inside TLS', async () => {
  for (const query of [{ protocol: 'http' as const }, { tls: false, path: '/' }, {}]) {
    expect(readQuery({ port: 80, domain: 'a.com', ...query }).request?.domain).toEqual('a.com');
  }
});

tap.test('of HTTP and of TLS of which no more is said, GET / is assumed', async () => {
  for (const query of [{ protocol: 'http' as const }, { tls: true }]) {
    const { request } = readQuery({ port: 1, ...query });
    expect(request).toEqual({ domain: null, path: '/', query: '', method: 'GET', fields: [], isAsked: false });
  }
  expect(readQuery({ port: 1, tls: true, protocol: 'other' }).request).toBeNull();
});

tap.test('together with tls, protocol says what is inside', async () => {
  const shown = (query: Partial<IExplainQuery>) => {
    const { facts, inside } = readQuery({ port: 1, ...query });
    return `${facts.protocol} ${inside}`;
  };
  expect(shown({ tls: true, protocol: 'http' })).toEqual('tls http');
  expect(shown({ tls: true, protocol: 'other' })).toEqual('tls other');
  expect(shown({ tls: true, protocol: 'tls' })).toEqual('tls http');
  expect(shown({ tls: false, protocol: 'http' })).toEqual('http http');
  expect(faultsOf({ port: 1, tls: false, protocol: 'tls' })).toEqual(['protocol: what agrees with tls: false']);
});

tap.test('what no request can be is refused by name', async () => {
  const bad = { host: 'a b', path: 'a', method: 'G T', headers: { a: 1 }, query: '?a' };
  expect(faultsOf({ port: 80, ...bad })).toEqual([
    'host: a host, with or without a port',
    'path: a path that begins with /, without a query',
    'method: a method',
    'headers: an object of field names and values',
    'query: parameters as in a URL, without the question mark',
  ]);
  for (const path of ['/a?b', '/a#b', '/../a', '/%zz', '//a']) expect(faultsOf({ port: 80, path })).toHaveLength(1);
  expect(faultsOf({ port: 80, path: '*', method: 'OPTIONS' })).toEqual([]);
  expect(faultsOf({ port: 80, protocol: 'other', path: '/' })).toEqual([
    "protocol: 'http', as it is a request that is asked about",
  ]);
});

export default tap.start();
