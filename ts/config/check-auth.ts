// What must hold between the options of authentication. Places are relative to the route, or to the defaults.

import { authServerOf } from './auth-url.js';
import { checkUpstreamTls } from './check-tls.js';
import type { IPathFault, TKey } from './faults.js';
import { parsePasswordHash } from './password-hash.js';
import { usersOf } from './resolve-basic.js';
import { hmacAlgorithms } from './schema-auth.js';
import type {
  IBasicAuth,
  IForwardAuth,
  IJwtAuth,
  IRouteConfig,
  IRouteSecurity,
  ISmartProxyOptions,
  IUpstreamTls,
} from './types.js';
import type { TUsable } from './usable.js';

/** RFC 7518 §3.2: a key is at least as long as the digest. */
const secretBytes: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };

/** Of one `security`, at `place`. */
export function checkAuth(security: IRouteSecurity, place: readonly TKey[]): readonly IPathFault[] {
  const { basicAuth, jwtAuth, forwardAuth } = security;
  return [
    ...(basicAuth === undefined ? [] : userFaults(basicAuth, [...place, 'basicAuth'])),
    ...(jwtAuth === undefined ? [] : jwtFaults(jwtAuth, [...place, 'jwtAuth'])),
    ...(forwardAuth === undefined ? [] : forwardFaults(forwardAuth, [...place, 'forwardAuth'])),
  ];
}

/** One hash is compared a request: of a user with several it could not be said which. */
function userFaults(basicAuth: IBasicAuth, place: readonly TKey[]): readonly IPathFault[] {
  const users = usersOf(basicAuth).map(({ username, password }) => ({ name: username.normalize('NFC'), password }));
  const hashed = new Set(users.filter(({ password }) => parsePasswordHash(password) !== null).map(({ name }) => name));
  const seen = new Set<string>();
  const faults: IPathFault[] = [];
  users.forEach(({ name }, index) => {
    if (seen.has(name) && hashed.has(name)) {
      const path = [...place, 'users', ...(Array.isArray(basicAuth.users) ? [index, 'username'] : [])];
      faults.push({ path, want: 'a user only once, where a password is a hash', got: 'the same again' });
    }
    seen.add(name);
  });
  return faults;
}

function jwtFaults(jwtAuth: IJwtAuth, place: readonly TKey[]): readonly IPathFault[] {
  const { secret, jwks, algorithms, tls } = jwtAuth;
  if ((secret === undefined) === (jwks === undefined)) {
    const got = secret === undefined ? 'neither' : 'both';
    return [{ path: secret === undefined ? [...place] : [...place, 'jwks'], want: 'either secret or jwks', got }];
  }
  const faults: IPathFault[] = [];
  algorithms.forEach((algorithm, index) => {
    // A public key taken for a secret would let everybody sign.
    const isHmac = (hmacAlgorithms as readonly string[]).includes(algorithm);
    const path = [...place, 'algorithms', index];
    if (isHmac !== (secret !== undefined)) {
      const want = secret === undefined ? 'an algorithm with public keys, as jwks is given' : 'HS256, HS384 or HS512';
      faults.push({ path, want, got: `'${algorithm}'` });
    } else if (secret !== undefined && Buffer.byteLength(secret) < (secretBytes[algorithm] ?? 0)) {
      const want = `at least ${secretBytes[algorithm]} bytes for ${algorithm} (RFC 7518 §3.2)`;
      faults.push({ path: [...place, 'secret'], want, got: 'fewer' });
    }
  });
  faults.push(...repeatedFields(Object.entries(jwtAuth.forwardClaims ?? {}), [...place, 'forwardClaims']));
  return [...faults, ...tlsFaults(tls, typeof jwks === 'string' ? jwks : null, place)];
}

function forwardFaults({ url, responseHeaders = [], tls }: IForwardAuth, place: readonly TKey[]) {
  const names = responseHeaders.map((name, index) => [index, name] as const);
  return [...repeatedFields(names, [...place, 'responseHeaders']), ...tlsFaults(tls, url, place)];
}

