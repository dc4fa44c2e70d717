// Dials a connection's target and forwards its bytes both ways as they are: what all forwarding handlers are made of.

import type { Socket } from 'node:net';
import type { Connection } from '../connection.js';
import { type IPairHooks, setupBidirectionalForwarding, type TPairEnd } from '../socket-utils.js';
import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { dial } from './dial.js';

/** @param client the client's raw socket, or the decrypted one over it; `admitted.bytes` were read of it */
export function splice(admitted: IAdmitted, client: Socket, deps: IForwardDeps): void {
  const { connection, bytes } = admitted;
  dial(admitted, deps, (target) => {
    if (bytes !== null) target.write(bytes);
    connection.phase = 'transfer';
    connection.spliced = true;
    connection.lastActivityMs = deps.clock.nowMs();
    connection.checkedMs = connection.lastActivityMs;
    deps.connections.deadlines.reschedule(connection);
    setupBidirectionalForwarding(client, target, new Splice(connection, deps));
    connection.unwatch();
  });
}

/** Keeps the record of a spliced connection: its bytes, its last activity, what its deadlines look at. */
class Splice implements IPairHooks {
  readonly enableHalfOpen: boolean;
  readonly #connection: Connection;
  readonly #deps: IForwardDeps;

  constructor(connection: Connection, deps: IForwardDeps) {
    this.#connection = connection;
    this.#deps = deps;
    this.enableHalfOpen = connection.timeouts?.enableHalfOpen ?? false;
  }

  onClientData(chunk: Buffer): void {
    this.#connection.bytesReceived += chunk.length;
    this.#connection.lastActivityMs = this.#deps.clock.nowMs();
  }

  onServerData(chunk: Buffer): void {
    this.#connection.bytesSent += chunk.length;
    this.#connection.lastActivityMs = this.#deps.clock.nowMs();
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
    this.#deps.connections.cleanupConnection(this.#connection, reason);
  }

  #reschedule(): void {
    this.#deps.connections.deadlines.reschedule(this.#connection);
  }
}
