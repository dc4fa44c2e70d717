// The order of the stages, and nowhere else: listen, peek, match, guard, forward.

import type { Socket } from 'node:net';
import { messageOf, ProxyError } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { IListeningPoint } from '../config/change.js';
import type { Connection } from './connection.js';
import type { ConnectionManager } from './connection-manager.js';
import type { TEnd } from './ends.js';
import { forward } from './forward/forward.js';
import type { Guard } from './guard/guard.js';
import type { PortTable } from './match/port-table.js';
import { peek } from './peek/peek.js';
import { WrappedSocket } from './peek/wrapped-socket.js';
import type { ISnapshot } from './snapshot.js';
import type { IPeeked } from './stages.js';

export interface IPipelineParts {
  readonly connections: ConnectionManager;
  readonly guard: Guard;
  readonly logger: ILogger;
  /** Read once a connection, on arrival. */
  readonly snapshot: () => ISnapshot;
}

/** Leads each accepted socket through the stages. Its only result is how the connection ends. */
export class Pipeline {
  readonly #connections: ConnectionManager;
  readonly #guard: Guard;
  readonly #logger: ILogger;
  readonly #snapshot: () => ISnapshot;
  /** Routes that were cut off while a connection was still being read, and that it can match all the same. */
  readonly #cutOff = new WeakMap<Connection, ReadonlySet<string>>();

  constructor({ connections, guard, logger, snapshot }: IPipelineParts) {
    this.#connections = connections;
    this.#guard = guard;
    this.#logger = logger;
    this.#snapshot = snapshot;
  }

  /** Takes a socket that was accepted at `point` on what `port` that turned out to be. */
  take(socket: Socket, point: IListeningPoint, port: number): void {
    const connection = this.#connections.createConnection(socket, port);
    if (connection === null) return;
    const snapshot = this.#snapshot();
    const table = snapshot.table.portTable(point.address, point.port);
    const { proxyIPs } = snapshot.config;
    if (proxyIPs?.matches(connection.clientIp)) void this.#readProxyHeader(connection, snapshot, table);
    else this.#admitClient(connection, snapshot, table);
  }

  /** Ends the connections of these routes, now; and later those that have arrived but have no route yet. */
  cut(keys: ReadonlySet<string>): void {
    for (const connection of this.#connections) {
      const { route } = connection;
      if (route === null) this.#cutOff.set(connection, new Set([...(this.#cutOff.get(connection) ?? []), ...keys]));
      else if (keys.has(route)) this.#end(connection, 'route_removed');
    }
  }

  async #readProxyHeader(connection: Connection, snapshot: ISnapshot, table: PortTable | undefined): Promise<void> {
    connection.phase = 'peek';
    const { proxyIPs } = snapshot.config;
    try {
      await new WrappedSocket(connection.incoming, connection).parseProxyProtocol(proxyIPs ?? []);
    } catch (error) {
      const left = error instanceof ProxyError && error.code === 'CLIENT_LEFT';
      this.#connections.cleanupConnection(connection, left ? 'closed_before_data' : 'proxy_protocol_error');
      return;
    }
    if (connection.end === null) this.#admitClient(connection, snapshot, table);
  }

  #admitClient(connection: Connection, snapshot: ISnapshot, table: PortTable | undefined): void {
    try {
      const refusal = this.#guard.admitClient(connection);
      if (refusal !== null) return this.#end(connection, refusal);
      if (table === undefined) return this.#end(connection, 'no_route');
      connection.phase = 'peek';
      peek(connection, table.need, (peeked) => {
        if (typeof peeked === 'string') return this.#end(connection, peeked);
        this.#route(peeked, snapshot, table);
      });
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  #route(peeked: IPeeked, snapshot: ISnapshot, table: PortTable): void {
    const { connection, facts, bytes } = peeked;
    try {
      connection.phase = 'guard';
      const route = table.match(facts);
      if (route === null) return this.#end(connection, 'no_route');
      connection.routed = route;
      connection.timeouts = route.timeouts;
      if (this.#cutOff.get(connection)?.has(route.key)) return this.#end(connection, 'route_removed');
      const admitted = this.#guard.admit({ connection, facts, bytes, route });
      if (typeof admitted === 'string') return this.#end(connection, admitted);
      this.#connections.routed(connection);
      forward(admitted, snapshot.forward);
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  /** No stage throws. If one does, that costs this connection, not the host program. */
  #failed(connection: Connection, error: unknown): void {
    this.#logger.error({ connection: connection.id, error, why: messageOf(error) }, 'a stage threw');
    this.#end(connection, 'internal_error');
  }

  #end(connection: Connection, end: TEnd): void {
    this.#connections.cleanupConnection(connection, end);
  }
}
