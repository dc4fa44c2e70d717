// Live HTTP targets on loopback: one by Node's own server, one that records bytes and answers by script, one for events.

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { fieldOf, type IHttpMessage, MessageReader, requestFraming } from './http-messages.js';
import { type IOrigin, type ITlsIdentity, startOrigin } from './origins.js';
import { until } from './until.js';

/** A request as it arrived at an origin. */
export interface ISeenRequest {
  readonly method: string;
  readonly url: string;
  readonly version: string;
  /** Name, value, name, value, as received. */
  readonly fields: readonly string[];
  /** All values of a field, joined by `, `; null if there is none. */
  field(name: string): string | null;
  /** As far as it has come. */
  readonly body: Buffer;
  readonly trailers: readonly string[];
  readonly isComplete: boolean;
  /** True once its connection closed before it was complete or answered. */
  readonly isAborted: boolean;
  /** The number of its connection, from 0. */
  readonly connection: number;
}

export interface IHttpOrigin extends AsyncDisposable {
  readonly port: number;
  readonly requests: ISeenRequest[];
  /** Connections accepted so far; with TLS those whose handshake succeeded. */
  readonly accepted: number;
  /** Connections open now. */
  readonly open: number;
  readonly server: http.Server;
  /** Resolves with the first `count` requests once their heads have come. */
  seen(count: number): Promise<readonly ISeenRequest[]>;
}

export type TServe = (request: http.IncomingMessage, response: http.ServerResponse, seen: ISeenRequest) => void;

/** Tells what it was asked, as JSON, when the whole request has come. */
export const tellRequest: TServe = (request, response, seen) => {
  request.on('end', () => {
    const { method, url, version, fields, trailers, connection } = seen;
    const told = { method, url, version, fields, trailers, connection, body: seen.body.toString('latin1') };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told));
  });
};

export interface IHttpOriginOptions extends http.ServerOptions {
  /** With it the origin speaks TLS. */
  identity?: ITlsIdentity;
  /** What to say to `Expect: 100-continue`: the interim answer, or `serve` alone. Default: that it is wanted. */
  wants?: (request: http.IncomingMessage) => boolean;
}

