// Live targets on loopback.

import type { AddressInfo, Server, Socket } from 'node:net';
import net from 'node:net';
import tls from 'node:tls';

export interface IOrigin extends AsyncDisposable {
  readonly port: number;
  /** Every connection it accepted, in order; they stay here when closed. */
  readonly sockets: Socket[];
  /** Connections that are open now. */
  readonly open: number;
}

/** Serves each connection with `serve`; errors of its sockets are its own business. Without a `port` it takes a free one. */
export async function startOrigin(
  serve: (socket: Socket) => void,
  { port = 0, ...options }: net.ServerOpts & { port?: number } = {},
): Promise<IOrigin> {
  return await listen(net.createServer({ allowHalfOpen: true, ...options }), 'connection', serve, port);
}

/** Sends back what it gets, and its FIN after the client's. */
export const startEcho = (): Promise<IOrigin> => startOrigin((socket) => socket.pipe(socket));

export interface ITlsIdentity {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** Terminates TLS with one certificate and greets with a line. */
export async function startTlsOrigin(identity: ITlsIdentity, greeting: string): Promise<IOrigin> {
  const server = tls.createServer({ cert: identity.cert, key: identity.key });
  server.on('tlsClientError', () => {});
  return await listen(server, 'secureConnection', (socket) => {
    socket.write(`${greeting}\n`);
    socket.pipe(socket);
  });
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(server: Server, event: string, serve: (socket: Socket) => void, port = 0): Promise<IOrigin> {
  const sockets: Socket[] = [];
  const raw = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    raw.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => raw.delete(socket));
  });
  server.on(event, (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(port, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    get open() {
      return raw.size;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of raw) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
