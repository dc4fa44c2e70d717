// How many connections each route with a limit has now. Kept by the route's key, so that a reload changes no count.

import type { Connection } from '../connection.js';

export class RouteCounts {
  readonly #counts = new Map<string, number>();

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

  /** Counts in what the routes had before they got a limit; no connection is counted twice. */
  adopt(connections: Iterable<Connection>, isLimited: (routeKey: string) => boolean): void {
    for (const connection of connections) {
      const { route } = connection;
      if (route === null || connection.end !== null || connection.countedRoute !== null) continue;
      if (isLimited(route)) this.#add(connection, route);
    }
  }

  #add(connection: Connection, routeKey: string): void {
    this.#counts.set(routeKey, this.count(routeKey) + 1);
    connection.countedRoute = routeKey;
    connection.whenEnded(() => this.#leave(routeKey));
  }

  #leave(routeKey: string): void {
    const left = this.count(routeKey) - 1;
    if (left > 0) this.#counts.set(routeKey, left);
    else this.#counts.delete(routeKey);
  }
}
