// Where counts of requests are kept: in this process, unless the host program has a store that several share.

import type { IClock } from '../../base/clock.js';
import { type IRateCount, type IRateRule, type IRateVerdict, makeCount } from './rate-count.js';

export type { IRateRule, IRateVerdict } from './rate-count.js';

/**
 * Counts requests. Called once for each request and limit, on the path of the request. It may answer at once, or by a promise, for
 * which the request waits as long as the limit's `storeTimeout` says; where it throws, rejects or is late, `failOpen` decides.
 * Judging and counting must be one step, whoever else shares the counts; a refusal counts nothing.
 */
export interface IRateLimitStore {
  /**
   * `scope` names the limit: the route's key and where the limit was given; at most as many as a configuration has. `key` is
   * whom it counts, at most 66 characters. How long a key has to be remembered, `rule` says: a window, or until its bucket is full.
   */
  take(scope: string, key: string, rule: IRateRule): IRateVerdict | Promise<IRateVerdict>;
}

/** Keys that are remembered, of all limits together. */
export const maxRateKeys = 65_536;
/** What each limit may have of them, however many limits there are. */
const leastShare = 1_024;

/** The counts of one process. */
export class RateStore implements IRateLimitStore {
  readonly #clock: IClock;
  readonly #scopes = new Map<string, RateScope>();

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  /** Keys that are remembered. */
  get size(): number {
    let size = 0;
    for (const scope of this.#scopes.values()) size += scope.size;
    return size;
  }

  take(scope: string, key: string, rule: IRateRule): IRateVerdict {
    return this.#scopeOf(scope, rule).take(key, rule, this.#clock.nowMs(), this.#share);
  }

  /** What `take` would say; counts nothing. */
  look(scope: string, key: string, rule: IRateRule): IRateVerdict {
    const nowMs = this.#clock.nowMs();
    const count = this.#scopes.get(scope)?.find(key, rule) ?? makeCount(rule, nowMs);
    return count.take(rule, nowMs, false);
  }

  /** Forgets the limits that are no more. */
  retain(scopes: ReadonlySet<string>): void {
    for (const scope of this.#scopes.keys()) if (!scopes.has(scope)) this.#scopes.delete(scope);
  }

  get #share(): number {
    return Math.max(leastShare, Math.floor(maxRateKeys / this.#scopes.size));
  }

  #scopeOf(name: string, rule: IRateRule): RateScope {
    const known = this.#scopes.get(name);
    if (known?.fits(rule)) return known;
    const scope = new RateScope(rule);
    this.#scopes.set(name, scope);
    return scope;
  }
}

/**
 * The keys of one limit, in two generations: those that came lately, and those that did not come since the one before ended. Under a
 * flood of keys whole generations are dropped, those that came least recently; whoever keeps coming, let pass or not, is never
 * forgotten.
 */
class RateScope {
  /** Counts of another window, or another way of counting, say nothing. */
  readonly #windowMs: number;
  readonly #isBucket: boolean;
  #young = new Map<string, IRateCount>();
  #old = new Map<string, IRateCount>();
  #turnedMs = Number.NEGATIVE_INFINITY;

  constructor({ windowMs, burst }: IRateRule) {
    this.#windowMs = windowMs;
    this.#isBucket = burst !== null;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  fits({ windowMs, burst }: IRateRule): boolean {
    return this.#windowMs === windowMs && this.#isBucket === (burst !== null);
  }

  find(key: string, rule: IRateRule): IRateCount | undefined {
    return this.fits(rule) ? (this.#young.get(key) ?? this.#old.get(key)) : undefined;
  }

  take(key: string, rule: IRateRule, nowMs: number, share: number): IRateVerdict {
    const known = this.#young.get(key);
    if (known !== undefined) return known.take(rule, nowMs, true);
    if (this.#young.size >= share / 2 || nowMs - this.#turnedMs >= keptMs(rule)) this.#turn(nowMs);
    const count = this.#old.get(key) ?? makeCount(rule, nowMs);
    this.#old.delete(key);
    this.#young.set(key, count);
    return count.take(rule, nowMs, true);
  }

  /** Whoever is dropped for its age came so long ago that nothing of it counts any more. */
  #turn(nowMs: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#turnedMs = nowMs;
  }
}

/** After so long a key without requests has nothing used any more. */
const keptMs = ({ windowMs, maxRequests, burst }: IRateRule): number =>
  burst === null ? (windowMs * 13) / 12 : Math.max(windowMs, (burst * windowMs) / maxRequests);
