// Dials a connection's target and forwards its bytes both ways as they are: what all forwarding handlers are made of.

import type { Socket } from 'node:net';
import { PairRecord } from '../pair-record.js';
import { setupBidirectionalForwarding } from '../socket-utils.js';
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

/** Counts its bytes, too: nobody else sees them. */
class Splice extends PairRecord {
  onClientData(chunk: Buffer): void {
    this.connection.bytesReceived += chunk.length;
    this.connection.lastActivityMs = this.nowMs();
  }

  onServerData(chunk: Buffer): void {
    this.connection.bytesSent += chunk.length;
    this.connection.lastActivityMs = this.nowMs();
  }
}
