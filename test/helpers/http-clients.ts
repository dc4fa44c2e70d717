// HTTP clients on loopback: bytes exactly as given, and Node's own client.

import http from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { answerFraming, fieldOf, type IHttpMessage, MessageReader } from './http-messages.js';

/** How a connection ended as its client saw it: a FIN, a reset (or another error), or not at all. */
export type TConnectionEnd = 'fin' | 'reset' | 'open';

export interface IRawAnswer {
  readonly status: number;
  readonly message: IHttpMessage;
  readonly body: string;
  readonly isComplete: boolean;
  field(name: string): string | null;
}

interface IRawOptions {
  /** Connects by TLS; `{}` verifies nothing and names nobody. */
  readonly tls?: tls.ConnectionOptions;
  /** Methods of the requests in their order, for those that are not GET: an answer to HEAD has no content. */
  readonly methods?: readonly string[];
  /** Where the connection comes from, for example 127.0.0.5. */
  readonly localAddress?: string;
}

/** A client that sends what it is told and reads answers strictly. */
export interface IRawHttp extends AsyncDisposable {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** The next head, interim answers included, once it has come. */
  readHead(): Promise<IRawAnswer>;
  /** The answer whose head was read last, once it is complete. */
  readBody(): Promise<IRawAnswer>;
  /** The next final answer, whole. */
  readAnswer(): Promise<IRawAnswer>;
  /** Resolves once `condition` holds of all that was read; rejects if the connection ends before. */
  when(condition: () => boolean): Promise<void>;
  /** Everything so far; the last may be incomplete. */
  readonly answers: readonly IRawAnswer[];
  /** Bytes of no complete head; after 101 those of the other protocol. */
  readonly rest: Buffer;
  /** Why what came cannot be read as answers; null while it can. */
  readonly fault: string | null;
  readonly ended: Promise<Exclude<TConnectionEnd, 'open'>>;
  /** FIN. */
  finish(): void;
  /** RST. */
  reset(): void;
}

export async function openRawHttp(port: number, options: IRawOptions = {}): Promise<IRawHttp> {
  const raw = net.connect({
    ...{ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true },
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
  });
  raw.on('error', () => {});
  const socket = options.tls ? tls.connect({ socket: raw, rejectUnauthorized: false, ...options.tls }) : raw;
  const client = watch(raw, socket, options.methods ?? []);
  await new Promise<void>((resolve, reject) => {
    socket.once(options.tls ? 'secureConnect' : 'connect', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before it was connected')));
  });
  return client;
}

function watch(raw: Socket, socket: Socket, methods: readonly string[]): IRawHttp {
  const reader = new MessageReader((index) => answerFraming(methods[index] ?? 'GET'));
  const checks = new Set<() => void>();
  let fault: string | null = null;
  let headsRead = 0;
  let hasEnded = false;
  const wake = () => {
    for (const check of checks) check();
  };
  reader.onHead = ({ startLine }) => {
    if (startLine.startsWith('HTTP/1.1 101')) reader.switchProtocols();
  };
  socket.on('data', (bytes: Buffer) => {
    try {
      if (fault === null) reader.feed(bytes);
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    }
    wake();
  });
  const ended = new Promise<'fin' | 'reset'>((resolve) => {
    const end = (how: 'fin' | 'reset') => {
      if (how === 'fin' && !hasEnded) reader.finish();
      hasEnded = true;
      resolve(how);
      wake();
    };
    socket.on('end', () => end('fin'));
    socket.on('error', () => end('reset'));
    socket.on('close', () => end('reset'));
  });
  const when = (condition: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (condition()) resolve();
        else if (fault !== null) reject(new Error(fault));
        else if (hasEnded) reject(new Error(`ended after ${describe(reader)}`));
        else return;
        checks.delete(check);
      };
      checks.add(check);
      check();
    });
  const at = (index: number) => answerOf(reader.messages[index]);
  const readHead = async () => {
    const index = headsRead++;
    await when(() => reader.messages.length > index);
    return at(index);
  };
  const readBody = async () => {
    const index = headsRead - 1;
    await when(() => reader.messages[index]?.isComplete ?? false);
    return at(index);
  };
  return {
    socket,
    send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    readHead,
    readBody,
    async readAnswer() {
      while ((await readHead()).status < 200);
      return await readBody();
    },
    when,
    get answers() {
      return reader.messages.map(answerOf);
    },
    get rest() {
      return reader.rest;
    },
    get fault() {
      return fault;
    },
    ended,
    finish: () => void socket.end(),
    reset: () => void raw.resetAndDestroy(),
    async [Symbol.asyncDispose]() {
      // After a reset TLS closes with the socket below: to destroy it at once can crash Node.
      if (!raw.destroyed) socket.destroy();
      raw.destroy();
      if (!raw.closed) await new Promise((resolve) => raw.once('close', resolve));
    },
  };
}

