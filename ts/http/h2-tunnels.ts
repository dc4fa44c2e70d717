// Keeps the records of tunnels that share a client's HTTP/2 connection: each has limits and an end of its own.

import type { IClock } from '../base/clock.js';
import type { ILogger } from '../base/logger.js';
import { Connection } from '../flow/connection.js';
import { closeSocket } from '../flow/connection-manager.js';
import { Deadlines } from '../flow/deadlines.js';
import type { TEnd } from '../flow/ends.js';
import type { IRecordHome } from '../flow/pair-record.js';
import type { H2TunnelSocket } from './h2-tunnel-socket.js';

/** For all connections. The connection that carries a tunnel stays in its own table; this adds nothing to its counts. */
export class H2Tunnels implements IRecordHome {
  readonly deadlines: Deadlines;
  readonly #clock: IClock;
  readonly #logger: ILogger;
  #opened = 0;

  constructor({ clock, logger }: { readonly clock: IClock; readonly logger: ILogger }) {
    this.#clock = clock;
    this.#logger = logger;
    this.deadlines = new Deadlines(
      clock,
      () => 0,
      (tunnel, end) => this.cleanupConnection(tunnel, end),
    );
  }

  /** Tunnels that live. */
  get size(): number {
    return this.deadlines.size;
  }

  /** `carrier` is the client's connection, `streamId` tells its tunnels apart. */
  open(socket: H2TunnelSocket, carrier: Connection, streamId: number): Connection {
    const { id, localPort, clientIp } = carrier;
    const clock = this.#clock;
    const tunnel = new Connection(
      `${id}.${streamId}`,
      socket.asSocket,
      localPort,
      clientIp,
      clock.nowMs(),
      clock.wallMs(),
    );
    this.#opened += 1;
    tunnel.serial = this.#opened;
    tunnel.phase = 'transfer';
    tunnel.usingNetworkProxy = true;
    this.deadlines.watch(tunnel);
    return tunnel;
  }

  cleanupConnection(tunnel: Connection, end: TEnd): boolean {
    if (tunnel.end !== null) return false;
    this.deadlines.forget(tunnel);
    tunnel.finish(end);
    closeSocket(tunnel.incoming, end);
    if (tunnel.outgoing !== null) closeSocket(tunnel.outgoing, end);
    this.#logger.debug({ connection: tunnel.id, end }, 'tunnel ended');
    return true;
  }
}
