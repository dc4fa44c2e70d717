// Decides who may use the proxy, then who may use a route. It never ends a connection: it says with which word to.

import type { IClock } from '../../base/clock.js';
import { type ILogger, silentLogger } from '../../base/logger.js';
import { limitKey } from '../../codec/address.js';
import type { IResolvedConfig, IResolvedLists, IResolvedRoute } from '../../config/resolved.js';
import type { Connection } from '../connection.js';
import type { TEnd } from '../ends.js';
import type { IMatched } from '../stages.js';
import { explainAsks, type IAskVerdict } from './asks.js';
import { type IAskingRequest, judgeCredentials } from './basic-auth.js';
import { InFlight } from './in-flight.js';
import { ConnectionLimits, type IConnectionLimits, type TLimitEnd } from './limits.js';
import { type IAdmitted, type IRequestPermit, Permit, passesAll, type TRequestRefusal, Undecided } from './permit.js';
import type { IRateLimitStore } from './rate-store.js';
import { type IRatedRequest, RequestRates } from './request-rates.js';
import { RouteCounts } from './route-counts.js';
import { type IVerdict, SecurityManager } from './security-manager.js';
import { type ISharedCounts, SharedPlaces } from './shared-counts.js';

export { type IAdmitted, type IRequestPermit, type Permit, type TRequestRefusal, Undecided } from './permit.js';

/** What the guard reads of a configuration. */
export type IGuardConfig = Pick<
  IResolvedConfig,
  'defaultLists' | 'maxConnectionsPerIP' | 'connectionRateLimitPerMinute' | 'routes'
>;

export interface IGuardParts {
  readonly config: IGuardConfig;
  readonly clock: IClock;
  /** The live connections: a limit that a reload switches on counts those that are already there. */
  readonly live: () => Iterable<Connection>;
  /** Default: limits of this process alone. */
  readonly limits?: IConnectionLimits;
  /** Default: silence. */
  readonly logger?: ILogger;
  /** Where requests are counted. Default: this process alone. */
  readonly rateLimits?: IRateLimitStore | undefined;
  /** Where limits on connections and requests are counted beyond this process. Default: nowhere. */
  readonly counts?: ISharedCounts | undefined;
}

/** What one rule says of a connection that does not exist yet. */
export interface IRuleVerdict extends IVerdict {
  /** The word that a refusal by this rule ends the connection with. */
  readonly end: TEnd;
}

const nothingSaid: IAskingRequest = Object.freeze({ method: '', fields: [] });

/** Every method is synchronous and throws nothing. Counts are given back when the connection ends. */
export class Guard {
  readonly #limits: IConnectionLimits;
  readonly #routes = new RouteCounts();
  readonly #inFlight = new InFlight();
  /** How often requests come: asked before `admitRequest`, after `refusesAddress`, where the route has such limits. */
  readonly rates: RequestRates;
  /** What is to be asked of other processes; null: there are none. */
  readonly places: SharedPlaces | null;
  readonly #live: () => Iterable<Connection>;
  #defaultLists: IResolvedLists | null;

  constructor({ config, clock, live, logger = silentLogger, rateLimits, ...parts }: IGuardParts) {
    this.#limits = parts.limits ?? new ConnectionLimits(clock);
    this.rates = new RequestRates({ clock, logger, store: rateLimits ?? null });
    this.places = parts.counts === undefined ? null : new SharedPlaces(parts.counts);
    this.places?.update(config);
    this.#live = live;
    this.#defaultLists = config.defaultLists;
    this.#limits.update(config);
  }

