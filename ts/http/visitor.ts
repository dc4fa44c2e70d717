// A client's connection as the HTTP engine sees it: what its requests share, whichever version of HTTP carries them.

import type { ILogger } from '../base/logger.js';
import { normaliseHost } from '../codec/host.js';
import type { IRequestHead, TFields } from '../codec/http-message.js';
import type { IResolvedHttp, IResolvedRoute } from '../config/resolved.js';
import type { TProtocol, TTlsVersion } from '../config/types.js';
import type { Connection, IHelloFacts } from '../flow/connection.js';
import type { ConnectionManager } from '../flow/connection-manager.js';
import type { TEnd } from '../flow/ends.js';
import type { IHttpRoutes, IHttpVisit } from '../flow/http-front.js';
import type { PortTable } from '../flow/match/port-table.js';
import type { IRequestFacts } from '../flow/stages.js';
import { clientFrom } from './forwarded.js';
import type { IHttpServices } from './services.js';

export class Visitor {
  readonly connection: Connection;
  readonly connections: ConnectionManager;
  readonly visit: IHttpVisit;
  readonly services: IHttpServices;
  readonly logger: ILogger;
  /** As they were when the connection came. */
  readonly http: IResolvedHttp;
  /** Whether the peer's word about the client is taken. */
  readonly trusted: boolean;
  readonly #facts: Facts;
  /** The last look-up: most requests of a connection ask for the same host and path. */
  #table: PortTable | null = null;
  #host = '';
  #path = '';
  #route: IResolvedRoute | null = null;
  /** The last host, and the name that it is; null for an address. */
  #named = '';
  #name: string | null = null;

  constructor(visit: IHttpVisit, http: IResolvedHttp, services: IHttpServices) {
    const { connection } = visit;
    this.visit = visit;
    this.connection = connection;
    this.services = services;
    this.connections = services.connections;
    this.logger = services.logger;
    this.http = http;
    this.trusted = http.trustedProxies?.matches(connection.clientIp) ?? false;
    this.#facts = new Facts(visit);
  }

  nowMs(): number {
    return this.services.clock.nowMs();
  }

  /** The facts of a request; valid until the next request's. */
  factsOf(head: IRequestHead, path: string, query: string): IRequestFacts {
    const facts = this.#facts;
    if (head.host !== this.#named) {
      this.#named = head.host;
      this.#name = head.host === '' ? null : normaliseHost(head.host);
    }
    facts.domain = this.#name;
    facts.path = path;
    facts.query = query;
    facts.method = head.method;
    facts.fields = head.fields;
    const { trustedProxies } = this.http;
    if (this.trusted && trustedProxies !== null) {
      facts.clientIp = clientFrom(head.fields, this.connection.clientIp, trustedProxies);
    }
    return facts;
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

  /** Whether a request for `route` may come over this connection's TLS: RFC 9110 §7.4, 421 otherwise. */
  serves({ tls }: IResolvedRoute): boolean {
    const own = this.visit.tls;
    if (own === null || tls === null || own === tls) return true;
    // Who named no host got whatever certificate there was; with another policy it is still another matter.
    return this.visit.facts.domain === null ? own.policyKey === tls.policyKey : own.key === tls.key;
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

  /** A message was refused before it was a request. */
  refused(status: number, why: string): void {
    this.services.requests.requestRefused(this.connection, status, why);
  }
}

/** One object a connection, written anew for each request. */
class Facts implements IRequestFacts {
  readonly port: number;
  readonly protocol: TProtocol | null;
  readonly tlsVersion: TTlsVersion | null;
  readonly alpn: readonly string[];
  readonly hello: IHelloFacts | null;
  readonly isTls: boolean;
  clientIp: string;
  domain: string | null = null;
  path = '';
  query = '';
  method = '';
  fields: TFields = [];

  constructor({ facts, tls }: IHttpVisit) {
    this.port = facts.port;
    this.clientIp = facts.clientIp;
    this.protocol = 'http';
    this.tlsVersion = facts.tlsVersion;
    this.alpn = facts.alpn;
    this.hello = facts.hello;
    this.isTls = tls !== null;
  }
}
