// What a connection becomes after 101 (or 200 to CONNECT): bytes both ways, until one side closes.

import type { Socket } from 'node:net';
import type { IClock } from '../base/clock.js';
import type { IResolvedWebSocket } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { ConnectionManager } from '../flow/connection-manager.js';
import { type IPairHooks, setupBidirectionalForwarding, type TPairEnd } from '../flow/socket-utils.js';
import { WebSocketWatch } from './websocket-watch.js';

export interface ITunnelDeps {
  readonly clock: IClock;
  readonly connections: ConnectionManager;
}

export interface ITunnelOptions {
  /** The rules of the route where the tunnel is a WebSocket; null: bytes that nobody looks at. */
  readonly websocket: IResolvedWebSocket | null;
}

/** A tunnel that lives. The connection's end is its end; nothing has to be given back. */
export interface ITunnel {
  /**
   * The proxy stops: both sides of a WebSocket are told by a close frame (1001) where their streams can take one, and the
   * connection ends as `shutdown` when they have answered, at the latest in `graceMs`. Any other tunnel has so long to end by itself.
   */
  shutdown(graceMs: number): void;
}

/**
 * Pairs two sockets that nobody else listens to, and whose `end` and `close` are still to come or are told by their state.
 * `connection.routed` and its `timeouts` are those of the request. From here on the pair decides how the connection ends; its
 * bytes are counted by its socket.
 */
export function runTunnel(
  connection: Connection,
  client: Socket,
  clientBytes: Buffer | null,
  target: Socket,
  targetBytes: Buffer | null,
  options: ITunnelOptions,
  deps: ITunnelDeps,
): ITunnel {
  const { websocket } = options;
  const watch = websocket === null ? null : new WebSocketWatch(connection, client, target, websocket, deps);
  const tunnel = new Tunnel(connection, watch, deps);
  tunnel.begin(target);
  // The target speaks first: what it sent may answer nothing that the client has said.
  if (targetBytes !== null) write(client, tunnel.replaceServerData(targetBytes));
  if (clientBytes !== null) write(target, tunnel.replaceClientData(clientBytes));
  setupBidirectionalForwarding(client, target, tunnel);
  connection.unwatch();
  for (const socket of [client, target]) if (socket.isPaused()) socket.resume();
  watch?.start();
  return tunnel;
}

function write(socket: Socket, bytes: Buffer): void {
  if (bytes.length > 0 && socket.writable) socket.write(bytes);
}

/** Keeps the record of the connection: its last activity, what its deadlines look at. */
class Tunnel implements ITunnel, IPairHooks {
  readonly enableHalfOpen: boolean;
  readonly #connection: Connection;
  readonly #watch: WebSocketWatch | null;
  readonly #deps: ITunnelDeps;

  constructor(connection: Connection, watch: WebSocketWatch | null, deps: ITunnelDeps) {
    this.#connection = connection;
    this.#watch = watch;
    this.#deps = deps;
    this.enableHalfOpen = connection.timeouts?.enableHalfOpen ?? false;
  }

  /** What its requests waited for, or noticed of the client, is over. */
  begin(target: Socket): void {
    const connection = this.#connection;
    const nowMs = this.#deps.clock.nowMs();
    connection.phase = 'transfer';
    connection.spliced = true;
    connection.outgoing = target;
    const { remoteAddress, remotePort } = target;
    if (remoteAddress !== undefined) connection.target = { host: remoteAddress, port: remotePort ?? 0 };
    connection.progress = null;
    connection.limitMs = 0;
    connection.limitPassed = null;
    connection.clientEndedMs = 0;
    connection.lastActivityMs = nowMs;
    connection.checkedMs = nowMs;
    this.#reschedule();
  }

  replaceClientData(chunk: Buffer): Buffer {
    this.#connection.lastActivityMs = this.#deps.clock.nowMs();
    if (this.#watch === null) return chunk;
    this.#watch.clientHeard();
    return this.#watch.toTarget.pass(chunk);
  }

  replaceServerData(chunk: Buffer): Buffer {
    this.#connection.lastActivityMs = this.#deps.clock.nowMs();
    return this.#watch === null ? chunk : this.#watch.toClient.pass(chunk);
  }

  onClientEnd(): void {
    this.#connection.clientEndedMs = this.#deps.clock.nowMs();
    this.#reschedule();
  }

  onServerEnd(): void {
    this.#connection.targetEndedMs = this.#deps.clock.nowMs();
    this.#reschedule();
  }

  onFlushed(): void {
    this.#connection.flushedMs = this.#deps.clock.nowMs();
    this.#reschedule();
  }

  onCleanup(reason: TPairEnd): void {
    this.#deps.connections.cleanupConnection(this.#connection, this.#watch?.wordFor(reason) ?? reason);
  }

  shutdown(graceMs: number): void {
    if (this.#watch !== null) return this.#watch.shutdown(graceMs);
    const connection = this.#connection;
    connection.limitFromMs = this.#deps.clock.nowMs();
    connection.limitMs = graceMs;
    connection.limitPassed = null;
    connection.limitEnd = 'shutdown';
    this.#reschedule();
  }

  #reschedule(): void {
    this.#deps.connections.deadlines.reschedule(this.#connection);
  }
}