/** Two would make one say two things. */
function repeatedFields(entries: readonly (readonly [TKey, string])[], place: readonly TKey[]): readonly IPathFault[] {
  const seen = new Set<string>();
  return entries.flatMap(([key, name]) => {
    const lower = name.toLowerCase();
    if (!seen.has(lower)) return seen.add(lower) && [];
    return [{ path: [...place, key], want: 'another field: this one is there already', got: `'${name}'` }];
  });
}

function tlsFaults(tls: IUpstreamTls | undefined, url: string | null, place: readonly TKey[]): readonly IPathFault[] {
  if (tls === undefined) return [];
  if (url === null || authServerOf(url)?.isTls !== true) {
    return [{ path: [...place, 'tls'], want: 'nothing: no URL here begins with https://', got: 'an object' }];
  }
  return checkUpstreamTls(tls, [...place, 'tls']);
}

type TDefaults = ISmartProxyOptions['defaults'] | null;

interface IPlacedSecurity {
  readonly place: readonly TKey[];
  readonly security: IRouteSecurity;
}

/** Of a route: its own, that of its action, and that of the defaults, which all apply. */
export function checkRouteAuth(
  { security, action }: IRouteConfig,
  usable: TUsable,
  defaults: TDefaults,
): readonly IPathFault[] {
  if (!usable('security', 'action.type', 'action.security')) return [];
  const own: IPlacedSecurity[] = [];
  if (security !== undefined) own.push({ place: ['security'], security });
  if (action.security !== undefined) own.push({ place: ['action', 'security'], security: action.security });
  const shared = defaults?.security;
  const all = shared === undefined ? own : [...own, { place: ['defaults', 'security'], security: shared }];
  const faults = own.flatMap((one) => checkAuth(one.security, one.place));
  return [...faults, ...oneScheme(all), ...oneWriter(all)];
}

/** A request has one Authorization field (RFC 9110 §11.6.2): nobody could pass both, unless paths need only one of them. */
function oneScheme(given: readonly IPlacedSecurity[]): readonly IPathFault[] {
  const tokens = given.filter(({ security: { jwtAuth } }) => jwtAuth !== undefined && !excludes(jwtAuth));
  const passwords = given.find(
    ({ security: { authentication, basicAuth } }) =>
      authentication !== undefined || (basicAuth !== undefined && !excludes(basicAuth)),
  );
  const [token] = tokens;
  if (token === undefined || passwords === undefined) return [];
  const option = passwords.security.authentication === undefined ? 'basicAuth' : 'authentication';
  const other = [...passwords.place, option].join('.');
  const want = `nothing, or excludePaths: a request has one Authorization, and ${other} needs it`;
  return [{ path: [...token.place, 'jwtAuth'], want, got: 'both on every path' }];
}

const excludes = ({ excludePaths = [] }: { readonly excludePaths?: readonly string[] | undefined }): boolean =>
  excludePaths.length > 0;

/** What a token says of the client must not be overwritten by what a server says, nor the other way round. */
function oneWriter(given: readonly IPlacedSecurity[]): readonly IPathFault[] {
  const writers = new Map<string, string>();
  const faults: IPathFault[] = [];
  for (const { place, security } of given) {
    for (const [option, names] of Object.entries(fieldsOf(security))) {
      const path = [...place, option];
      for (const name of names) {
        const other = writers.get(name.toLowerCase());
        if (other === undefined) writers.set(name.toLowerCase(), path.join('.'));
        else if (other !== path.join('.')) faults.push({ path, want: `other fields than ${other}`, got: `'${name}'` });
      }
    }
  }
  return faults;
}

const fieldsOf = ({ jwtAuth, forwardAuth }: IRouteSecurity): Readonly<Record<string, readonly string[]>> => ({
  jwtAuth: Object.values(jwtAuth?.forwardClaims ?? {}),
  forwardAuth: forwardAuth?.responseHeaders ?? [],
});
