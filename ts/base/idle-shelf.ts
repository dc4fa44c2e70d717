// Things that wait to be used again: the last put there is taken first, so that what is not needed grows old and goes.

import type { IClock, ITimer } from './clock.js';

/** The least time between two looks at overdue things that are kept. */
const leastSweepMs = 1000;

export interface IShelfOptions<S> {
  readonly clock: IClock;
  /** Infinity: nothing goes. */
  readonly idleTimeoutMs: number;
  /** Asked before an overdue thing leaves: false keeps it, and all that are younger, for now. */
  readonly mayLeave: () => boolean;
  /** Called with what has left. */
  readonly left: (item: S) => void;
}

export class IdleShelf<S> {
  readonly #options: IShelfOptions<S>;
  /** The oldest first; `#since` has the time of each in the same place. */
  readonly #items: S[] = [];
  readonly #since: number[] = [];
  #timer: ITimer | undefined;

  constructor(options: IShelfOptions<S>) {
    this.#options = options;
  }

  get size(): number {
    return this.#items.length;
  }

  push(item: S): void {
    this.#items.push(item);
    this.#since.push(this.#options.clock.nowMs());
    if (!this.#timer) this.#watch(this.#options.idleTimeoutMs);
  }

  pop(): S | undefined {
    this.#since.pop();
    return this.#items.pop();
  }

  /** Takes this very thing off; false if it is not there. */
  remove(item: S): boolean {
    const place = this.#items.indexOf(item);
    if (place < 0) return false;
    this.#items.splice(place, 1);
    this.#since.splice(place, 1);
    return true;
  }

  /** Forgets all, and its timer. */
  clear(): void {
    this.#items.length = 0;
    this.#since.length = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** One timer for all: it looks at the oldest, which may be another by then. */
  #watch(delayMs: number): void {
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      this.#sweep();
    }, delayMs);
  }

  #sweep(): void {
    const { clock, idleTimeoutMs, mayLeave, left } = this.#options;
    const overdueMs = clock.nowMs() - idleTimeoutMs;
    let [oldestMs] = this.#since;
    while (oldestMs !== undefined && oldestMs <= overdueMs && mayLeave()) {
      this.#since.shift();
      left(this.#items.shift() as S);
      [oldestMs] = this.#since;
    }
    if (oldestMs === undefined || this.#timer) return;
    this.#watch(oldestMs > overdueMs ? oldestMs - overdueMs : Math.max(idleTimeoutMs, leastSweepMs));
  }
}
