// The order of the stages, and nowhere else: listen, peek, match, guard, forward.

import type { Socket } from 'node:net';
import { messageOf, ProxyError } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import { challengeProtocol } from '../config/challenge-words.js';
import type { IListeningPoint } from '../config/change.js';
import type { IResolvedRoute, IResolvedTls } from '../config/resolved.js';
import type { IChallengeSource } from './challenge-source.js';
import type { Connection, TRouteKeys } from './connection.js';
import type { ConnectionManager } from './connection-manager.js';
import type { TEnd } from './ends.js';
import { forward } from './forward/forward.js';
import { type IContextSource, proveName, refuseHello } from './forward/terminate.js';
import type { Guard } from './guard/guard.js';
import type { IHttpFront, IHttpRoutes } from './http-front.js';
import { goInside } from './inside.js';
import type { PortTable } from './match/port-table.js';
import { peek } from './peek/peek.js';
import { WrappedSocket } from './peek/wrapped-socket.js';
import { RemovedRoutes } from './removed.js';
import type { ISnapshot } from './snapshot.js';
import type { IConnectionFacts, IPeeked } from './stages.js';

export interface IPipelineParts {
  readonly connections: ConnectionManager;
  readonly guard: Guard;
  readonly logger: ILogger;
  readonly http: IHttpFront;
  readonly contexts: IContextSource;
  readonly challenges: IChallengeSource;
  /** Read once a connection, on arrival, and by each of its requests. */
  readonly snapshot: () => ISnapshot;
}

/** What a connection is served by for as long as it is not HTTP. */
interface IArrival {
  readonly snapshot: ISnapshot;
  readonly point: IListeningPoint;
  readonly table: PortTable;
  /** All plain HTTP goes to the engine. */
  readonly plainHttp: boolean;
  /** Why nothing but an authority's challenge is answered; null: the routes decide. */
  readonly refusal: TEnd | null;
}

/** Leads each accepted socket through the stages. Its only result is how the connection ends. */
export class Pipeline {
  readonly #parts: IPipelineParts;
  readonly #connections: ConnectionManager;
  readonly #guard: Guard;
  readonly #removed: RemovedRoutes;

  constructor(parts: IPipelineParts) {
    this.#parts = parts;
    this.#connections = parts.connections;
    this.#guard = parts.guard;
    this.#removed = new RemovedRoutes(parts.connections);
  }

  /** Takes a socket that was accepted at `point` on what `port` that turned out to be. */
  take(socket: Socket, point: IListeningPoint, port: number): void {
    const connection = this.#connections.createConnection(socket, port);
    if (connection === null) return;
    const snapshot = this.#parts.snapshot();
    const { proxyIPs } = snapshot.config;
    if (proxyIPs?.matches(connection.clientIp)) void this.#readProxyHeader(connection, snapshot, point);
    else this.#admitClient(connection, snapshot, point);
  }

  /** Ends what is under way for any other route, also of those that have arrived but have no route yet. */
  keepOnly(keys: TRouteKeys): void {
    this.#removed.keepOnly(keys);
  }

