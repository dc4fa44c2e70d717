// Stops calling what keeps failing, and tries it again after a while: cockatiel's state machine on our clock.

import * as plugins from '../plugins.js';
import { type IClock, systemClock } from './clock.js';
import { ProxyError } from './errors.js';

export interface ICircuitBreakerOptions {
  /** So many failures in a row open the circuit; 5. */
  readonly failureThreshold?: number;
  /** Milliseconds after which an open circuit lets one call through to try; 30 000. */
  readonly resetTimeout?: number;
  /** Says whether an error counts as a failure; by default every error does. */
  readonly isFailure?: (error: unknown) => boolean;
  /** Called after each change of state. */
  readonly onStateChange?: (state: TCircuitState) => void;
  readonly clock?: IClock;
}

/**
 * `closed`: calls go through. `open`: calls are refused; stays so until a call comes after `resetTimeout`.
 * `half-open`: that call is under way, all others are refused; it closes the circuit or opens it again.
 */
export type TCircuitState = 'closed' | 'open' | 'half-open';

export class CircuitBreaker {
  readonly #cockatiel = plugins.loadCockatiel();
  readonly #policy: plugins.cockatiel.CircuitBreakerPolicy;

  constructor(options: ICircuitBreakerOptions = {}) {
    const { failureThreshold = 5, resetTimeout = 30_000, isFailure = () => true, clock = systemClock } = options;
    const { circuitBreaker, handleWhen, ConsecutiveBreaker } = this.#cockatiel;
    this.#policy = circuitBreaker(handleWhen(isFailure), {
      breaker: new ConsecutiveBreaker(failureThreshold),
      halfOpenAfter: openFor(resetTimeout, clock),
    });
    const { onStateChange } = options;
    if (onStateChange) this.#policy.onStateChange((state) => onStateChange(this.#wordOf(state)));
  }

  get state(): TCircuitState {
    return this.#wordOf(this.#policy.state);
  }

  /**
   * The outcome of `fn`. Rejects with ProxyError `CIRCUIT_OPEN`, without calling it, while the circuit is open or a
   * trial call is under way. `fn` must end: a trial that never does keeps the circuit half-open.
   */
  async execute<T>(fn: () => Promise<T> | T): Promise<T> {
    // cockatiel would let callers wait for the trial's end.
    if (this.state === 'half-open') throw refusal();
    let called = false;
    try {
      return await this.#policy.execute(() => {
        called = true;
        return fn();
      });
    } catch (error) {
      if (!called && this.#cockatiel.isBrokenCircuitError(error)) throw refusal(error);
      throw error;
    }
  }

  #wordOf(state: plugins.cockatiel.CircuitState): TCircuitState {
    const { Closed, HalfOpen } = this.#cockatiel.CircuitState;
    if (state === Closed) return 'closed';
    return state === HalfOpen ? 'half-open' : 'open';
  }
}

const refusal = (cause?: unknown) =>
  new ProxyError('CIRCUIT_OPEN', 'the circuit is open: recent calls failed', { cause });

/**
 * cockatiel asks for the length of the opening at each call and compares it with the wall clock, which may jump. The
 * answers "for ever" and "it is over" leave the measuring to our clock.
 */
function openFor(
  resetTimeoutMs: number,
  clock: IClock,
): plugins.cockatiel.IBackoffFactory<plugins.cockatiel.IHalfOpenAfterBackoffContext> {
  return {
    next() {
      const openedAtMs = clock.nowMs();
      return {
        get duration() {
          return clock.nowMs() - openedAtMs >= resetTimeoutMs ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
        },
        next: this.next,
      };
    },
  };
}
