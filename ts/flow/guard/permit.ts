// The proof that a route's rules were checked. forward() takes nothing else, so forgetting the guard does not compile.

import type { TEnd } from '../ends.js';
import type { IMatched } from '../stages.js';
import type { RouteCounts } from './route-counts.js';
import { SecurityManager } from './security-manager.js';

/** guard -> forward: a connection that its route lets in. */
export interface IAdmitted extends IMatched {
  readonly permit: Permit;
}

/** Nothing makes one but `admit`, which checks first; the `#` field keeps look-alikes out. */
export class Permit {
  static readonly #granted = new Permit();
  readonly #checked = true;

  private constructor() {}

  /** Checks the route's rules for the connection; gives it back with a permit, or says why not. */
  static admit(matched: IMatched, counts: RouteCounts): IAdmitted | TEnd {
    const { connection, facts, bytes, route } = matched;
    const { lists, maxConnections } = route.security;
    for (const list of lists) {
      if (!SecurityManager.passes(connection.clientIp, list)) return 'route_ip_blocked';
    }
    if (maxConnections !== null && !counts.enter(connection, route.key, maxConnections)) {
      return 'route_connection_limit';
    }
    return { connection, facts, bytes, route, permit: Permit.#granted };
  }

  /** True for whatever `admit` gave, whichever type it claims to have. */
  static isGranted(value: unknown): value is Permit {
    return typeof value === 'object' && value !== null && #checked in value && value.#checked;
  }
}
