// Free ports on loopback.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** A port that nobody listens on now. Taken and given back, so another program may be quicker: callers try again. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function tryConnect(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const answer = (isOpen) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

/** Waits until something accepts on the port. `stillThere()` false: gives up at once. */
export async function untilAccepting(port, stillThere) {
  const deadline = performance.now() + 5_000;
  while (performance.now() < deadline && stillThere()) {
    if (await tryConnect(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing accepts on port ${port}`);
}
