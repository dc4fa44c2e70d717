// What all stand-alone forwarding handlers are: a proxy of one route that listens nowhere and is given its connections.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ConfigError } from '../base/errors.js';
import type { IRouteConfig, IRouteMatch, ISmartProxyOptions } from '../config/types.js';
import type { IConnectionRecord } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import { endTable } from '../flow/ends.js';
import * as plugins from '../plugins.js';
import { SmartProxy } from '../smart-proxy.js';
import { type IForwardConfig, routeOfForwarding, type TForwardingType } from './forward-config.js';
import { refuse, relayRequest } from './relay-request.js';

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
  readonly #route: IRouteConfig;
  readonly #options: IForwardingOptions;
  /** For requests that others have read, by how their clients came. Each is made when the first one comes. */
  readonly #inner = new Map<'http' | 'https', SmartProxy>();
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
    const names = domains === undefined ? {} : { domains };
    this.#route = { name: type, ...routeOfForwarding(config, { ...match, ...names }, options) };
    this.#proxy = this.#watched(new SmartProxy({ ...options, routes: [this.#route] }, { listens: false }));
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
    if (this.#stopped) return refuse(res, 503);
    const inner = this.#requestProxy('encrypted' in req.socket);
    if (inner === null) return refuse(res, 501);
    relayRequest(req, res, (socket) => serve(this.initialize(), inner, socket));
  }

  /** Ends its connections, after `graceMs` at the latest; it serves none any more. */
  async stop({ graceMs = 0 } = {}): Promise<void> {
    this.#stopped = true;
    await Promise.all([this.#proxy, ...this.#inner.values()].map((proxy) => proxy.stop({ graceMs })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** null: bytes are forwarded as they are, so that there is no request to speak of. */
  #requestProxy(isEncrypted: boolean): SmartProxy | null {
    const { action, ...route } = this.#route;
    if (action.type !== 'forward' || route.name === 'direct' || action.tls?.mode === 'passthrough') return null;
    const { tls, ...plain } = action;
    // TLS ended before us: at the server that read the request, or in front of that.
    const proto = tls === undefined && !isEncrypted ? 'http' : 'https';
    const made = this.#inner.get(proto);
    if (made !== undefined) return made;
    const told = proto === 'http' ? {} : { 'X-Forwarded-Proto': proto };
    const headers = { ...route.headers, request: { ...told, ...route.headers?.request } };
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
    this.#inner.set(proto, this.#watched(inner));
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
