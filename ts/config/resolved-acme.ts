// Certificates that the proxy gets by itself, as the code reads them.

import type { TCertificateKeyType, TChallengeKind } from './types.js';

export interface IResolvedAcme {
  /** Equal settings have equal keys. */
  readonly key: string;
  /** null: none, on purpose. */
  readonly email: string | null;
  /** Authorities in the order in which they are tried; at least one. */
  readonly directoryUrls: readonly string[];
  /** PEM; null: those that Node knows. */
  readonly directoryCa: string | null;
  readonly challengePort: number;
  /** At least one, in order of preference. */
  readonly challenges: readonly TChallengeKind[];
  /** null: by the certificate's life alone. */
  readonly renewBeforeDays: number | null;
  readonly profile: { readonly name: string; readonly prefer: boolean } | null;
  readonly keyType: TCertificateKeyType;
  readonly eab: { readonly kid: string; readonly hmacKey: string } | null;
  readonly dns: IResolvedDns | null;
  readonly onDemand: {
    readonly ask: (name: string) => boolean | Promise<boolean>;
    readonly maxPerHour: number;
  } | null;
  /** null: what the authority gives first. */
  readonly preferredChain: string | null;
  readonly strictExpiry: boolean;
}

type TDnsChange = (
  record: { readonly name: string; readonly value: string },
  signal: AbortSignal,
) => void | Promise<void>;

export interface IResolvedDns {
  readonly hook: { readonly set: TDnsChange; readonly remove: TDnsChange } | null;
  /** Where there is no hook. */
  readonly command: readonly string[] | null;
  readonly propagationDelayMs: number;
}

/** A certificate that the proxy gets by itself: which names it is for depends on the route. */
export interface IManagedCertificate {
  readonly managed: 'auto' | 'internal';
  /** Of `auto`. */
  readonly acme: IResolvedAcme | null;
}
