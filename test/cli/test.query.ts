import { CommandError } from '../../ts/cli/host.js';
import { type IExplainArguments, readQuery } from '../../ts/cli/query.js';
import type { IExplainQuery, ISmartProxyOptions } from '../../ts/index.js';
import { expect, tap } from '../helpers/tapbundle.js';

const none: ISmartProxyOptions = { routes: [] };
const query = (url: string, more: Omit<IExplainArguments, 'url'> = {}, options = none) =>
  readQuery({ url, ...more }, options) as object;

tap.test('the scheme of a URL says what the client speaks, and gives the port', async () => {
  const root = { path: '/' };
  const upgrade = { headers: { connection: 'Upgrade', upgrade: 'websocket' } };
  expect(query('HTTPS://a.test:8443')).toEqual({ port: 8443, domain: 'a.test', protocol: 'tls', ...root });
  expect(query('wss://a.test')).toEqual({ port: 443, domain: 'a.test', protocol: 'tls', ...root, ...upgrade });
  expect(query('tls://a.test:853')).toEqual({ port: 853, domain: 'a.test', protocol: 'tls' });
  expect(query('http://a.test')).toEqual({ port: 80, domain: 'a.test', protocol: 'http', ...root });
  expect(query('ws://a.test:81/')).toEqual({ port: 81, domain: 'a.test', protocol: 'http', ...root, ...upgrade });
  expect(query('tcp://:2525')).toEqual({ port: 2525, protocol: 'other' });
});

tap.test('of a URL of HTTP the path and the query are asked for', async () => {
  const of = (url: string) => {
    const { path, query: parameters } = query(url) as IExplainQuery;
    return [path, parameters];
  };
  expect(of('https://a.test/x?y#z')).toEqual(['/x', 'y']);
  expect(of('http://a.test/x/?a=b&c=/?')).toEqual(['/x/', 'a=b&c=/?']);
  expect(of('http://a.test?y')).toEqual(['/', 'y']);
  expect(of('http://[::1]:80#z?y')).toEqual(['/', undefined]);
  expect(of('tls://a.test/x?y')).toEqual([undefined, undefined]);
});

tap.test('a method or a field makes it a request, whatever the URL is', async () => {
  expect(query('a.test:443/x', { method: 'PUT' })).toEqual({
    port: 443,
    domain: 'a.test',
    tls: true,
    path: '/x',
    method: 'PUT',
  });
  const header = ['X-A: 1:2 ', 'x-b:', 'Host: b.test'];
  expect(query('http://a.test', { header })).toEqual({
    port: 80,
    domain: 'a.test',
    protocol: 'http',
    path: '/',
    headers: { 'x-a': '1:2', 'x-b': '', host: 'b.test' },
  });
  expect(() => query('http://a.test', { header: ['no colon'] })).toThrow(CommandError);
});

tap.test('without a scheme a name means TLS, and no name means plain bytes', async () => {
  expect(query('a.test:443')).toEqual({ port: 443, domain: 'a.test', tls: true });
  expect(query(':25')).toEqual({ port: 25, tls: false });
  expect(query('25')).toEqual({ port: 25, tls: false });
});

tap.test('--tls and --no-tls overrule the URL', async () => {
  expect(query('https://a.test', { tls: false })).toEqual({ port: 443, domain: 'a.test', tls: false, path: '/' });
  expect(query('tcp://:25', { tls: true })).toEqual({ port: 25, tls: true });
  expect(query('a.test:25', { tls: false })).toEqual({ port: 25, domain: 'a.test', tls: false });
});

tap.test('the client and its protocols are passed on', async () => {
  const more = { from: '10.0.0.1', alpn: 'h2, http/1.1' };
  expect(query('tls://a.test', more)).toEqual({
    port: 443,
    domain: 'a.test',
    protocol: 'tls',
    clientIp: '10.0.0.1',
    alpn: ['h2', 'http/1.1'],
  });
});

tap.test('an address is no name; it says where the client connects only if it is one of ours', async () => {
  expect(query('https://10.0.0.1')).toEqual({ port: 443, protocol: 'tls', path: '/' });
  expect(query('tls://[2001:db8::1]:853')).toEqual({ port: 853, protocol: 'tls' });
  const match = { ports: 443, listenAddress: '10.0.0.2' };
  const options: ISmartProxyOptions = {
    listenAddress: '::1',
    routes: [{ match, action: { type: 'block' } }],
  };
  expect(query('tls://10.0.0.2', {}, options)).toEqual({ port: 443, protocol: 'tls', address: '10.0.0.2' });
  expect(query('tcp://[::1]:1', {}, options)).toEqual({ port: 1, protocol: 'other', address: '::1' });
  expect(query('tcp://10.0.0.1:1', {}, options)).toEqual({ port: 1, protocol: 'other' });
});

tap.test('what names no port or no known scheme is refused', async () => {
  for (const url of ['', 'a.test', 'tcp://a.test', 'ftp://a.test:21', 'a.test:65536', 'https://me@a.test', 'a:b']) {
    let caught: unknown;
    try {
      query(url);
    } catch (error) {
      caught = error;
    }
    if (!(caught instanceof CommandError)) throw new Error(`${url}: want a CommandError, got ${caught}`);
    expect(caught.exitCode).toEqual(1);
  }
});

export default tap.start();
