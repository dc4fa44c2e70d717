// The proof that a route's rules were checked. forward() takes nothing else, so forgetting the guard does not compile.

import type { IResolvedAsks, IResolvedRoute } from '../../config/resolved.js';
import type { Connection } from '../connection.js';
import type { TEnd } from '../ends.js';
import type { IMatched } from '../stages.js';
import { hasCredentials, type IAskingRequest, isExempt } from './basic-auth.js';
import type { RouteCounts } from './route-counts.js';
import { SecurityManager } from './security-manager.js';

/** guard -> forward: a connection that its route lets in. */
export interface IAdmitted extends IMatched {
  readonly permit: Permit;
}

/** A request that its route lets in. */
export interface IRequestPermit {
  readonly permit: Permit;
  /** To be called once, when the exchange or its tunnel ends. */
  release(): void;
}

/**
 * Why a request is refused: as a connection would be, because it lacks credentials that the route takes, or because the route has
 * enough requests under way.
 */
export type TRequestRefusal = TEnd | 'unauthenticated' | 'in_flight_limit';

/** Nothing makes one but `admit` and `admitRequest`, which check first; the `#` field keeps look-alikes out. */
export class Permit {
  static readonly #granted = new Permit();
  static readonly #uncounted: IRequestPermit = Object.freeze({ permit: Permit.#granted, release() {} });
  readonly #checked = true;

  private constructor() {}

  /** Checks the route's rules for the connection; gives it back with a permit, or says why not. */
  static admit(matched: IMatched, counts: RouteCounts): IAdmitted | TEnd {
    const { connection, facts, bytes, route } = matched;
    const { maxConnections, basic, asks } = route.security;
    if (!passesAll(route, connection.clientIp)) return 'route_ip_blocked';
    // Bytes have no credentials. Matching gives them no such route; nor shall a mistake of it.
    if (basic !== null || asks !== null) return 'no_route';
    if (maxConnections !== null && !counts.enter(connection, route.key, maxConnections)) {
      return 'route_connection_limit';
    }
    return { connection, facts, bytes, route, permit: Permit.#granted };
  }

  /** The same for one request. Without `maxConnections` it allocates nothing, and there is nothing to release. */
  static admitRequest(
    connection: Connection,
    route: IResolvedRoute,
    clientIp: string,
    counts: RouteCounts,
    request: IAskingRequest,
  ): IRequestPermit | Undecided | TRequestRefusal {
    const { basic, asks } = route.security;
    if (!passesAll(route, clientIp)) return 'route_ip_blocked';
    // Before anything is counted: strangers take no places.
    if (basic !== null && !isExempt(route, request) && !hasCredentials(basic, request.fields)) return 'unauthenticated';
    if (asks !== null && takesTime(asks) && !isExempt(route, request)) {
      return new Undecided(route, asks, () => Permit.#grant(connection, route, counts));
    }
    return Permit.#grant(connection, route, counts);
  }

  static #grant(
    connection: Connection,
    route: IResolvedRoute,
    counts: RouteCounts,
  ): IRequestPermit | 'route_connection_limit' {
    const { maxConnections } = route.security;
    if (maxConnections === null) return Permit.#uncounted;
    if (!counts.enterRequest(connection, route.key, maxConnections)) return 'route_connection_limit';
    return new CountedRequest(Permit.#granted, counts, connection, route.key);
  }

  /** True for whatever `admit` gave, whichever type it claims to have. */
  static isGranted(value: unknown): value is Permit {
    return typeof value === 'object' && value !== null && #checked in value && value.#checked;
  }
}

/** A request that passed all rules that can be judged at once; others are still to be asked. */
export class Undecided {
  readonly #grant: () => IRequestPermit | 'route_connection_limit';

  constructor(
    readonly route: IResolvedRoute,
    readonly asks: IResolvedAsks,
    grant: () => IRequestPermit | 'route_connection_limit',
  ) {
    this.#grant = grant;
  }

  /** All of `asks` let the request pass. To be called once. */
  passed(): IRequestPermit | 'route_connection_limit' {
    return this.#grant();
  }
}

const takesTime = ({ basic, jwt, forward }: IResolvedAsks): boolean => basic.length + jwt.length + forward.length > 0;

/** Whether all lists of the route let the address pass. */
export function passesAll({ security: { lists } }: IResolvedRoute, clientIp: string): boolean {
  for (const list of lists) if (!SecurityManager.passes(clientIp, list)) return false;
  return true;
}

class CountedRequest implements IRequestPermit {
  readonly #counts: RouteCounts;
  #connection: Connection | null;
  readonly #routeKey: string;

  constructor(
    readonly permit: Permit,
    counts: RouteCounts,
    connection: Connection,
    routeKey: string,
  ) {
    this.#counts = counts;
    this.#connection = connection;
    this.#routeKey = routeKey;
  }

  release(): void {
    if (this.#connection !== null) this.#counts.leaveRequest(this.#connection, this.#routeKey);
    this.#connection = null;
  }
}
