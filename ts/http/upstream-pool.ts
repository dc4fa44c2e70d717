// The HTTP/1.1 connections to one place that may serve one another's requests: each serves one at a time.

import type { Socket } from 'node:net';
import type { IFactoryContext, IPooledConnection } from '../base/connection-pool-options.js';
import { EnhancedConnectionPool } from '../base/enhanced-connection-pool.js';
import { type IUpstreamHome, UpstreamHttp1 } from './upstream-http1.js';
import type { UpstreamPlace } from './upstream-place.js';
import type { IUpstreamPool, TPoolStats } from './upstream-types.js';

/** Used connections that are given up for a request that wants a new one. */
const maxGivenUp = 2;
/** A request waits so much longer than a dial may take: the dial's own error says more. */
const slackMs = 1_000;

/** A connection that was made for this pool elsewhere waits so long for who wants it. */
const spareMs = 1_000;

export class UpstreamPool implements IUpstreamPool {
  readonly forUpgrades = this;
  readonly #place: UpstreamPlace;
  readonly #pool: EnhancedConnectionPool<Seat>;
  /** Connected, and nobody's yet. */
  #spare: Socket[] = [];

  constructor(place: UpstreamPlace) {
    this.#place = place;
    const { http, limitMs } = place;
    const { clock } = place.forward;
    const maxAgeMs = http.upstreamMaxAgeMs;
    this.#pool = new EnhancedConnectionPool<Seat>({
      clock,
      connectionFactory: (context) => this.#make(context),
      connectionValidator: ({ origin, madeMs }) =>
        origin.usable && (maxAgeMs === 0 || clock.nowMs() - madeMs < maxAgeMs),
      connectionDestroyer: ({ origin }) => origin.destroy(),
      maxSize: orNone(http.maxUpstreamConnections),
      maxQueueSize: orNone(http.maxUpstreamQueue),
      maxUseCount: orNone(http.upstreamMaxRequests),
      idleTimeout: orNone(http.upstreamIdleTimeoutMs),
      queueTimeout: limitMs,
      acquireTimeout: limitMs + slackMs,
    });
  }

  get stats(): TPoolStats {
    const { size, idle, creating, waiting } = this.#pool.stats;
    return { open: size + creating, idle, waiting };
  }

  /** An idle connection, the one that came back last; null if there is none. */
  take(fresh: boolean): UpstreamHttp1 | null {
    return fresh ? null : this.#takeIdle();
  }

  wait(fresh: boolean, signal: AbortSignal): Promise<UpstreamHttp1> {
    return fresh ? this.#waitFresh(signal) : this.#wait(signal);
  }

  /** A connection that was made elsewhere, for the next one who would have one made. */
  adopt(socket: Socket): void {
    this.#spare.push(socket);
    this.#place.forward.clock.setTimer(() => {
      const at = this.#spare.indexOf(socket);
      if (at < 0) return;
      this.#spare.splice(at, 1);
      socket.destroy();
    }, spareMs);
  }

  cleanup(): Promise<void> {
    for (const socket of this.#spare) socket.destroy();
    this.#spare = [];
    return this.#pool.cleanup();
  }

  #takeIdle(): UpstreamHttp1 | null {
    const loan = this.#pool.tryAcquire();
    return loan === undefined ? null : loan.connection.lend(loan);
  }

  async #wait(signal: AbortSignal): Promise<UpstreamHttp1> {
    for (;;) {
      const loan = await this.#pool.acquire({ signal });
      const origin = loan.connection.lend(loan);
      if (origin !== null) return origin;
    }
  }

  /**
   * The same, but for a connection that has not served. What is idle is given up for it: it has been idle for longer
   * than the connection that was found stale.
   */
  async #waitFresh(signal: AbortSignal): Promise<UpstreamHttp1> {
    for (let givenUp = 0; ; givenUp++) {
      for (let idle = this.#takeIdle(); idle !== null; idle = this.#takeIdle()) idle.destroy();
      const origin = await this.#wait(signal);
      if (origin.served === 0 || givenUp === maxGivenUp) return origin;
      // The pool is full, and this one has just come back: in its place there is room for a new one.
      origin.destroy();
    }
  }

  async #make({ signal, lost }: IFactoryContext): Promise<Seat> {
    const { forward, http, name } = this.#place;
    const socket = this.#takeSpare() ?? (await this.#place.dial(http1, signal));
    const limits = { maxBytes: http.maxHeaderBytes, maxFields: http.maxHeaders };
    const adopt = (home: Seat) => new UpstreamHttp1(socket, name, limits, home);
    return new Seat(this.#pool, lost, forward.clock.nowMs(), adopt);
  }

  #takeSpare(): Socket | null {
    for (let socket = this.#spare.pop(); socket !== undefined; socket = this.#spare.pop()) {
      if (!socket.destroyed) return socket;
    }
    return null;
  }
}

const http1 = ['http/1.1'];

/** A connection's place in its pool. */
class Seat implements IUpstreamHome {
  readonly origin: UpstreamHttp1;
  readonly madeMs: number;
  readonly #pool: EnhancedConnectionPool<Seat>;
  readonly #lost: () => void;
  /** null while it is idle. */
  #loan: IPooledConnection<Seat> | null = null;

  constructor(
    pool: EnhancedConnectionPool<Seat>,
    lost: () => void,
    madeMs: number,
    make: (home: Seat) => UpstreamHttp1,
  ) {
    this.#pool = pool;
    this.#lost = lost;
    this.madeMs = madeMs;
    this.origin = make(this);
  }

  /** Its origin; null if that died before anybody could ask it. */
  lend(loan: IPooledConnection<Seat>): UpstreamHttp1 | null {
    if (this.origin.usable) {
      this.#loan = loan;
      return this.origin;
    }
    this.#pool.discard(loan);
    return null;
  }

  free(): void {
    const loan = this.#loan;
    this.#loan = null;
    if (loan !== null) this.#pool.release(loan);
  }

  lost(): void {
    const loan = this.#loan;
    this.#loan = null;
    if (loan !== null) this.#pool.discard(loan);
    else this.#lost();
  }
}

/** 0 stands for no limit. */
const orNone = (limit: number): number => (limit === 0 ? Number.POSITIVE_INFINITY : limit);
