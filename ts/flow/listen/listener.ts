// listen: one listening socket of ours, and the hand-over of what it accepts.

import type { AddressInfo, Server, Socket } from 'node:net';
import { messageOf, ProxyError } from '../../base/errors.js';
import type { ILogger } from '../../base/logger.js';
import type { IResolvedSocketOptions } from '../../config/resolved.js';
import * as plugins from '../../plugins.js';

export interface IListenerOptions {
  /** null: `::` together with IPv4, or `0.0.0.0` where there is no IPv6. */
  readonly address: string | null;
  /** 0 takes a free port. */
  readonly port: number;
  readonly socket: IResolvedSocketOptions;
  readonly logger: ILogger;
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
    const { address, port } = this.#options;
    try {
      this.#server = await this.#listen(address ?? '::', port);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (address !== null || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw this.#failure(error);
      this.#server = await this.#listen('0.0.0.0', port).catch((cause) => Promise.reject(this.#failure(cause)));
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

  #listen(host: string, port: number): Promise<Server> {
    const { noDelay, keepAlive, keepAliveInitialDelayMs } = this.#options.socket;
    const server = plugins.net.createServer({
      allowHalfOpen: true,
      noDelay,
      keepAlive,
      keepAliveInitialDelay: keepAliveInitialDelayMs,
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog }, () => {
        server.off('error', reject);
        this.#port = (server.address() as AddressInfo).port;
        server.on('error', (error) => this.#acceptFailed(error));
        server.on('connection', (socket) => this.#options.onSocket(socket));
        resolve(server);
      });
    });
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
