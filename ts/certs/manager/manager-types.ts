// What the keeper of certificates is given, and what it tells.

import type { IClock } from '../../base/clock.js';
import type { ILogger } from '../../base/logger.js';
import type { TKeyType } from '../keys.js';
import type { ICertStore, IStoredCertificate } from '../store/store-types.js';
import type { IAcmeCalls, ICertificateTools } from './manager-ports.js';

export type TChallengeKind = 'http-01' | 'tls-alpn-01' | 'dns-01' | 'dns-persist-01';

/** One TXT record. */
export interface IDnsRecord {
  /** Without a dot at its end: `_acme-challenge.a.test`. */
  readonly name: string;
  readonly value: string;
}

/** Publishes TXT records for challenges. The same name may have several values at once: never replace one by another. */
export interface IDnsHook {
  /** Resolves when the record can be seen by everybody. */
  present(record: IDnsRecord, signal: AbortSignal): Promise<void>;
  /** Takes that value away, and no other value of the name. Called at least once for what was presented. */
  remove(record: IDnsRecord): Promise<void>;
}

/** Certificates for names that nobody configured, ordered when the first client names them. */
export interface IOnDemandSettings {
  /** Whether that name may have a certificate. Asked before the first order and before each renewal. */
  ask(name: string): Promise<boolean> | boolean;
  /** Orders for new names in an hour; 100. */
  readonly limitPerHour?: number;
}

/** From whom a certificate comes, and how. */
export interface IAcmeSettings {
  /** null: the account has no contact. */
  readonly email: string | null;
  /** Directories of the issuers, tried in this order. */
  readonly directoryUrls: readonly string[];
  /** In the order of preference. */
  readonly challenges: readonly TChallengeKind[];
  /** Renew that long before the end, if that is earlier than what the issuer or the length of life suggest; null: no. */
  readonly renewBeforeDays: number | null;
  /** `prefer`: an issuer that does not know the profile is asked without one. */
  readonly profile: { readonly name: string; readonly prefer: boolean } | null;
  readonly keyType: TKeyType;
  readonly eab: { readonly kid: string; readonly hmacKey: string } | null;
  readonly dns: IDnsHook | null;
  readonly onDemand: IOnDemandSettings | null;
  /** PEM of the authority behind the directories' own HTTPS; null: those that Node knows. */
  readonly ca: string | null;
  /** Common name of the authority at whose chain we aim, where an issuer offers several; null: its default. */
  readonly preferredChain: string | null;
  /** Where challenges over HTTP are answered. */
  readonly challengePort: number;
}

/** One certificate that has to be there. */
export interface ICertNeed {
  /** In their normal form, sorted; wildcards and addresses included. The first one is what people see. */
  readonly names: readonly string[];
  readonly acme: IAcmeSettings;
  /** Names of the routes that want it, for status and events. */
  readonly routes?: readonly string[];
}

/** What a solver has to show to the issuer. */
export interface IChallengeToShow {
  readonly kind: TChallengeKind;
  /** As the issuer names it: of a wildcard, what stands after `*.`. */
  readonly name: string;
  /** Empty for dns-persist-01. */
  readonly token: string;
  /** Empty for dns-persist-01. */
  readonly keyAuthorization: string;
  /** The value of the TXT record, for the challenges over DNS. */
  readonly dnsValue: string;
  readonly acme: IAcmeSettings;
}

/** Answers one kind of challenge, as often as it is asked, from `present` to `cleanup`. */
export interface IChallengeSolver {
  /** Resolves when the answer is there for everybody to see. */
  present(challenge: IChallengeToShow, signal: AbortSignal): Promise<void>;
  /** With the same object. Takes away that answer alone: another order may show one for the same name. */
  cleanup(challenge: IChallengeToShow): Promise<void>;
}

