// The head of a request as it goes to a target: written from what was understood, never passed through.

import type { IRequestHead } from '../codec/http-message.js';
import type { IResolvedRewrite } from '../config/resolved.js';
import { placeName } from '../flow/forward/target-state.js';
import type { ITargetPick } from '../flow/forward/target-types.js';
import type { IAnswering } from './exchange-view.js';
import { applyRules, authorityRule } from './header-rules.js';
import { madePath } from './made-path.js';
import { setOwned } from './owned-fields.js';
import { forwardFacts } from './request-facts.js';
import { requestFields } from './request-fields.js';
import { rewriteUpgrade } from './websocket.js';

export function headForTarget(exchange: IAnswering, pick: ITargetPick, upgrades: boolean): IRequestHead {
  const { target } = pick;
  const { request, route, visitor } = exchange;
  const { head, path, query } = request;
  const fields = requestFields(head.fields, forwardFacts(request), visitor.services.via.mark(head.version));
  if (request.owned !== null) setOwned(fields, request.owned);
  const action = route?.action;
  const rewrite = action?.type === 'forward' ? action.urlRewrite : null;
  const sentPath = rewrite === null || path === '*' ? path : rewritten(path, rewrite);
  const rules = route?.headers?.request ?? none;
  // Only HTTP/1.0 names no host; the target may need one all the same.
  let authority = head.authority || placeName(pick.host, pick.port);
  if (rules.length > 0) {
    applyRules(fields, rules, request);
    authority = authorityRule(rules, request) ?? authority;
  }
  if (target.headers.length > 0) {
    applyRules(fields, target.headers, request);
    authority = authorityRule(target.headers, request) ?? authority;
  }
  const sent: IRequestHead = {
    version: head.version,
    method: head.method,
    target: query === '' && !head.target.endsWith('?') ? sentPath : `${sentPath}?${query}`,
    authority,
    host: head.host,
    fields,
    contentLength: head.contentLength,
    expectsContinue: head.expectsContinue,
    upgrade: upgrades ? head.upgrade : null,
    close: false,
  };
  return upgrades && action?.type === 'forward' ? rewriteUpgrade(sent, action.websocket, request) : sent;
}

const none: readonly never[] = [];

/** The path stays one: what a pattern makes of it begins with a slash and holds nothing that ends it. */
function rewritten(path: string, { stripPrefix, addPrefix, pattern, target }: IResolvedRewrite): string {
  let result = path;
  if (stripPrefix !== '' && isBelow(result, stripPrefix)) result = result.slice(stripPrefix.length);
  if (addPrefix !== '') result = addPrefix + (result === '/' ? '' : result);
  if (pattern !== null) result = result.replace(pattern, target);
  return madePath(result.replace(unfit, (character) => encodeURIComponent(character)));
}

/** `/api` is in front of `/api` and of `/api/users`, not of `/apis`. */
function isBelow(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return prefix.endsWith('/') || path.length === prefix.length || path.charAt(prefix.length) === '/';
}

/** What would end the path or the request line, and what no URI holds. */
const unfit = /[^\x21-\x7e]|[?#"<>\\^`{|}]/g;
