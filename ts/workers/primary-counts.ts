// The counts behind limits that hold for all workers together. What a worker held is given back when it is gone.

import type { IClock } from '../base/clock.js';
import { RateStore } from '../flow/guard/rate-store.js';
import { SlidingRates } from '../flow/guard/sliding-rates.js';
import type { TCount } from './topics.js';

/** Keys that anybody holds, so at most as many as there are connections and requests. */
type TCounts = Map<string, number>;

export class PrimaryCounts {
  readonly rates: RateStore;
  readonly #arrivals: SlidingRates;
  readonly #total: TCounts = new Map();
  readonly #byWorker = new Map<number, TCounts>();

  constructor(clock: IClock) {
    this.rates = new RateStore(clock);
    this.#arrivals = new SlidingRates(clock);
  }

  /** Keys that are held. */
  get size(): number {
    return this.#total.size;
  }

  count(worker: number, [operation, scope, key, max]: TCount): boolean {
    if (operation === 'arrive') return this.#arrivals.take(key, max);
    if (operation === 'leave') return this.leave(worker, scope, key);
    const whole = `${scope} ${key}`;
    if ((this.#total.get(whole) ?? 0) >= max) return false;
    change(this.#total, whole, 1);
    change(this.#of(worker), whole, 1);
    return true;
  }

  /** False: this worker does not hold it. */
  leave(worker: number, scope: string, key: string): boolean {
    const whole = `${scope} ${key}`;
    const own = this.#byWorker.get(worker);
    if (own === undefined || !own.has(whole)) return false;
    change(own, whole, -1);
    change(this.#total, whole, -1);
    return true;
  }

  /** The worker is gone, and with it all that it held. */
  forget(worker: number): void {
    for (const [key, count] of this.#byWorker.get(worker) ?? []) change(this.#total, key, -count);
    this.#byWorker.delete(worker);
  }

  #of(worker: number): TCounts {
    const known = this.#byWorker.get(worker);
    if (known !== undefined) return known;
    const counts: TCounts = new Map();
    this.#byWorker.set(worker, counts);
    return counts;
  }
}

function change(counts: TCounts, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
