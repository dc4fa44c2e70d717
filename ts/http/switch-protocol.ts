// After a target's 101, or its 200 in HTTP/2: the client is told, and both sockets become a tunnel.

import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import { fieldValue, type IRequestHead, type IResponseHead } from '../codec/http-message.js';
import type { IDrainable, TRouteKeys } from '../flow/connection.js';
import { isOffRoute } from '../flow/removed.js';
import type { IDetached } from './exchange-types.js';
import type { IAnswering } from './exchange-view.js';
import { remove } from './hop-by-hop.js';
import { fieldsForClient } from './response-fields.js';
import { type ITunnel, runTunnel } from './tunnel.js';
import { acceptOf, checkSwitched } from './websocket.js';

/** Returns what the client was told; or why not, where the target's answer is none to the handshake, and nothing was. */
export function switchToTunnel(
  exchange: IAnswering,
  sent: IRequestHead | null,
  head: IResponseHead,
  socket: Socket,
  bytes: Buffer | null,
): number | ProxyError {
  const { visitor, side, route, request } = exchange;
  const action = route?.action;
  const wrong = sent === null || action?.type !== 'forward' ? 'it was not asked' : checkSwitched(sent, head);
  if (wrong !== null || action?.type !== 'forward' || route === null) {
    socket.destroy();
    return new ProxyError('TARGET_MALFORMED', `the target switched protocols wrongly: ${wrong}`);
  }
  const own = request.head.version === '2' ? asTunnel(exchange, head) : asUpgrade(exchange, head);
  side.head(own);
  const client = side.detach();
  if (client === null) {
    socket.destroy();
    return own.status;
  }
  const { connection, connections } = client;
  connection.outgoing = socket;
  connection.routed = route;
  connection.timeouts = route.timeouts;
  const options = { websocket: action.websocket };
  const deps = { clock: visitor.services.clock, connections };
  const tunnel = runTunnel(connection, client.socket, client.bytes, socket, bytes, options, deps);
  connection.drainable = new TunnelDrain(client, tunnel);
  if (client.graceMs !== null) tunnel.shutdown(client.graceMs);
  return own.status;
}

/** A tunnel of a route that changed lives on: it is nobody's next request. */
class TunnelDrain implements IDrainable {
  readonly #client: IDetached;
  readonly #tunnel: ITunnel;

  constructor(client: IDetached, tunnel: ITunnel) {
    this.#client = client;
    this.#tunnel = tunnel;
  }

  drain(graceMs: number): void {
    this.#tunnel.shutdown(graceMs);
  }

  reconsider(): void {}

  clientEnded(): void {}

  losesBy(keys: TRouteKeys): boolean {
    return isOffRoute(this.#client.connection, keys);
  }

  keepOnly(keys: TRouteKeys): void {
    const { connection, connections } = this.#client;
    if (this.losesBy(keys)) connections.cleanupConnection(connection, 'route_removed');
  }
}

/** For a client of HTTP/1.1. What a target of another version said is not the proof that it waits for (RFC 6455 §4.2.2). */
function asUpgrade(exchange: IAnswering, { status, reason, fields: given }: IResponseHead): IResponseHead {
  const fields = fieldsForClient(exchange, given, exchange.stickyCookie());
  if (status !== 101) {
    remove(fields, 'sec-websocket-accept');
    const key = fieldValue(exchange.request.head.fields, 'sec-websocket-key') ?? '';
    fields.push('Sec-WebSocket-Accept', acceptOf(key));
  }
  // Ours to say, since Upgrade belongs to one connection.
  fields.push('Upgrade', 'websocket');
  return { status: 101, reason: status === 101 ? reason : '', fields, contentLength: 0 };
}

/** RFC 8441 §5: 200, and no proof, which the client gave no key for. */
function asTunnel(exchange: IAnswering, { fields: given }: IResponseHead): IResponseHead {
  const fields = fieldsForClient(exchange, given, exchange.stickyCookie());
  remove(fields, 'sec-websocket-accept');
  return { status: 200, reason: '', fields, contentLength: -1 };
}
