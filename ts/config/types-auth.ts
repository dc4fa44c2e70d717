// How requests show who they are from: passwords, tokens, a server that is asked.

import type { IUpstreamTls } from './types-tls.js';

/**
 * HTTP Basic authentication (RFC 7617). Credentials go with every request as they are: use it inside TLS. Targets and handlers
 * do not get them.
 */
export interface IBasicAuth {
  /** Who is let in: at least one, at most 1000; or an object of names and passwords. */
  users: readonly IBasicUser[] | Readonly<Record<string, string>>;
  /** What clients are told that the credentials are for. Default `'restricted'`. */
  realm?: string | undefined;
  /** Paths that need no credentials. Patterns as in `match.path`. */
  excludePaths?: readonly string[] | undefined;
}

export interface IBasicUser {
  /** Without a colon. */
  username: string;
  /** As text, or as a hash: `$scrypt$ln=15,r=8,p=1$salt$hash`, or of bcrypt, `$2b$12$...`. */
  password: string;
}

export type TJwtAlgorithm =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519';

/** Signed tokens (RFC 7519), sent as `Authorization: Bearer`. */
export interface IJwtAuth {
  /** Of HS256, HS384, HS512: a text of at least 32, 48, 64 bytes. */
  secret?: string | undefined;
  /** Public keys of the other algorithms: the URL of a key set, or the set itself. */
  jwks?: string | IJwks | undefined;
  /** Those that are taken, no others. */
  algorithms: readonly TJwtAlgorithm[];
  /** What `iss` must be: one of these. */
  issuer?: string | readonly string[] | undefined;
  /** What `aud` must hold: one of these. */
  audience?: string | readonly string[] | undefined;
  /**
   * Claims that a token must have. Default none, so that one without `exp` is good for ever: `['exp']` where the issuer always
   * states one.
   */
  requiredClaims?: readonly string[] | undefined;
  /** Seconds that the clocks of issuer and proxy may differ. Default 5. */
  clockTolerance?: number | undefined;
  /** Paths that need no token. Patterns as in `match.path`. */
  excludePaths?: readonly string[] | undefined;
  /** Claims that targets and handlers are told, and the field for each. What clients send in these fields is removed. */
  forwardClaims?: Readonly<Record<string, string>> | undefined;
  /** Targets and handlers get the token too. Default false. */
  forwardToken?: boolean | undefined;
  /** TLS to the server of `jwks`. */
  tls?: IUpstreamTls | undefined;
}

/** RFC 7517 §5. */
export interface IJwks {
  /** Public keys: RSA of 2048 bits or more, EC or OKP. */
  keys: readonly Readonly<Record<string, unknown>>[];
}

/** A server is asked about each request before it is served. */
export interface IForwardAuth {
  /** It is asked by GET; 2xx lets the request pass, 3xx and 4xx are given to the client, anything else is answered by 503. */
  url: string;
  /** Fields of the request that it is told. Default `Accept`, `Authorization`, `Cookie`, `User-Agent`, `X-Requested-With`. */
  requestHeaders?: readonly string[] | undefined;
  /**
   * Fields of its answer that the target gets. What clients send in these fields is removed. `Authorization`: the client's own is
   * for the server then, and the server's for the target.
   */
  responseHeaders?: readonly string[] | undefined;
  /** Fields of its 2xx that the client gets with the answer to its request, such as `Set-Cookie`. Default none. */
  clientHeaders?: readonly string[] | undefined;
  /** Milliseconds for its whole answer. Default 5 000. */
  timeout?: number | undefined;
  /** TLS to it. */
  tls?: IUpstreamTls | undefined;
}
