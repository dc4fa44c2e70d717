// A target's circuit breaker: after failed requests in a row nobody asks it for a while, then one request tries again.
// It counts where the choice is made, without a promise or a timer a request.

import type { IResolvedForward } from '../../config/resolved.js';

export type TBreakerRule = NonNullable<IResolvedForward['circuitBreaker']>;

export class TargetBreaker {
  readonly #rule: TBreakerRule;
  readonly #nowMs: () => number;
  /** In a row. */
  #failures = 0;
  /** When somebody may try again; 0: it is closed. */
  #openUntilMs = 0;
  /** Somebody is trying. */
  #tried = false;

  constructor(rule: TBreakerRule, nowMs: () => number) {
    this.#rule = rule;
    this.#nowMs = nowMs;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds until somebody may try; null: it is closed. */
  get openMs(): number | null {
    return this.#openUntilMs === 0 ? null : Math.max(0, this.#openUntilMs - this.#nowMs());
  }

  /** True while nobody may ask the target. */
  get refuses(): boolean {
    return this.#openUntilMs !== 0 && (this.#tried || this.#nowMs() < this.#openUntilMs);
  }

  /** Somebody asks. True: it is the trial, which `passed`, `missed` or `gaveUp` must end. */
  begin(): boolean {
    if (this.#openUntilMs === 0) return false;
    this.#tried = true;
    return true;
  }

  /** True if that closed it. What began before it opened says nothing about now. */
  passed(isTrial: boolean): boolean {
    const wasOpen = this.#openUntilMs !== 0;
    if (wasOpen && !isTrial) return false;
    this.#failures = 0;
    this.#openUntilMs = 0;
    this.#tried = false;
    return wasOpen;
  }

  /** True if that opened it, or keeps it open for another time. */
  missed(isTrial: boolean): boolean {
    if (this.#openUntilMs !== 0 && !isTrial) return false;
    this.#failures += 1;
    this.#tried = false;
    if (!isTrial && this.#failures < this.#rule.failures) return false;
    this.#openUntilMs = this.#nowMs() + this.#rule.openMs;
    return true;
  }

  /** The trial came to nothing: the next request is another. */
  gaveUp(): void {
    this.#tried = false;
  }
}
