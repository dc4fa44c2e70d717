// What our codec makes of a stream of requests, and a target that says what it saw: the two halves of a comparison.

import http, { type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { normalisePath, splitTarget } from '../../ts/codec/http-path.js';
import { decodeRequestHead } from '../../ts/codec/http1-request.js';
import { recognise } from '../../ts/codec/recognise.js';
import { readContent, testHeadLimits } from './read-http1.js';

/** An answer that is due: the target's to a request that it got like this, or, with null, the proxy's own. */
export interface IDue {
  readonly seen: string | null;
  readonly method: string;
}

export interface IReading {
  readonly due: readonly IDue[];
  /** How many of these are certain; those behind them depend on whether the connection is kept. */
  readonly certain: number;
  /** The proxy ends the connection behind the last of them. */
  readonly ends: boolean;
}

/** A request in one word: method, host, target, content. */
export const seenAs = (method: string, host: string, target: string, body: string): string =>
  encodeURIComponent(`${method} ${host} ${target} ${body}`).slice(0, 2_000);

/** What a whole proxy must make of these bytes on a connection of their own. */
export function readRequests(bytes: Buffer): IReading {
  const due: IDue[] = [];
  let certain = Number.POSITIVE_INFINITY;
  const over = (ends: boolean): IReading => ({ due, certain: Math.min(certain, due.length), ends });
  const first = recognise(bytes);
  if (first.kind !== 'done' || first.value.protocol !== 'http') return over(first.kind === 'done');
  for (let at = 0; at < bytes.length; ) {
    const answer = decodeRequestHead(bytes, at, testHeadLimits);
    if (answer.kind === 'short') return over(false);
    if (answer.kind === 'broken') {
      due.push({ seen: null, method: '' });
      return over(true);
    }
    const head = answer.value;
    const content = readContent(bytes, at + answer.used, head.contentLength);
    const { path, query } = splitTarget(head.target);
    const normal = normalisePath(path);
    const isOwn =
      normal === null || normal === '*' || /^(CONNECT|TRACE)$/.test(head.method) || head.upgrade === 'websocket';
    if (isOwn) {
      due.push({ seen: null, method: head.method });
      if (head.method === 'CONNECT' || head.upgrade === 'websocket') return over(true);
      // Whether the content is worth reading is the proxy's choice.
      if (head.contentLength !== 0) certain = Math.min(certain, due.length);
    } else if (content.end >= 0) {
      due.push({ seen: seenAs(head.method, head.authority, `${normal}${query}`, content.body), method: head.method });
    } else if (content.fault !== null) {
      due.push({ seen: null, method: head.method });
    }
    if (content.end < 0) return over(content.fault !== null);
    if (head.close) return over(true);
    at = content.end;
  }
  return over(false);
}

/** Node's server. It answers when a request is whole, and says in `X-Seen` what it was. */
export interface ISeeingOrigin extends AsyncDisposable {
  readonly port: number;
  /** Of whole requests; to be emptied by whoever looks. */
  readonly seen: string[];
}

export async function startSeeingOrigin(): Promise<ISeeingOrigin> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (text: string) => {
      body += text;
    });
    request.on('error', () => {});
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const word = seenAs(method, headers.host ?? '', url, body);
      seen.push(word);
      response.writeHead(200, { 'X-Seen': word, 'Content-Length': 4 }).end(method === 'HEAD' ? '' : 'seen');
    });
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
