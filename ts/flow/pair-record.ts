// Keeps the record of a connection whose two sockets are paired: what its deadlines look at, and how it ends.

import type { IClock } from '../base/clock.js';
import type { Connection } from './connection.js';
import type { Deadlines } from './deadlines.js';
import type { TEnd } from './ends.js';
import type { IPairHooks, TPairEnd } from './socket-utils.js';

/** Where records are kept: of connections, or of what one connection carries many of. */
export interface IRecordHome {
  readonly deadlines: Deadlines;
  /** Ends it, once: false if it had ended. */
  cleanupConnection(connection: Connection, end: TEnd): boolean;
}

export interface IPairRecordDeps {
  readonly clock: IClock;
  readonly connections: IRecordHome;
}

export class PairRecord implements IPairHooks {
  readonly enableHalfOpen: boolean;
  protected readonly connection: Connection;
  readonly #deps: IPairRecordDeps;

  constructor(connection: Connection, deps: IPairRecordDeps) {
    this.connection = connection;
    this.#deps = deps;
    this.enableHalfOpen = connection.timeouts?.enableHalfOpen ?? false;
  }

  onClientEnd(): void {
    this.connection.clientEndedMs = this.nowMs();
    this.reschedule();
  }

  onServerEnd(): void {
    this.connection.targetEndedMs = this.nowMs();
    this.reschedule();
  }

  onFlushed(): void {
    this.connection.flushedMs = this.nowMs();
    this.reschedule();
  }

  onCleanup(reason: TPairEnd): void {
    this.#deps.connections.cleanupConnection(this.connection, this.wordFor(reason));
  }

  /** What the connection ends with where its sockets report `reason`. */
  protected wordFor(reason: TPairEnd): TEnd {
    return reason;
  }

  protected nowMs(): number {
    return this.#deps.clock.nowMs();
  }

  protected reschedule(): void {
    this.#deps.connections.deadlines.reschedule(this.connection);
  }
}
