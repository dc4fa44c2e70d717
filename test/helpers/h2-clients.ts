// Node's HTTP/2 client on loopback: several requests over one connection to a proxy.

import http2 from 'node:http2';
import net from 'node:net';
import type { ConnectionOptions } from 'node:tls';

export interface IH2Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  /** Interim answers, in order. */
  readonly informs: readonly (http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader)[];
  readonly body: Buffer;
  readonly text: string;
  /** What the stream was closed with; 0 where nothing was wrong. */
  readonly code: number;
}

export interface IH2Options {
  readonly method?: string;
  /** The `:authority`. Default `a.test`. */
  readonly host?: string;
  readonly headers?: http2.OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  readonly trailers?: http2.OutgoingHttpHeaders;
}

export interface IH2Client extends AsyncDisposable {
  readonly session: http2.ClientHttp2Session;
  /** Codes of GOAWAY frames that came. */
  readonly goaways: readonly number[];
  /** Resolves when the connection has closed. */
  readonly closed: Promise<void>;
  /** A whole answer, also one that is cut: `code` tells. Rejects where there is none. */
  fetch(path: string, options?: IH2Options): Promise<IH2Answer>;
  /** Begins a request, and leaves the rest to the caller. */
  open(path: string, options?: IH2Options & { readonly endStream?: boolean }): http2.ClientHttp2Stream;
}

export interface IConnectH2 {
  /** With it by TLS and ALPN; without, by prior knowledge. `{}` verifies nothing and names `a.test`. */
  readonly tls?: ConnectionOptions;
  readonly settings?: http2.Settings;
}

/** Resolves once the settings of the other side have come. */
export async function connectH2(port: number, { tls, settings = {} }: IConnectH2 = {}): Promise<IH2Client> {
  const session = tls
    ? http2.connect(`https://127.0.0.1:${port}`, {
        servername: 'a.test',
        rejectUnauthorized: false,
        settings,
        maxSessionMemory: 1_000,
        ...tls,
      })
    : http2.connect(`http://127.0.0.1:${port}`, {
        settings,
        maxSessionMemory: 1_000,
        createConnection: () => net.connect({ port, host: '127.0.0.1', noDelay: true }),
      });
  const goaways: number[] = [];
  session.on('goaway', (code) => goaways.push(code));
  const closed = new Promise<void>((resolve) => session.once('close', resolve));
  await new Promise((resolve, reject) => session.once('remoteSettings', resolve).once('error', reject));
  session.on('error', () => {});
  const open: IH2Client['open'] = (path, { method = 'GET', host = 'a.test', headers = {}, trailers, ...rest } = {}) => {
    const { endStream = false } = rest as { endStream?: boolean };
    const fields = { ':method': method, ':path': path, ':authority': host, ...headers };
    const stream = session.request(fields, { endStream, waitForTrailers: trailers !== undefined });
    stream.on('error', () => {});
    if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    return stream;
  };
  return {
    session,
    goaways,
    closed,
    open,
    fetch(path, options = {}) {
      const { body, trailers } = options;
      const stream = open(path, { ...options, endStream: body === undefined && trailers === undefined });
      if (body !== undefined) stream.write(body);
      if (body !== undefined || trailers !== undefined) stream.end();
      return readH2(stream);
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      await closed;
    },
  };
}

/** Reads an answer to its end. */
export function readH2(stream: http2.ClientHttp2Stream): Promise<IH2Answer> {
  const parts: Buffer[] = [];
  const informs: IH2Answer['informs'][number][] = [];
  let headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('headers', (fields) => informs.push(fields));
  stream.on('response', (fields) => {
    headers = fields;
  });
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  stream.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    stream.on('close', () => {
      const body = Buffer.concat(parts);
      const { ':status': status = 0 } = headers;
      const code = stream.rstCode ?? 0;
      if (status === 0) reject(Object.assign(new Error(`no answer, closed with ${code}`), { code }));
      else resolve({ status, headers, trailers, informs, body, text: body.toString(), code });
    });
  });
}
