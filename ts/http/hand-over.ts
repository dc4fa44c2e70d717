// Gives a connection whose request was matched to a socket handler: it gets every byte as it came.

import type { IResolvedRoute, IResolvedSocketHandler } from '../config/resolved.js';
import { runSocketHandler } from '../flow/forward/socket-handler.js';
import { errorAnswer } from './error-answer.js';
import type { IActing } from './exchange-view.js';

/**
 * Only the first request of a connection can be handed over with all that came before it. A later one, for which the
 * connection was kept, is told to come again on another (RFC 9110 §15.5.20).
 */
export function handOver(exchange: IActing, route: IResolvedRoute, action: IResolvedSocketHandler): void {
  const { visitor, routes, side, permit, request } = exchange;
  const { connection, visit } = visitor;
  if (side.refuseVersion()) return exchange.leave(421);
  const bytes = side.original();
  if (bytes === null || routes === null || permit === null) {
    return exchange.answer(errorAnswer(421, 'this connection was used for another route'));
  }
  if (side.detach() === null) return;
  exchange.leave(200);
  request.handOver();
  connection.usingNetworkProxy = false;
  connection.routed = route;
  const facts = { ...visit.facts, domain: request.domain };
  const admitted = { connection, facts, bytes, route, permit: permit.permit };
  runSocketHandler(admitted, action, routes.forward, request.context);
}
