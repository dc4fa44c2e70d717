// The set of open listeners, opened and closed point by point as routes come and go.

import type { Socket } from 'node:net';
import { AsyncMutex } from '../../base/async-utils.js';
import type { IClock, ITimer } from '../../base/clock.js';
import { messageOf, ProxyError } from '../../base/errors.js';
import type { ILogger } from '../../base/logger.js';
import type { IListeningPoint } from '../../config/change.js';
import type { IResolvedMatch, IResolvedSocketOptions } from '../../config/resolved.js';
import { type IListenerOptions, Listener } from './listener.js';

export interface IPortsOptions {
  /** What a point's null address means; null: `::` with IPv4. */
  readonly listenAddress: string | null;
  readonly socket: IResolvedSocketOptions;
  readonly clock: IClock;
  /** False: no port is opened, and sockets come by `pass` alone. */
  readonly listens: boolean;
  readonly logger: ILogger;
  readonly group?: IListenerOptions['group'];
  readonly onSocket: (socket: Socket, point: IListeningPoint, port: number) => void;
  readonly onError: (error: ProxyError) => void;
}

/** A point that nobody depends on, and that somebody else has. */
interface IMissing {
  readonly point: IListeningPoint;
  isTold: boolean;
}

/** Calls are done one after the other. */
export class Ports {
  readonly #options: IPortsOptions;
  /** Without a listener: open to `pass` alone. */
  readonly #open = new Map<string, { readonly point: IListeningPoint; readonly listener: Listener | null }>();
  readonly #turns = new AsyncMutex();
  readonly #missing = new Map<string, IMissing>();
  #retry: ITimer | null = null;
  #retryMs = firstRetryMs;

  constructor(options: IPortsOptions) {
    this.#options = options;
  }

  /** The port numbers that are listened on, ascending. */
  get numbers(): number[] {
    const numbers = new Set(this.listening.map(({ port }) => port));
    return [...numbers].sort((a, b) => a - b);
  }

  /** What is open, with the port that each point turned out to be. */
  get listening(): { readonly point: IListeningPoint; readonly port: number }[] {
    return [...this.#open.values()].flatMap(({ point, listener }) => {
      return listener === null ? [] : [{ point, port: listener.port }];
    });
  }

  /** The port that a point turned out to be; null where it is not open. */
  portAt(point: IListeningPoint): number | null {
    return this.#open.get(keyOf(point))?.listener?.port ?? null;
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
   * Hands on a socket that somebody else accepted as if it had come to `port`, by default the first that is open. Where
   * nothing listens, the port is the one that the client connected to.
   * @returns false if no such port is open.
   */
  pass(socket: Socket, port?: number): boolean {
    for (const { point, listener } of this.#open.values()) {
      if (port !== undefined && port !== listener?.port && port !== point.port) continue;
      this.#take(socket, point, listener?.port ?? port ?? socket.localPort ?? point.port);
      return true;
    }
    return false;
  }

  /** The same for one that another process accepted at this very point: two addresses may have the same port. */
  passAt(socket: Socket, address: string | null, port: number): boolean {
    for (const { point, listener } of this.#open.values()) {
      if (port !== point.port || address !== (point.address ?? this.#options.listenAddress)) continue;
      this.#take(socket, point, listener?.port ?? port);
      return true;
    }
    return false;
  }

  #take(socket: Socket, point: IListeningPoint, port: number): void {
    const { noDelay, keepAlive, keepAliveInitialDelayMs } = this.#options.socket;
    socket.allowHalfOpen = true;
    socket.setNoDelay(noDelay).setKeepAlive(keepAlive, keepAliveInitialDelayMs);
    this.#options.onSocket(socket, point, port);
  }

  /**
   * Opens all points that are not open yet, or none: what was opened before one failed is closed again.
   * @returns what was opened.
   * @throws ProxyError LISTEN_FAILED
   */
  open(points: readonly IListeningPoint[]): Promise<IListeningPoint[]> {
    return this.#turns.runExclusive(() => this.#openAll(points));
  }

  /**
   * Opens what can be opened of points that nobody depends on. What cannot is reported once, and tried again, until a later
   * call leaves it out.
   */
  async tryOpen(points: readonly IListeningPoint[]): Promise<void> {
    const wanted = new Map(points.map((point) => [keyOf(point), point]));
    for (const key of this.#missing.keys()) if (!wanted.has(key)) this.#missing.delete(key);
    for (const [key, point] of wanted) {
      if (!this.#open.has(key) && !this.#missing.has(key)) this.#missing.set(key, { point, isTold: false });
    }
    this.#retryMs = firstRetryMs;
    await this.#tryMissing();
  }

  /** Stops listening at those points, by default at all; their connections live on. */
  async close(points?: readonly IListeningPoint[]): Promise<void> {
    if (points === undefined) {
      this.#missing.clear();
      this.#retry?.cancel();
    }
    await this.#turns.runExclusive(() => this.#closeAll(points ?? this.points));
  }

  async #openAll(points: readonly IListeningPoint[]): Promise<IListeningPoint[]> {
    const opened: IListeningPoint[] = [];
    try {
      for (const point of points) {
        if (this.#open.has(keyOf(point))) continue;
        await this.#openOne(point);
        opened.push(point);
      }
    } catch (error) {
      await this.#closeAll(opened);
      throw error;
    }
    return opened;
  }

  async #tryMissing(): Promise<void> {
    for (const key of [...this.#missing.keys()]) await this.#turns.runExclusive(() => this.#tryOne(key));
    this.#retry?.cancel();
    if (this.#missing.size === 0) return;
    this.#retry = this.#options.clock.setTimer(() => void this.#tryMissing(), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, longestRetryMs);
  }

  async #tryOne(key: string): Promise<void> {
    const missing = this.#missing.get(key);
    if (missing === undefined) return;
    try {
      const opened = await this.#openAll([missing.point]);
      // Meanwhile somebody may have said that it is not wanted.
      if (!this.#missing.delete(key)) await this.#closeAll(opened);
    } catch (cause) {
      if (missing.isTold) return;
      missing.isTold = true;
      this.#options.onError(new ProxyError('LISTEN_FAILED', `${messageOf(cause)}; it is tried again`, { cause }));
    }
  }

  async #closeAll(points: readonly IListeningPoint[]): Promise<void> {
    const closing = points.map((point) => {
      const entry = this.#open.get(keyOf(point));
      this.#open.delete(keyOf(point));
      return entry?.listener?.close();
    });
    await Promise.all(closing);
  }

  async #openOne(point: IListeningPoint): Promise<void> {
    const { listenAddress, socket, listens, logger, group, onSocket, onError } = this.#options;
    if (!listens) return void this.#open.set(keyOf(point), { point, listener: null });
    const listener = new Listener({
      address: point.address ?? listenAddress,
      port: point.port,
      socket,
      logger,
      group,
      onError,
      onSocket: (accepted) => onSocket(accepted, point, listener.port),
    });
    await listener.open();
    this.#open.set(keyOf(point), { point, listener });
    logger.info({ address: point.address ?? listenAddress ?? '::', port: listener.port }, 'listening');
  }
}

const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

const keyOf = ({ address, port }: IListeningPoint): string => `${address ?? ''}#${port}`;
