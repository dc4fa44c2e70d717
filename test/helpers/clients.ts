// Live clients on loopback.

import type { Socket } from 'node:net';
import net from 'node:net';
import tls from 'node:tls';

export interface IClient extends AsyncDisposable {
  readonly socket: Socket;
  /** Everything received so far. */
  readonly received: Buffer;
  send(data: string | Uint8Array): void;
  /** Resolves with everything received once it holds at least `bytes` bytes. */
  receive(bytes: number): Promise<string>;
  /** Resolves when the server's FIN has come, rejects on an error such as a reset. */
  readonly end: Promise<Buffer>;
  /** Resolves, with the error if there was one, when the socket is closed. */
  readonly closed: Promise<NodeJS.ErrnoException | null>;
}

/** Connects. Like any client it answers a FIN by its own; with `allowHalfOpen: true` it does not. */
export async function connectTcp(port: number, options: Partial<net.TcpNetConnectOpts> = {}): Promise<IClient> {
  const socket = net.connect({ port, host: '127.0.0.1', ...options });
  const client = watch(socket);
  await connected(socket, 'connect');
  return client;
}

/** Connects and finishes the TLS handshake; certificates are not verified unless `ca` is given. */
export async function connectTls(port: number, options: tls.ConnectionOptions = {}): Promise<IClient> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: options.ca !== undefined, ...options });
  const client = watch(socket);
  await connected(socket, 'secureConnect');
  return client;
}

function connected(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before it was connected')));
  });
}

function watch(socket: Socket): IClient {
  const chunks: Buffer[] = [];
  const waiting = new Set<() => void>();
  let error: NodeJS.ErrnoException | null = null;
  const all = () => Buffer.concat(chunks);
  const wake = () => {
    for (const check of waiting) check();
  };
  const end = new Promise<Buffer>((resolve, reject) => {
    socket.once('end', () => resolve(all()));
    socket.once('close', () => reject(error ?? new Error('closed without a FIN')));
  });
  end.catch(() => {});
  const closed = new Promise<NodeJS.ErrnoException | null>((resolve) => socket.once('close', () => resolve(error)));
  socket.on('error', (cause) => {
    error = cause;
  });
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    wake();
  });
  socket.on('close', wake);
  return {
    socket,
    get received() {
      return all();
    },
    send: (data) => void socket.write(data),
    receive: (bytes) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const enough = chunks.reduce((sum, chunk) => sum + chunk.length, 0) >= bytes;
          if (enough) resolve(all().toString());
          else if (socket.destroyed) reject(error ?? new Error(`closed after ${all().length} of ${bytes} bytes`));
          else return;
          waiting.delete(check);
        };
        waiting.add(check);
        check();
      }),
    end,
    closed,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      if (!socket.closed) await closed;
    },
  };
}
