// The set of open listeners, opened and closed point by point as routes come and go.

import type { Socket } from 'node:net';
import type { ProxyError } from '../../base/errors.js';
import type { ILogger } from '../../base/logger.js';
import type { IListeningPoint } from '../../config/change.js';
import type { IResolvedMatch, IResolvedSocketOptions } from '../../config/resolved.js';
import { Listener } from './listener.js';

export interface IPortsOptions {
  /** What a point's null address means; null: `::` with IPv4. */
  readonly listenAddress: string | null;
  readonly socket: IResolvedSocketOptions;
  readonly logger: ILogger;
  readonly onSocket: (socket: Socket, point: IListeningPoint, port: number) => void;
  readonly onError: (error: ProxyError) => void;
}

/** Calls must not overlap: SmartProxy serialises them. */
export class Ports {
  readonly #options: IPortsOptions;
  readonly #open = new Map<string, { readonly point: IListeningPoint; readonly listener: Listener }>();

  constructor(options: IPortsOptions) {
    this.#options = options;
  }

  /** The port numbers that are listened on, ascending. */
  get numbers(): number[] {
    const numbers = new Set([...this.#open.values()].map(({ listener }) => listener.port));
    return [...numbers].sort((a, b) => a - b);
  }

  /** What is open, with the port that each point turned out to be. */
  get listening(): { readonly point: IListeningPoint; readonly port: number }[] {
    return [...this.#open.values()].map(({ point, listener }) => ({ point, port: listener.port }));
  }

  /** The port that a point turned out to be; null where it is not open. */
  portAt(point: IListeningPoint): number | null {
    return this.#open.get(keyOf(point))?.listener.port ?? null;
  }

  /** The first that listens for what a route asks for; null: none. */
  portFor({ listenAddress, ports }: Pick<IResolvedMatch, 'listenAddress' | 'ports'>): number | null {
    const isFor = ({ address, port }: IListeningPoint) =>
      address === listenAddress && ports.some(({ from, to }) => from <= port && port <= to);
    const found = this.listening.filter(({ point }) => isFor(point)).map(({ port }) => port);
    return found.length === 0 ? null : Math.min(...found);
  }

  get points(): IListeningPoint[] {
    return [...this.#open.values()].map(({ point }) => point);
  }

  /**
   * Hands on a socket that somebody else accepted as if it had come to `port`, by default the first that is open.
   * @returns false if no such port is open.
   */
  pass(socket: Socket, port?: number): boolean {
    const { noDelay, keepAlive, keepAliveInitialDelayMs } = this.#options.socket;
    for (const { point, listener } of this.#open.values()) {
      if (port !== undefined && port !== listener.port && port !== point.port) continue;
      socket.allowHalfOpen = true;
      socket.setNoDelay(noDelay).setKeepAlive(keepAlive, keepAliveInitialDelayMs);
      this.#options.onSocket(socket, point, listener.port);
      return true;
    }
    return false;
  }

  /**
   * Opens all points that are not open yet, or none: what was opened before one failed is closed again.
   * @returns what was opened.
   * @throws ProxyError LISTEN_FAILED
   */
  async open(points: readonly IListeningPoint[]): Promise<IListeningPoint[]> {
    const opened: IListeningPoint[] = [];
    try {
      for (const point of points) {
        if (this.#open.has(keyOf(point))) continue;
        await this.#openOne(point);
        opened.push(point);
      }
    } catch (error) {
      await this.close(opened);
      throw error;
    }
    return opened;
  }

  /** Opens what can be opened of points that nobody depends on; what cannot is reported. */
  async tryOpen(points: readonly IListeningPoint[]): Promise<void> {
    for (const point of points) await this.open([point]).catch(this.#options.onError);
  }

  /** Stops listening at those points; their connections live on. */
  async close(points: readonly IListeningPoint[] = this.points): Promise<void> {
    const closing = points.map((point) => {
      const entry = this.#open.get(keyOf(point));
      this.#open.delete(keyOf(point));
      return entry?.listener.close();
    });
    await Promise.all(closing);
  }

  async #openOne(point: IListeningPoint): Promise<void> {
    const { listenAddress, socket, logger, onSocket, onError } = this.#options;
    const listener = new Listener({
      address: point.address ?? listenAddress,
      port: point.port,
      socket,
      logger,
      onError,
      onSocket: (accepted) => onSocket(accepted, point, listener.port),
    });
    await listener.open();
    this.#open.set(keyOf(point), { point, listener });
    logger.info({ address: point.address ?? listenAddress ?? '::', port: listener.port }, 'listening');
  }
}

const keyOf = ({ address, port }: IListeningPoint): string => `${address ?? ''}#${port}`;
