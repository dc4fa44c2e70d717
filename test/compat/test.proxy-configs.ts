// The hosts of a reverse proxy, converted, do what they did.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError, convertProxyConfigs, HttpProxy, type IReverseProxyConfig, NetworkProxy } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp, connectTls } from '../helpers/clients.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** At every address of loopback: tells at which it was reached, and what it was asked. */
async function startWeb(): Promise<AsyncDisposable & { port: number }> {
  const server = http.createServer((req, res) => {
    res.end(`${req.socket.localAddress} ${req.headers.host} ${req.url} ${req.headers.authorization ?? 'nobody'}`);
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}

const { cert, key, ca } = await makeCertificate({ names: ['a.test'] });

async function ask(port: number, host: string, path = '/', more = '', tls = false): Promise<string> {
  await using client = await (tls ? connectTls(port, { servername: host, ca }) : connectTcp(port));
  client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`);
  await client.closed;
  return client.received.toString();
}

const lastLine = (answer: string): string => answer.split('\r\n').at(-1) ?? '';

tap.test('hosts lead to their destinations, in turn, by HTTPS where they have a certificate', async () => {
  await using web = await startWeb();
  const to = (...destinationIps: string[]) => ({ destinationIps, destinationPorts: [web.port] });
  const configs: IReverseProxyConfig[] = [
    { hostName: 'a.test', ...to('127.0.0.2', '127.0.0.3'), publicKey: cert, privateKey: key },
    { hostName: 'b.test', ...to('127.0.0.4') },
    { hostName: 'b.test', ...to('127.0.0.5'), pathPattern: '/api/*', rewriteHostHeader: true },
    { hostName: '*', ...to('127.0.0.6') },
  ];
  await using proxy = new NetworkProxy({ port: 0, listenAddress: '127.0.0.1', routes: convertProxyConfigs(configs) });
  await proxy.start();
  const port = proxy.getListeningPort();
  const seen = [
    lastLine(await ask(port, 'a.test', '/', '', true)),
    lastLine(await ask(port, 'a.test', '/', '', true)),
    lastLine(await ask(port, 'b.test', '/x')),
    lastLine(await ask(port, 'b.test', '/api/x')),
    lastLine(await ask(port, 'other.test')),
  ];
  expect(seen).toEqual([
    '127.0.0.2 a.test / nobody',
    '127.0.0.3 a.test / nobody',
    '127.0.0.4 b.test /x nobody',
    `127.0.0.5 127.0.0.5:${web.port} /api/x nobody`,
    '127.0.0.6 other.test / nobody',
  ]);
});

tap.test('credentials are asked for', async () => {
  await using web = await startWeb();
  const authentication = { type: 'Basic', user: 'ann', pass: 'word' } as const;
  const config = { hostName: 'a.test', destinationIps: ['127.0.0.1'], destinationPorts: [web.port], authentication };
  await using proxy = new HttpProxy({ port: 0, listenAddress: '127.0.0.1', routes: convertProxyConfigs([config]) });
  await proxy.start();
  const credentials = (text: string) => `Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`;
  const asked = (more: string) => ask(proxy.getListeningPort(), 'a.test', '/', more);
  expect([(await asked('')).slice(9, 12), (await asked(credentials('ann:other'))).slice(9, 12)]).toEqual([
    '401',
    '401',
  ]);
  expect((await asked(credentials('ann:word'))).slice(9, 12)).toEqual('200');
});

tap.test('every fault is told at once, by its place', () => {
  const good = { hostName: 'a.test', destinationIps: ['10.0.0.1'], destinationPorts: [80] };
  const faultsOf = (configs: unknown): string[] => {
    try {
      convertProxyConfigs(configs as IReverseProxyConfig[]);
    } catch (error) {
      if (error instanceof ConfigError) return error.faults.map(({ path }) => path).sort();
      throw error;
    }
    return [];
  };
  expect(faultsOf([good])).toEqual([]);
  expect(faultsOf([])).toEqual([]);
  expect(faultsOf(5)).toEqual(['configs']);
  expect(faultsOf([good, good])).toEqual(['configs[1].hostName']);
  expect(
    faultsOf([
      { ...good, hostName: '{a}.test', destinationPorts: [80, 70_000], typo: 1 },
      { ...good, destinationIps: [], destinationPorts: 80, publicKey: cert },
      { ...good, hostName: 'b.test', pathPattern: 'no slash', authentication: { type: 'Digest', user: 'a:b' } },
    ]),
  ).toEqual([
    'configs[0].destinationPorts[1]',
    'configs[0].hostName',
    'configs[0].typo',
    'configs[1].destinationIps',
    'configs[1].destinationPorts',
    'configs[1].privateKey',
    'configs[2].authentication.pass',
    'configs[2].authentication.type',
    'configs[2].authentication.user',
    'configs[2].pathPattern',
  ]);
});

export default tap.start();
