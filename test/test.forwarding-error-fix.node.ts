// What goes wrong at a target costs the connection that it served, and nothing else.

import type { Socket } from 'node:net';
import { SocketHandlers, type TEnd, type TRouteAction } from '../ts/index.js';
import { connectTcp } from './helpers/clients.js';
import { makeClientHello, sniOf } from './helpers/make-client-hello.js';
import { closedPort, startOrigin } from './helpers/origins.js';
import { startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';

const hello = makeClientHello({ extensions: [sniOf('a.test')] });

/** What a target does with a connection; null: it refuses it. */
const faults: readonly (readonly [string, ((socket: Socket) => void) | null, ...TEnd[]])[] = [
  ['refuses', null, 'target_refused'],
  // Whether the connection is seen before its reset is up to the kernel.
  ['resets at once', (socket) => socket.resetAndDestroy(), 'target_refused', 'target_error'],
  [
    'resets after an answer',
    (socket) => socket.once('data', () => socket.write('half', () => socket.resetAndDestroy())),
    'target_error',
  ],
];

/** The handlers that dial for a route. */
const handlers: readonly (readonly [string, (port: number) => TRouteAction])[] = [
  ['direct', (port) => ({ type: 'forward', target: { host: '127.0.0.1', port } })],
  ['passthrough', (port) => ({ type: 'forward', target: { host: '127.0.0.1', port }, tls: { mode: 'passthrough' } })],
];

for (const [handler, actionFor] of handlers) {
  for (const [fault, serve, ...ends] of faults) {
    tap.test(`${handler} forwarding to a target that ${fault} ends its connection and serves the next`, async () => {
      await using origin = serve === null ? null : await startOrigin(serve);
      await using fine = await startOrigin((socket) => void socket.once('data', () => socket.end('fine')));
      const bad = actionFor(origin?.port ?? (await closedPort()));
      await using started = await startProxy({ routes: [{ name: 'one', match: { ports: 0 }, action: bad }] });
      await using client = await connectTcp(started.port);
      client.send(hello);
      await client.closed;
      const [end] = await started.ends();
      expect(ends).toContain(end);

      await started.proxy.updateRoutes([{ name: 'one', match: { ports: 0 }, action: actionFor(fine.port) }]);
      await using next = await connectTcp(started.port);
      next.send(hello);
      expect((await next.end).toString()).toEqual('fine');
    });
  }
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
