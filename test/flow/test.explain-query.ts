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
  const plain = readQuery({ port: 80, domain: 'a.com', protocol: 'http' });
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
    'foo: one of port, address, clientIp, domain, tls, protocol, alpn, tlsVersion, ja4',
    'protocol: what agrees with tls: yes',
  ]);
  expect(faultsOf({})).toEqual(['port: a port, 0 to 65535']);
  expect(faultsOf({ port: 1, toString: 1 })).toHaveLength(1);
});

tap.test('what belongs to a request is refused by name', async () => {
  const want = 'nothing: requests are not available in this version';
  expect(faultsOf({ port: 80, path: '/', method: 'GET', headers: {} })).toEqual([
    `path: ${want}`,
    `method: ${want}`,
    `headers: ${want}`,
  ]);
});

tap.test('tls and protocol must agree', async () => {
  expect(faultsOf({ port: 1, tls: true, protocol: 'http' })).toEqual(['protocol: what agrees with tls: true']);
  expect(faultsOf({ port: 1, tls: false, protocol: 'tls' })).toEqual(['protocol: what agrees with tls: false']);
  expect(faultsOf({ port: 1, tls: false, protocol: 'http' })).toEqual([]);
});

export default tap.start();
