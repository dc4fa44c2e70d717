// The budget of each issuer, kept in the store: processes that share it, and those that come after, share the budget.

import type { IClock } from '../../base/clock.js';
import type { ICertStore } from '../store/store-types.js';
import { blockedUntil, type IBudget, orderableAt, readBudget, windowMs, withBlock, withOrder } from './budget.js';
import type { IJudgedFailure } from './failure-policy.js';
import { nextAttemptAt } from './failure-policy.js';
import { shortHash } from './manager-ports.js';

/** Not a failure: the issuer is to be left alone until then. */
export class Deferred extends Error {
  /** @param ofNeed true if no other issuer is to be tried meanwhile */
  constructor(
    readonly untilMs: number,
    why: string,
    readonly ofNeed = false,
  ) {
    super(`${why}; again at ${new Date(untilMs).toISOString()}`);
    this.name = 'Deferred';
  }
}

export class IssuerBudgets {
  readonly #store: ICertStore;
  readonly #clock: IClock;
  readonly #random: () => number;
  /** Limits in a row that came to single orders. */
  readonly #strikes = new Map<string, number>();
  /** Until when no order would be taken. */
  readonly #full = new Map<string, number>();

  constructor(store: ICertStore, clock: IClock, random: () => number) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /** @throws Deferred while the issuer wants to be left alone */
  async refuseBlocked(issuer: string): Promise<void> {
    const until = await this.blockedUntil(issuer);
    if (until > 0) throw new Deferred(this.#spread(until), 'the issuer wants to be left alone');
  }

  /** 0: it may be asked now. */
  async blockedUntil(issuer: string): Promise<number> {
    return blockedUntil(await this.#read(issuer), this.#clock.wallMs());
  }

  /** Takes one order from the budget. @throws Deferred when it is used up */
  reserve(issuer: string, signal: AbortSignal): Promise<void> {
    return this.#change(issuer, signal, (budget, nowMs) => {
      const until = orderableAt(budget, nowMs);
      if (until > nowMs) {
        this.#full.set(issuer, until);
        throw this.#tooMany(until);
      }
      return withOrder(budget, nowMs);
    });
  }

  /**
   * Without a look at the store: thousands that wait for one budget would each take a lock to hear the same.
   * @throws Deferred while there is no room, as far as this process has heard
   */
  refuseFull(issuer: string): void {
    const until = this.#full.get(issuer) ?? 0;
    const leftMs = until - this.#clock.wallMs();
    if (leftMs > 0 && leftMs <= 2 * windowMs) throw this.#tooMany(until);
  }

  /** A limit that was reached. One order's own concerns it alone, unless one order after the other reaches it. */
  async limited(issuer: string, failure: IJudgedFailure, signal: AbortSignal): Promise<void> {
    const strikes = (this.#strikes.get(issuer) ?? 0) + 1;
    this.#strikes.set(issuer, strikes);
    if (!failure.ofIssuer && strikes < strikesOfIssuer) return;
    await this.#change(issuer, signal, (budget, nowMs) =>
      withBlock(budget, nowMs, nextAttemptAt(failure, 1, nowMs, null, 0) ?? nowMs),
    );
  }

  /** An order was taken. */
  accepted(issuer: string): void {
    this.#strikes.delete(issuer);
  }

  async #read(issuer: string): Promise<IBudget> {
    return readBudget(await this.#store.readRecord(keyOf(issuer)));
  }

  async #change(issuer: string, signal: AbortSignal, change: (budget: IBudget, nowMs: number) => IBudget) {
    const lock = await this.#store.lock(keyOf(issuer), signal);
    try {
      await this.#store.writeRecord(keyOf(issuer), change(await this.#read(issuer), this.#clock.wallMs()), lock);
    } finally {
      await lock.release();
    }
  }

  #tooMany = (until: number): Deferred => new Deferred(this.#spread(until), 'the issuer takes no more orders for now');

  /** All who wait for one moment must not come at once. */
  #spread = (untilMs: number): number => untilMs + this.#random() * spreadMs;
}

const keyOf = (issuer: string): string => `budget/${shortHash(issuer)}`;
const spreadMs = 120_000;
const strikesOfIssuer = 3;
