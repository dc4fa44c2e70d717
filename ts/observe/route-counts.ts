// What each route has done since the start: sums that only grow, for whoever computes rates of them.

import { otherKey } from './keyed-rates.js';

/** Routes told apart at most, those that came first: what others do is added up under `otherKey`. */
export const maxCountedRoutes = 1000;

/** Since the start. */
export interface IRouteCounters {
  /** Connections that came to it. One of HTTP counts at the route that its first request found. */
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Requests by the class of their status: `requests[2]` is 200 to 299; 0 is none of HTTP's. */
  readonly requests: readonly number[];
}

class RouteCount {
  connections = 0;
  bytesIn = 0;
  bytesOut = 0;
  readonly requests = [0, 0, 0, 0, 0, 0];
}

export class RouteCounts {
  readonly #routes = new Map<string, RouteCount>();
  /** Who was counted last is often counted next. Counts are never replaced, so that this one stays right. */
  #lastRoute: string | null = null;
  #last = new RouteCount();

  connected(route: string): void {
    this.#of(route).connections++;
  }

  moved(route: string, bytesIn: number, bytesOut: number): void {
    const count = this.#of(route);
    count.bytesIn += bytesIn;
    count.bytesOut += bytesOut;
  }

  answered(route: string, status: number): void {
    const { requests } = this.#of(route);
    const kind = status >= 100 && status < 600 ? Math.floor(status / 100) : 0;
    requests[kind] = (requests[kind] ?? 0) + 1;
  }

  totals(): Map<string, IRouteCounters> {
    return new Map(Array.from(this.#routes, ([route, count]) => [route, { ...count, requests: [...count.requests] }]));
  }

  #of(route: string): RouteCount {
    if (route === this.#lastRoute) return this.#last;
    this.#last = this.#routes.get(route) ?? this.#make(route);
    this.#lastRoute = route;
    return this.#last;
  }

  #make(route: string): RouteCount {
    if (this.#routes.size >= maxCountedRoutes && route !== otherKey) return this.#of(otherKey);
    const made = new RouteCount();
    this.#routes.set(route, made);
    return made;
  }
}
