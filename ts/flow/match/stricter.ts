// Which routes keep requests out that another route lets in: by whom they are from, what they ask for, or how many there are.

import type { IResolvedRateLimit, IResolvedRequestLimits, IResolvedRoute } from '../../config/resolved.js';

/** Whether the route has any rule that keeps requests out. */
export const keepsOut = ({ security, ...route }: IResolvedRoute): boolean =>
  refuses(route) || asksWho(security) || security.requests !== null || security.maxConnections !== null;

/**
 * Whether `other` has such a rule that `route` does not have as well. Who may ask is taken for different wherever it is asked, unless
 * both have the very same rules. What a route asks of a request to be found at all (`method`, `clientIp`) is no rule of it: whoever
 * lacks that is meant for another route.
 */
export function isStricter(other: IResolvedRoute, route: IResolvedRoute): boolean {
  if (refuses(other)) return true;
  if (other.security === route.security) return false;
  const { maxConnections, requests } = other.security;
  return (
    asksWho(other.security) ||
    isLess(maxConnections, route.security.maxConnections) ||
    (requests !== null && limitsMore(requests, route.security.requests))
  );
}

const asksWho = ({ lists, basic, asks }: IResolvedRoute['security']): boolean =>
  lists.length > 0 || basic !== null || asks !== null;

/**
 * A refusal by `respond` hides what is behind its path as `block` does. Without a path of its own it is what others get who would find no
 * route at all, and hides nothing.
 */
const refuses = ({ action, match: { path } }: Pick<IResolvedRoute, 'action' | 'match'>): boolean =>
  action.type === 'block' ||
  (action.type === 'respond' && action.status >= 400 && path !== null && path !== '/*' && path !== '/**');

function limitsMore(limits: IResolvedRequestLimits, own: IResolvedRequestLimits | null): boolean {
  if (isLess(limits.maxInFlight, own?.maxInFlight ?? null)) return true;
  if (isLess(limits.maxBodyBytes || null, own?.maxBodyBytes || null)) return true;
  return limits.rates.some((rate) => own === null || !own.rates.some((one) => isSameRate(one, rate)));
}

/** Counted apart, the same rate is no rule that the other route lacks. */
const isSameRate = (a: IResolvedRateLimit, b: IResolvedRateLimit): boolean =>
  a.maxRequests === b.maxRequests && a.windowMs === b.windowMs && a.keyBy === b.keyBy && a.headerName === b.headerName;

/** null: no limit. */
const isLess = (limit: number | null, own: number | null): boolean => limit !== null && (own === null || limit < own);