/** What the keeper of certificates works with. */
export interface ICertManagerParts {
  readonly store: ICertStore;
  readonly clock: IClock;
  readonly logger: ILogger;
  onEvent(event: ICertificateEvent): void;
  /** From now on this one is served for the need; null: none (expired under `strictExpiry`, or no longer needed). */
  onCertificate(id: string, stored: IStoredCertificate | null, names: readonly string[]): void;
  readonly solvers: { readonly [K in TChallengeKind]?: IChallengeSolver };
  /** Where the host program gets certificates from: a pair in PEM, or `http01` for what the issuers give. */
  readonly provision: ((name: string) => Promise<TProvisioned>) | null;
  /** An expired certificate is withdrawn; without it, it is served until there is a better one. */
  readonly strictExpiry?: boolean;
  /** Where to try an order first after a validation failed; null: that issuer has no such place. */
  readonly stagingOf?: (directoryUrl: string) => string | null;
  readonly makeClient?: (wish: IClientWish) => Promise<IAcmeCalls>;
  readonly tools?: ICertificateTools;
  /** From 0 to 1, 1 excluded. */
  readonly random?: () => number;
}

export type TProvisioned = { readonly cert: string; readonly key: string } | 'http01';

/** An account with an issuer, or one that is about to be. */
export interface IClientWish {
  readonly directoryUrl: string;
  /** As `exportAccountKey` gives it. */
  readonly accountKey: string;
  /** null: not registered yet. */
  readonly accountUrl: string | null;
  readonly ca: string | null;
}

/** How far an issuance is; `idle` between two of them. */
export type TIssuanceState =
  | 'idle'
  | 'due'
  | 'queued'
  | 'locked'
  | 'recheck'
  | 'account'
  | 'ordered'
  | 'solving'
  | 'ready'
  | 'finalizing'
  | 'downloaded'
  | 'verified'
  | 'stored'
  | 'live';

/** Which rule of the failure policy holds. `certificate`: what came is not what was asked for. `store`: ours cannot write. */
export type TFailureClass =
  | 'transient'
  | 'ca-limit'
  | 'validation'
  | 'paused'
  | 'config'
  | 'account'
  | 'certificate'
  | 'store';

export interface ICertificateFailure {
  readonly class: TFailureClass;
  /** As the issuer names it: `unauthorized`, `rateLimited`; `network`, `timeout` and the like where it said nothing. */
  readonly type: string;
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Failures in a row, this one included. */
  readonly attempts: number;
  readonly issuer: string;
  /** Where the operator lifts a pause. */
  readonly link: string | null;
}

export interface IAriWindow {
  readonly startMs: number;
  readonly endMs: number;
  readonly explanationUrl: string | null;
}

/** All times are milliseconds since 1970. */
export interface ICertificateStatus {
  readonly id: string;
  readonly names: readonly string[];
  readonly routes: readonly string[];
  readonly state: TIssuanceState;
  /** Where the present certificate came from; null: there is none. */
  readonly source: 'acme' | 'function' | null;
  /** True for names that a client asked for. */
  readonly onDemand: boolean;
  readonly issuer: string | null;
  readonly profile: string | null;
  readonly challenge: string | null;
  readonly serial: string | null;
  readonly notBefore: number | null;
  readonly notAfter: number | null;
  readonly renewAt: number | null;
  readonly ari: IAriWindow | null;
  readonly lastError: ICertificateFailure | null;
  /** null: nothing is planned, be it that all is well or that the operator has to act. */
  readonly nextAttemptAt: number | null;
}

export type TCertificateEventKind =
  | 'issuing'
  | 'issued'
  | 'renewed'
  | 'failed'
  | 'backoff'
  | 'expiring'
  | 'expired'
  | 'loaded'
  | 'swapped'
  | 'rate-limited'
  | 'paused'
  | 'ask-denied';

export interface ICertificateEvent {
  readonly kind: TCertificateEventKind;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly id: string;
  readonly names: readonly string[];
  readonly routes: readonly string[];
  readonly issuer: string | null;
  readonly serial: string | null;
  readonly notAfter: number | null;
  readonly nextAttemptAt: number | null;
  /** Of `failed`, `backoff`, `rate-limited` and `paused`. */
  readonly error: ICertificateFailure | null;
}
