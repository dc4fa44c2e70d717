// Gives a connection to the user's function.

import type { Socket } from 'node:net';
import { messageOf } from '../../base/errors.js';
import type { IResolvedSocketHandler } from '../../config/resolved.js';
import type { IRouteContext } from '../../config/types.js';
import { contextOf } from '../context.js';
import type { IAdmitted } from '../stages.js';
import type { IForwardDeps } from './deps.js';

/**
 * The handler gets the socket, the decrypted one if TLS was terminated, not flowing and with every byte still to be read, so
 * a listener that it attaches late, in whatever way, misses nothing. What it throws or rejects with ends this connection and
 * nothing else.
 */
export function runSocketHandler(
  admitted: IAdmitted,
  action: IResolvedSocketHandler,
  deps: IForwardDeps,
  context: () => IRouteContext = () => contextOf(admitted.connection),
): void {
  const { connection, bytes } = admitted;
  const { clear } = connection;
  connection.phase = 'transfer';
  connection.handled = true;
  connection.lastActivityMs = deps.clock.nowMs();
  deps.connections.deadlines.reschedule(connection);
  // As on any net.Server: whoever has read the client's FIN and does not end would otherwise keep the socket for hours.
  clear.allowHalfOpen = connection.timeouts?.enableHalfOpen ?? false;
  clear.on('finish', () => {
    connection.flushedMs = deps.clock.nowMs();
    deps.connections.deadlines.reschedule(connection);
  });
  keepListeners(clear);
  if (bytes !== null) clear.unshift(bytes);

  const failed = (error: unknown) => {
    if (connection.end !== null) return;
    const { id, routed } = connection;
    deps.logger.error({ connection: id, route: routed?.key, error, why: messageOf(error) }, 'socket handler failed');
    deps.connections.cleanupConnection(connection, 'handler_error');
  };
  const run = () => {
    if (connection.end !== null) return;
    try {
      const result: unknown = action.socketHandler(clear, context());
      Promise.resolve(result).then(() => readOnceSaid(clear), failed);
    } catch (error) {
      failed(error);
    }
  };
  // The peek's `readable` listener is gone, but the stream learns of it in the next tick; before it, `data` would not flow.
  if (bytes === null) run();
  else process.nextTick(run);
}

const keptEvents = ['error', 'end', 'close', 'finish'] as const;

type TListener = (...args: unknown[]) => void;

/**
 * Handlers clear sockets (`removeAllListeners`) before they hand them to other code. Without our listeners an error would
 * be thrown into the host program and the end of the connection heard by nobody, so those stay. The `removeListener` event
 * is no help: Node does not emit it for the only listener of a stream's own events.
 */
function keepListeners(socket: Socket): void {
  const kept = keptEvents.map((event) => [event, socket.listeners(event) as TListener[]] as const);
  const removeAll = socket.removeAllListeners;
  socket.removeAllListeners = (...events) => {
    Reflect.apply(removeAll, socket, events);
    for (const [event, listeners] of kept) {
      const present = new Set<unknown>(socket.listeners(event));
      for (const listener of listeners) if (!present.has(listener)) socket.on(event, listener);
    }
    return socket;
  };
}

/**
 * A handler that says something and reads nothing, such as `(socket) => socket.end('bye')`, is done when that is sent. The
 * client's FIN stands behind whatever it has sent, so that has to be read, or the connection would outlive both sides.
 */
function readOnceSaid(socket: Socket): void {
  const read = () => {
    if (socket.readableFlowing === null) socket.resume();
  };
  if (socket.writableFinished) read();
  else socket.once('finish', read);
}
