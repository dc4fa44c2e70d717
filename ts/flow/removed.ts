// Which connections have something under way for routes that are gone, and what becomes of those.

import type { Connection, IDrainable, TRouteKeys } from './connection.js';
import type { ConnectionManager } from './connection-manager.js';

/** A connection of this process. */
export interface IOnRoute {
  readonly route: string | null;
  readonly drainable: IDrainable | null;
}

/** Whether the route that it is shown with is gone. */
export const isOffRoute = ({ route }: Pick<IOnRoute, 'route'>, keys: TRouteKeys): boolean =>
  route !== null && !keys.has(route);

/** Whether it would lose anything if only what is under way for these routes went on. */
export const losesBy = (connection: IOnRoute, keys: TRouteKeys): boolean =>
  connection.drainable?.losesBy(keys) ?? isOffRoute(connection, keys);

export class RemovedRoutes {
  readonly #connections: ConnectionManager;
  /** Who was being read without a route when others were cut off: it may match none but these, all the same. */
  readonly #kept = new WeakMap<Connection, readonly TRouteKeys[]>();

  constructor(connections: ConnectionManager) {
    this.#connections = connections;
  }

  /** Ends what is under way for any other route, now; and later what has arrived but has no route yet. */
  keepOnly(keys: TRouteKeys): void {
    for (const connection of this.#connections) {
      const { drainable, route } = connection;
      if (drainable !== null) drainable.keepOnly(keys);
      else if (route === null) this.#kept.set(connection, [...(this.#kept.get(connection) ?? []), keys]);
      else if (!keys.has(route)) this.#connections.cleanupConnection(connection, 'route_removed');
    }
  }

  /** Whether the route was cut off while the connection was still being read. */
  keepsFrom(connection: Connection, key: string): boolean {
    return this.#kept.get(connection)?.some((keys) => !keys.has(key)) ?? false;
  }
}
