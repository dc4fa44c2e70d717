// Pools for places that functions name: kept while they are used, bounded, forgotten when idle.

import type { IClock, ITimer } from '../../base/clock.js';
import type { TargetPool } from './target-pool.js';

/** Candidates in all passing pools together: functions may name a place per client. */
const maxCandidates = 4096;

/** Unused for longer, a pool is forgotten, and with it the health of its targets. */
const idleMs = 600_000;
const sweepMs = 60_000;
/** Uses closer together count as one. */
const grainMs = 1_000;

interface IPassing {
  readonly pool: TargetPool;
  readonly usedMs: number;
}

export class PassingPools {
  readonly #clock: IClock;
  readonly #drop: (pool: TargetPool) => void;
  /** The longest unused first, within `grainMs`. */
  readonly #pools = new Map<string, IPassing>();
  #candidates = 0;
  #timer: ITimer | null = null;

  /** `drop` gets each pool that is forgotten. */
  constructor(clock: IClock, drop: (pool: TargetPool) => void) {
    this.#clock = clock;
    this.#drop = drop;
  }

  get size(): number {
    return this.#pools.size;
  }

  /** The pool, now used; `make` is called if there is none. */
  use(key: string, make: () => TargetPool): TargetPool {
    const nowMs = this.#clock.nowMs();
    const known = this.#pools.get(key);
    if (known && nowMs - known.usedMs < grainMs) return known.pool;
    const pool = known?.pool ?? make();
    if (known) this.#pools.delete(key);
    else this.#candidates += pool.candidates.length;
    this.#pools.set(key, { pool, usedMs: nowMs });
    if (this.#candidates > maxCandidates) this.#shrink();
    this.#timer ??= this.#clock.setTimer(() => this.#sweep(), sweepMs);
    return pool;
  }

  glance(key: string): TargetPool | undefined {
    return this.#pools.get(key)?.pool;
  }

  clear(): void {
    for (const [key, passing] of this.#pools) this.#forget(key, passing);
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Makes room for many, since the search for the oldest costs. The pool that was used last stays, however large. */
  #shrink(): void {
    for (const [key, passing] of this.#pools) {
      if (this.#candidates <= (maxCandidates * 7) / 8 || this.#pools.size === 1) return;
      this.#forget(key, passing);
    }
  }

  #sweep(): void {
    this.#timer = null;
    const staleMs = this.#clock.nowMs() - idleMs;
    for (const [key, passing] of this.#pools) {
      if (passing.usedMs > staleMs) break;
      this.#forget(key, passing);
    }
    if (this.#pools.size > 0) this.#timer = this.#clock.setTimer(() => this.#sweep(), sweepMs);
  }

  #forget(key: string, { pool }: IPassing): void {
    this.#pools.delete(key);
    this.#candidates -= pool.candidates.length;
    this.#drop(pool);
  }
}
