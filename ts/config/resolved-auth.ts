// Who may ask, as the code reads it.

import type { IResolvedTarget } from './resolved-target.js';
import type { Secret } from './secret.js';
import type { TJwtAlgorithm } from './types-auth.js';

/** What can be judged at once: passwords that were given as text. */
export interface IResolvedBasic {
  readonly realm: string;
  /** SHA-256 of each `username:password`. */
  readonly digests: readonly Uint8Array[];
  /** Paths that need no credentials, as patterns in the normal form; null: none. */
  readonly excluded: readonly string[] | null;
}

/** The same with users of whose passwords only hashes are known, which take time to compare. */
export interface IResolvedHashedBasic extends IResolvedBasic {
  readonly users: readonly IResolvedHashedUser[];
  /** Differs wherever anything else does. */
  readonly id: string;
}

export interface IResolvedHashedUser {
  /** SHA-256 of the name. */
  readonly name: Uint8Array;
  /** As `parsePasswordHash` reads it. */
  readonly hash: Secret;
}

export interface IResolvedJwt {
  /** null: there are keys. */
  readonly secret: Secret | null;
  readonly keys: readonly Readonly<Record<string, unknown>>[] | null;
  readonly server: IResolvedAuthServer | null;
  readonly algorithms: readonly TJwtAlgorithm[];
  readonly issuer: readonly string[] | null;
  readonly audience: readonly string[] | null;
  readonly requiredClaims: readonly string[];
  readonly clockToleranceSeconds: number;
  readonly excluded: readonly string[] | null;
  readonly claims: readonly { readonly claim: string; readonly header: string }[];
  readonly forwardToken: boolean;
}

export interface IResolvedForwardAuth {
  readonly server: IResolvedAuthServer;
  /** In lower case. */
  readonly requestHeaders: readonly string[];
  /** As they are written to the target. */
  readonly responseHeaders: readonly string[];
  /** In lower case. */
  readonly clientHeaders: readonly string[];
  readonly timeoutMs: number;
}

/** A server that is asked about requests, or for keys. */
export interface IResolvedAuthServer {
  readonly target: IResolvedTarget;
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  /** Path and query. */
  readonly path: Secret;
  /** For people, without the query: `https://a.test/keys`. */
  readonly place: string;
  /** Differs wherever anything else does. */
  readonly key: string;
}

/** What of a route's security cannot be judged from the head of a request at once. All of them must let it pass, in this order. */
export interface IResolvedAsks {
  readonly basic: readonly IResolvedHashedBasic[];
  readonly jwt: readonly IResolvedJwt[];
  readonly forward: readonly IResolvedForwardAuth[];
  /** Names, in lower case, of fields that say who a request is from: of no client are they taken. */
  readonly owned: readonly string[];
  /** Some of the rules, those of the plain kind among them, leave paths out. */
  readonly excludes: boolean;
}
