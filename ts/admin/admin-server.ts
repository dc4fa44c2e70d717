// The server of the admin interface, on node:http: it is for people and scripts, not for traffic.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { IClock } from '../base/clock.js';
import { messageOf, ProxyError } from '../base/errors.js';
import * as plugins from '../plugins.js';
import { AdminError, tellError } from './admin-error.js';
import { Crowd } from './crowd.js';
import { endpoints, type IEndpoint, type TAnswer } from './endpoints.js';
import { EventStreams } from './event-streams.js';
import { FailedAttempts } from './failed-attempts.js';
import { Gate, type IGateParts } from './gate.js';
import { pageFile } from './page.js';
import { BodyReader } from './read-body.js';
import type { IAdminView } from './view.js';

export interface IAdminServerParts extends Omit<IGateParts, 'attempts'> {
  readonly view: IAdminView;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly clock: IClock;
  readonly limits?: Partial<IAdminLimits>;
}

/** What strangers can make it cost. Milliseconds. */
export interface IAdminLimits {
  /** At a time; for more, the oldest gives way of those of which no request was let in yet. */
  readonly maxConnections: number;
  readonly headersTimeout: number;
  /** For a whole request. */
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  /** No byte either way. */
  readonly idleTimeout: number;
  /** How often the above are looked at. */
  readonly checkInterval: number;
}

const usualLimits: IAdminLimits = {
  maxConnections: 96,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  idleTimeout: 60_000,
  checkInterval: 2_000,
};

const maxHeaderBytes = 16_384;

/** Of every answer: the page runs its own script and nothing else, nobody frames it, nothing of it is kept. */
const safeHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** `open` it, and `close` it; again if need be. */
export class AdminServer {
  readonly #parts: IAdminServerParts;
  readonly #gate: Gate;
  readonly #attempts: FailedAttempts;
  readonly #events: EventStreams;
  readonly #crowd: Crowd;
  readonly #bodies = new BodyReader();
  readonly #limits: IAdminLimits;
  #server: Server | null = null;
  #address: AddressInfo | null = null;

  constructor(parts: IAdminServerParts) {
    this.#parts = parts;
    this.#attempts = new FailedAttempts(parts.clock);
    this.#gate = new Gate({ ...parts, attempts: this.#attempts });
    this.#events = new EventStreams(parts.view, parts.clock);
    this.#limits = { ...usualLimits, ...parts.limits };
    this.#crowd = new Crowd(this.#limits.maxConnections);
  }

  /** Where it listens; null while it does not. */
  get address(): AddressInfo | null {
    return this.#address;
  }