  /** Takes new rules for connections to come. Counts stay, and nobody is sent away. */
  update(config: IGuardConfig): void {
    this.#defaultLists = config.defaultLists;
    this.#limits.update(config);
    this.places?.update(config);
    if (this.#limits.counting) this.#adoptAddresses();
    this.rates.update(config.routes);
    const limited = new Set<string>();
    for (const route of config.routes) if (route.security.maxConnections !== null) limited.add(route.key);
    if (limited.size > 0) this.#routes.adopt(this.#live(), (key) => limited.has(key));
  }

  /** Asks other processes before `admitClient`. null: go on; the promise never rejects, and says what refuses it. */
  askClient(connection: Connection): Promise<TLimitEnd | null> | null {
    if (this.places === null) return null;
    const lists = this.#defaultLists;
    // Whoever is on a list takes no place of others.
    if (lists !== null && !SecurityManager.passes(connection.clientIp, lists)) return null;
    return this.places.askClient(connection);
  }

  /** The same before `admit`. */
  askRoute(connection: Connection, route: IResolvedRoute): Promise<boolean> | null {
    if (this.places === null || !passesAll(route, connection.clientIp)) return null;
    return this.places.askRoute(connection, route);
  }

  /** To be called once, when the client's address is final. null: it may stay; else the word to end it with. */
  admitClient(connection: Connection): TEnd | null {
    const lists = this.#defaultLists;
    if (lists !== null && !SecurityManager.passes(connection.clientIp, lists)) return 'ip_blocked';
    return this.admitProver(connection);
  }

  /** Who is on a list, and may be an authority that looks for a challenge: limits hold all the same. As `admitClient`. */
  admitProver(connection: Connection): TEnd | null {
    if (this.#limits.active) {
      const refusal = this.#limits.enter(limitKey(connection.clientIp));
      if (refusal !== null) return refusal;
      if (this.#limits.counting) this.#giveBackLater(connection);
    }
    connection.admitted = true;
    return null;
  }

  /** The rules of the matched route. A word: end it with that. */
  admit(matched: IMatched): IAdmitted | TEnd {
    return Permit.admit(matched, this.#routes);
  }

  /**
   * The rules of a request's route. A word: answer it with that. `clientIp`: behind a trusted proxy the one that the request
   * states. `request`: what it says of itself. `maxConnections` counts connections that have requests or tunnels on the route, not the requests.
   */
  admitRequest(
    connection: Connection,
    route: IResolvedRoute,
    clientIp: string = connection.clientIp,
    request: IAskingRequest = nothingSaid,
  ): IRequestPermit | Undecided | TRequestRefusal {
    if (this.#refusesStated(connection, clientIp)) return 'ip_blocked';
    const permit = Permit.admitRequest(connection, route, clientIp, this.#routes, request);
    return permit instanceof Undecided ? permit : this.#counted(permit, route);
  }

  /** The rest of `admitRequest` for a request that others had to be asked about, and who let it pass. */
  admitAnswered(undecided: Undecided): IRequestPermit | TRequestRefusal {
    return this.#counted(undecided.passed(), undecided.route);
  }

  #counted(
    permit: IRequestPermit | TRequestRefusal,
    { key, security: { requests } }: IResolvedRoute,
  ): IRequestPermit | TRequestRefusal {
    const maxInFlight = requests?.maxInFlight ?? null;
    if (maxInFlight === null || typeof permit === 'string') return permit;
    return this.#inFlight.enter(permit, key, maxInFlight) ?? 'in_flight_limit';
  }

  /** The part of `admitRequest` that looks at addresses alone: true where it would refuse this one. */
  refusesAddress(connection: Connection, route: IResolvedRoute, clientIp: string): boolean {
    return this.#refusesStated(connection, clientIp) || !passesAll(route, clientIp);
  }

  /** The address of the connection itself was judged when it came. */
  #refusesStated(connection: Connection, clientIp: string): boolean {
    const lists = this.#defaultLists;
    return clientIp !== connection.clientIp && lists !== null && !SecurityManager.passes(clientIp, lists);
  }

  /**
   * Of a connection whose requests find their routes one by one: null if one of these routes lets its address pass, or if
   * there are none. Not to be asked about a trusted proxy, whose requests state who they are from.
   */
  mayServe({ clientIp }: { readonly clientIp: string }, routes: readonly IResolvedRoute[]): TEnd | null {
    for (const route of routes) if (passesAll(route, clientIp)) return null;
    return routes.length === 0 ? null : 'route_ip_blocked';
  }

  /** What `admitClient` would decide for a new connection from this address, rule by rule. Counts nothing. */
  explainClient(clientIp: string): readonly IRuleVerdict[] {
    const verdicts: IRuleVerdict[] = [];
    if (this.#defaultLists !== null) {
      verdicts.push({ ...SecurityManager.judge(clientIp, this.#defaultLists), end: 'ip_blocked' });
    }
    const key = limitKey(clientIp);
    for (const { end, used, limit } of this.#limits.look(key)) {
      const what = end === 'connection_limit' ? 'connections now' : 'new connections in the last minute';
      verdicts.push({ ok: used < limit, end, why: `${key || 'an unknown address'} has ${used} of ${limit} ${what}` });
    }
    return verdicts;
  }

  /** What `admit` would decide for a new connection on this route, rule by rule. Counts nothing. */
  explainRoute(route: IResolvedRoute, clientIp: string): readonly IRuleVerdict[] {
    const { lists, maxConnections } = route.security;
    const verdicts = lists.map((list): IRuleVerdict => {
      return { ...SecurityManager.judge(clientIp, list), end: 'route_ip_blocked' };
    });
    if (maxConnections === null) return verdicts;
    const used = this.#routes.count(route.key);
    const why = `route ${route.key} has ${used} of ${maxConnections} connections now`;
    return [...verdicts, { ok: used < maxConnections, end: 'route_connection_limit', why }];
  }

  /** What the route's limits on requests would say of this one, limit by limit. Counts nothing; a shared store is not asked. */
  explainRates(route: IResolvedRoute, request: IRatedRequest): readonly (IVerdict & { readonly status: number })[] {
    return this.rates.look(route, request).map(({ rate, verdict: { ok, remaining } }) => {
      const rule = `${rate.maxRequests} requests in ${rate.windowMs / 1000} s by ${rate.headerName || rate.keyBy}`;
      return { ok, status: rate.status, why: `route ${route.key} takes ${rule}: ${remaining} are left` };
    });
  }

  /** Whether `admitRequest` would find the credentials that this route asks for; null: it asks for none. */
  explainCredentials(route: IResolvedRoute, request: IAskingRequest): IVerdict | null {
    return judgeCredentials(route, request);
  }

  /** Who else would have to let the request pass. */
  explainAsks(route: IResolvedRoute, request: IAskingRequest): readonly IAskVerdict[] {
    return explainAsks(route, request);
  }

  #giveBackLater(connection: Connection): void {
    const key = limitKey(connection.clientIp);
    connection.countedAddress = key;
    connection.whenEnded(() => this.#limits.leave(key));
  }

  #adoptAddresses(): void {
    for (const connection of this.#live()) {
      const { admitted, countedAddress, end } = connection;
      if (!admitted || countedAddress !== null || end !== null) continue;
      this.#limits.adopt(limitKey(connection.clientIp));
      this.#giveBackLater(connection);
    }
  }
}
