// What one client address may have: connections at a time, new connections a minute.

import type { IClock } from '../../base/clock.js';
import { SlidingRates } from './sliding-rates.js';

/** What a client address is refused with. */
export type TLimitEnd = 'connection_limit' | 'rate_limit';

/** 0 switches a limit off. */
export interface ILimitSettings {
  readonly maxConnectionsPerIP: number;
  readonly connectionRateLimitPerMinute: number;
}

/**
 * Counts by limit key: an IPv4 address, or the /64 of an IPv6 one. The guard calls it on the data path, once as a
 * connection comes and once as it ends, so an implementation must answer at once and must not throw; one that
 * is shared by several processes answers from what it knows locally and exchanges counts in the background.
 */
export interface IConnectionLimits {
  /** False where both limits are off: the guard then asks nothing. */
  readonly active: boolean;
  /** True where connections at a time are limited: whoever was let in must be given back with `leave`. */
  readonly counting: boolean;
  /** Counts a new connection, or says which limit refuses it; a refusal counts nothing. Check and count are one step. */
  enter(key: string): TLimitEnd | null;
  /** Counts in a connection that was there before the limit; never refuses, and is no new connection for the rate. */
  adopt(key: string): void;
  /** Gives back what `enter` or `adopt` counted. Called exactly once for each. */
  leave(key: string): void;
  /** What `enter` would say of each limit that is on, without counting. */
  look(key: string): readonly ILimitState[];
  /** Takes new limits for connections to come; what is counted stays counted. */
  update(settings: ILimitSettings): void;
}

/** One limit as it stands for one key. */
export interface ILimitState {
  readonly end: TLimitEnd;
  readonly used: number;
  readonly limit: number;
}

/** The limits of one process. Without limits it keeps nothing. */
export class ConnectionLimits implements IConnectionLimits {
  /** Keys with live connections only, so as many as there are connections at most. */
  readonly #live = new Map<string, number>();
  readonly #rates: SlidingRates;
  #maxLive = 0;
  #maxPerMinute = 0;

  constructor(clock: IClock) {
    this.#rates = new SlidingRates(clock);
  }

  get active(): boolean {
    return this.#maxLive > 0 || this.#maxPerMinute > 0;
  }

  get counting(): boolean {
    return this.#maxLive > 0;
  }

  /** Keys that are remembered: with live connections, and with a rate. */
  get sizes(): { readonly live: number; readonly rates: number } {
    return { live: this.#live.size, rates: this.#rates.size };
  }

  enter(key: string): TLimitEnd | null {
    const live = this.#live.get(key) ?? 0;
    if (this.#maxLive > 0 && live >= this.#maxLive) return 'connection_limit';
    if (this.#maxPerMinute > 0 && !this.#rates.take(key, this.#maxPerMinute)) return 'rate_limit';
    if (this.#maxLive > 0) this.#live.set(key, live + 1);
    return null;
  }

  adopt(key: string): void {
    this.#live.set(key, (this.#live.get(key) ?? 0) + 1);
  }

  leave(key: string): void {
    const left = (this.#live.get(key) ?? 0) - 1;
    if (left > 0) this.#live.set(key, left);
    else this.#live.delete(key);
  }

  look(key: string): readonly ILimitState[] {
    const states: ILimitState[] = [];
    if (this.#maxLive > 0) {
      states.push({ end: 'connection_limit', used: this.#live.get(key) ?? 0, limit: this.#maxLive });
    }
    if (this.#maxPerMinute > 0) {
      states.push({ end: 'rate_limit', used: this.#rates.used(key), limit: this.#maxPerMinute });
    }
    return states;
  }

  update({ maxConnectionsPerIP, connectionRateLimitPerMinute }: ILimitSettings): void {
    this.#maxLive = maxConnectionsPerIP;
    this.#maxPerMinute = connectionRateLimitPerMinute;
    if (connectionRateLimitPerMinute === 0) this.#rates.clear();
  }
}
