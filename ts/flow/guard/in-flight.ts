// How many requests each route with a limit has under way. Kept by the route's key, so that a reload changes no count.

import type { IRequestPermit } from './permit.js';

export class InFlight {
  readonly #counts = new Map<string, number>();

  /** Requests of the route that are under way and counted. */
  count(routeKey: string): number {
    return this.#counts.get(routeKey) ?? 0;
  }

  /** Routes that have any. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts what `permit` lets in until that is released; null, and the permit released, where the route is full. */
  enter(permit: IRequestPermit, routeKey: string, maxInFlight: number): IRequestPermit | null {
    const count = this.count(routeKey);
    if (count >= maxInFlight) {
      permit.release();
      return null;
    }
    this.#counts.set(routeKey, count + 1);
    return new CountedPermit(permit, this, routeKey);
  }

  leave(routeKey: string): void {
    const count = this.count(routeKey) - 1;
    if (count > 0) this.#counts.set(routeKey, count);
    else this.#counts.delete(routeKey);
  }
}

class CountedPermit implements IRequestPermit {
  readonly #inner: IRequestPermit;
  #counts: InFlight | null;
  readonly #routeKey: string;

  constructor(inner: IRequestPermit, counts: InFlight, routeKey: string) {
    this.#inner = inner;
    this.#counts = counts;
    this.#routeKey = routeKey;
  }

  get permit() {
    return this.#inner.permit;
  }

  release(): void {
    if (this.#counts === null) return;
    this.#counts.leave(this.#routeKey);
    this.#counts = null;
    this.#inner.release();
  }
}
