// Credentials as the guard compares them: digests of one length, of which no password can be read.

import * as plugins from '../plugins.js';
import { basicDefaults } from './defaults.js';
import { parsePasswordHash } from './password-hash.js';
import { normalisePathPattern } from './path-form.js';
import type { IResolvedBasic, IResolvedHashedBasic } from './resolved.js';
import { Secret } from './secret.js';
import type { IBasicAuth, IBasicCredentials, IRouteSecurity } from './types.js';

/** All that are given and can be judged at once, in this order; null if there are none. */
export function resolveBasic(given: readonly (IRouteSecurity | undefined)[]): readonly IResolvedBasic[] | null {
  const found: IResolvedBasic[] = [];
  for (const security of given) {
    if (security?.authentication !== undefined) {
      const { credentials, realm = basicDefaults.realm } = security.authentication;
      found.push({ realm, digests: digestsOf(credentials), excluded: null });
    }
    if (security?.basicAuth === undefined) continue;
    const rule = basicOf(security.basicAuth);
    if (rule.users.length === 0) found.push(rule);
  }
  return found.length === 0 ? null : found;
}

/** What many routes share is worked out once. */
const knownRules = new WeakMap<IBasicAuth, IResolvedHashedBasic>();

export function basicOf(basicAuth: IBasicAuth): IResolvedHashedBasic {
  const known = knownRules.get(basicAuth);
  if (known !== undefined) return known;
  const all = usersOf(basicAuth);
  const hashed = all.filter(({ password }) => parsePasswordHash(password) !== null);
  const rule: IResolvedHashedBasic = {
    realm: basicAuth.realm ?? basicDefaults.realm,
    digests: digestsOf(all.filter((user) => !hashed.includes(user))),
    excluded: excludedOf(basicAuth.excludePaths),
    users: hashed.map(({ username, password }) => ({ name: basicDigest(username), hash: new Secret(password) })),
    id: basicDigest(JSON.stringify(all.map(({ username, password }) => [username, password]))).toString('base64url'),
  };
  knownRules.set(basicAuth, rule);
  return rule;
}

/** In the order in which they were given. */
export function usersOf({ users }: IBasicAuth): readonly IBasicCredentials[] {
  if (isList(users)) return users;
  return Object.entries(users).map(([username, password]) => ({ username, password }));
}

const isList = (users: IBasicAuth['users']): users is readonly IBasicCredentials[] => Array.isArray(users);

/** In the form of requests' paths; null: none. */
export function excludedOf(paths: readonly string[] | undefined): readonly string[] | null {
  return paths === undefined || paths.length === 0 ? null : paths.map(normalisePathPattern);
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

/** Of what a client sends, decoded: `name:password`, or of a name alone. RFC 7617 §2.1 has it in UTF-8, in NFC. */
export const basicDigest = (userPass: string): Buffer =>
  plugins.crypto.createHash('sha256').update(userPass.normalize('NFC'), 'utf8').digest();
