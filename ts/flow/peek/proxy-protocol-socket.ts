// What a socket from a trusted proxy becomes once its PROXY header was read.

import type { Socket } from 'node:net';

/** A socket together with the client that a trusted proxy says is behind it. */
export class ProxyProtocolSocket {
  constructor(
    readonly socket: Socket,
    readonly realClientIP?: string,
    readonly realClientPort?: number,
  ) {}

  /** The stated client, else the socket's own peer, else `''`. */
  get remoteAddress(): string {
    return this.realClientIP || this.socket.remoteAddress || '';
  }

  /** The stated client's port, else the peer's, else 0. */
  get remotePort(): number {
    return this.realClientPort || this.socket.remotePort || 0;
  }
}
