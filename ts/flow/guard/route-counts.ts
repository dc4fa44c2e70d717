// How many connections each route with a limit has now. Kept by the route's key, so that a reload changes no count.

import type { Connection } from '../connection.js';

export class RouteCounts {
  readonly #counts = new Map<string, number>();
  /** Of connections with requests: how many of these each route with a limit has. One connection counts once a route. */
  readonly #requests = new WeakMap<Connection, Map<string, number>>();

  /** Connections that are counted on the route. */
  count(routeKey: string): number {
    return this.#counts.get(routeKey) ?? 0;
  }

  /** Routes that have counted connections. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts the connection in until it ends; false, and nothing counted, where the route is full. */
  enter(connection: Connection, routeKey: string, maxConnections: number): boolean {
    if (this.count(routeKey) >= maxConnections) return false;
    this.#add(connection, routeKey);
    return true;
  }

  /**
   * Counts the connection in while it has requests on the route; false, and nothing counted, where the route is full. Each
   * `true` is given back by one `leaveRequest`, or by the connection's end.
   */
  enterRequest(connection: Connection, routeKey: string, maxConnections: number): boolean {
    if (connection.end !== null) return false;
    this.#settleAdopted(connection);
    const requests = this.#requestsOf(connection);
    const underWay = requests.get(routeKey) ?? 0;
    if (underWay === 0) {
      if (this.count(routeKey) >= maxConnections) return false;
      this.#change(routeKey, 1);
    }
    requests.set(routeKey, underWay + 1);
    return true;
  }

  /** Does nothing once the connection has ended. */
  leaveRequest(connection: Connection, routeKey: string): void {
    const requests = this.#requests.get(connection);
    const underWay = requests?.get(routeKey);
    if (requests === undefined || underWay === undefined) return;
    if (underWay > 1) requests.set(routeKey, underWay - 1);
    else {
      requests.delete(routeKey);
      this.#change(routeKey, -1);
    }
  }

  /**
   * Counts in what the routes had before they got a limit; no connection is counted twice. Of one with requests it is not
   * known when those that are under way end: it counts on the route that it is shown with until its next, or its end.
   */
  adopt(connections: Iterable<Connection>, isLimited: (routeKey: string) => boolean): void {
    for (const connection of connections) {
      const { route } = connection;
      if (route === null || connection.end !== null || connection.countedRoute !== null || !isLimited(route)) continue;
      if (!connection.usingNetworkProxy) this.#add(connection, route);
      else if (!this.#requestsOf(connection).has(route)) {
        connection.countedRoute = route;
        this.#requestsOf(connection).set(route, 1);
        this.#change(route, 1);
      }
    }
  }

  /** A connection that asks for more has had its answer; of several requests at a time each still counts by itself. */
  #settleAdopted(connection: Connection): void {
    const { countedRoute } = connection;
    if (countedRoute === null || !connection.usingNetworkProxy) return;
    connection.countedRoute = null;
    this.leaveRequest(connection, countedRoute);
  }

  #requestsOf(connection: Connection): Map<string, number> {
    const known = this.#requests.get(connection);
    if (known !== undefined) return known;
    const requests = new Map<string, number>();
    this.#requests.set(connection, requests);
    connection.whenEnded(() => {
      for (const routeKey of requests.keys()) this.#change(routeKey, -1);
      requests.clear();
    });
    return requests;
  }

  #add(connection: Connection, routeKey: string): void {
    this.#change(routeKey, 1);
    connection.countedRoute = routeKey;
    connection.whenEnded(() => this.#change(routeKey, -1));
  }

  #change(routeKey: string, by: 1 | -1): void {
    const count = this.count(routeKey) + by;
    if (count > 0) this.#counts.set(routeKey, count);
    else this.#counts.delete(routeKey);
  }
}
