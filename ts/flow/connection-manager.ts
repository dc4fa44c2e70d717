// The table of live connections: the one place where a connection begins, the one place where it ends.

import type { Socket } from 'node:net';
import { type IClock, systemClock } from '../base/clock.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import { type ILogger, silentLogger } from '../base/logger.js';
import { foldAddress } from '../codec/address.js';
import { Connection } from './connection.js';
import { Deadlines } from './deadlines.js';
import type { TEnd } from './ends.js';
import type { IFlowObserver } from './observer.js';
import { OverloadDesk } from './overload-desk.js';
import { isSecure, resetSocket } from './secure-socket.js';
import { Shedding } from './shedding.js';
import { setupSocketHandlers, type TSocketClose } from './socket-utils.js';

export interface IConnectionManagerOptions {
  /** Default: the machine's time. */
  readonly clock?: IClock;
  /** Default: silence. */
  readonly logger?: ILogger;
  /** Connections at a time; those that come then are refused, unless idle ones make room. */
  readonly maxConnections: number;
  /** Milliseconds for the first bytes, where a decision needs them. */
  readonly initialDataTimeoutMs: number;
  /** Put in front of connection ids, so that several processes never share one. Default none. */
  readonly idPrefix?: string;
  readonly observers?: readonly IFlowObserver[];
}

/** `size === accepted - ended`, always. */
export class ConnectionManager extends LifecycleComponent {
  maxConnections: number;
  initialDataTimeoutMs: number;
  readonly deadlines: Deadlines;
  /**
   * In no order; each connection knows its place. A Set would do, but when it rehashes it leaves tables behind that still
   * point to connections, and V8 keeps those alive, with their sockets, until its next full collection.
   */
  readonly #live: Connection[] = [];
  readonly #clock: IClock;
  readonly #logger: ILogger;
  readonly #observers: readonly IFlowObserver[];
  readonly #idPrefix: string;
  readonly #waitingForEmpty = new Set<() => void>();
  readonly #shedding: Shedding;
  readonly #desk: OverloadDesk;
  /** Descriptors ran out at somewhat more connections than these: no others are taken, until then. */
  #ceiling = Number.POSITIVE_INFINITY;
  #ceilingUntilMs = 0;
  #accepted = 0;
  #ended = 0;

  constructor(options: IConnectionManagerOptions) {
    super();
    this.maxConnections = options.maxConnections;
    this.initialDataTimeoutMs = options.initialDataTimeoutMs;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#observers = options.observers ?? [];
    this.#idPrefix = options.idPrefix ?? '';
    this.#shedding = new Shedding(this.#clock);
    this.#desk = new OverloadDesk(this.#clock);
    this.deadlines = new Deadlines(
      this.#clock,
      () => this.initialDataTimeoutMs,
      (connection, end) => this.cleanupConnection(connection, end),
    );
  }

  get size(): number {
    return this.#live.length;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get ended(): number {
    return this.#ended;
  }

