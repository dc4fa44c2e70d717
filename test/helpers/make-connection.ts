// A connection record without a network behind it.

import { Socket } from 'node:net';
import type { IResolvedRoute } from '../../ts/config/resolved.js';
import { Connection } from '../../ts/flow/connection.js';

export interface IConnectionParts {
  readonly clientIp?: string;
  readonly acceptedMs?: number;
  readonly routed?: IResolvedRoute | null;
  /** Default: one that was never opened. */
  readonly incoming?: Socket;
}

const unopened = new Socket();
let made = 0;

export function makeConnection(parts: IConnectionParts = {}): Connection {
  const { clientIp = '192.0.2.1', acceptedMs = 0, routed = null, incoming = unopened } = parts;
  made++;
  const connection = new Connection(made.toString(36), incoming, 443, clientIp, acceptedMs, acceptedMs);
  connection.serial = made;
  connection.routed = routed;
  return connection;
}
