// What a request keeps of its proof of who it is from, once the guard has seen it.

import type { TFields } from '../codec/http-message.js';
import type { IResolvedRoute } from '../config/resolved.js';
import type { RequestFacts } from './request-facts.js';

/** `guarded`: the route with the rules that held. `found`: what they made known of the client. */
export function hideAnswers(request: RequestFacts, { security }: IResolvedRoute, found: TFields = []): void {
  const { basic, asks } = security;
  // They are for this proxy; nobody behind it is to learn them.
  const isHidden = basic !== null || (asks !== null && (asks.basic.length > 0 || asks.jwt.some(isKept)));
  if (isHidden) request.hideCredentials();
  if (asks !== null && asks.owned.length > 0) request.own(asks.owned, found);
}

const isKept = ({ forwardToken }: { readonly forwardToken: boolean }): boolean => !forwardToken;
