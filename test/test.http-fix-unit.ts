// Plain HTTP on a port in `useHttpProxy` goes to the HTTP engine; on any other port its bytes are forwarded as they are.

import { once } from 'node:events';
import net from 'node:net';
import { makeCertificate } from './helpers/certificates.js';
import { connectTcp, connectTls } from './helpers/clients.js';
import { closedPort, type IOrigin, startOrigin, startTlsOrigin } from './helpers/origins.js';
import { type IStartedProxy, startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';

/** A target that answers each request head by telling back what it got. */
const startMirror = (): Promise<IOrigin> =>
  startOrigin((socket) => {
    let got = '';
    socket.setEncoding('latin1');
    socket.on('end', () => socket.end());
    socket.on('data', (piece) => {
      got += piece;
      for (let end = got.indexOf('\r\n\r\n'); end >= 0; end = got.indexOf('\r\n\r\n')) {
        const head = got.slice(0, end + 4);
        got = got.slice(end + 4);
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${head.length}\r\n\r\n${head}`);
      }
    });
  });

interface IWorld extends AsyncDisposable {
  readonly world: IStartedProxy;
  readonly origin: IOrigin;
  /** In `useHttpProxy`. */
  readonly listed: number;
  readonly unlisted: number;
}

/** One route on two ports; it asks for nothing that only HTTP has. */
async function startTwoPorts(): Promise<IWorld> {
  const origin = await startMirror();
  const [listed, unlisted] = [await closedPort(), await closedPort()];
  const target = { host: '127.0.0.1', port: origin.port };
  const world = await startProxy({
    useHttpProxy: [listed],
    routes: [{ name: 'both', match: { ports: [listed, unlisted] }, action: { type: 'forward', target } }],
  });
  return {
    world,
    origin,
    listed,
    unlisted,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nhOsT: a.test\r\nX-Odd:  spaced \r\n\r\n`;

/** Sends a request and gives the first answer's body, and whether the HTTP engine had the connection. */
async function ask(world: IStartedProxy, port: number, path: string): Promise<{ seen: string; byEngine: boolean }> {
  await using client = await connectTcp(port);
  client.socket.write(request(path));
  let text = '';
  while (!/\r\n\r\n[\s\S]*\r\n\r\n$/.test(text)) {
    const [piece] = await once(client.socket, 'data');
    text += piece;
  }
  const [connection] = world.proxy.getConnections();
  return { seen: text.slice(text.indexOf('\r\n\r\n') + 4), byEngine: connection?.usingNetworkProxy ?? false };
}

tap.test('plain HTTP on a listed port goes to the HTTP engine', async () => {
  await using both = await startTwoPorts();
  const { seen, byEngine } = await ask(both.world, both.listed, '/one');
  expect(byEngine).toBeTrue();
  expect(seen).toMatch(/^GET \/one HTTP\/1.1\r\n/);
  expect(seen).toMatch(/\r\nX-Forwarded-For: 127.0.0.1\r\n/i);
  expect(seen).toMatch(/\r\nX-Odd: spaced\r\n/);
});

tap.test('on a port that is not listed it stays direct: the target gets the very bytes', async () => {
  await using both = await startTwoPorts();
  const { seen, byEngine } = await ask(both.world, both.unlisted, '/two');
  expect(byEngine).toBeFalse();
  expect(seen).toEqual(request('/two'));
});

tap.test('on a listed port each request finds its route, on others the first bytes decide for all', async () => {
  await using both = await startTwoPorts();
  for (const [port, kept] of [
    [both.listed, false],
    [both.unlisted, true],
  ] as const) {
    const before = both.origin.sockets.length;
    const socket = net.connect(port, '127.0.0.1');
    socket.setEncoding('latin1');
    socket.write('GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await once(socket, 'data');
    socket.write('NOT HTTP AT ALL\r\n\r\n');
    const [answer] = await once(socket, 'data');
    // The engine refuses what is no request; bytes are bytes.
    expect(String(answer).startsWith(kept ? 'HTTP/1.1 200' : 'HTTP/1.1 400')).toBeTrue();
    expect(both.origin.sockets.length - before).toEqual(1);
    socket.destroy();
    await once(socket, 'close');
  }
});

tap.test('what is no HTTP is forwarded as it is, on a listed port too', async () => {
  await using origin = await startOrigin((socket) => socket.pipe(socket));
  const listed = await closedPort();
  await using world = await startProxy({
    useHttpProxy: [listed],
    routes: [
      { match: { ports: listed }, action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } } },
    ],
  });
  await using client = await connectTcp(world.port);
  client.socket.write('\x00\x01 some protocol');
  const [echoed] = await once(client.socket, 'data');
  expect(String(echoed)).toEqual('\x00\x01 some protocol');
  expect(world.proxy.getConnections().map(({ usingNetworkProxy }) => usingNetworkProxy)).toEqual([false]);
});

tap.test('TLS that is passed through on a listed port is not touched', async () => {
  const identity = await makeCertificate({ names: ['a.test'] });
  await using origin = await startTlsOrigin(identity, 'from the target');
  const listed = await closedPort();
  const target = { host: '127.0.0.1', port: origin.port };
  await using world = await startProxy({
    useHttpProxy: [listed],
    routes: [
      {
        match: { ports: listed, domains: 'a.test' },
        action: { type: 'forward', target, tls: { mode: 'passthrough' } },
      },
    ],
  });
  await using client = await connectTls(world.port, { servername: 'a.test' });
  const [greeting] = await once(client.socket, 'data');
  expect(String(greeting)).toEqual('from the target\n');
});

export default tap.start();
