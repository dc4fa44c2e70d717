// Does with an admitted request what the action of its route says.

import type { IResolvedForward, IResolvedRoute, TResolvedAction } from '../config/resolved.js';
import { preflightAnswer } from './cors.js';
import { errorAnswer } from './error-answer.js';
import type { IActing } from './exchange-view.js';
import { FetchOrigin } from './fetch-origin.js';
import { urlOf } from './fetch-request.js';
import { fixedAnswer } from './fixed-answer.js';
import { handOver } from './hand-over.js';
import { applyRules } from './header-rules.js';
import { setOwned } from './owned-fields.js';
import { redirectAnswer } from './redirect.js';
import { forwardFacts } from './request-facts.js';
import { requestFields } from './request-fields.js';
import { checkUpgrade, opensBySuccess } from './websocket.js';

export function act(exchange: IActing, route: IResolvedRoute): void {
  const { request } = exchange;
  const cors = route.headers?.cors ?? null;
  const preflight = cors === null ? null : preflightAnswer(request.head, cors);
  if (preflight !== null) return exchange.answer({ head: preflight, body: noBody, isError: false });
  const { action } = route;
  if (opensBySuccess(request.head) && !mayRefuse(action)) return exchange.answer(errorAnswer(501, noTunnel));
  switch (action.type) {
    case 'forward':
      return forward(exchange, action);
    case 'http-handler':
      return handle(exchange, route, action);
    case 'redirect':
      return exchange.answer(redirectAnswer(action.to, action.status, request));
    case 'respond':
    case 'block':
      return exchange.answer(fixedAnswer(action));
    case 'socket-handler':
      return handOver(exchange, route, action);
  }
}

const noTunnel = 'nothing here speaks that protocol';

/** Whether what the action answers opens no tunnel where nobody is at the other end. */
function mayRefuse(action: TResolvedAction): boolean {
  if (action.type === 'http-handler') return false;
  return !(action.type === 'respond' || action.type === 'block') || action.status >= 300;
}

const noBody = Buffer.alloc(0);

function forward(exchange: IActing, action: IResolvedForward): void {
  const { visitor, request } = exchange;
  const { head } = request;
  if (visitor.services.via.isLoop(head.fields)) return exchange.answer(errorAnswer(508));
  if (head.upgrade === 'websocket') {
    const refused = checkUpgrade(head, action.websocket);
    if (refused !== null) {
      const own = errorAnswer(refused.status, refused.why);
      return exchange.answer({ ...own, head: { ...own.head, fields: [...own.head.fields, ...refused.fields] } });
    }
  }
  exchange.forward(action, head.upgrade === 'websocket');
}

function handle(
  exchange: IActing,
  route: IResolvedRoute,
  { httpHandler }: Extract<TResolvedAction, { type: 'http-handler' }>,
): void {
  const { request, visitor } = exchange;
  const { head, isTls } = request;
  // The handler may wait for the content, and the client for this.
  if (head.expectsContinue) exchange.side.inform(100, []);
  const origin = new FetchOrigin({
    handler: httpHandler,
    contextOf: () => request.context(),
    urlOf: (asked) => urlOf(asked, isTls),
    logger: visitor.logger,
    signalOf: () => request.signal(),
  });
  // What a handler reads of the client must be as true as what a target reads.
  const fields = requestFields(head.fields, forwardFacts(request), '');
  if (request.owned !== null) setOwned(fields, request.owned);
  if (route.headers !== null) applyRules(fields, route.headers.request, request);
  exchange.send(origin, { ...head, fields, target: request.get('target'), upgrade: null });
}
