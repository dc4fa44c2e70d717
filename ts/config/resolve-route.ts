// A valid route as the code reads it: defaults applied, lists compiled, everything frozen.

import { blockDefaults, maxMs, redirectDefaults, timeoutDefaults } from './defaults.js';
import { deepFreeze } from './freeze.js';
import { resolveAsks } from './resolve-auth.js';
import { resolveBasic } from './resolve-basic.js';
import { type IForwardSettings, resolveForward } from './resolve-forward.js';
import type { AddressLists } from './resolve-match.js';
import { resolveRequestLimits } from './resolve-request-limits.js';
import type { IResolvedLists, IResolvedSecurity, IResolvedTimeouts, TResolvedAction } from './resolved.js';
import { parseTemplate } from './template.js';
import type { IFixedAnswer, IRouteConfig, IRouteSecurity, IRouteTimeouts, IRouteTls } from './types.js';
import { type TComplete, withDefaults } from './with-defaults.js';

/** What a route takes over from the whole configuration. */
export interface IRouteContextOptions extends IForwardSettings {
  readonly lists: AddressLists;
  /** Of routes without any of their own. */
  readonly timeouts: IResolvedTimeouts;
  readonly security: IResolvedSecurity;
}

/** `tls`: the route's, by itself or by default. */
export function resolveAction(
  { action }: IRouteConfig,
  tls: IRouteTls | undefined,
  context: IForwardSettings,
): TResolvedAction {
  switch (action.type) {
    case 'forward':
      return resolveForward(action, tls, context);
    case 'socket-handler':
      return Object.freeze({ type: 'socket-handler', socketHandler: action.socketHandler });
    case 'http-handler':
      return Object.freeze({ type: 'http-handler', httpHandler: action.httpHandler });
    case 'redirect': {
      const { to, status = redirectDefaults.status } = action.redirect;
      return Object.freeze({ type: 'redirect', to: parseTemplate(to), status });
    }
    case 'respond':
      return respondWith(action.respond);
    case 'block': {
      const { status = blockDefaults.status, message = '' } = action.block ?? {};
      return Object.freeze({ type: 'block', status, message });
    }
  }
}

/** Text says what it is, unless the user does: browsers would guess. */
function respondWith({ status, headers = {}, body = '' }: IFixedAnswer): TResolvedAction {
  const fields = Object.entries(headers).flat();
  const isText = typeof body === 'string' && body !== '';
  const isNamed = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  if (isText && !isNamed) fields.push('Content-Type', 'text/plain; charset=utf-8');
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return Object.freeze({ type: 'respond', status, headers: Object.freeze(fields), body: bytes });
}

/** null if there is neither list. */
export function resolveLists(security: IRouteSecurity | undefined, lists: AddressLists): IResolvedLists | null {
  if (security === undefined) return null;
  const resolved = { allow: lists.compile(security.ipAllowList), block: lists.compile(security.ipBlockList) };
  return resolved.allow === null && resolved.block === null ? null : resolved;
}

/** `security` and its old place in the action both apply; of two limits the smaller one. */
export function resolveSecurity(route: IRouteConfig, context: IRouteContextOptions): IResolvedSecurity {
  const given = [route.security, route.action.security].filter((security) => security !== undefined);
  if (given.length === 0) return context.security;
  const limits = given.map(({ maxConnections }) => maxConnections).filter((limit) => limit !== undefined);
  return deepFreeze({
    lists: given.map((security) => resolveLists(security, context.lists)).filter((lists) => lists !== null),
    maxConnections: limits.length > 0 ? Math.min(...limits) : context.security.maxConnections,
    requests: resolveRequestLimits(route, context.options.defaults?.security),
    basic: resolveBasic([...given, context.options.defaults?.security]),
    asks: resolveAsks([...given, context.options.defaults?.security], context.tlsSettings),
  });
}

/** The route's own, else the global ones, else the defaults. */
export function resolveTimeouts(global: IRouteTimeouts, own?: IRouteTimeouts): IResolvedTimeouts {
  const merged = withDefaults(withDefaults(timeoutDefaults, global), own);
  return Object.freeze({
    connectionTimeoutMs: merged.connectionTimeout,
    inactivityTimeoutMs: inactivityMs(merged),
    maxConnectionLifetimeMs: merged.maxConnectionLifetime,
    halfOpenTimeoutMs: merged.halfOpenTimeout,
    stallTimeoutMs: merged.stallTimeout,
    enableHalfOpen: merged.enableHalfOpen,
    responseTimeoutMs: merged.responseTimeout,
  });
}

function inactivityMs(timeouts: TComplete<IRouteTimeouts>): number {
  const { inactivityTimeout, keepAliveTreatment, keepAliveInactivityMultiplier } = timeouts;
  if (keepAliveTreatment === 'immortal') return 0;
  if (keepAliveTreatment === 'standard') return inactivityTimeout;
  return Math.min(maxMs, Math.round(inactivityTimeout * keepAliveInactivityMultiplier));
}