/** Node's HTTP server. `serve` need not read the body: it is recorded in any case. */
export async function startHttpOrigin(
  serve: TServe = tellRequest,
  { identity, wants = () => true, ...options }: IHttpOriginOptions = {},
): Promise<IHttpOrigin> {
  const server = identity
    ? https.createServer({ ...options, cert: identity.cert, key: identity.key })
    : http.createServer(options);
  const numbers = new Map<Socket, number>();
  const raw = new Set<Socket>();
  const requests: ISeenRequest[] = [];
  server.on('connection', (socket: Socket) => {
    raw.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => raw.delete(socket));
  });
  server.on(identity ? 'secureConnection' : 'connection', (socket: Socket) => numbers.set(socket, numbers.size));
  const take = (request: http.IncomingMessage, response: http.ServerResponse) => {
    const seen = watchRequest(request, response, numbers.get(request.socket) ?? -1);
    requests.push(seen);
    response.on('error', () => {});
    serve(request, response, seen);
  };
  server.on('request', take);
  server.on('checkContinue', (request, response) => {
    if (wants(request)) response.writeContinue();
    take(request, response);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    server,
    get accepted() {
      return numbers.size;
    },
    get open() {
      return raw.size;
    },
    seen: (count) => firstOf(requests, count),
    async [Symbol.asyncDispose]() {
      for (const socket of raw) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function watchRequest(request: http.IncomingMessage, response: http.ServerResponse, connection: number): ISeenRequest {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('error', () => {});
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    version: request.httpVersion,
    fields: request.rawHeaders,
    field: (name) => fieldOf(request.rawHeaders, name),
    get body() {
      return Buffer.concat(parts);
    },
    get trailers() {
      return request.rawTrailers;
    },
    get isComplete() {
      return request.complete;
    },
    get isAborted() {
      return response.destroyed && !response.writableFinished;
    },
    connection,
  };
}

/** One thing that a scripted answer does: bytes to write, a rest, something to wait for, or the connection's end. */
export type TStep =
  | string
  | Uint8Array
  | { readonly pauseMs: number }
  | { readonly wait: Promise<unknown> }
  | 'reset'
  | 'fin';

export interface IScript {
  readonly steps: readonly TStep[];
  /** When it begins. Default `'end'`, when the request is complete. */
  readonly from?: 'head' | 'end';
}

/** Bytes (a string that is not a word of `TStep`), steps, or steps with their beginning. */
export type TScripted = string | readonly TStep[] | IScript;

/** A request at the recording origin; `message.raw` has its bytes. */
export interface IRawRequest {
  readonly message: IHttpMessage;
  readonly method: string;
  readonly url: string;
  field(name: string): string | null;
  /** Numbers of its connection and among the requests of that, from 0. */
  readonly connection: number;
  readonly index: number;
}

export interface IRecordingOrigin extends IOrigin {
  /** In the order in which their heads were complete. */
  readonly requests: IRawRequest[];
  /** What came on each connection, byte for byte. */
  bytesOf(connection: number): Buffer;
  /** What a strict reader could not make out; such a connection is answered no more. */
  readonly faults: string[];
  seen(count: number): Promise<readonly IRawRequest[]>;
}

/** A small answer that keeps the connection. */
export const okAnswer = (body = 'ok', more: readonly string[] = []): string =>
  [`HTTP/1.1 200 OK`, `Content-Length: ${Buffer.byteLength(body)}`, ...more, '', body].join('\r\n');

/**
 * A target on a bare socket. It splits what it gets into requests strictly and answers each by script, in order: the same
 * for all, or what a function gives for the n-th request of all (from 0).
 */
export async function startRecordingOrigin(
  script: TScripted | ((request: IRawRequest, n: number) => TScripted) = okAnswer(),
): Promise<IRecordingOrigin> {
  const requests: IRawRequest[] = [];
  const faults: string[] = [];
  const received: Buffer[][] = [];
  const origin = await startOrigin((socket) => {
    const connection = received.push([]) - 1;
    const reader = new MessageReader(() => requestFraming);
    let chain = Promise.resolve();
    let current: IScript = { steps: [] };
    const begin = (from: 'head' | 'end') => {
      const { steps, from: wanted = 'end' } = current;
      if (wanted === from) chain = chain.then(() => perform(socket, steps));
    };
    reader.onHead = (message, index) => {
      const [method = '', url = ''] = message.startLine.split(' ');
      const field = (name: string) => fieldOf(message.fields, name);
      const request: IRawRequest = { message, method, url, field, connection, index };
      requests.push(request);
      current = scriptOf(typeof script === 'function' ? script(request, requests.length - 1) : script);
      begin('head');
    };
    reader.onComplete = () => begin('end');
    let isFaulty = false;
    socket.on('data', (bytes) => {
      received[connection]?.push(bytes);
      if (isFaulty) return;
      try {
        reader.feed(bytes);
      } catch (error) {
        isFaulty = true;
        faults.push(error instanceof Error ? error.message : String(error));
      }
    });
    socket.on('end', () => {
      if (!reader.isIdle && !isFaulty) faults.push('a FIN inside a request');
      void chain.then(() => socket.end());
    });
  });
  return Object.defineProperties(
    {
      port: origin.port,
      sockets: origin.sockets,
      requests,
      faults,
      bytesOf: (connection: number) => Buffer.concat(received[connection] ?? []),
      seen: (count: number) => firstOf(requests, count),
      [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
    },
    { open: { get: () => origin.open } },
  ) as IRecordingOrigin;
}

function scriptOf(given: TScripted): IScript {
  if (typeof given === 'string') return { steps: [given] };
  return 'steps' in given ? given : { steps: given };
}

async function perform(socket: Socket, steps: readonly TStep[]): Promise<void> {
  for (const step of steps) {
    if (socket.destroyed) return;
    if (step === 'reset') socket.resetAndDestroy();
    else if (step === 'fin') socket.end();
    else if (typeof step === 'string') socket.write(step, 'latin1');
    else if (step instanceof Uint8Array) socket.write(step);
    else if ('wait' in step) await step.wait;
    else await new Promise((resolve) => setTimeout(resolve, step.pauseMs));
  }
}

export interface ISseOrigin extends IHttpOrigin {
  /** Sends one event to everybody who listens. */
  emit(data: string, event?: string): void;
  /** Listeners now. */
  readonly listeners: number;
  /** Ends every stream in order. */
  finish(): void;
}

/** Server-sent events: everybody gets a comment at once, then what `emit` says. */
export async function startSseOrigin(options: { identity?: ITlsIdentity } = {}): Promise<ISseOrigin> {
  const streams = new Set<http.ServerResponse>();
  const origin = await startHttpOrigin((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': hello\n\n');
    streams.add(response);
    response.on('close', () => streams.delete(response));
  }, options);
  return Object.defineProperties(
    {
      ...origin,
      emit: (data: string, event?: string) => {
        for (const stream of streams)
          stream.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`);
      },
      finish: () => {
        for (const stream of streams) stream.end();
      },
    },
    {
      listeners: { get: () => streams.size },
      accepted: { get: () => origin.accepted },
      open: { get: () => origin.open },
    },
  ) as ISseOrigin;
}

async function firstOf<T>(all: readonly T[], count: number): Promise<readonly T[]> {
  await until(
    () => all.length >= count,
    5_000,
    () => `${count} requests, has ${all.length}`,
  );
  return all.slice(0, count);
}
