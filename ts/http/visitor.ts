// A client's connection as the HTTP engine sees it: what its requests share, whichever version of HTTP carries them.

import { messageOf } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import { normaliseHost } from '../codec/host.js';
import type { IRequestHead, TFields } from '../codec/http-message.js';
import type { IResolvedHttp, IResolvedRoute, IResolvedTimeouts } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { ConnectionManager } from '../flow/connection-manager.js';
import type { TEnd } from '../flow/ends.js';
import type { IHttpRoutes, IHttpVisit } from '../flow/http-front.js';
import { carries } from '../flow/match/carries.js';
import type { PortTable } from '../flow/match/port-table.js';
import type { IRequestFacts } from '../flow/stages.js';
import type { IOwnAnswer } from './error-answer.js';
import { clientFrom } from './forwarded.js';
import { responseFields } from './response-fields.js';
import type { IHttpServices } from './services.js';

interface IPlace {
  readonly host: string;
  readonly port: number;
}

/** What is reported of an exchange. */
export interface IEndedExchange {
  readonly request: { readonly head: IRequestHead; readonly path: string };
  readonly route: IResolvedRoute | null;
  readonly target: IPlace | null;
  readonly attempts: number;
}

export interface IRequestOutcome {
  readonly status: number;
  readonly startedMs: number;
  readonly error: Error | null;
}

export class Visitor {
  readonly connection: Connection;
  readonly connections: ConnectionManager;
  readonly visit: IHttpVisit;
  readonly services: IHttpServices;
  readonly logger: ILogger;
  /** As they were when the connection came. */
  readonly http: IResolvedHttp;
  /** Whether the connection carries several requests at a time. */
  readonly isShared: boolean;
  /** Whether the peer's word about the client is taken. */
  readonly trusted: boolean;
  /** The last look-up: most requests of a connection ask for the same host and path. */
  #table: PortTable | null = null;
  #host = '';
  #path = '';
  #route: IResolvedRoute | null = null;
  /** The last host, and the name that it is; null for an address. */
  #named = '';
  #name: string | null = null;

  constructor(visit: IHttpVisit, http: IResolvedHttp, services: IHttpServices, isShared = false) {
    const { connection } = visit;
    this.visit = visit;
    this.connection = connection;
    this.services = services;
    this.connections = services.connections;
    this.logger = services.logger;
    this.http = http;
    this.isShared = isShared;
    this.trusted = http.trustedProxies?.matches(connection.clientIp) ?? false;
  }

  /** Of the heads of requests. */
  get headLimits() {
    return { maxBytes: this.http.maxHeaderBytes, maxFields: this.http.maxHeaders };
  }

  nowMs(): number {
    return this.services.clock.nowMs();
  }

  /** Bytes of a request's content; 0: no limit. */
  maxBodyBytes({ security: { requests } }: IResolvedRoute): number {
    return requests?.maxBodyBytes ?? this.http.maxBodyBytes;
  }

  /** The name that the host of a request is; null where it is an address or none. */
  nameOf(host: string): string | null {
    if (host !== this.#named) {
      this.#named = host;
      this.#name = host === '' ? null : normaliseHost(host);
    }
    return this.#name;
  }

  /** The client's address: behind a trusted peer the one that it states. */
  clientOf(fields: TFields): string {
    const { trustedProxies } = this.http;
    const { clientIp } = this.connection;
    return this.trusted && trustedProxies !== null ? clientFrom(fields, clientIp, trustedProxies) : clientIp;
  }

  /** The route of a request; null if none takes it. */
  match({ table }: IHttpRoutes, host: string, facts: IRequestFacts): IResolvedRoute | null {
    const repeats = table === this.#table && host === this.#host && facts.path === this.#path;
    if (repeats && table.byPathOnly && !this.trusted) return this.#route;
    const route = table.matchRequest(facts);
    this.#table = table;
    this.#host = host;
    this.#path = facts.path;
    this.#route = route;
    return route;
  }

  /** Whether a connection that came now would still be served as this one is. */
  get isCurrent(): boolean {
    const { facts, tls, now } = this.visit;
    const routes = now();
    if (routes === null) return false;
    const engine = routes.table.engine({ ...facts, protocol: tls === null ? 'http' : 'tls' }, routes.plainHttp);
    if (tls === null) return engine?.kind === 'http' && (!this.isShared || routes.config.http.h2c);
    return engine?.kind === 'tls' && engine.route.tls?.key === tls.key;
  }

