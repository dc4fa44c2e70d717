// After a target's 101: the client is told, and both sockets become a tunnel.

import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import type { IRequestHead, IResponseHead } from '../codec/http-message.js';
import type { IAnswering } from './exchange-view.js';
import { fieldsForClient } from './response-fields.js';
import { runTunnel } from './tunnel.js';
import { checkSwitched } from './websocket.js';

/** Returns why not, where the target's answer is none to the handshake; nothing was sent to the client then. */
export function switchToTunnel(
  exchange: IAnswering,
  sent: IRequestHead | null,
  head: IResponseHead,
  socket: Socket,
  bytes: Buffer | null,
): ProxyError | null {
  const { visitor, side, route } = exchange;
  const action = route?.action;
  const wrong = sent === null || action?.type !== 'forward' ? 'it was not asked' : checkSwitched(sent, head);
  if (wrong !== null || action?.type !== 'forward' || route === null) {
    socket.destroy();
    return new ProxyError('TARGET_MALFORMED', `the target switched protocols wrongly: ${wrong}`);
  }
  const fields = fieldsForClient(exchange, head.fields, exchange.stickyCookie());
  // Ours to say, since Upgrade belongs to one connection.
  fields.push('Upgrade', 'websocket');
  side.head({ status: 101, reason: head.reason, fields, contentLength: 0 });
  const client = side.detach();
  if (client === null) {
    socket.destroy();
    return null;
  }
  const { connection, services } = visitor;
  connection.outgoing = socket;
  connection.routed = route;
  connection.timeouts = route.timeouts;
  const { clock, connections } = services;
  const options = { websocket: action.websocket };
  const tunnel = runTunnel(connection, client.socket, client.bytes, socket, bytes, options, { clock, connections });
  // A tunnel of a route that changed lives on: it is nobody's next request.
  connection.drainable = { drain: (graceMs) => tunnel.shutdown(graceMs), reconsider() {} };
  if (client.graceMs !== undefined) tunnel.shutdown(client.graceMs);
  return null;
}
