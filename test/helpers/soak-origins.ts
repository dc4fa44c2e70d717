// Targets for traffic that goes on for long: they keep nothing of what they served, and one of them dies and returns.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import { WebSocketServer } from 'ws';
import type { ICertificate } from './certificates.js';

export interface ISoakOrigin extends AsyncDisposable {
  readonly port: number;
}

/** Lives on one port, between deaths. */
export interface IMortalOrigin extends ISoakOrigin {
  /** Resets whatever is open, and listens no more. */
  die(): Promise<void>;
  /** Listens again where it did before. */
  rise(): Promise<void>;
}

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What `/bytes/N` answers. */
export const bytesOfLength = (length: number): Buffer => Buffer.alloc(length, 'soak ');

/** `/bytes/N` gives so many, anything else the digest of what was sent; WebSockets hear themselves. */
export function startHttpSoakOrigin(): Promise<IMortalOrigin> {
  const server = http.createServer(
    { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 },
    (request, response) => {
      response.on('error', () => {});
      request.on('error', () => {});
      const size = /^\/bytes\/(\d+)/.exec(request.url ?? '')?.[1];
      if (size !== undefined) {
        request.resume();
        response.end(bytesOfLength(Number(size)));
        return;
      }
      const hash = createHash('sha256');
      request.on('data', (part: Buffer) => hash.update(part));
      request.on('end', () => response.end(hash.digest('hex')));
    },
  );
  const webSockets = new WebSocketServer({ server });
  webSockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return serve(server);
}

/** TLS that sends back what comes: behind it nobody else has looked into. */
export const startTlsSoakOrigin = ({ cert, key }: ICertificate): Promise<IMortalOrigin> =>
  serve(tls.createServer({ cert, key }, echo), 'secureConnection');

export const startEchoSoakOrigin = (): Promise<IMortalOrigin> =>
  serve(net.createServer({ allowHalfOpen: true, noDelay: true }, echo));

function echo(socket: Socket): void {
  socket.on('error', () => {});
  socket.pipe(socket);
}

async function serve(server: Server, event = 'connection'): Promise<IMortalOrigin> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  server.on(event, () => {});
  server.on('tlsClientError', () => {});
  let port = 0;
  const rise = async () => {
    server.listen(port, '127.0.0.1', 1_024);
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  };
  const die = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.resetAndDestroy();
    await closed;
  };
  await rise();
  return {
    port,
    die,
    rise,
    async [Symbol.asyncDispose]() {
      if (server.listening) await die();
    },
  };
}
