// WebSockets of package `ws` at either end, with promises for what happens to them.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type ClientOptions, type RawData, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { IResolvedWebSocket } from '../../ts/config/resolved.js';
import { until } from './until.js';

/** Rules that allow everything and look at nothing. */
export const makeWebSocketRules = (rules: Partial<IResolvedWebSocket> = {}): IResolvedWebSocket => ({
  enabled: true,
  allowedOrigins: null,
  subprotocols: null,
  rewritePath: null,
  customHeaders: [],
  pingIntervalMs: 0,
  pingTimeoutMs: 10_000,
  maxPayload: 0,
  ...rules,
});

export interface IWebSocketOrigin extends AsyncDisposable {
  readonly port: number;
  /** All that were opened, in order. */
  readonly opened: WebSocket[];
  /** The openings, in order. */
  readonly requests: http.IncomingMessage[];
  /** TCP connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
}

/** A server that calls `serve` with each WebSocket; it echoes every message unless told otherwise. */
export async function startWebSocketOrigin(
  serve: (socket: WebSocket) => void = echo,
  options: ServerOptions = {},
): Promise<IWebSocketOrigin> {
  const server = http.createServer((_, response) => response.writeHead(426).end('no WebSocket'));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  const opened: WebSocket[] = [];
  const requests: http.IncomingMessage[] = [];
  const webSockets = new WebSocketServer({ server, ...options });
  webSockets.on('connection', (socket, request) => {
    opened.push(socket);
    requests.push(request);
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    opened,
    requests,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of webSockets.clients) socket.terminate();
      for (const socket of sockets) socket.destroy();
      webSockets.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

export interface IClosed {
  readonly code: number;
  readonly reason: string;
}

export interface IWebSocketClient extends AsyncDisposable {
  readonly socket: WebSocket;
  /** Everything that came: text as strings, the rest as bytes. */
  readonly received: (string | Buffer)[];
  /** How it was closed; 1006: without a Close. */
  readonly closed: Promise<IClosed>;
  /** Resolves when `count` messages have come. */
  messages(count: number): Promise<(string | Buffer)[]>;
}

/** Resolves when it is open; rejects with the error of `ws`, whose text has the status, where it is refused. */
export async function connectWebSocket(url: string, options: ClientOptions = {}): Promise<IWebSocketClient> {
  const { protocols = [], ...rest } = options as ClientOptions & { protocols?: string[] };
  const socket = new WebSocket(url, protocols, rest);
  const client = watchWebSocket(socket);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.on('error', () => {});
  return client;
}

/** From now on: what comes, and how it ends. */
export function watchWebSocket(socket: WebSocket): IWebSocketClient {
  const received: (string | Buffer)[] = [];
  socket.on('message', (data, isBinary) => received.push(isBinary ? bytesOf(data) : bytesOf(data).toString()));
  const closed = new Promise<IClosed>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  return {
    socket,
    received,
    closed,
    async messages(count) {
      await until(
        () => received.length >= count,
        5_000,
        () => `${count} messages, has ${received.length}`,
      );
      return received;
    },
    async [Symbol.asyncDispose]() {
      socket.terminate();
      await closed;
    },
  };
}

const bytesOf = (data: RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
