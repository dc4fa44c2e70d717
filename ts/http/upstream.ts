// Connections to targets, kept for use again. It outlives configurations: an update of the routes cuts and forgets none.

import type { IClock, ITimer } from '../base/clock.js';
import { ProxyError } from '../base/errors.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import type { IResolvedTarget } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { UpstreamHttp1 } from './upstream-http1.js';
import { UpstreamPool } from './upstream-pool.js';
import type { IUpstreamStats, IUpstreamTicket, IUpstreamWant, TGotOrigin, TNoOrigin } from './upstream-types.js';

/** A pool that was not used for so long, or up to twice that, and that is empty, is forgotten. */
const sweepMs = 60_000;
/** Pools that one target of a configuration finds without building a key; a function may name any number of hosts. */
const maxKnown = 16;

export class Upstreams extends LifecycleComponent {
  readonly #clock: IClock;
  readonly #pools = new Map<string, UpstreamPool>();
  /** By target of the present configuration: those of `#pools` that serve it. */
  readonly #known = new WeakMap<IResolvedTarget, UpstreamPool[]>();
  /** Of targets that get a PROXY header, which makes a connection the client's own. */
  readonly #owned = new Map<Connection, Map<string, UpstreamPool>>();
  #timer: ITimer | null = null;

  constructor({ clock }: { readonly clock: IClock }) {
    super();
    this.#clock = clock;
  }

  get stats(): IUpstreamStats {
    const all = [...this.#pools.values(), ...[...this.#owned.values()].flatMap((pools) => [...pools.values()])];
    const sum = { pools: all.length, open: 0, idle: 0, waiting: 0 };
    for (const { stats } of all) {
      sum.open += stats.open;
      sum.idle += stats.idle;
      sum.waiting += stats.waiting;
    }
    return sum;
  }

  /**
   * A connection to the picked target. Calls `got` in the same tick, and returns null, if an idle one is at hand; else
   * one of the two functions later.
   */
  acquire(want: IUpstreamWant, got: TGotOrigin, failed: TNoOrigin): IUpstreamTicket | null {
    const pool = want.pick.target.sendProxyProtocol === 0 ? this.#poolFor(want) : this.#ownPoolFor(want);
    pool.used = true;
    if (!want.fresh) {
      const origin = pool.take();
      if (origin !== null) {
        got(origin);
        return null;
      }
    }
    return new Wait(pool, want.fresh, got, failed);
  }

  protected override async onCleanup(): Promise<void> {
    this.#timer?.cancel();
    const owned = [...this.#owned.values()].flatMap((pools) => [...pools.values()]);
    await Promise.all([...this.#pools.values(), ...owned].map((pool) => pool.cleanup()));
    this.#pools.clear();
    this.#owned.clear();
  }

  #poolFor(want: IUpstreamWant): UpstreamPool {
    const { target } = want.pick;
    const known = this.#known.get(target);
    if (known !== undefined) {
      for (const pool of known) if (pool.serves(want)) return pool;
    }
    const pool = this.#find(this.#pools, want);
    const kept = known === undefined ? [] : known.filter((one) => one !== pool && !one.dropped);
    this.#known.set(target, [pool, ...kept.slice(0, maxKnown - 1)]);
    if (!this.isShuttingDown) this.#timer ??= this.#clock.setTimer(this.#sweep, sweepMs);
    return pool;
  }

  #ownPoolFor(want: IUpstreamWant): UpstreamPool {
    const { connection } = want;
    let pools = this.#owned.get(connection);
    if (pools !== undefined) return this.#find(pools, want);
    pools = new Map();
    this.#owned.set(connection, pools);
    const pool = this.#find(pools, want);
    connection.whenEnded(() => this.#disown(connection));
    return pool;
  }

  #disown(connection: Connection): void {
    const pools = this.#owned.get(connection);
    this.#owned.delete(connection);
    for (const pool of pools?.values() ?? []) void pool.cleanup();
  }

  #find(pools: Map<string, UpstreamPool>, want: IUpstreamWant): UpstreamPool {
    const key = keyOf(want);
    let pool = pools.get(key);
    if (pool === undefined) {
      pool = new UpstreamPool(want);
      pools.set(key, pool);
      if (this.isShuttingDown) void pool.cleanup();
    }
    pool.http = want.http;
    pool.forward = want.forward;
    return pool;
  }

  readonly #sweep = (): void => {
    for (const [key, pool] of this.#pools) {
      const { open, waiting } = pool.stats;
      if (!pool.used && open + waiting === 0) {
        this.#pools.delete(key);
        void pool.cleanup();
      }
      pool.used = false;
    }
    this.#timer = this.#pools.size === 0 ? null : this.#clock.setTimer(this.#sweep, sweepMs);
  };
}

/** What makes two wishes share connections: where they lead, how they are secured, what bounds them. */
function keyOf({ pick, http, forward, connectionTimeoutMs }: IUpstreamWant): string {
  const { host, port, target } = pick;
  const tls = target.tls === null ? '' : target.tls.key;
  const kept = `${http.upstreamIdleTimeoutMs},${http.upstreamMaxAgeMs},${http.upstreamMaxRequests}`;
  const bounds = `${http.maxUpstreamConnections},${http.maxUpstreamQueue},${http.maxHeaderBytes},${http.maxHeaders}`;
  return `${host} ${port} ${target.sendProxyProtocol} ${forward.denyPrivateTargets} ${connectionTimeoutMs} ${kept} ${bounds} ${tls}`;
}

/** A request that found no idle connection. */
class Wait implements IUpstreamTicket {
  readonly #abort = new AbortController();

  constructor(pool: UpstreamPool, fresh: boolean, got: TGotOrigin, failed: TNoOrigin) {
    const { signal } = this.#abort;
    const coming = fresh ? pool.waitFresh(signal) : pool.wait(signal);
    coming.then(
      (origin: UpstreamHttp1) => {
        if (signal.aborted) origin.cancel();
        else got(origin);
      },
      (error: unknown) => {
        if (!signal.aborted) failed({ error: asProxyError(error), unsent: true, stale: false });
      },
    );
  }

  cancel(): void {
    this.#abort.abort();
  }
}

function asProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError && error.code !== 'TIMEOUT') return error;
  return new ProxyError('TARGET_TIMEOUT', 'no connection to the target came in time', { cause: error });
}
