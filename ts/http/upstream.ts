// Connections to targets, kept for use again. It outlives configurations: an update of the routes cuts and forgets none.

import type { IClock, ITimer } from '../base/clock.js';
import { ProxyError } from '../base/errors.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import type { IResolvedTarget } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { IOrigin } from './exchange-types.js';
import { UpstreamAutoPool } from './upstream-auto-pool.js';
import { UpstreamH2Pool } from './upstream-h2-pool.js';
import { UpstreamPlace } from './upstream-place.js';
import { UpstreamPool } from './upstream-pool.js';
import type {
  IUpstreamPool,
  IUpstreamStats,
  IUpstreamTicket,
  IUpstreamWant,
  TGotOrigin,
  TNoOrigin,
} from './upstream-types.js';

/** A pool that was not used for so long, or up to twice that, and that is empty, is forgotten. */
const sweepMs = 60_000;
/** Pools that one target of a configuration finds without building a key; a function may name any number of hosts. */
const maxKnown = 16;

/** A pool, and what is known of its use. */
interface IKept {
  readonly place: UpstreamPlace;
  readonly pool: IUpstreamPool;
  /** Since somebody looked for pools that are not. */
  used: boolean;
  /** Nobody may begin to use it any more. */
  dropped: boolean;
}

export class Upstreams extends LifecycleComponent {
  readonly #clock: IClock;
  readonly #pools = new Map<string, IKept>();
  /** By target of the present configuration: those of `#pools` that serve it. */
  readonly #known = new WeakMap<IResolvedTarget, IKept[]>();
  /** Of targets that get a PROXY header, which makes a connection the client's own. */
  readonly #owned = new Map<Connection, Map<string, IKept>>();
  #timer: ITimer | null = null;

  constructor({ clock }: { readonly clock: IClock }) {
    super();
    this.#clock = clock;
  }

  get stats(): IUpstreamStats {
    const all = [...this.#pools.values(), ...[...this.#owned.values()].flatMap((pools) => [...pools.values()])];
    const sum = { pools: all.length, open: 0, idle: 0, waiting: 0 };
    for (const { stats } of all.map(({ pool }) => pool)) {
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
    const kept = want.pick.target.sendProxyProtocol === 0 ? this.#poolFor(want) : this.#ownPoolFor(want);
    kept.used = true;
    const pool = want.upgrades ? kept.pool.forUpgrades : kept.pool;
    const origin = pool.take(want.fresh);
    if (origin === null) return new Wait((signal) => pool.wait(want.fresh, signal), got, failed);
    got(origin);
    return null;
  }

  protected override async onCleanup(): Promise<void> {
    this.#timer?.cancel();
    const owned = [...this.#owned.values()].flatMap((pools) => [...pools.values()]);
    await Promise.all([...this.#pools.values(), ...owned].map(drop));
    this.#pools.clear();
    this.#owned.clear();
  }

  #poolFor(want: IUpstreamWant): IKept {
    const { target } = want.pick;
    const known = this.#known.get(target);
    if (known !== undefined) {
      for (const kept of known) if (!kept.dropped && kept.place.serves(want)) return kept;
    }
    const found = this.#find(this.#pools, want);
    const others = known === undefined ? [] : known.filter((one) => one !== found && !one.dropped);
    this.#known.set(target, [found, ...others.slice(0, maxKnown - 1)]);
    if (!this.isShuttingDown) this.#timer ??= this.#clock.setTimer(this.#sweep, sweepMs);
    return found;
  }

  #ownPoolFor(want: IUpstreamWant): IKept {
    const { connection } = want;
    let pools = this.#owned.get(connection);
    if (pools !== undefined) return this.#find(pools, want);
    pools = new Map();
    this.#owned.set(connection, pools);
    const kept = this.#find(pools, want);
    connection.whenEnded(() => this.#disown(connection));
    return kept;
  }

  #disown(connection: Connection): void {
    const pools = this.#owned.get(connection);
    this.#owned.delete(connection);
    for (const kept of pools?.values() ?? []) void drop(kept);
  }

  #find(pools: Map<string, IKept>, want: IUpstreamWant): IKept {
    const key = keyOf(want);
    let kept = pools.get(key);
    if (kept === undefined) {
      const place = new UpstreamPlace(want);
      kept = { place, pool: poolFor(place), used: true, dropped: false };
      pools.set(key, kept);
      if (this.isShuttingDown) void drop(kept);
    }
    kept.place.http = want.http;
    kept.place.forward = want.forward;
    return kept;
  }

  readonly #sweep = (): void => {
    for (const [key, kept] of this.#pools) {
      const { open, waiting } = kept.pool.stats;
      if (!kept.used && open + waiting === 0) {
        this.#pools.delete(key);
        void drop(kept);
      }
      kept.used = false;
    }
    this.#timer = this.#pools.size === 0 ? null : this.#clock.setTimer(this.#sweep, sweepMs);
  };
}

function drop(kept: IKept): Promise<void> {
  kept.dropped = true;
  return kept.pool.cleanup();
}

/** Without TLS nothing is negotiated, and HTTP/1.1 is what every target of HTTP takes (RFC 9113 §3.3). */
const versionOf = ({ backendProtocol, tls }: IResolvedTarget): IResolvedTarget['backendProtocol'] =>
  backendProtocol === 'auto' && tls === null ? 'http1' : backendProtocol;

function poolFor(place: UpstreamPlace): IUpstreamPool {
  const version = versionOf(place.target);
  if (version === 'http1') return new UpstreamPool(place);
  return version === 'http2' ? new UpstreamH2Pool(place, null) : new UpstreamAutoPool(place);
}

/** What makes two wishes share connections: where they lead, how they are secured, what bounds them. */
function keyOf({ pick, http, forward, connectionTimeoutMs }: IUpstreamWant): string {
  const { host, port, target } = pick;
  const tls = target.tls === null ? '' : target.tls.key;
  const kept = `${http.upstreamIdleTimeoutMs},${http.upstreamMaxAgeMs},${http.upstreamMaxRequests}`;
  const bounds = `${http.maxUpstreamConnections},${http.maxUpstreamQueue},${http.maxHeaderBytes},${http.maxHeaders}`;
  return `${versionOf(target)} ${host} ${port} ${target.sendProxyProtocol} ${forward.denyPrivateTargets} ${connectionTimeoutMs} ${kept} ${bounds} ${tls}`;
}

/** A request that found no idle connection. */
class Wait implements IUpstreamTicket {
  readonly #abort = new AbortController();

  constructor(begin: (signal: AbortSignal) => Promise<IOrigin>, got: TGotOrigin, failed: TNoOrigin) {
    const { signal } = this.#abort;
    begin(signal).then(
      (origin) => {
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
