import { CommandError } from '../../ts/cli/host.js';
import { type IExplainArguments, readQuery } from '../../ts/cli/query.js';
import type { ISmartProxyOptions } from '../../ts/index.js';
import { expect, tap } from '../helpers/tapbundle.js';

const none: ISmartProxyOptions = { routes: [] };
const query = (url: string, more: Omit<IExplainArguments, 'url'> = {}, options = none) =>
  readQuery({ url, ...more }, options) as object;

tap.test('the scheme of a URL says what the client speaks, and gives the port', async () => {
  expect(query('https://a.test/x?y#z')).toEqual({ port: 443, domain: 'a.test', protocol: 'tls' });
  expect(query('HTTPS://a.test:8443')).toEqual({ port: 8443, domain: 'a.test', protocol: 'tls' });
  expect(query('wss://a.test')).toEqual({ port: 443, domain: 'a.test', protocol: 'tls' });
  expect(query('tls://a.test:853')).toEqual({ port: 853, domain: 'a.test', protocol: 'tls' });
  expect(query('http://a.test')).toEqual({ port: 80, domain: 'a.test', protocol: 'http' });
  expect(query('ws://a.test:81/')).toEqual({ port: 81, domain: 'a.test', protocol: 'http' });
  expect(query('tcp://:2525')).toEqual({ port: 2525, protocol: 'other' });
});

tap.test('without a scheme a name means TLS, and no name means plain bytes', async () => {
  expect(query('a.test:443')).toEqual({ port: 443, domain: 'a.test', tls: true });
  expect(query(':25')).toEqual({ port: 25, tls: false });
  expect(query('25')).toEqual({ port: 25, tls: false });
});

tap.test('--tls and --no-tls overrule the URL', async () => {
  expect(query('https://a.test', { tls: false })).toEqual({ port: 443, domain: 'a.test', tls: false });
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
  expect(query('https://10.0.0.1')).toEqual({ port: 443, protocol: 'tls' });
  expect(query('tls://[2001:db8::1]:853')).toEqual({ port: 853, protocol: 'tls' });
  const match = { ports: 443, listenAddress: '10.0.0.2' };
  const options: ISmartProxyOptions = {
    listenAddress: '::1',
    routes: [{ match, action: { type: 'block' } }],
  };
  expect(query('https://10.0.0.2', {}, options)).toEqual({ port: 443, protocol: 'tls', address: '10.0.0.2' });
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
