// Live HTTP/2 targets on loopback, by Node's own server: plain with prior knowledge, or with TLS and ALPN.

import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { ITlsIdentity } from './origins.js';
import { until } from './until.js';

/** A request as it arrived at a target. */
export interface IH2Seen {
  readonly headers: http2.IncomingHttpHeaders;
  /** Name, value, name, value, as received; of HTTP/1.1 without pseudo-fields. */
  readonly fields: readonly string[];
  readonly stream: http2.ServerHttp2Stream;
  /** As far as it has come. */
  readonly body: Buffer;
  readonly trailers: http2.IncomingHttpHeaders;
  /** The number of its connection, from 0. */
  readonly connection: number;
}

export interface IH2Origin extends AsyncDisposable {
  readonly port: number;
  readonly requests: IH2Seen[];
  readonly server: http2.Http2Server | http2.Http2SecureServer;
  /** Sessions that began, in order. */
  readonly sessions: http2.ServerHttp2Session[];
  /** Sockets open now. */
  readonly open: number;
  /** Resets every connection. */
  reset(): void;
  /** Resolves with the first `count` requests. */
  seen(count: number): Promise<readonly IH2Seen[]>;
}

export type TServeH2 = (stream: http2.ServerHttp2Stream, seen: IH2Seen) => void;

export interface IH2OriginOptions {
  /** With it the target speaks TLS. */
  readonly identity?: ITlsIdentity;
  /** What is taken by ALPN. Default `['h2']`. */
  readonly alpn?: readonly string[];
  readonly settings?: http2.Settings;
  /** Content is left to `serve`; else it is read and recorded. */
  readonly readsItself?: boolean;
}

/** Tells what it was asked, as JSON, when the whole request has come. */
export const tellH2: TServeH2 = (stream, seen) => {
  stream.on('end', () => {
    const { headers, trailers, connection } = seen;
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(JSON.stringify({ headers, trailers, connection, body: seen.body.toString('latin1') }));
  });
};

export async function startH2Origin(serve: TServeH2 = tellH2, options: IH2OriginOptions = {}): Promise<IH2Origin> {
  const { identity, alpn = ['h2'], settings = {}, readsItself = false } = options;
  const server = identity
    ? http2.createSecureServer({
        settings,
        cert: identity.cert,
        key: identity.key,
        ALPNProtocols: [...alpn],
        allowHTTP1: alpn.includes('http/1.1'),
      })
    : http2.createServer({ settings });
  const sockets = new Set<Socket>();
  const sessions: http2.ServerHttp2Session[] = [];
  const requests: IH2Seen[] = [];
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('sessionError', () => {});
  server.on(
    'stream',
    (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, _: number, raw: string[]) => {
      const parts: Buffer[] = [];
      let trailers: http2.IncomingHttpHeaders = {};
      stream.on('error', () => {});
      if (!readsItself) stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('trailers', (fields) => {
        trailers = fields;
      });
      const seen: IH2Seen = {
        headers,
        fields: raw,
        stream,
        get body() {
          return Buffer.concat(parts);
        },
        get trailers() {
          return trailers;
        },
        connection: stream.session === undefined ? -1 : sessions.indexOf(stream.session as http2.ServerHttp2Session),
      };
      requests.push(seen);
      serve(stream, seen);
    },
  );
  server.listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    server,
    sessions,
    get open() {
      return sockets.size;
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async seen(count) {
      await until(
        () => requests.length >= count,
        5_000,
        () => `${count} requests, has ${requests.length}`,
      );
      return requests.slice(0, count);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
