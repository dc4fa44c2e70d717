// Full TLS handshakes, one after the other.

import { once } from 'node:events';
import { connect } from 'node:tls';

/** `count` handshakes for `name`; `handshakeMs` is the time from dialing to the finished handshake, summed. */
export async function handshake({ port, name, ca, count }) {
  let handshakeMs = 0;
  for (let n = 0; n < count; n++) {
    const startedMs = performance.now();
    const socket = connect({ port, host: '127.0.0.1', servername: name, ca, noDelay: true });
    await once(socket, 'secureConnect');
    handshakeMs += performance.now() - startedMs;
    if (socket.isSessionReused()) throw new Error('the handshake was not a full one');
    const closed = once(socket, 'close');
    // Some answer one who asked nothing; the end is behind that.
    socket.resume();
    socket.end();
    await closed;
  }
  return { done: count, handshakeMs };
}
