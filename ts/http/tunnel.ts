// What a connection becomes after 101 (or 200 to CONNECT): bytes both ways, until one side closes.

import type { Socket } from 'node:net';
import type { IResolvedWebSocket } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { TEnd } from '../flow/ends.js';
import { type IPairRecordDeps, PairRecord } from '../flow/pair-record.js';
import { setupBidirectionalForwarding, type TPairEnd } from '../flow/socket-utils.js';
import { WebSocketWatch } from './websocket-watch.js';

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
  deps: IPairRecordDeps,
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

class Tunnel extends PairRecord implements ITunnel {
  readonly #watch: WebSocketWatch | null;

  constructor(connection: Connection, watch: WebSocketWatch | null, deps: IPairRecordDeps) {
    super(connection, deps);
    this.#watch = watch;
  }

  /** What its requests waited for, or noticed of the client, is over. */
  begin(target: Socket): void {
    const { connection } = this;
    const nowMs = this.nowMs();
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
    this.reschedule();
  }

  replaceClientData(chunk: Buffer): Buffer {
    this.connection.lastActivityMs = this.nowMs();
    if (this.#watch === null) return chunk;
    this.#watch.clientHeard();
    return this.#watch.toTarget.pass(chunk);
  }

  replaceServerData(chunk: Buffer): Buffer {
    this.connection.lastActivityMs = this.nowMs();
    return this.#watch === null ? chunk : this.#watch.toClient.pass(chunk);
  }

  shutdown(graceMs: number): void {
    if (this.#watch !== null) return this.#watch.shutdown(graceMs);
    const { connection } = this;
    connection.limitFromMs = this.nowMs();
    connection.limitMs = graceMs;
    connection.limitPassed = null;
    connection.limitEnd = 'shutdown';
    this.reschedule();
  }

  protected override wordFor(reason: TPairEnd): TEnd {
    return this.#watch?.wordFor(reason) ?? reason;
  }
}
