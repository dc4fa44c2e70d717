// Socket handlers that many need, ready to be put into a route.

import type { Socket } from 'node:net';
import type { IRouteContext, TSocketHandler } from '../../config/types.js';
import { createIndependentSocketHandlers, createSocketWithErrorHandler } from '../socket-utils.js';
import { httpBlock, httpRedirect, httpResponse } from './ready-http.js';
import { httpServer } from './ready-http-server.js';

/** Gets each line without its end (`\n` or `\r\n`), decoded as UTF-8, in order. */
export type TLineListener = (line: string, socket: Socket, context: IRouteContext) => void | Promise<void>;

/** Bytes that a line may have; a longer one ends the connection. */
const maxLineBytes = 65_536;

export const SocketHandlers = {
  /** Sends back what comes. */
  echo: (): TSocketHandler => (socket) => void socket.pipe(socket),

  /** Forwards to an address that the route does not name; a failed dial closes the client. */
  proxy:
    (host: string, port: number): TSocketHandler =>
    (client, { signal }) => {
      const server = createSocketWithErrorHandler({
        host,
        port,
        onConnect: () => {
          client.allowHalfOpen = true;
          createIndependentSocketHandlers(client, server, ignore);
        },
        onError: () => client.destroy(),
      });
      signal.addEventListener('abort', () => abandon(server, client), { once: true });
    },

  /** Reads line by line. A listener that throws or rejects ends the connection; the next line waits for its promise. */
  lineProtocol:
    (listen: TLineListener): TSocketHandler =>
    async (socket, context) => {
      let rest: Buffer = Buffer.alloc(0);
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
          const line = rest.subarray(0, end > 0 && rest[end - 1] === carriageReturn ? end - 1 : end);
          rest = rest.subarray(end + 1);
          await listen(line.toString('utf8'), socket, context);
        }
        if (rest.length > maxLineBytes) throw new RangeError(`a line of more than ${maxLineBytes} bytes`);
      }
    },

  /** Says something, if there is something to say, and closes. */
  block:
    (message?: string): TSocketHandler =>
    (socket) => {
      socket.end(message ?? '');
      // What the client still sends must be read, or closing would reset it before it has read the message.
      socket.resume();
    },

  httpResponse,
  httpBlock,
  httpRedirect,
  httpServer,
} as const;

/** The client is gone: what was cut off must not look complete to the server. */
function abandon(server: Socket, client: Socket): void {
  const isBroken = client.errored !== null || server.writableLength > 0;
  // One that is still connecting would wait for its connection in order to reset it.
  if (isBroken && !server.connecting && !server.destroyed) server.resetAndDestroy();
  else server.destroy();
}

const newline = 10;
const carriageReturn = 13;

function ignore(): void {}
