// What an ACME server says, in our words (RFC 8555 §7.1, RFC 8738, RFC 9773).

import type { IAcmeIdentifier } from './acme-identifier.js';
import type { AcmeProblem } from './acme-problem.js';

export type { IAcmeIdentifier };

/** §7.1.1. Addresses are absolute, and `https`. */
export interface IAcmeDirectory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly revokeCert: string;
  readonly keyChange: string;
  /** RFC 9773; null: the server has none. */
  readonly renewalInfo: string | null;
  readonly termsOfService: string | null;
  readonly externalAccountRequired: boolean;
  /** Names that DNS owners give in CAA records to allow this authority. */
  readonly caaIdentities: readonly string[];
  /** Names of profiles, each with what it is for. */
  readonly profiles: ReadonlyMap<string, string>;
}

/** Credentials that an authority gave for binding an account to a customer (§7.3.4). */
export interface IExternalAccount {
  readonly kid: string;
  /** base64url. */
  readonly hmacKey: string;
}

export interface INewAccount {
  /** `mailto:` addresses. */
  readonly contact: readonly string[];
  readonly eab?: IExternalAccount | null;
  /** Finds the account of the key and makes none; `accountDoesNotExist` if there is none. */
  readonly onlyReturnExisting?: boolean;
}

export interface IAcmeAccount {
  readonly url: string;
  readonly status: string;
  readonly contact: readonly string[];
  /** True if it was made by this request. */
  readonly created: boolean;
}

export interface INewOrder {
  readonly identifiers: readonly IAcmeIdentifier[];
  /** One of the directory's. */
  readonly profile?: string | null;
  /** The RFC 9773 id of the certificate that this order renews. */
  readonly replaces?: string | null;
}

export type TOrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

/** §7.1.3. */
export interface IAcmeOrder {
  readonly url: string;
  readonly status: TOrderStatus;
  readonly identifiers: readonly IAcmeIdentifier[];
  readonly authorizations: readonly string[];
  readonly finalize: string;
  /** Where the certificate is, once it is there. */
  readonly certificate: string | null;
  readonly error: AcmeProblem | null;
  readonly profile: string | null;
  /** Milliseconds since 1970; null: not said. */
  readonly expiresMs: number | null;
  /** How long to wait before asking again; null: the server has no opinion. */
  readonly retryAfterMs: number | null;
}

export type TAuthorizationStatus = 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked';

/** §7.1.4. */
export interface IAcmeAuthorization {
  readonly url: string;
  readonly status: TAuthorizationStatus;
  readonly identifier: IAcmeIdentifier;
  /** True if it is for `*.` and the identifier. */
  readonly wildcard: boolean;
  readonly challenges: readonly IAcmeChallenge[];
  readonly expiresMs: number | null;
  readonly retryAfterMs: number | null;
}

export type TChallengeStatus = 'pending' | 'processing' | 'valid' | 'invalid';

/** §7.1.5. Kinds that we do not know are there too. */
export interface IAcmeChallenge {
  /** `http-01`, `dns-01`, `tls-alpn-01`, `dns-persist-01`, ... */
  readonly type: string;
  readonly url: string;
  readonly status: TChallengeStatus;
  /** base64url, checked; empty for the kinds that have none. */
  readonly token: string;
  readonly error: AcmeProblem | null;
  /** Of `dns-persist-01`: the names, one of which the record has to give. */
  readonly issuerDomainNames: readonly string[];
  readonly retryAfterMs: number | null;
}

/** A certificate as it was downloaded (§7.4.2). */
export interface IAcmeCertificate {
  /** PEM, leaf first, nothing else in it. */
  readonly chain: string;
  /** Where the same certificate is with other chains. */
  readonly alternates: readonly string[];
}

/** RFC 9773 §4.2: when the authority would like a certificate to be renewed. Milliseconds since 1970. */
export interface IRenewalInfo {
  readonly startMs: number;
  readonly endMs: number;
  readonly explanationUrl: string | null;
  /** How long to wait before asking again; null: not said. */
  readonly retryAfterMs: number | null;
}
