// A worker's side of the limits that hold for all workers together: the primary counts.

import type { IRateLimitStore, IRateRule, IRateVerdict } from '../flow/guard/rate-store.js';
import type { ISharedCounts } from '../flow/guard/shared-counts.js';
import type { TCount } from './topics.js';
import type { TToPrimaryWire } from './worker-parts.js';

/** Whoever has no answer by then is refused: a limit that is not known to hold is none. */
const withinMs = 5_000;
/** The primary is asked no more once it owes so many answers. */
const mostOverdue = 1_000;

export class WorkerCounts implements ISharedCounts, IRateLimitStore {
  readonly #wire: TToPrimaryWire;
  #overdue = 0;

  constructor(wire: TToPrimaryWire) {
    this.#wire = wire;
  }

  enter(scope: string, key: string, max: number): Promise<boolean> {
    return this.#count(['enter', scope, key, max]);
  }

  leave(scope: string, key: string): void {
    this.#wire.tell('leave', [scope, key]);
  }

  arrive(key: string, maxPerMinute: number): Promise<boolean> {
    return this.#count(['arrive', '', key, maxPerMinute]);
  }

  /** Its time is the limit's `storeTimeout`, for which the caller waits. */
  take(scope: string, key: string, { maxRequests, windowMs, burst }: IRateRule): Promise<IRateVerdict> {
    return this.#wire.ask('rate', { scope, key, rule: { maxRequests, windowMs, burst } }, withinMs);
  }

  async #count(count: TCount): Promise<boolean> {
    if (this.#overdue >= mostOverdue) return false;
    const asked = this.#wire.ask('count', count, foreverMs);
    // What is granted too late is given back.
    let isLate = false;
    const late = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => {
        isLate = true;
        this.#overdue++;
        resolve(false);
      }, withinMs);
      timer.unref();
      asked.then(
        (granted) => {
          clearTimeout(timer);
          if (isLate) this.#overdue--;
          if (isLate && granted && count[0] === 'enter') this.leave(count[1], count[2]);
          resolve(granted);
        },
        () => {
          clearTimeout(timer);
          resolve(false);
        },
      );
    });
    return await late;
  }
}

/** As long as the primary lives. */
const foreverMs = 2 ** 31 - 1;