  /** Whether a request for `route` may come over this connection's TLS: RFC 9110 §7.4, 421 otherwise. */
  serves(route: IResolvedRoute): boolean {
    const { tls, facts } = this.visit;
    return tls === null || carries(tls, facts.domain, route);
  }

  /** What the connection waits for from now on; one thing at a time, 0 for nothing. */
  limit(limitMs: number, end: TEnd): void {
    const { connection } = this;
    connection.limitMs = limitMs;
    if (limitMs <= 0) return;
    connection.limitFromMs = this.nowMs();
    connection.limitEnd = end;
    // The heap learns of what comes nearer only; what moves away it finds out when the old time comes.
    if (connection.limitFromMs + limitMs < connection.dueMs) this.connections.deadlines.reschedule(connection);
  }

  /** A head is waited for: its first byte, or what is left of it. */
  limitHead(isBegun: boolean): void {
    if (isBegun) this.limit(this.http.headersTimeoutMs, 'headers_timeout');
    else this.limit(this.http.keepAliveTimeoutMs, 'keep_alive_timeout');
  }

  /**
   * For what is written to be taken at the least rate, once nothing else is waited for; 0: no limit but `stallTimeout`, which the
   * route has that was found. `elseMs`: where none was.
   */
  readerLimitMs(elseMs: number): number {
    if (this.connection.timeouts === null) return elseMs;
    const { minResponseBytesPerSecond: rate, rateGraceMs } = this.http;
    return rate === 0 ? 0 : rateGraceMs + (this.connection.clear.writableLength * 1000) / rate;
  }

  /**
   * The milliseconds that a request has left: of `requestTimeout` since its beginning, or `answerMs` from now on; 0: no such limit.
   */
  requestLimitMs(startedMs: number, answerMs: number): number {
    const { requestTimeoutMs } = this.http;
    if (requestTimeoutMs === 0) return answerMs;
    const leftMs = Math.max(1, startedMs + requestTimeoutMs - this.nowMs());
    return answerMs > 0 ? Math.min(answerMs, leftMs) : leftMs;
  }

  /**
   * The connection is shown with its last route; its time limits are those of that, or those of all that let it be silent
   * longest.
   */
  routed(route: IResolvedRoute): void {
    const { connection } = this;
    if (connection.timeouts !== route.timeouts && !(this.isShared && isPatient(connection.timeouts, route.timeouts))) {
      connection.timeouts = route.timeouts;
      this.connections.deadlines.reschedule(connection);
    }
    const isFirst = connection.routed === null;
    connection.routed = route;
    if (isFirst) this.connections.routed(connection);
  }

  /** Reports a request that is over. */
  ended({ request, route, target, attempts }: IEndedExchange, { status, startedMs, error }: IRequestOutcome): void {
    this.services.requests.requestEnded({
      connection: this.connection,
      version: request.head.version,
      method: request.head.method,
      authority: request.head.authority,
      path: request.path,
      status,
      route: route?.key ?? null,
      target,
      attempts,
      durationMs: this.nowMs() - startedMs,
      error,
    });
  }

  /** A request got no answer of its target. */
  unanswered(route: IResolvedRoute | null, target: IPlace | null, status: number, error: Error): void {
    const { id } = this.connection;
    this.logger.debug({ connection: id, route: route?.key, target, status, why: error.message }, 'no answer');
  }

  /** A function of the program threw; or the engine, which would be a defect. */
  threw(error: unknown): void {
    this.logger.error({ connection: this.connection.id, error, why: messageOf(error) }, 'a request failed');
  }

  /** An answer of ours that no route's rules apply to. */
  dated(own: IOwnAnswer): IOwnAnswer {
    return { ...own, head: { ...own.head, fields: responseFields(own.head.fields, this.services.date) } };
  }

  /** A message was refused before it was a request. */
  refused(status: number, why: string): void {
    this.services.requests.requestRefused(this.connection, status, why);
  }
}

/** Whether the connection's limits allow as long a silence as those of a route. */
function isPatient(own: IResolvedTimeouts | null, { inactivityTimeoutMs }: IResolvedTimeouts): boolean {
  if (own === null) return false;
  return own.inactivityTimeoutMs === 0 || (inactivityTimeoutMs > 0 && own.inactivityTimeoutMs >= inactivityTimeoutMs);
}
