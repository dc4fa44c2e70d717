// The schemas of authentication by hashed passwords, by tokens, and by asking a server.

import * as plugins from '../plugins.js';
import { authServerOf } from './auth-url.js';
import { basicDefaults, forwardAuthDefaults, jwtDefaults, maxCredentials } from './defaults.js';
import { passwordFault } from './password-hash.js';
import { password, realm, username } from './schema-authentication.js';
import { checked, flag, list, option, strict, whole, word } from './schema-base.js';
import { fieldNameFault, oneOrMore, pathPattern } from './schema-text.js';
import { upstreamTlsSchema } from './schema-tls.js';

const { zod } = plugins;

const maxPaths = 100;
const maxFields = 50;
const maxKeys = 100;

const textOrHash = checked(password, passwordFault);

const userSchema = strict('basicAuth user', {
  username: username.meta({ description: 'Without a colon.' }),
  password: textOrHash.meta({ description: 'As text, or as a hash of scrypt or bcrypt.' }),
});

const wantUsers = `1 to ${maxCredentials} users: a list of { username, password }, or an object of names and passwords`;

const usersSchema = zod.union(
  [
    zod.array(userSchema, { error: wantUsers }).min(1).max(maxCredentials),
    checked(zod.record(username, textOrHash, { error: wantUsers }), (users) => {
      const count = Object.keys(users).length;
      return count >= 1 && count <= maxCredentials ? null : wantUsers;
    }),
  ],
  { error: wantUsers },
);

const excludePaths = (what: string) =>
  option(list(pathPattern(), 'paths and patterns').max(maxPaths), `Paths that need no ${what}.`);

export const basicAuthSchema = strict('basicAuth', {
  users: usersSchema.meta({ description: 'Who is let in.' }),
  realm: option(realm, 'What clients are told that the credentials are for.', basicDefaults.realm),
  excludePaths: excludePaths('credentials'),
});

export const hmacAlgorithms = ['HS256', 'HS384', 'HS512'] as const;
const algorithms = [
  ...hmacAlgorithms,
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
] as const;

const wantUrl = 'a URL that begins with http:// or https://, without user and fragment';
const url = checked(zod.string({ error: wantUrl }), (text) => (authServerOf(text) === null ? wantUrl : null));

/** Whatever is not public does not belong in a set of keys to check with. */
const privateParts = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const wantKey = 'a public key of kty RSA (of 2048 bits or more), EC or OKP';

const jwk = checked(zod.record(zod.string(), zod.unknown(), { error: wantKey }), (key) =>
  privateParts.every((part) => !Object.hasOwn(key, part)) && isPublicKey(key) ? null : wantKey,
);

function isPublicKey(key: Record<string, unknown>): boolean {
  try {
    const { asymmetricKeyDetails } = plugins.crypto.createPublicKey({ key, format: 'jwk' });
    return key.kty !== 'RSA' || (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
  } catch {
    return false;
  }
}

const jwksSchema = strict('jwks', {
  keys: list(jwk, 'public keys', 1).max(maxKeys).meta({ description: 'Public keys as JWK (RFC 7517).' }),
});

const name = zod.string({ error: 'text' }).min(1).max(1000);

/** Fields that name nobody; what says who a request is from would not be believed in them, or frames the message. */
function ownedFieldFault(text: string): string | null {
  const fault = fieldNameFault(text, false);
  if (fault !== null) return fault;
  return /^(?:authorization|expect|forwarded|x-forwarded-(?:for|proto|host|port))$/i.test(text) || text.includes('_')
    ? 'another field: it says something else, or CGI takes it for another'
    : null;
}

const ownedField = checked(zod.string({ error: 'a field name' }), ownedFieldFault);

/** The client's own Authorization does not go on beside it: nothing but the server's word is left in the field. */
const answerField = checked(zod.string({ error: 'a field name' }), (text) => {
  const isCredential = text.toLowerCase() === 'authorization';
  return isCredential ? null : ownedFieldFault(text);
});

/** What describes the content of the answer is its own. */
const clientField = checked(zod.string({ error: 'a field name' }), (text) => {
  const fault = fieldNameFault(text, false);
  if (fault !== null) return fault;
  return /^(?:content-.*|etag|last-modified|date|vary)$/i.test(text) ? 'another field: it is about the content' : null;
});

/** What frames the request that came is not what frames the question. */
const askedField = checked(zod.string({ error: 'a field name' }), (text) => fieldNameFault(text, false));

export const jwtAuthSchema = strict('jwtAuth', {
  secret: option(zod.string({ error: 'text' }).min(1).max(10_000), 'Of HS256, HS384, HS512: 32, 48, 64 bytes or more.'),
  jwks: option(
    zod.union([url, jwksSchema], { error: 'the URL of a key set, or { keys }' }),
    'Public keys of the other algorithms: the URL of a key set, or the set itself.',
  ),
  algorithms: list(word(algorithms), 'algorithms', 1).meta({ description: 'Those that are taken, no others.' }),
  issuer: option(oneOrMore(name, 'issuers'), 'What iss must be: one of these.'),
  audience: option(oneOrMore(name, 'audiences'), 'What aud must hold: one of these.'),
  requiredClaims: option(list(name, 'claims').max(maxFields), 'Claims that a token must have.'),
  clockTolerance: option(
    whole(0, 600, 'seconds, a whole number'),
    'Seconds that the clocks of issuer and proxy may differ.',
    jwtDefaults.clockTolerance,
  ),
  excludePaths: excludePaths('token'),
  forwardClaims: option(
    zod.record(name, ownedField, { error: 'an object of claims and field names' }),
    'Claims that targets and handlers are told, and the field for each.',
  ),
  forwardToken: option(flag(), 'Targets and handlers get the token too.', jwtDefaults.forwardToken),
  tls: option(upstreamTlsSchema, 'TLS to the server of jwks.'),
});

export const forwardAuthSchema = strict('forwardAuth', {
  url: url.meta({
    description:
      'It is asked by GET; 2xx lets the request pass, 3xx and 4xx are given to the client, anything else is answered by 503.',
  }),
  requestHeaders: option(
    list(askedField, 'field names').max(maxFields),
    'Fields of the request that it is told.',
    forwardAuthDefaults.requestHeaders,
  ),
  responseHeaders: option(
    list(answerField, 'field names').max(maxFields),
    'Fields of its answer that the target gets; those of the client are removed.',
  ),
  clientHeaders: option(
    list(clientField, 'field names').max(maxFields),
    'Fields of its 2xx that the client gets with the answer to its request, such as Set-Cookie.',
  ),
  timeout: option(whole(1, 600_000, 'milliseconds'), 'Milliseconds for its whole answer.', forwardAuthDefaults.timeout),
  tls: option(upstreamTlsSchema, 'TLS to it.'),
});
