// Routes that are there already, with a guard added. What comes out is a plain route, checked when it is used.

import type { IBasicAuth, IJwtAuth, IRateLimit, IRouteConfig } from './types.js';

/** The route, with passwords that its requests need. A `basicAuth` that it has is replaced. */
export const addBasicAuth = (route: IRouteConfig, basicAuth: IBasicAuth): IRouteConfig => ({
  ...route,
  security: { ...route.security, basicAuth },
});

/** The route, with a token that its requests need. A `jwtAuth` that it has is replaced. */
export const addJwtAuth = (route: IRouteConfig, jwtAuth: IJwtAuth): IRouteConfig => ({
  ...route,
  security: { ...route.security, jwtAuth },
});

/** The route, with how often it may be asked. A `rateLimit` that it has is replaced. */
export const addRateLimiting = (route: IRouteConfig, rateLimit: TRateLimitWish): IRouteConfig => ({
  ...route,
  security: { ...route.security, rateLimit: { window: 60, keyBy: 'ip', ...rateLimit } },
});

/** What is not said: so many requests in a minute, of each client address. */
export type TRateLimitWish = Pick<IRateLimit, 'maxRequests'> & Partial<IRateLimit>;
