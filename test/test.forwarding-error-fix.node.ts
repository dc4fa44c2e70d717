// What goes wrong at a target costs the connection that it served, and nothing else.

import type { Socket } from 'node:net';
import tls from 'node:tls';
import { type IRouteConfig, SocketHandlers, type TEnd, type TRouteAction } from '../ts/index.js';
import { makeCertificate } from './helpers/certificates.js';
import { connectTcp, connectTls, type IClient } from './helpers/clients.js';
import { makeClientHello, sniOf } from './helpers/make-client-hello.js';
import { closedPort, type IOrigin, startOrigin } from './helpers/origins.js';
import { startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';

const hello = makeClientHello({ extensions: [sniOf('a.test')] });

const own = await makeCertificate({ names: ['a.test'], ips: ['127.0.0.1'] });
const certificate = { cert: own.cert, key: own.key };

interface IHandler {
  readonly name: string;
  readonly actionFor: (port: number) => TRouteAction;
  readonly connect: (port: number) => Promise<IClient>;
  /** What a target wraps a connection in before it answers. */
  readonly secure: boolean;
}

const plain = (port: number): Promise<IClient> => connectTcp(port);
const inTls = (port: number): Promise<IClient> => connectTls(port, { servername: 'a.test' });
const forwardTo = (port: number): TRouteAction => ({ type: 'forward', target: { host: '127.0.0.1', port } });

/** The handlers that dial for a route. */
const handlers: readonly IHandler[] = [
  { name: 'direct', actionFor: forwardTo, connect: plain, secure: false },
  {
    name: 'passthrough',
    actionFor: (port) => ({ ...forwardTo(port), tls: { mode: 'passthrough' } }) as TRouteAction,
    connect: plain,
    secure: false,
  },
  {
    name: 'terminate-to-http',
    actionFor: (port) => ({ ...forwardTo(port), tls: { mode: 'terminate', certificate } }) as TRouteAction,
    connect: inTls,
    secure: false,
  },
  {
    name: 'terminate-to-https',
    actionFor: (port) =>
      ({
        ...forwardTo(port),
        tls: { mode: 'terminate-and-reencrypt', certificate, upstream: { ca: own.ca } },
      }) as TRouteAction,
    connect: inTls,
    secure: true,
  },
];

/** A target that does this with each connection, as soon as its TLS is done if it has any. */
function startTarget(serve: (socket: Socket) => void, secure: boolean): Promise<IOrigin> {
  if (!secure) return startOrigin(serve);
  const server = tls.createServer({ cert: own.cert, key: own.key });
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  return startOrigin((socket) => void server.emit('connection', socket));
}

/** Where TLS lies over a socket, the one below it. */
const reset = (socket: Socket): void => {
  const { _parent: raw } = socket as Socket & { readonly _parent?: Socket | null };
  (raw ?? socket).resetAndDestroy();
};

/** What a target does with a connection; null: it refuses it. */
const faults: readonly (readonly [string, ((socket: Socket) => void) | null, ...TEnd[]])[] = [
  ['refuses', null, 'target_refused'],
  // Whether the connection is seen before its reset is up to the kernel.
  ['resets at once', reset, 'target_refused', 'target_error'],
  [
    'resets after an answer',
    (socket) => socket.once('data', () => socket.write('half', () => reset(socket))),
    'target_error',
  ],
];

for (const { name, actionFor, connect, secure } of handlers) {
  // Bytes that are no HTTP and no beginning of it: they are forwarded as they are.
  const route = (port: number): IRouteConfig => ({
    name: 'one',
    match: { ports: 0, ...(connect === inTls ? { protocol: 'other' } : {}) },
    action: actionFor(port),
  });
  for (const [fault, serve, ...ends] of faults) {
    tap.test(`${name} forwarding to a target that ${fault} ends its connection and serves the next`, async () => {
      await using origin = serve === null ? null : await startTarget(serve, secure);
      await using fine = await startTarget((socket) => void socket.once('data', () => socket.end('fine')), secure);
      await using started = await startProxy({ routes: [route(origin?.port ?? (await closedPort()))] });
      await using client = await connect(started.port);
      client.send(hello);
      await client.closed;
      const [end] = await started.ends();
      expect(ends).toContain(end);

      await started.proxy.updateRoutes([route(fine.port)]);
      await using next = await connect(started.port);
      next.send(hello);
      expect((await next.end).toString()).toEqual('fine');
    });
  }
}

for (const [fault, serve] of [
  ['speaks no TLS', (socket: Socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))],
  ['leaves during its TLS handshake', (socket: Socket) => void socket.once('data', () => socket.end())],
  ['resets during its TLS handshake', (socket: Socket) => void socket.once('data', () => socket.resetAndDestroy())],
] as const) {
  tap.test(`terminate-to-https forwarding to a target that ${fault} ends its connection and nothing else`, async () => {
    await using origin = await startOrigin(serve);
    const settings = { mode: 'terminate-and-reencrypt', certificate, upstream: { ca: own.ca } } as const;
    const action = { ...forwardTo(origin.port), tls: settings } as TRouteAction;
    await using started = await startProxy({ routes: [{ match: { ports: 0, protocol: 'other' }, action }] });
    for (let round = 0; round < 2; round++) {
      await using client = await inTls(started.port);
      await client.closed;
      expect(await started.ends()).toEqual(['target_tls_error']);
    }
  });
}

tap.test('the ready-made forwarding handler survives them too', async () => {
  for (const serve of [null, (socket: Socket) => void socket.resetAndDestroy()]) {
    await using origin = serve === null ? null : await startOrigin(serve);
    const socketHandler = SocketHandlers.proxy('127.0.0.1', origin?.port ?? (await closedPort()));
    await using started = await startProxy({
      routes: [{ match: { ports: 0 }, action: { type: 'socket-handler', socketHandler } }],
    });
    await using client = await connectTcp(started.port);
    await client.closed;
    await started.ends();
    expect(started.proxy.getConnections()).toEqual([]);
  }
});

export default tap.start();
