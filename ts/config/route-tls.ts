// The TLS that a route has, by itself or by default.

import { httpFeatures } from './http-features.js';
import { isKernelRoute } from './route-kernel.js';
import type { IRouteConfig, IRouteTls, ISmartProxyOptions } from './types.js';

/**
 * undefined: none. The default leaves routes for plain protocols alone, and passing through by default leaves those alone
 * that ask for what only HTTP has.
 */
export function tlsOf(route: IRouteConfig, defaults: ISmartProxyOptions['defaults']): IRouteTls | undefined {
  if (route.action.tls !== undefined) return route.action.tls;
  const tls = defaults?.tls;
  // The kernel sees no TLS.
  if (tls === undefined || isKernelRoute(route)) return undefined;
  const { protocol } = route.match;
  if (protocol === 'http' || protocol === 'other') return undefined;
  return tls.mode === 'passthrough' && httpFeatures(route, defaults).length > 0 ? undefined : tls;
}

export const terminates = (tls: IRouteTls | undefined): tls is IRouteTls =>
  tls !== undefined && tls.mode !== 'passthrough';