function answerOf(message: IHttpMessage | undefined): IRawAnswer {
  if (message === undefined) throw new Error('no such answer');
  return {
    status: Number(message.startLine.slice(9, 12)),
    message,
    get body() {
      return message.body.toString('latin1');
    },
    get isComplete() {
      return message.isComplete;
    },
    field: (name) => fieldOf(message.fields, name),
  };
}

const describe = (reader: MessageReader): string =>
  `${JSON.stringify(reader.messages.map(({ startLine, isComplete }) => [startLine, isComplete]))} and ${reader.rest.length} bytes`;

export interface IExchange {
  /** Interim answers included. */
  readonly answers: readonly IRawAnswer[];
  readonly ended: TConnectionEnd;
  /** What follows the last complete head without being one. */
  readonly rest: Buffer;
  /** Why what came cannot be read as answers; null if it can. */
  readonly fault: string | null;
}

/**
 * Sends bytes and reads. Resolves when the connection has ended or, if `answers` is given, with the last of that many
 * complete final answers; at the latest after `withinMs`, with `ended: 'open'`.
 */
export async function rawExchange(
  port: number,
  bytes: string | Uint8Array,
  {
    answers = Number.POSITIVE_INFINITY,
    withinMs = 20_000,
    ...options
  }: IRawOptions & { answers?: number; withinMs?: number } = {},
): Promise<IExchange> {
  await using client = await openRawHttp(port, options);
  client.send(bytes);
  const complete = () => client.answers.filter((answer) => answer.status >= 200 && answer.isComplete).length;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs);
  });
  await Promise.race([client.when(() => complete() >= answers).catch(() => {}), client.ended, late]);
  clearTimeout(timer);
  // An end that came with the last bytes is told before this.
  const ended = await Promise.race([client.ended, new Promise<'open'>((resolve) => setImmediate(resolve, 'open'))]);
  return { answers: client.answers, ended, rest: client.rest, fault: client.fault };
}

export interface IFetched {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
  readonly text: string;
}

export interface IFetchOptions {
  /** The Host to ask for; with `tls` also the SNI. Default `a.test`. */
  readonly host?: string;
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** Chunked instead of by its length. */
  readonly chunked?: boolean;
  /** Connects by TLS; `{}` verifies nothing. */
  readonly tls?: tls.ConnectionOptions;
  /** Default: a connection for this request alone. */
  readonly agent?: http.Agent | false;
  readonly signal?: AbortSignal;
}

/** One request by Node's client through a proxy on a local port. Redirects are not followed. */
export function fetchThrough(port: number, path: string, options: IFetchOptions = {}): Promise<IFetched> {
  const { host = 'a.test', method = 'GET', headers = {}, body, chunked = false, agent = false, signal } = options;
  const length = body === undefined || chunked ? {} : { 'content-length': Buffer.byteLength(body) };
  const wish: https.RequestOptions = {
    ...{ host: '127.0.0.1', port, path, method, agent, headers: { host, ...length, ...headers } },
    ...(options.tls ? { servername: host.replace(/:\d+$/, ''), rejectUnauthorized: false, ...options.tls } : {}),
    ...(signal ? { signal } : {}),
  };
  return new Promise((resolve, reject) => {
    const request = (options.tls ? https : http).request(wish, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const whole = Buffer.concat(parts);
        const { statusCode: status = 0, headers: got, rawHeaders, trailers } = response;
        resolve({ status, headers: got, rawHeaders, trailers, body: whole, text: whole.toString() });
      });
    });
    request.on('error', reject);
    if (body !== undefined) request.write(body);
    request.end();
  });
}

/** An agent that keeps one connection; destroy it, or `using` it. */
export function keepAliveAgent(isTls = false): http.Agent & Disposable {
  const agent = new (isTls ? https : http).Agent({ keepAlive: true, maxSockets: 1 });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}
