// What users write about certificates that the proxy gets by itself.

/** How an authority is shown that a name is ours (RFC 8555 §8, RFC 8737, draft-ietf-acme-dns-persist). */
export type TChallengeKind = 'http-01' | 'tls-alpn-01' | 'dns-01' | 'dns-persist-01';

/** Kinds of keys of certificates. */
export type TCertificateKeyType = 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048' | 'rsa-4096';

/** A TXT record of `_acme-challenge.example.com`. Several records of one name can be wanted at a time. */
export interface ITxtRecord {
  /** The record's whole name, without a final dot. */
  readonly name: string;
  readonly value: string;
}

/** Sets and removes TXT records for DNS-01. A rejection fails this attempt of the order; it is tried again later. */
export interface IDnsHook {
  /** Resolves when the record can be looked up; `propagationDelay` is waited besides. */
  set(record: ITxtRecord, signal: AbortSignal): void | Promise<void>;
  /** Removes the record with this value, and no other of that name. */
  remove(record: ITxtRecord, signal: AbortSignal): void | Promise<void>;
  /** Milliseconds from `set` until the authority is told. Default 0. */
  propagationDelay?: number | undefined;
}

/** The same by a program: called with `set` or `remove`, the record's name and its value as further arguments; 0 is success. */
export interface IDnsCommand {
  /** The program and its first arguments; no shell. */
  command: readonly string[];
  /** Milliseconds from `set` until the authority is told. Default 0. */
  propagationDelay?: number | undefined;
}

/** Certificates for names that are not written down: ordered when a client asks for one. */
export interface IOnDemand {
  /** Whether there may be a certificate for this name. Asked once a name; a refusal is remembered for a while. */
  ask(name: string): boolean | Promise<boolean>;
  /** New names that are ordered in an hour, at most; 60 unless given. */
  maxPerHour?: number | undefined;
}

/** External account binding (RFC 8555 §7.3.4), as the authority gives it out. */
export interface IExternalAccount {
  kid: string;
  /** Base64url. */
  hmacKey: string;
}

/** Certificates from an ACME authority (RFC 8555): of a route, or for all of them; a route's own field wins field by field. */
export interface IAcmeOptions {
  /** Where the authority may write to. Needed; `null` says that there is none on purpose. */
  email?: string | null | undefined;
  /** The same as `email`. */
  accountEmail?: string | null | undefined;
  /** Let's Encrypt's production in place of its staging, whose certificates nobody trusts. Default false. */
  useProduction?: boolean | undefined;
  /** Other authorities' directories, in the order in which they are tried; instead of `useProduction`. */
  directoryUrl?: string | readonly string[] | undefined;
  /** PEM of the authorities that the directory's own certificate may come from. Default: those that Node knows. */
  directoryCa?: string | Uint8Array | undefined;
  /** The port where HTTP-01 is answered: what the authority reaches as port 80. Default 80. */
  challengePort?: number | undefined;
  /** The same as `challengePort`. */
  port?: number | undefined;
  /** In order of preference. Default `['http-01', 'tls-alpn-01']`; with `dns` `['dns-01']`. Wildcards need a DNS challenge. */
  challenges?: readonly TChallengeKind[] | undefined;
  /** Days before the end at which a certificate is renewed at the latest. Default: a third of its life, or as the authority says (ARI). */
  renewBeforeDays?: number | undefined;
  /** A certificate profile of the authority; with `prefer` the authority's default where it has none of that name. */
  profile?: string | { name: string; prefer?: boolean } | undefined;
  /** Default `ecdsa-p256`. */
  keyType?: TCertificateKeyType | undefined;
  /** External account binding. */
  eab?: IExternalAccount | undefined;
  /** For DNS-01. */
  dns?: IDnsHook | IDnsCommand | undefined;
  /** Certificates for names that `match.domains` does not spell out. */
  onDemand?: IOnDemand | undefined;
  /** The common name of the root that the chain should end at, where the authority offers several. */
  preferredChain?: string | undefined;
  /** An expired certificate is not served any more. Default false: it is, and an event tells. */
  strictExpiry?: boolean | undefined;
}

/** What a program gives in place of an order: PEM. */
export interface IProvidedCertificate {
  cert: string;
  key: string;
}
