// Whether a failed request may be asked again: what repeating could do twice, and how much of it a route may afford.

import type { IClock } from '../base/clock.js';
import { ProxyError } from '../base/errors.js';
import type { IRequestHead } from '../codec/http-message.js';
import type { IOriginFailure } from './exchange-types.js';

/** RFC 9110 §9.2.2: doing it twice does what doing it once does. */
export function isIdempotent(method: string): boolean {
  return (
    method === 'GET' ||
    method === 'HEAD' ||
    method === 'PUT' ||
    method === 'DELETE' ||
    method === 'OPTIONS' ||
    method === 'TRACE'
  );
}

/**
 * After a failure without an answer. `bodyHeld`: all of the content that the failed origin was given is still in memory.
 * A target that was too slow or talked nonsense is not asked for more of it: that would multiply the time, or the harm.
 */
export function mayRepeat(head: IRequestHead, { error, unsent, stale }: IOriginFailure, bodyHeld: boolean): boolean {
  if (head.contentLength !== 0 && !bodyHeld) return false;
  if (!(error instanceof ProxyError)) return false;
  if (unsent) return error.blame === 'upstream' || error.tryNext;
  return isIdempotent(head.method) && (stale || error.code === 'TARGET_BROKE');
}

/** After an answer whose status the route counts as failed. */
export function mayRepeatAfter(
  head: IRequestHead,
  status: number,
  statuses: readonly number[],
  bodyHeld: boolean,
): boolean {
  if (statuses.length === 0 || !statuses.includes(status)) return false;
  return isIdempotent(head.method) && (head.contentLength === 0 || bodyHeld);
}

/** Retries that a route may always make, at once and, while it has less left, a second. */
const floor = { retries: 10, perSecond: 1 };
/** Retries that traffic without failures can save up. */
const maxSaved = 100;
/** Routes that are remembered; more come only from many updates. */
const maxRoutes = 10_000;

interface IAccount {
  retries: number;
  sinceMs: number;
}

/**
 * Keeps retries from multiplying the load of targets that are failing because of it: each request of a route pays in
 * a part of a retry, each retry takes a whole one. A route without traffic can always make a few.
 */
export class RetryBudget {
  readonly #clock: IClock;
  readonly #accounts = new Map<string, IAccount>();

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  /** A request of the route, once, whatever becomes of it. `budget` as in the route's `retry`. */
  paid(routeKey: string, budget: number): void {
    const account = this.#accounts.get(routeKey) ?? this.#open(routeKey);
    if (account.retries < maxSaved) account.retries += budget;
  }

  /** True: the route may make a retry, which is now counted. */
  take(routeKey: string): boolean {
    const account = this.#accounts.get(routeKey) ?? this.#open(routeKey);
    const nowMs = this.#clock.nowMs();
    const earned = ((nowMs - account.sinceMs) / 1000) * floor.perSecond;
    account.sinceMs = nowMs;
    account.retries = Math.max(account.retries, Math.min(floor.retries, account.retries + earned));
    if (account.retries < 1) return false;
    account.retries -= 1;
    return true;
  }

  #open(routeKey: string): IAccount {
    if (this.#accounts.size >= maxRoutes) {
      const [oldest] = this.#accounts.keys();
      if (oldest !== undefined) this.#accounts.delete(oldest);
    }
    const account = { retries: floor.retries, sinceMs: this.#clock.nowMs() };
    this.#accounts.set(routeKey, account);
    return account;
  }
}
