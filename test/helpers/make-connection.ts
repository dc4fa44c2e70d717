// A connection record without a network behind it.

import { Socket } from 'node:net';
import type { IResolvedRoute } from '../../ts/config/resolved.js';
import { Connection } from '../../ts/flow/connection.js';

export interface IConnectionParts {
  readonly clientIp?: string;
  readonly acceptedMs?: number;
  readonly routed?: IResolvedRoute | null;
}

/** None of these connections uses its socket, so one that was never opened serves them all. */
const socket = new Socket();
let made = 0;

export function makeConnection({ clientIp = '192.0.2.1', acceptedMs = 0, routed = null }: IConnectionParts = {}) {
  made++;
  const connection = new Connection(made.toString(36), socket, 443, clientIp, acceptedMs, acceptedMs);
  connection.routed = routed;
  return connection;
}
