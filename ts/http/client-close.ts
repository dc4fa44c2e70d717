// Ends a connection of the HTTP engine in peace: what was written reaches the client.

import type { TEnd } from '../flow/ends.js';
import type { Visitor } from './visitor.js';

/** How long a client that still sends is listened to after our FIN, so that no reset takes the answer from it. */
export const lingerMs = 2_000;

/**
 * Sends our FIN behind what was written. `sends`: the client is not done, and is heard for a while; else `finish` is called when
 * the FIN is out. What waits to be written is bounded by the least rate and by `stallTimeout`, where a route has been found.
 */
export function sendEnd(visitor: Visitor, end: TEnd, sends: boolean, finish: () => void): void {
  const { connection } = visitor;
  const socket = connection.clear;
  visitor.limit(visitor.readerLimitMs(lingerMs), end);
  if (socket.isPaused()) socket.resume();
  const lingers = sends && !socket.readableEnded;
  socket.once('finish', () => (lingers ? visitor.limit(lingerMs, end) : finish())).end();
}
