// Wrong tokens, counted by where they come from: after some of them more are refused for a while without a line in the log.

import type { IClock } from '../base/clock.js';

/** Wrong tokens of one address within `windowMs` that are logged and counted. */
export const maxFailures = 20;
export const windowMs = 60_000;

/** Addresses that are told apart; beyond them all others count as one. */
export const maxAddresses = 1000;

interface IAttempts {
  failures: number;
  untilMs: number;
}

export class FailedAttempts {
  /** Since the start, of all. */
  total = 0;
  readonly #clock: Pick<IClock, 'nowMs'>;
  readonly #byAddress = new Map<string, IAttempts>();
  #others: IAttempts = { failures: 0, untilMs: 0 };

  constructor(clock: Pick<IClock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** Milliseconds until wrong tokens of the address count again; 0: they do. */
  waitMs(address: string): number {
    const attempts = this.#byAddress.get(address) ?? (this.#isFull() ? this.#others : null);
    if (attempts === null || attempts.failures < maxFailures) return 0;
    return Math.max(0, attempts.untilMs - this.#clock.nowMs());
  }

  /** A wrong token came from there. The window begins with the first one. */
  failed(address: string): void {
    this.total++;
    const nowMs = this.#clock.nowMs();
    let attempts = this.#byAddress.get(address);
    if (attempts === undefined && !this.#isFull()) {
      attempts = { failures: 0, untilMs: 0 };
      this.#byAddress.set(address, attempts);
    }
    attempts ??= this.#others;
    if (attempts.untilMs <= nowMs) {
      attempts.failures = 0;
      attempts.untilMs = nowMs + windowMs;
    }
    attempts.failures++;
  }

  #isFull(): boolean {
    if (this.#byAddress.size < maxAddresses) return false;
    const nowMs = this.#clock.nowMs();
    for (const [address, { untilMs }] of this.#byAddress) {
      if (untilMs <= nowMs) this.#byAddress.delete(address);
    }
    return this.#byAddress.size >= maxAddresses;
  }
}
