// A TLS socket and the raw one below it: which belongs to which, and how the two are closed.

import type { Socket } from 'node:net';

/** Raw sockets by the TLS socket that lies over them. */
const below = new WeakMap<Socket, Socket>();

/** To be told wherever TLS is laid over a socket. */
export function layOver(secure: Socket, raw: Socket): void {
  below.set(secure, raw);
}

export const isSecure = (socket: Socket): boolean => below.has(socket);

/** The socket that the kernel knows: the one below TLS, or the same. */
export const rawOf = (socket: Socket): Socket => below.get(socket) ?? socket;

/**
 * Ends a socket by a reset. A TLS socket has none of its own (Node throws), so the raw one is reset, and the TLS socket closes
 * with that. To destroy both at once ends the process by a segmentation fault (Node 20 to 24) where OpenSSL is on the
 * stack, as it is in whatever is called when a handshake is done.
 */
export function resetSocket(socket: Socket): void {
  const raw = rawOf(socket);
  // A socket that is still connecting would wait for its connection in order to reset it.
  // Of a TLS socket that somebody else made, the one below is not ours.
  const resets = !(raw.destroyed || raw.connecting || 'encrypted' in raw);
  if (resets) raw.resetAndDestroy();
  else socket.destroy();
  if (!resets && raw !== socket) raw.destroy();
}
