// The connections to one place that may serve one another's requests: what a pool is for, how its connections are made.

import type { IFactoryContext, IPooledConnection } from '../base/connection-pool-options.js';
import { EnhancedConnectionPool } from '../base/enhanced-connection-pool.js';
import type { IResolvedHttp, IResolvedTarget } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { IForwardDeps } from '../flow/forward/deps.js';
import { targetHeader } from '../flow/forward/target-header.js';
import { placeName } from '../flow/forward/target-state.js';
import { dialUpstream } from './upstream-dial.js';
import { type IUpstreamHome, UpstreamHttp1 } from './upstream-http1.js';
import type { IUpstreamStats, IUpstreamWant } from './upstream-types.js';

/** Used connections that are given up for a request that wants a new one. */
const maxGivenUp = 2;
/** A request waits so much longer than a dial may take: the dial's own error says more. */
const slackMs = 1_000;

export class UpstreamPool {
  /** Of the configuration that used it last. */
  http: IResolvedHttp;
  forward: IForwardDeps;
  /** Since somebody looked for pools that are not. */
  used = true;
  /** Nobody may begin to use it any more. */
  dropped = false;

  readonly #host: string;
  readonly #port: number;
  readonly #limitMs: number;
  readonly #denyPrivate: boolean;
  readonly #target: IResolvedTarget;
  /** Whose address goes before; null: any client's requests may go here. */
  readonly #client: Connection | null;
  readonly #pool: EnhancedConnectionPool<Seat>;

  constructor(want: IUpstreamWant) {
    const { pick, http, forward, connectionTimeoutMs } = want;
    this.http = http;
    this.forward = forward;
    this.#host = pick.host;
    this.#port = pick.port;
    this.#limitMs = connectionTimeoutMs;
    this.#denyPrivate = forward.denyPrivateTargets;
    this.#target = pick.target;
    this.#client = pick.target.sendProxyProtocol === 0 ? null : want.connection;
    const { clock } = forward;
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
      queueTimeout: connectionTimeoutMs,
      acquireTimeout: connectionTimeoutMs + slackMs,
    });
  }

  get stats(): Omit<IUpstreamStats, 'pools'> {
    const { size, idle, creating, waiting } = this.#pool.stats;
    return { open: size + creating, idle, waiting };
  }

  /** For a target object and a configuration that it has served before: the same without building a key. */
  serves(want: IUpstreamWant): boolean {
    return (
      this.http === want.http &&
      this.#host === want.pick.host &&
      this.#port === want.pick.port &&
      this.#limitMs === want.connectionTimeoutMs &&
      this.#denyPrivate === want.forward.denyPrivateTargets &&
      !this.dropped
    );
  }

  /** An idle connection, the one that came back last; null if there is none. */
  take(): UpstreamHttp1 | null {
    const loan = this.#pool.tryAcquire();
    return loan === undefined ? null : loan.connection.lend(loan);
  }

  /** Rejects with ProxyError, or with the signal's reason. */
  async wait(signal: AbortSignal): Promise<UpstreamHttp1> {
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
  async waitFresh(signal: AbortSignal): Promise<UpstreamHttp1> {
    for (let givenUp = 0; ; givenUp++) {
      for (let idle = this.take(); idle !== null; idle = this.take()) idle.destroy();
      const origin = await this.wait(signal);
      if (origin.served === 0 || givenUp === maxGivenUp) return origin;
      // The pool is full, and this one has just come back: in its place there is room for a new one.
      origin.destroy();
    }
  }

  /** Ends all of them, those in use too. */
  cleanup(): Promise<void> {
    this.dropped = true;
    return this.#pool.cleanup();
  }

  async #make({ signal, lost }: IFactoryContext): Promise<Seat> {
    const { forward, http } = this;
    const { tls, sendProxyProtocol } = this.#target;
    const client = this.#client;
    const header = client === null || sendProxyProtocol === 0 ? null : targetHeader(client, sendProxyProtocol);
    const place = { host: this.#host, port: this.#port, tls };
    const socket = await dialUpstream({ place, forward, limitMs: this.#limitMs, header, signal });
    const limits = { maxBytes: http.maxHeaderBytes, maxFields: http.maxHeaders };
    const name = placeName(this.#host, this.#port);
    const adopt = (home: Seat) => new UpstreamHttp1(socket, name, limits, home);
    return new Seat(this.#pool, lost, forward.clock.nowMs(), adopt);
  }
}

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
