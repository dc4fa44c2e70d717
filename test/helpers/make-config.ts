// Configurations that tests begin with.

import { resolveConfig } from '../../ts/config/resolve.js';
import type { IResolvedConfig } from '../../ts/config/resolved.js';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/config/types.js';

/** A valid route to `10.0.0.1:80`, with these options in place of its own. */
export const makeRoute = (options: Partial<IRouteConfig> = {}): IRouteConfig => ({
  match: { ports: 443 },
  action: { type: 'forward', target: { host: '10.0.0.1', port: 80 } },
  ...options,
});

/** The resolved form of these routes. */
export const resolveRoutes = (
  routes: readonly IRouteConfig[],
  options: Omit<ISmartProxyOptions, 'routes'> = {},
): IResolvedConfig => resolveConfig({ ...options, routes });
