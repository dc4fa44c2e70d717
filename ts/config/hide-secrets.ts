// A route as it was written, but for what nobody else is to know: passwords, keys of tokens, the queries of URLs that may hold some.

import { authServerOf } from './auth-url.js';
import { deepFreeze } from './freeze.js';
import { usersOf } from './resolve-basic.js';
import type { IRouteConfig, IRouteSecurity } from './types.js';

export function withoutSecrets(route: IRouteConfig): IRouteConfig {
  const { security, action } = route;
  if (!holdsSecrets(security) && !holdsSecrets(action.security)) return route;
  return deepFreeze({
    ...route,
    ...(security === undefined ? {} : { security: hidden(security) }),
    ...(action.security === undefined ? {} : { action: { ...action, security: hidden(action.security) } }),
  });
}

const holdsSecrets = (security: IRouteSecurity | undefined): boolean =>
  security !== undefined &&
  [security.authentication, security.basicAuth, security.jwtAuth, security.forwardAuth].some(
    (rule) => rule !== undefined,
  );

function hidden(security: IRouteSecurity): IRouteSecurity {
  const { authentication, basicAuth, jwtAuth, forwardAuth } = security;
  const shown: IRouteSecurity = { ...security };
  if (authentication !== undefined) {
    shown.authentication = { ...authentication, credentials: withoutWords(authentication.credentials) };
  }
  if (basicAuth !== undefined) shown.basicAuth = { ...basicAuth, users: withoutWords(usersOf(basicAuth)) };
  if (jwtAuth !== undefined) {
    const { secret, jwks, tls, ...rest } = jwtAuth;
    shown.jwtAuth = {
      ...rest,
      ...(secret === undefined ? {} : { secret: '' }),
      ...(jwks === undefined ? {} : { jwks: typeof jwks === 'string' ? placeOf(jwks) : jwks }),
      ...withoutKey(tls),
    };
  }
  if (forwardAuth !== undefined) {
    const { tls, ...rest } = forwardAuth;
    shown.forwardAuth = { ...rest, url: placeOf(forwardAuth.url), ...withoutKey(tls) };
  }
  return shown;
}

const withoutWords = (users: readonly { readonly username: string }[]) =>
  users.map(({ username }) => ({ username, password: '' }));

const placeOf = (url: string): string => authServerOf(url)?.place ?? '';

function withoutKey<T extends { key?: unknown; passphrase?: unknown }>(tls: T | undefined) {
  if (tls === undefined) return {};
  const { key: _key, passphrase: _passphrase, ...rest } = tls;
  return { tls: rest };
}

/** Whether a header or a parameter of this name may hold what nobody else is to know. */
export const isTelling = (name = ''): boolean => /auth|cookie|cred|key|pass|secret|sess|sign|token/i.test(name);