  /** Those that live now; ending some of them on the way is fine. */
  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#live.slice().values();
  }

  /**
   * Makes the record of a socket that has just been accepted, adopting it: its errors are handled from this line on.
   * @returns null where the limit refuses it; the socket is taken care of then, and the caller has nothing left to do.
   */
  createConnection(socket: Socket, localPort = socket.localPort ?? 0): Connection | null {
    const clientIp = foldAddress(socket.remoteAddress ?? '');
    if (this.isShuttingDown || (this.#isFull && !this.#makeRoom())) {
      socket.on('error', ignore);
      if (this.isShuttingDown || !this.#desk.take(socket, this.#places)) socket.destroy();
      for (const observer of this.#observers) observer.connectionRefused(clientIp, 'connection_limit');
      return null;
    }
    this.#accepted += 1;
    const id = `${this.#idPrefix}${this.#accepted.toString(36)}`;
    const connection = new Connection(id, socket, localPort, clientIp, this.#clock.nowMs(), this.#clock.wallMs());
    connection.serial = this.#accepted;
    connection.place = this.#live.push(connection) - 1;
    connection.unwatch = this.#watch(connection, socket);
    this.deadlines.watch(connection);
    for (const observer of this.#observers) observer.connectionOpened(connection);
    return connection;
  }

  /**
   * Descriptors have run out: idle connections go, and for a second no others come until there are fewer than now.
   */
  relieve(): void {
    this.#shedding.shed(this.#live, Math.max(8, share(this.#live.length, 4)));
    this.#ceiling = this.#live.length - share(this.#live.length, 10);
    this.#ceilingUntilMs = this.#clock.nowMs() + 1_000;
  }

  get #isShort(): boolean {
    return this.#ceilingUntilMs > this.#clock.nowMs();
  }

  /** At the desk. */
  get #places(): number {
    return this.#isShort ? 0 : share(this.maxConnections, 10);
  }

  get #isFull(): boolean {
    const limit = this.#isShort ? this.#ceiling : Number.POSITIVE_INFINITY;
    return this.#live.length - this.#shedding.leaving >= Math.min(this.maxConnections, limit);
  }

  /** A few at a time, so that not every arrival has to look for one. */
  #makeRoom(): boolean {
    return this.#shedding.shed(this.#live, share(this.maxConnections, 100)) > 0;
  }

  /**
   * Ends a connection, at once and once: the first reason wins, later calls do nothing. Gives back what it held, aborts
   * a dial, closes both sockets (by reset where the other side's end must not look like an orderly one) and counts.
   * @returns false if it had ended before.
   */
  cleanupConnection(connection: Connection, wanted: TEnd): boolean {
    if (connection.end !== null) return false;
    const end = connection.shed && wanted === 'shutdown' && !this.isShuttingDown ? 'overload' : wanted;
    this.#remove(connection);
    this.#shedding.ended(connection);
    this.deadlines.forget(connection);
    this.#ended += 1;
    connection.finish(end);
    const { clear, outgoing } = connection;
    closeSocket(clear, end);
    if (outgoing !== null) closeSocket(outgoing, end);
    this.#logger.debug({ connection: connection.id, end, phase: connection.phase }, 'connection ended');
    for (const observer of this.#observers) observer.connectionEnded(connection, end);
    if (this.#live.length === 0) for (const resolve of this.#waitingForEmpty) resolve();
    return true;
  }

  /** Ends the one that has this id; false where none lives. */
  closeConnection(id: string): boolean {
    const connection = this.#live.find((each) => each.id === id);
    return connection !== undefined && this.cleanupConnection(connection, 'closed_by_operator');
  }

  /** @deprecated Old name of `cleanupConnection`; nothing is queued. */
  initiateCleanupOnce(connection: Connection, end: TEnd): boolean {
    return this.cleanupConnection(connection, end);
  }

  /** Takes note that TLS was terminated: the client is read, watched and closed there from now on. */
  secured(connection: Connection, secure: Socket): void {
    connection.unwatch();
    connection.secure = secure;
    connection.unwatch = this.#watch(connection, secure);
  }

  /** Tells the observers that the guard let a connection in on its route. */
  routed(connection: Connection): void {
    for (const observer of this.#observers) observer.connectionRouted(connection);
  }

  /** Resolves when no connection is left or when `withinMs` have passed, whichever is first. */
  async whenEmpty(withinMs: number): Promise<void> {
    if (this.#live.length === 0 || withinMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(done, withinMs);
      const waiting = this.#waitingForEmpty;
      waiting.add(done);
      function done() {
        timer.cancel();
        waiting.delete(done);
        resolve();
      }
    });
  }

  /** Ends every connection; only `stop` and a failed `start` do this. */
  protected override onCleanup(): void {
    this.#desk.close();
    for (const connection of this) this.cleanupConnection(connection, 'shutdown');
  }

  /** The last one takes its place. */
  #remove({ place }: Connection): void {
    const last = this.#live.pop();
    if (last === undefined || last.place === place) return;
    this.#live[place] = last;
    last.place = place;
  }

  #watch(connection: Connection, socket: Socket): () => void {
    const closed = (reason: TSocketClose<'client'>, error?: Error) => this.#clientClosed(connection, reason, error);
    return setupSocketHandlers(socket, closed, undefined, 'client');
  }

  /** Until a target is paired with it, or for as long as a socket handler has it. */
  #clientClosed(connection: Connection, reason: TSocketClose<'client'>, error?: Error): void {
    if (connection.end !== null) return;
    if (reason === 'client_ended') return this.#clientEnded(connection);
    this.#logger.debug({ connection: connection.id, reason, error }, 'client socket closed');
    this.cleanupConnection(connection, reason === 'client_error' ? reason : clientLeft(connection));
  }

  #clientEnded(connection: Connection): void {
    const { phase, handled, clear, drainable } = connection;
    if (drainable !== null) return drainable.clientEnded();
    if (handled && !clear.writableEnded) connection.clientEndedMs = this.#clock.nowMs();
    // The peek knows better: what has come may be enough.
    if (phase !== 'dial') return;
    // What was sent before the FIN may be a whole request, whose answer the client still reads. In TLS that is
    // not terminated here it cannot be.
    const mayWait = connection.bytesReceived > 0 && (!connection.isTLS || connection.secure !== null);
    if (!mayWait && !connection.timeouts?.enableHalfOpen) this.cleanupConnection(connection, clientLeft(connection));
  }
}

/** The word for a client socket that closed in order and is not spliced, by how far the connection had come. */
function clientLeft(connection: Connection): TEnd {
  const { phase } = connection;
  if (phase === 'accept' || phase === 'peek' || phase === 'handshake') return 'closed_before_data';
  if (phase === 'guard' || phase === 'dial') return 'closed_during_dial';
  return connection.clientEndedMs > 0 ? 'client_closed' : 'normal';
}

/**
 * A broken connection must not look like a complete one: the survivor of a reset is reset, and so is whoever would
 * otherwise see a clean FIN after a part of what was sent (RFC 9293 §3.9.1, ABORT). In TLS a FIN alone says that something
 * may be missing, and close_notify that nothing is (RFC 8446 §6.1): it is sent where that is so.
 */
export function closeSocket(socket: Socket, end: TEnd): void {
  if (socket.destroyed) return;
  if (end === 'client_error' || end === 'target_error' || socket.writableLength > 0) return resetSocket(socket);
  if (isSecure(socket) && isComplete(end) && !socket.writableEnded) socket.end();
  socket.destroy();
}

/** Whoever closed had said all there was to say. */
const isComplete = (end: TEnd): boolean =>
  end === 'normal' ||
  end === 'client_closed' ||
  end === 'target_closed' ||
  end === 'keep_alive_timeout' ||
  end === 'overload';

/** One in so many, at least one. */
const share = (count: number, oneIn: number): number => Math.max(1, Math.min(64, Math.floor(count / oneIn)));

function ignore(): void {}