  /** @throws ProxyError LISTEN_FAILED */
  async open(): Promise<void> {
    const { host, port } = this.#parts;
    const server = this.#makeServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const message = `cannot listen on ${host}:${port} for the admin interface: ${cause.message}`;
        reject(new ProxyError('LISTEN_FAILED', message, { cause }));
      });
      server.listen({ host, port }, resolve);
    });
    server.on('error', (error) => this.#parts.logger.error({ error }, 'the admin interface cannot accept'));
    this.#server = server;
    this.#address = server.address() as AddressInfo;
    const { address, port: taken } = this.#address;
    this.#parts.logger.info({ address, port: taken }, 'the admin interface listens');
  }

  /** Ends everybody's connection to it, too. */
  async close(): Promise<void> {
    this.#events.close();
    const server = this.#server;
    this.#server = null;
    this.#address = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    // Answers that are on their way are a few bytes in the kernel by now; who waits on is cut.
    setImmediate(() => server.closeAllConnections());
    await closed;
  }

  #makeServer(): Server {
    const limits = this.#limits;
    const { headersTimeout, requestTimeout, keepAliveTimeout, checkInterval: connectionsCheckingInterval } = limits;
    const server = plugins.requireHttp().createServer(
      {
        headersTimeout,
        requestTimeout,
        keepAliveTimeout,
        connectionsCheckingInterval,
        maxHeaderSize: maxHeaderBytes,
      },
      (request, response) => void this.#serve(request, response).catch(() => response.destroy()),
    );
    server.setTimeout(limits.idleTimeout);
    server.on('connection', (socket: Socket) => this.#crowd.came(socket));
    // No upgrades, no tunnels: without a listener Node answers the one as a request and closes the other.
    return server.on('clientError', refuseMalformed);
  }

  /** Never rejects. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that leaves is an error to whoever writes or reads then.
    response.on('error', ignore);
    request.on('error', ignore);
    const { socket } = request;
    if (!this.#crowd.asks(socket)) return;
    response.on('close', () => this.#crowd.answered(socket));
    for (const [name, value] of Object.entries(safeHeaders)) response.setHeader(name, value);
    try {
      await this.#send(response, await this.#answer(request));
    } catch (error) {
      this.#refuse(request, response, error);
    }
  }

  async #answer(request: IncomingMessage): Promise<TAnswer> {
    const { path, query } = placeOf(request.url ?? '');
    const { endpoint, id } = find(request.method ?? '', path);
    const { isPage = false, isOpen = false } = endpoint ?? {};
    this.#gate.judge(request, { isPage, isOpen });
    if (!isPage && !isOpen) this.#crowd.knows(request.socket);
    if (endpoint === null) throw missing(path);
    judgeQuery(endpoint, query);
    const own = { eventsDropped: this.#events.dropped, authenticationFailures: this.#attempts.total };
    const { view } = this.#parts;
    return await endpoint.answer({ view, query, id, own, content: () => this.#bodies.read(request) });
  }

  async #send(response: ServerResponse, answer: TAnswer): Promise<void> {
    if (response.destroyed) return;
    if ('events' in answer && response.req.method === 'GET') return await this.#events.open(response, answer.events);
    if ('events' in answer) response.writeHead(200, { 'content-type': 'text/event-stream' }).end();
    else if ('file' in answer) {
      const { type, content } = await pageFile(answer.file);
      response.writeHead(200, { 'content-type': type }).end(content);
    } else if ('text' in answer) {
      const { status = 200, text, type = 'text/plain; charset=utf-8' } = answer;
      response.writeHead(status, { 'content-type': type }).end(text);
    } else {
      sendJson(response, answer.status ?? 200, answer.json);
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    let told = tellError(error);
    if (told === null) {
      this.#parts.logger.error({ error, why: messageOf(error) }, 'the admin interface failed');
      told = {
        status: 500,
        headers: {},
        error: { code: 'DEFECT', message: 'a defect of the proxy: its log has more' },
      };
    }
    for (const [name, value] of Object.entries(told.headers)) response.setHeader(name, value);
    // What was not read may be without end.
    if (!request.complete) response.setHeader('connection', 'close');
    sendJson(response, told.status, { error: told.error });
  }
}

function placeOf(target: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  return { path, query: new URLSearchParams(at < 0 ? '' : target.slice(at + 1)) };
}

interface IFound {
  /** null: none has this method and path. */
  readonly endpoint: IEndpoint | null;
  readonly id: string;
}

/** Paths are compared as they come: no other spelling of one is that one. */
function find(asked: string, path: string): IFound {
  const method = asked === 'HEAD' ? 'GET' : asked;
  for (const endpoint of endpoints) {
    const id = endpoint.method === method ? fit(endpoint.path, path) : null;
    if (id !== null) return { endpoint, id };
  }
  return { endpoint: null, id: '' };
}

/** What stands for `:id`; null: the path is another one. */
function fit(pattern: string, path: string): string | null {
  if (!pattern.endsWith('/:id')) return pattern === path ? '' : null;
  const id = path.startsWith(pattern.slice(0, -3)) ? path.slice(pattern.length - 3) : '';
  return /^[\w.:-]{1,100}$/.test(id) ? id : null;
}

function missing(path: string): AdminError {
  const methods = endpoints.flatMap(({ method, path: known }) => (fit(known, path) === null ? [] : [method]));
  if (methods.length === 0) return new AdminError(404, 'NOT_FOUND', 'nothing is there');
  return new AdminError(405, 'METHOD_WRONG', `want ${methods.join(' or ')}`, {
    headers: { allow: methods.join(', ') },
  });
}

function judgeQuery({ query: known = [] }: IEndpoint, query: URLSearchParams): void {
  const odd = [...query.keys()].some((name, index, names) => !known.includes(name) || names.indexOf(name) !== index);
  if (!odd) return;
  const want = known.length === 0 ? 'no query' : `${known.join(', ')}, each once at most`;
  throw new AdminError(400, 'QUERY_WRONG', `want ${want}`);
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(`${JSON.stringify(value)}\n`);
}

function refuseMalformed(error: NodeJS.ErrnoException, duplex: Duplex): void {
  const socket = duplex as Socket;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : malformed(error);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

const malformed = ({ code }: NodeJS.ErrnoException): string =>
  code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';

function ignore(): void {}
