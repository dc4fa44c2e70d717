// Credentials as the guard compares them: digests of one length, of which no password can be read.

import * as plugins from '../plugins.js';
import { basicDefaults } from './defaults.js';
import { deepFreeze } from './freeze.js';
import type { IResolvedBasic } from './resolved.js';
import type { IBasicCredentials, IRouteConfig, IRouteSecurity } from './types.js';

/** All that are given, in this order; null if there are none. */
export function resolveBasic(given: readonly (IRouteSecurity | undefined)[]): readonly IResolvedBasic[] | null {
  const found = given.flatMap((security) => {
    if (security?.authentication === undefined) return [];
    const { credentials, realm = basicDefaults.realm } = security.authentication;
    return [{ realm, digests: digestsOf(credentials) }];
  });
  return found.length === 0 ? null : found;
}

/** Lists that many routes share are worked out once. */
const known = new WeakMap<object, readonly Uint8Array[]>();

function digestsOf(credentials: readonly IBasicCredentials[]): readonly Uint8Array[] {
  let digests = known.get(credentials);
  if (digests === undefined) {
    digests = credentials.map(({ username, password }) => basicDigest(`${username}:${password}`));
    known.set(credentials, digests);
  }
  return digests;
}

/** Of what a client sends, decoded: `name:password`. RFC 7617 §2.1 has it in UTF-8, in NFC. */
export const basicDigest = (userPass: string): Buffer =>
  plugins.crypto.createHash('sha256').update(userPass.normalize('NFC'), 'utf8').digest();

/** The route as it was written, but for its passwords. */
export function withoutPasswords(route: IRouteConfig): IRouteConfig {
  const { security, action } = route;
  if (security?.authentication === undefined && action.security?.authentication === undefined) return route;
  return deepFreeze({
    ...route,
    ...(security === undefined ? {} : { security: hidden(security) }),
    ...(action.security === undefined ? {} : { action: { ...action, security: hidden(action.security) } }),
  });
}

function hidden(security: IRouteSecurity): IRouteSecurity {
  const { authentication } = security;
  if (authentication === undefined) return security;
  const credentials = authentication.credentials.map(({ username }) => ({ username, password: '' }));
  return { ...security, authentication: { ...authentication, credentials } };
}
