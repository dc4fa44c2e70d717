// listen: one listening socket of ours, and the hand-over of what it accepts.

import type { AddressInfo, Server, Socket } from 'node:net';
import { messageOf, ProxyError } from '../../base/errors.js';
import type { ILogger } from '../../base/logger.js';
import type { IResolvedSocketOptions } from '../../config/resolved.js';
import * as plugins from '../../plugins.js';

/** A port that several processes accept from. */
export interface ISharedPort {
  /** What `net.Server.listen` takes for one: it is bound already. */
  readonly handle: object;
  readonly port: number;
}

/** Gives the port to listen on. @throws whatever keeps it from being bound */
export type TSharePort = (address: string | null, port: number) => Promise<ISharedPort>;

/** True: another process serves this socket, of which nothing has been read, as one that came to this point, as `share` was asked for it. */
export type THandOver = (socket: Socket, address: string | null, port: number) => boolean;

export interface IListenerOptions {
  /** null: `::` together with IPv4, or `0.0.0.0` where there is no IPv6. */
  readonly address: string | null;
  /** 0 takes a free port. */
  readonly port: number;
  readonly socket: IResolvedSocketOptions;
  readonly logger: ILogger;
  /** Left out: this process binds its ports itself, and serves what it accepts. */
  readonly group?: { readonly share: TSharePort; readonly handOver: THandOver } | undefined;
  /** Gets each accepted socket, at once: whoever takes it adopts it before returning. */
  readonly onSocket: (socket: Socket) => void;
  /** Gets failures to accept, ACCEPT_FAILED, at most one a second. */
  readonly onError: (error: ProxyError) => void;
}

/** Owns one `net.Server`. `open` it once, `close` it once. */
export class Listener {
  readonly #options: IListenerOptions;
  #server: Server | null = null;
  #port = 0;
  #loggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: IListenerOptions) {
    this.#options = options;
  }

  /** The port it listens on; 0 before `open`. */
  get port(): number {
    return this.#port;
  }

  /** @throws ProxyError LISTEN_FAILED */
  async open(): Promise<void> {
    const { address, port, group } = this.#options;
    try {
      if (group !== undefined) {
        const { handle } = await group.share(address, port);
        this.#server = await this.#listen((server, done) => server.listen(handle, backlog, done));
      } else this.#server = await this.#listenAt(address ?? '::');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (group !== undefined || address !== null || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL'))
        throw this.#failure(error);
      this.#server = await this.#listenAt('0.0.0.0').catch((cause) => Promise.reject(this.#failure(cause)));
    }
  }

  /** Stops accepting at once; what was accepted lives on. Resolves when the port is free. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    // `close` waits for the server's connections, which are not ours to wait for: the handle is closed at once anyway.
    server.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  #listenAt(host: string): Promise<Server> {
    const { port } = this.#options;
    return this.#listen((server, done) => server.listen({ host, port, backlog }, done));
  }

  #listen(begin: (server: Server, done: () => void) => void): Promise<Server> {
    const { group } = this.#options;
    const { noDelay, keepAlive, keepAliveInitialDelayMs } = this.#options.socket;
    const server = plugins.net.createServer({
      allowHalfOpen: true,
      noDelay,
      keepAlive,
      keepAliveInitialDelay: keepAliveInitialDelayMs,
      // Whoever reads first, keeps it.
      pauseOnConnect: group !== undefined,
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      begin(server, () => {
        server.off('error', reject);
        this.#port = (server.address() as AddressInfo).port;
        server.on('error', (error) => this.#acceptFailed(error));
        server.on('connection', (socket) => this.#accepted(socket));
        resolve(server);
      });
    });
  }

  #accepted(socket: Socket): void {
    const { group, address, port, onSocket } = this.#options;
    if (group !== undefined) {
      if (group.handOver(socket, address, port)) return;
      // As if it had not been paused: what follows knows sockets that read from the start.
      Reflect.set(socket, 'readableFlowing', null);
      socket.read(0);
    }
    onSocket(socket);
  }

  /** Out of descriptors: libuv closes what it cannot accept, one error each. One line a second is enough to know. */
  #acceptFailed(error: Error): void {
    const nowMs = performance.now();
    if (nowMs - this.#loggedMs < 1_000) return;
    this.#loggedMs = nowMs;
    this.#options.logger.error({ error, port: this.port }, 'accepting failed');
    const message = `cannot accept on port ${this.port}: ${error.message}`;
    this.#options.onError(new ProxyError('ACCEPT_FAILED', message, { cause: error }));
  }

  #failure(cause: unknown): ProxyError {
    const { address, port } = this.#options;
    return new ProxyError('LISTEN_FAILED', `cannot listen on ${address ?? '*'} port ${port}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** The kernel cuts it to net.core.somaxconn. Node's default of 511 is short for a burst of arrivals. */
const backlog = 4_096;
