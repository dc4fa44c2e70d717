// Limits that hold for several processes together: a place is asked for before this process judges for itself.

import { limitKey } from '../../codec/address.js';
import type { IResolvedRoute } from '../../config/resolved.js';
import type { Connection } from '../connection.js';
import type { ILimitSettings, TLimitEnd } from './limits.js';
import type { IRequestPermit } from './permit.js';

/** Counts that several processes share. Promises never reject, and are bounded in time by whoever implements them. */
export interface ISharedCounts {
  /** Counts one more of `key` in `scope` unless there are `max`; true: it is to be given back by `leave`. */
  enter(scope: string, key: string, max: number): Promise<boolean>;
  leave(scope: string, key: string): void;
  /** Counts a new connection of `key`, unless there were `max` within a minute. */
  arrive(key: string, maxPerMinute: number): Promise<boolean>;
}

/** What a connection holds on a route while it has requests there: one place, however many they are. */
interface IHeld {
  requests: number;
  readonly granted: Promise<boolean>;
}

/**
 * Asks for places and gives each back once. What this process counts itself stays as it is: it never has more than all
 * together, so it refuses nothing that was granted here.
 */
export class SharedPlaces {
  readonly #counts: ISharedCounts;
  #settings: ILimitSettings = { maxConnectionsPerIP: 0, connectionRateLimitPerMinute: 0 };
  readonly #held = new WeakMap<Connection, Map<string, IHeld>>();

  constructor(counts: ISharedCounts) {
    this.#counts = counts;
  }

  update({ maxConnectionsPerIP, connectionRateLimitPerMinute }: ILimitSettings): void {
    this.#settings = { maxConnectionsPerIP, connectionRateLimitPerMinute };
  }

  /** For a new connection, once its client's address is final. null: there is nothing to wait for. */
  askClient(connection: Connection): Promise<TLimitEnd | null> | null {
    const { maxConnectionsPerIP, connectionRateLimitPerMinute } = this.#settings;
    if (maxConnectionsPerIP === 0 && connectionRateLimitPerMinute === 0) return null;
    return this.#askClient(connection, maxConnectionsPerIP, connectionRateLimitPerMinute);
  }

  async #askClient(connection: Connection, maxLive: number, maxPerMinute: number): Promise<TLimitEnd | null> {
    const key = limitKey(connection.clientIp);
    if (maxLive > 0 && !(await this.#enterUntilEnd(connection, clients, key, maxLive))) return 'connection_limit';
    if (maxPerMinute > 0 && !(await this.#counts.arrive(key, maxPerMinute))) return 'rate_limit';
    return null;
  }

  /** For a connection whose bytes go to a route. null: there is nothing to wait for. */
  askRoute(connection: Connection, { key, security }: IResolvedRoute): Promise<boolean> | null {
    const { maxConnections } = security;
    return maxConnections === null ? null : this.#enterUntilEnd(connection, routes, key, maxConnections);
  }

  /** For a request. null: there is nothing to wait for; the places of a refusal are given back already. */
  askRequest(connection: Connection, route: IResolvedRoute): Promise<IPlaces | TPlaceRefusal> | null {
    const { maxConnections, requests } = route.security;
    const maxInFlight = requests?.maxInFlight ?? null;
    if (maxConnections === null && maxInFlight === null) return null;
    return this.#askRequest(connection, route.key, maxConnections, maxInFlight);
  }

  async #askRequest(
    connection: Connection,
    route: string,
    maxConnections: number | null,
    maxInFlight: number | null,
  ): Promise<IPlaces | TPlaceRefusal> {
    if (maxConnections !== null && !(await this.#hold(connection, route, maxConnections)))
      return 'route_connection_limit';
    if (maxInFlight !== null && !(await this.#counts.enter(inFlight, route, maxInFlight))) {
      if (maxConnections !== null) this.#letGo(connection, route);
      return 'in_flight_limit';
    }
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        if (maxConnections !== null) this.#letGo(connection, route);
        if (maxInFlight !== null) this.#counts.leave(inFlight, route);
      },
    };
  }

  async #enterUntilEnd(connection: Connection, scope: string, key: string, max: number): Promise<boolean> {
    if (!(await this.#counts.enter(scope, key, max))) return false;
    if (connection.end !== null) this.#counts.leave(scope, key);
    else connection.whenEnded(() => this.#counts.leave(scope, key));
    return true;
  }

  async #hold(connection: Connection, route: string, max: number): Promise<boolean> {
    const ofConnection = this.#held.get(connection) ?? new Map<string, IHeld>();
    this.#held.set(connection, ofConnection);
    const held = ofConnection.get(route) ?? { requests: 0, granted: this.#counts.enter(routes, route, max) };
    held.requests++;
    ofConnection.set(route, held);
    const isGranted = await held.granted;
    if (!isGranted && ofConnection.get(route) === held) ofConnection.delete(route);
    return isGranted;
  }

  #letGo(connection: Connection, route: string): void {
    const ofConnection = this.#held.get(connection);
    const held = ofConnection?.get(route);
    if (held === undefined || --held.requests > 0) return;
    ofConnection?.delete(route);
    this.#counts.leave(routes, route);
  }
}

/** What a request holds among all processes. To be given back once it is over. */
export interface IPlaces {
  release(): void;
}

export type TPlaceRefusal = 'route_connection_limit' | 'in_flight_limit';

/** A permit that gives its places back with it. */
export class PlacedPermit implements IRequestPermit {
  readonly #inner: IRequestPermit;
  readonly #places: IPlaces;

  constructor(inner: IRequestPermit, places: IPlaces) {
    this.#inner = inner;
    this.#places = places;
  }

  get permit() {
    return this.#inner.permit;
  }

  release(): void {
    this.#inner.release();
    this.#places.release();
  }
}

const clients = 'client';
const routes = 'route';
const inFlight = 'in-flight';
