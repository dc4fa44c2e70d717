// Forwards a connection's bytes to a target as they are: plain TCP, and TLS that the target terminates.

import { encodeProxyHeader } from '../../codec/proxy-protocol.js';
import type { Connection } from '../connection.js';
import { type IPairHooks, setupBidirectionalForwarding, type TPairEnd } from '../socket-utils.js';
import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';
import { dial } from './dial.js';

export function forwardDirect(admitted: IAdmitted, deps: IForwardDeps): void {
  const { connection, bytes } = admitted;
  dial(admitted, deps, (socket, pick) => {
    const header = pick.target.sendProxyProtocol;
    if (header !== 0) socket.write(proxyHeader(connection, header));
    if (bytes !== null) socket.write(bytes);
    connection.phase = 'transfer';
    connection.spliced = true;
    connection.lastActivityMs = deps.clock.nowMs();
    connection.checkedMs = connection.lastActivityMs;
    deps.connections.deadlines.reschedule(connection);
    setupBidirectionalForwarding(connection.incoming, socket, new Splice(connection, deps));
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

/** Says to the target who the client is. An unknown one is stated as UNKNOWN / LOCAL. */
function proxyHeader(connection: Connection, version: 1 | 2): Buffer {
  const { clientIp, clientPort, serverIp, serverPort, sni, id } = connection;
  const known = clientIp !== '' && serverIp !== '';
  return encodeProxyHeader({
    version,
    ...(known
      ? { source: { address: clientIp, port: clientPort }, destination: { address: serverIp, port: serverPort } }
      : { command: 'local', source: null, destination: null }),
    tlvs: { uniqueId: Buffer.from(id), ...(sni === null ? {} : { authority: sni }) },
  });
}
