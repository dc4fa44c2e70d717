// Authentication that takes time, as the code reads it.

import * as plugins from '../plugins.js';
import { authServerOf } from './auth-url.js';
import { backendDefaults, forwardAuthDefaults, jwtDefaults, targetDefaults } from './defaults.js';
import { deepFreeze } from './freeze.js';
import { basicOf, excludedOf } from './resolve-basic.js';
import type { TlsSettings } from './resolve-tls.js';
import type {
  IResolvedAsks,
  IResolvedAuthServer,
  IResolvedForwardAuth,
  IResolvedJwt,
  IResolvedTarget,
} from './resolved.js';
import { Secret } from './secret.js';
import type { IForwardAuth, IJwtAuth, IRouteSecurity, IUpstreamTls } from './types.js';
import { withDefaults } from './with-defaults.js';

/** All that are given, in this order; null if all can be judged at once, on every path. */
export function resolveAsks(
  given: readonly (IRouteSecurity | undefined)[],
  tlsSettings: TlsSettings,
): IResolvedAsks | null {
  const all = given.filter((security) => security !== undefined);
  const passwords = all.flatMap(({ basicAuth }) => (basicAuth === undefined ? [] : [basicOf(basicAuth)]));
  const basic = passwords.filter(({ users }) => users.length > 0);
  const jwt = all.flatMap(({ jwtAuth }) => (jwtAuth === undefined ? [] : [jwtOf(jwtAuth, tlsSettings)]));
  const forward = all.flatMap(({ forwardAuth }) =>
    forwardAuth === undefined ? [] : [forwardOf(forwardAuth, tlsSettings)],
  );
  const excludes = [...passwords, ...jwt].some(({ excluded }) => excluded !== null);
  if (basic.length + jwt.length + forward.length === 0 && !excludes) return null;
  const claimed = jwt.flatMap(({ claims }) => claims.map(({ header }) => header));
  const told = forward.flatMap(({ responseHeaders }) => responseHeaders);
  const owned = [...new Set([...claimed, ...told].map((name) => name.toLowerCase()))];
  return deepFreeze({ basic, jwt, forward, owned, excludes });
}

function jwtOf(given: IJwtAuth, tlsSettings: TlsSettings): IResolvedJwt {
  const { secret, jwks, algorithms, issuer, audience, forwardClaims = {}, tls } = given;
  const { clockTolerance, forwardToken } = withDefaults(jwtDefaults, given);
  return {
    secret: secret === undefined ? null : new Secret(secret),
    keys: typeof jwks === 'object' ? jwks.keys : null,
    server: typeof jwks === 'string' ? serverOf(jwks, tls, tlsSettings) : null,
    algorithms: [...new Set(algorithms)],
    issuer: listOf(issuer),
    audience: listOf(audience),
    requiredClaims: [...(given.requiredClaims ?? [])],
    clockToleranceSeconds: clockTolerance,
    excluded: excludedOf(given.excludePaths),
    claims: Object.entries(forwardClaims).map(([claim, header]) => ({ claim, header })),
    forwardToken,
  };
}

const listOf = (value: string | readonly string[] | undefined): readonly string[] | null =>
  value === undefined ? null : typeof value === 'string' ? [value] : [...value];

function forwardOf(given: IForwardAuth, tlsSettings: TlsSettings): IResolvedForwardAuth {
  const { requestHeaders, timeout } = withDefaults(forwardAuthDefaults, given);
  return {
    server: serverOf(given.url, given.tls, tlsSettings),
    requestHeaders: [...new Set(requestHeaders.map((name) => name.toLowerCase()))],
    responseHeaders: [...(given.responseHeaders ?? [])],
    clientHeaders: (given.clientHeaders ?? []).map((name) => name.toLowerCase()),
    timeoutMs: timeout,
  };
}

function serverOf(url: string, tls: IUpstreamTls | undefined, tlsSettings: TlsSettings): IResolvedAuthServer {
  const parsed = authServerOf(url);
  if (parsed === null) throw new Error('a URL passed the checks that cannot be asked');
  const { isTls, host, port, authority, path, place } = parsed;
  const upstream = isTls ? tlsSettings.upstream(tls ?? {}) : null;
  const target: IResolvedTarget = {
    ...{ host: [host], port, matchPorts: null, matchRequest: null, ...targetDefaults },
    ...{ sendProxyProtocol: 0, backendProtocol: backendDefaults.backendProtocol, tls: upstream, headers: [] },
  };
  const key = digest(`${upstream?.key ?? ''} ${url}`);
  return { target, host, port, authority, path: new Secret(path), place, key };
}

const digest = (text: string): string => plugins.crypto.createHash('sha256').update(text).digest('base64url');