  async #readProxyHeader(connection: Connection, snapshot: ISnapshot, point: IListeningPoint): Promise<void> {
    connection.phase = 'peek';
    const { proxyIPs } = snapshot.config;
    try {
      await new WrappedSocket(connection.incoming, connection).parseProxyProtocol(proxyIPs ?? []);
    } catch (error) {
      const left = error instanceof ProxyError && error.code === 'CLIENT_LEFT';
      this.#connections.cleanupConnection(connection, left ? 'closed_before_data' : 'proxy_protocol_error');
      return;
    }
    if (connection.end === null) this.#admitClient(connection, snapshot, point);
  }

  #admitClient(connection: Connection, snapshot: ISnapshot, point: IListeningPoint): void {
    let asked: ReturnType<Guard['askClient']>;
    try {
      asked = this.#guard.askClient(connection);
    } catch (error) {
      return this.#failed(connection, error);
    }
    if (asked === null) return this.#admitted(connection, snapshot, point);
    void asked.then((over) => {
      if (connection.end !== null) return;
      if (over !== null) this.#end(connection, over);
      else this.#admitted(connection, snapshot, point);
    });
  }

  /** No other process minds. */
  #admitted(connection: Connection, snapshot: ISnapshot, point: IListeningPoint): void {
    try {
      const refusal = this.#guard.admitClient(connection);
      const over = refusal !== null && this.#mayProve(refusal) ? this.#guard.admitProver(connection) : refusal;
      if (over !== null) return this.#end(connection, over);
      const table = snapshot.tableAt(point);
      if (table === undefined) return this.#end(connection, 'no_route');
      const plainHttp = snapshot.isHttpPort(point, connection.localPort);
      const arrival = { snapshot, point, table, plainHttp, refusal };
      connection.phase = 'peek';
      peek(connection, table.needOn(plainHttp), (peeked) => {
        if (typeof peeked === 'string') return this.#end(connection, peeked);
        this.#choose(peeked, arrival);
      });
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  #choose(peeked: IPeeked, arrival: IArrival): void {
    const { connection, bytes } = peeked;
    try {
      if (this.#proves(peeked)) return;
      // Behind a trusted proxy each request states its client.
      const facts = this.#isTrusted(connection, arrival) ? { ...peeked.facts, fromTrusted: true } : peeked.facts;
      const engine = arrival.table.engine(facts, arrival.plainHttp);
      // Of HTTP only a request tells what is wanted.
      if (arrival.refusal !== null && engine?.kind !== 'http') return this.#end(connection, arrival.refusal);
      connection.phase = 'guard';
      if (engine === null) return this.#refuse(connection);
      if (engine.kind === 'bytes') return this.#forward(peeked, engine.route, arrival);
      if (engine.kind === 'http') return this.#serve(connection, facts, bytes, null, arrival);
      const { tls } = engine.route;
      if (tls !== null) this.#goInside({ connection, facts, bytes }, tls, arrival);
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  #goInside(peeked: IPeeked, tls: IResolvedTls, arrival: IArrival): void {
    const { connections, logger, contexts } = this.#parts;
    const { clock } = arrival.snapshot.forward;
    const { initialDataTimeoutMs } = arrival.snapshot.config;
    const { connection } = peeked;
    const deps = { source: contexts, handshakeTimeoutMs: initialDataTimeoutMs, initialDataTimeoutMs };
    goInside(
      peeked,
      tls,
      arrival.table,
      { ...deps, connections, logger, clock },
      {
        http: (facts, bytes) => this.#guarded(connection, () => this.#serve(connection, facts, bytes, tls, arrival)),
        bytes: (inner) => this.#guarded(connection, () => this.#forwardInside(inner, tls, arrival)),
      },
    );
  }

  #forwardInside(peeked: IPeeked, tls: IResolvedTls, arrival: IArrival): void {
    const engine = arrival.table.engineInside(peeked.facts, tls);
    if (engine?.kind !== 'bytes') return this.#end(peeked.connection, 'no_route');
    this.#forward(peeked, engine.route, arrival);
  }

  /** Bytes as they are. */
  #forward(peeked: IPeeked, route: IResolvedRoute, { snapshot }: IArrival): void {
    const { connection } = peeked;
    connection.phase = 'guard';
    connection.routed = route;
    connection.timeouts = route.timeouts;
    if (this.#removed.keepsFrom(connection, route.key)) return this.#end(connection, 'route_removed');
    const asked = this.#guard.askRoute(connection, route);
    if (asked === null) return this.#forwardAdmitted(peeked, route, snapshot);
    void asked.then((ok) => {
      if (!ok) return this.#end(connection, 'route_connection_limit');
      this.#guarded(connection, () => this.#forwardAdmitted(peeked, route, snapshot));
    });
  }

  #forwardAdmitted({ connection, facts, bytes }: IPeeked, route: IResolvedRoute, snapshot: ISnapshot): void {
    const admitted = this.#guard.admit({ connection, facts, bytes, route });
    if (typeof admitted === 'string') return this.#end(connection, admitted);
    this.#connections.routed(connection);
    forward(admitted, snapshot.forward);
  }

  /** HTTP: from here on each request is matched, and guarded, by itself. */
  #serve(
    connection: Connection,
    facts: IConnectionFacts,
    bytes: Buffer | null,
    tls: IResolvedTls | null,
    arrival: IArrival,
  ): void {
    const { point, table } = arrival;
    const mayServe = () => this.#guard.mayServe(connection, table.routesFor(tls));
    // What a trusted proxy states is judged request by request; one that is on a list itself states nothing.
    const refusal = arrival.refusal ?? (this.#isTrusted(connection, arrival) ? null : mayServe());
    if (refusal !== null && !this.#mayProve(refusal)) return this.#end(connection, refusal);
    const now = this.#routesAt(point, connection.localPort);
    this.#parts.http.take({ connection, facts, bytes, tls, now, refusal });
  }

  /** Authorities look from addresses that nobody knows beforehand: no list keeps them from what they ask for. */
  #mayProve(refusal: TEnd): boolean {
    return this.#parts.challenges.pending && (refusal === 'ip_blocked' || refusal === 'route_ip_blocked');
  }

  /** True: the connection is an authority's, which gets what it came for and nothing else. */
  #proves({ connection, facts, bytes }: IPeeked): boolean {
    const { challenges, connections, logger } = this.#parts;
    if (!challenges.pending || facts.alpn.length !== 1 || facts.alpn[0] !== challengeProtocol) return false;
    const context = challenges.contextFor(facts.domain ?? '');
    if (context === null) return false;
    const { config, forward } = this.#parts.snapshot();
    const limits = { handshakeTimeoutMs: config.initialDataTimeoutMs, clock: forward.clock };
    proveName(connection, bytes, context, { ...limits, connections, logger });
    return true;
  }

  /** The routes of a point as they are whenever it is asked. */
  #routesAt(point: IListeningPoint, port: number): () => IHttpRoutes | null {
    let seen: ISnapshot | null = null;
    let routes: IHttpRoutes | null = null;
    return () => {
      const snapshot = this.#parts.snapshot();
      if (snapshot === seen) return routes;
      seen = snapshot;
      const table = snapshot.tableAt(point);
      const { config, forward } = snapshot;
      const plainHttp = snapshot.isHttpPort(point, port);
      routes = table === undefined ? null : { config, table, forward, plainHttp };
      return routes;
    };
  }

  #guarded(connection: Connection, step: () => void): void {
    try {
      if (connection.end === null) step();
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  /** No stage throws. If one does, that costs this connection, not the host program. */
  #failed(connection: Connection, error: unknown): void {
    this.#parts.logger.error({ connection: connection.id, error, why: messageOf(error) }, 'a stage threw');
    this.#end(connection, 'internal_error');
  }

  #isTrusted({ clientIp }: Connection, { snapshot }: IArrival): boolean {
    return snapshot.config.http.trustedProxies?.matches(clientIp) ?? false;
  }

  /** Nothing serves it. A client that speaks TLS is told so in TLS: there is no certificate that could stand in. */
  #refuse(connection: Connection): void {
    if (connection.isTLS) refuseHello(connection, 'no_route', this.#connections);
    else this.#end(connection, 'no_route');
  }

  #end(connection: Connection, end: TEnd): void {
    this.#connections.cleanupConnection(connection, end);
  }
}
