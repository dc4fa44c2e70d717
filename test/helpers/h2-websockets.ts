// WebSockets on streams of HTTP/2 (RFC 8441): package `ws` over the streams of node:http2, at either end.

import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ClientOptions, WebSocket } from 'ws';
import type { IH2Client } from './h2-clients.js';
import { type IWebSocketClient, watchWebSocket } from './websockets.js';

/** What `ws` uses itself to begin with a stream that was switched already. */
interface IInner {
  _isServer: boolean;
  setSocket(stream: Duplex, head: Buffer, options: object): void;
}

function over(stream: Duplex, isServer: boolean): WebSocket {
  const socket = new WebSocket(null as unknown as string, undefined, {
    autoPong: true,
    closeTimeout: 30_000,
  } as ClientOptions);
  socket.on('error', () => {});
  const inner = socket as unknown as IInner;
  inner._isServer = isServer;
  inner.setSocket(stream, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true });
  return socket;
}

/** The fields of an extended CONNECT; `more` are added, or take their place. */
export const connectFields = (path: string, more: http2.OutgoingHttpHeaders = {}): http2.OutgoingHttpHeaders => ({
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'https',
  ':path': path,
  ':authority': 'a.test',
  'sec-websocket-version': '13',
  ...more,
});

export interface IH2WebSocket extends IWebSocketClient {
  readonly stream: http2.ClientHttp2Stream;
  readonly headers: http2.IncomingHttpHeaders;
}

/** The answer to an extended CONNECT. */
export async function askTunnel(
  { session }: IH2Client,
  path: string,
  more: http2.OutgoingHttpHeaders = {},
): Promise<{ stream: http2.ClientHttp2Stream; status: number; headers: http2.IncomingHttpHeaders }> {
  const stream = session.request(connectFields(path, more), { endStream: false });
  stream.on('error', () => {});
  const headers = await new Promise<http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('close', () => reject(new Error(`closed with ${stream.rstCode}`)));
  });
  return { stream, headers, status: headers[':status'] ?? 0 };
}

/** Resolves when it is open; rejects with an error that has the status where it is refused. */
export async function openH2WebSocket(
  client: IH2Client,
  path = '/',
  more: http2.OutgoingHttpHeaders = {},
): Promise<IH2WebSocket> {
  const { stream, status, headers } = await askTunnel(client, path, more);
  if (status !== 200) {
    stream.close();
    throw new Error(`the answer was ${status}`);
  }
  const socket = over(stream, false);
  return { ...watchWebSocket(socket), stream, headers };
}

export interface IH2WebSocketOrigin extends AsyncDisposable {
  readonly port: number;
  readonly opened: WebSocket[];
  /** Fields of the openings, in order. */
  readonly requests: http2.IncomingHttpHeaders[];
  /** Connections that are open now. */
  readonly sessions: ReadonlySet<http2.ServerHttp2Session>;
}

export interface IH2OriginOptions {
  /** Whether SETTINGS allow extended CONNECT. Default true. */
  readonly allows?: boolean;
  /** Fields of the answer. */
  readonly answer?: http2.OutgoingHttpHeaders;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A server of HTTP/2 that calls `serve` with each WebSocket; it echoes every message unless told otherwise. */
export async function startH2WebSocketOrigin(
  serve: (socket: WebSocket) => void = echo,
  { allows = true, answer = {}, tls }: IH2OriginOptions = {},
): Promise<IH2WebSocketOrigin> {
  const settings = { enableConnectProtocol: allows };
  const server = tls ? http2.createSecureServer({ ...tls, settings }) : http2.createServer({ settings });
  const sessions = new Set<http2.ServerHttp2Session>();
  const opened: WebSocket[] = [];
  const requests: http2.IncomingHttpHeaders[] = [];
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    requests.push(headers);
    if (headers[':protocol'] !== 'websocket') {
      stream.respond({ ':status': 200 });
      stream.end('no WebSocket');
      return;
    }
    stream.respond({ ':status': 200, ...answer });
    if ((answer[':status'] ?? 200) !== 200) return void stream.end('no');
    const socket = over(stream, true);
    opened.push(socket);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    opened,
    requests,
    sessions,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}
