// What all stand-alone forwarding handlers are: a proxy of one route that listens nowhere and is given its connections.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ConfigError } from '../base/errors.js';
import type { IRouteMatch, ISmartProxyOptions } from '../config/types.js';
import type { IConnectionRecord } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import { endTable } from '../flow/ends.js';
import * as plugins from '../plugins.js';
import { SmartProxy } from '../smart-proxy.js';
import { type IForwardConfig, routeOfForwarding, type TForwardingType } from './forward-config.js';
import { relayRequest } from './relay-request.js';

/** The events of a forwarding handler. */
export const ForwardingHandlerEvents = Object.freeze({
  /** A connection was let in: `(record)`. */
  CONNECTED: 'connected',
  /** It has ended: `(record, end)`, with the bytes of both directions and a word of the table of ends. */
  DISCONNECTED: 'disconnected',
  /** The same, where it ended by a fault: `(error, record)`. Without a listener nothing happens. */
  ERROR: 'error',
  /** A request was answered: `(report)`. */
  HTTP_RESPONSE: 'http-response',
});

/** What a handler may be given besides its configuration: options of a SmartProxy. */
export interface IForwardingOptions extends Partial<Omit<ISmartProxyOptions, 'routes'>> {
  /** Names that it serves. Default: all. Certificates that are ordered need them. */
  domains?: IRouteMatch['domains'];
}

/** What a program sees of any of them. */
export interface IForwardingHandler extends EventEmitter {
  initialize(): Promise<void>;
  handleConnection(socket: Socket): void;
  handleHttpRequest(req: IncomingMessage, res: ServerResponse): void;
  stop(): Promise<void>;
}

/** Of one type each. `stop` it when it is not needed any more. */
export abstract class ForwardingHandler extends plugins.events.EventEmitter implements IForwardingHandler {
  readonly config: IForwardConfig;
  readonly #proxy: SmartProxy;
  readonly #match: Omit<IRouteMatch, 'ports'>;
  readonly #options: IForwardingOptions;
  /** For requests that others have read: what is inside its TLS, if it has any. Made when the first one comes. */
  #inner: SmartProxy | null = null;
  #started: Promise<void> | null = null;
  #stopped = false;

  /** @throws ConfigError with every fault */
  constructor(
    type: TForwardingType,
    config: IForwardConfig,
    { domains, ...options }: IForwardingOptions,
    match: Omit<IRouteMatch, 'ports'> = {},
  ) {
    super();
    if (config?.type !== type) {
      throw new ConfigError([{ path: 'type', want: `'${type}' for this handler`, got: String(config?.type) }]);
    }
    this.config = config;
    this.#options = options;
    this.#match = { ...match, ...(domains === undefined ? {} : { domains }) };
    this.#proxy = this.#watched(new SmartProxy({ ...options, routes: [this.#route(config)] }, { listens: false }));
  }

  /** Makes ready; connections that come before wait for it. @throws ProxyError as `start` of a SmartProxy */
  async initialize(): Promise<void> {
    this.#started ??= this.#proxy.start();
    await this.#started;
  }

  /** Serves a connection that somebody else accepted, of which nothing was read. Never throws. */
  handleConnection(socket: Socket): void {
    serve(this.initialize(), this.#proxy, socket);
  }

  /** Answers a request that a server of Node's has read, its TLS terminated if there was any. Never throws. */
  handleHttpRequest(req: IncomingMessage, res: ServerResponse): void {
    if (this.#stopped) return void res.writeHead(503, { connection: 'close' }).end();
    const inner = this.#requestProxy();
    if (inner === null) return void res.writeHead(501, { connection: 'close' }).end();
    relayRequest(req, res, (socket) => serve(this.initialize(), inner, socket));
  }

  /** Ends its connections, after `graceMs` at the latest; it serves none any more. */
  async stop({ graceMs = 0 } = {}): Promise<void> {
    this.#stopped = true;
    await Promise.all([this.#proxy.stop({ graceMs }), this.#inner?.stop({ graceMs })]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #route(config: IForwardConfig, match = this.#match) {
    return { name: config.type, ...routeOfForwarding(config, match, this.#options) };
  }

  /** null: bytes are forwarded as they are, so that there is no request to speak of. */
  #requestProxy(): SmartProxy | null {
    if (this.#inner !== null) return this.#inner;
    const { action, ...route } = this.#route(this.config);
    if (action.type !== 'forward' || this.config.type === 'direct' || action.tls?.mode === 'passthrough') return null;
    const { tls, ...plain } = action;
    // Its client came by TLS, which ended before us.
    const proto = tls === undefined ? {} : { 'X-Forwarded-Proto': 'https' };
    const headers = { ...route.headers, request: { ...proto, ...route.headers?.request } };
    const upstream = tls?.mode === 'terminate-and-reencrypt' ? { tls: tls.upstream ?? true } : {};
    const { target } = plain;
    // It has one admin interface, and what others have read begins with no header of a balancer's.
    const { admin, acceptProxyProtocol, proxyIPs, ...options } = this.#options;
    const inner = new SmartProxy(
      {
        ...options,
        routes: [
          {
            ...route,
            headers,
            match: { ...route.match, path: '/*' },
            action: { ...plain, ...(target === undefined ? {} : { target: { ...target, ...upstream } }) },
          },
        ],
      },
      { listens: false },
    );
    this.#inner = this.#watched(inner);
    const before = this.initialize();
    this.#started = before.then(() => inner.start());
    this.#started.catch(() => {});
    return inner;
  }

  #watched(proxy: SmartProxy): SmartProxy {
    proxy.on('connection', (record) => void this.emit(ForwardingHandlerEvents.CONNECTED, record));
    proxy.on('request', (report) => void this.emit(ForwardingHandlerEvents.HTTP_RESPONSE, report));
    proxy.on('connection-end', (record, end) => this.#ended(record, end));
    proxy.on('error', (error) => this.#failed(error, null));
    return proxy;
  }

  #ended(record: IConnectionRecord, end: TEnd): void {
    const { blame, meaning } = endTable[end];
    if (blame !== null) this.#failed(Object.assign(new Error(meaning), { code: end }), record);
    this.emit(ForwardingHandlerEvents.DISCONNECTED, record, end);
  }

  /** Emitters throw errors that nobody listens for. */
  #failed(error: Error, record: IConnectionRecord | null): void {
    if (this.listenerCount(ForwardingHandlerEvents.ERROR) > 0) this.emit(ForwardingHandlerEvents.ERROR, error, record);
  }
}

/** The socket is adopted before it waits. */
function serve(ready: Promise<void>, proxy: SmartProxy, socket: Socket): void {
  const ignore = () => {};
  socket.on('error', ignore);
  ready.then(
    () => proxy.handleConnection(socket),
    () => socket.destroy(),
  );
}
