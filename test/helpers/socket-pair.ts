// Two ends of a connection over loopback, of which a test holds both.

import type { Socket } from 'node:net';
import net from 'node:net';

export interface ISocketPair extends AsyncDisposable {
  /** The end that was accepted. */
  readonly near: Socket;
  /** The end that connected. */
  readonly far: Socket;
}

/** Neither closes because the other did, and nobody reads them yet; their errors are nobody's. */
export async function makeSocketPair(): Promise<ISocketPair> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const { port } = server.address() as net.AddressInfo;
  const far = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  far.on('error', () => {});
  const near = await accepted;
  near.on('error', () => {});
  server.close();
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy();
      far.destroy();
    },
  };
}
