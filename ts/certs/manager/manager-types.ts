// What the keeper of certificates is given, and what it tells.

import type { IClock } from '../../base/clock.js';
import type { ILogger } from '../../base/logger.js';
import type { IResolvedAcme } from '../../config/resolved-acme.js';
import type { TChallengeKind } from '../../config/types-acme.js';
import type { ICertStore, IStoredCertificate } from '../store/store-types.js';
import type { IAcmeCalls, ICertificateTools, IClientWish } from './manager-ports.js';

export type { TChallengeKind };
/** From whom a certificate comes, and how. */
export type IAcmeSettings = IResolvedAcme;

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
  /** Where to try an order first after a validation failed; null: that issuer has no such place. */
  readonly stagingOf?: (directoryUrl: string) => string | null;
  readonly makeClient?: (wish: IClientWish) => Promise<IAcmeCalls>;
  readonly tools?: ICertificateTools;
  /** From 0 to 1, 1 excluded. */
  readonly random?: () => number;
}

export type TProvisioned = { readonly cert: string; readonly key: string } | 'http01';

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

/** `function`: the host program's; `imported`: the command line's; the last three are not ordered at all. */
export type TCertificateSource = 'acme' | 'function' | 'imported' | 'internal' | 'file' | 'pem';

/** All times are milliseconds since 1970. */
export interface ICertificateStatus {
  readonly id: string;
  readonly names: readonly string[];
  readonly routes: readonly string[];
  readonly state: TIssuanceState;
  /** Where the present certificate came from; null: there is none. */
  readonly source: TCertificateSource | null;
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
