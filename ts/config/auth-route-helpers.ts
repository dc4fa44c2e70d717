// Routes that are there already, with authentication added. What comes out is a plain route, checked when it is used.

import type { IBasicAuth, IJwtAuth, IRouteConfig } from './types.js';

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
