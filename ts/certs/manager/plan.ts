// What is kept of a need's failures with one source, so that a restart does not begin anew. No I/O.

import type { ICertificateFailure, TFailureClass } from './manager-types.js';

export interface IIssuerPlan {
  readonly failure: ICertificateFailure;
  /** null: not before settings change or the operator says so. */
  readonly nextAttemptAt: number | null;
  /** Of the settings with which it failed. */
  readonly settingsKey: string;
}

/** Times are milliseconds since 1970. */
export interface IPlan {
  /** One, or none: that issuer did not fail last. */
  readonly issuers: readonly IIssuerPlan[];
  /** The last failed validations. */
  readonly validationFailures: readonly number[];
  /** Of a certificate that was revoked; it is served no better than none. */
  readonly revokedSerial: string | null;
}

export const emptyPlan: IPlan = { issuers: [], validationFailures: [], revokedSerial: null };

export const isEmptyPlan = ({ issuers, validationFailures, revokedSerial }: IPlan): boolean =>
  issuers.length === 0 && validationFailures.length === 0 && revokedSerial === null;

/** A record from the store, which may be anything. */
export function readPlan(value: unknown): IPlan {
  if (typeof value !== 'object' || value === null) return emptyPlan;
  const { issuers, validationFailures, revokedSerial } = value as Partial<Record<keyof IPlan, unknown>>;
  return {
    issuers: Array.isArray(issuers) ? issuers.filter(isIssuerPlan) : [],
    validationFailures: Array.isArray(validationFailures) ? validationFailures.filter(isNumber) : [],
    revokedSerial: typeof revokedSerial === 'string' ? revokedSerial : null,
  };
}

const isNumber = (value: unknown): value is number => typeof value === 'number';

function isIssuerPlan(value: unknown): value is IIssuerPlan {
  const { failure, nextAttemptAt, settingsKey } = (value ?? {}) as Partial<Record<keyof IIssuerPlan, unknown>>;
  if (typeof failure !== 'object' || failure === null || typeof settingsKey !== 'string') return false;
  const { issuer, at, attempts } = failure as Partial<Record<keyof ICertificateFailure, unknown>>;
  const known = typeof issuer === 'string' && isNumber(at) && isNumber(attempts);
  return known && (nextAttemptAt === null || isNumber(nextAttemptAt));
}

export const issuerPlanOf = (plan: IPlan, issuer: string): IIssuerPlan | null =>
  plan.issuers.find(({ failure }) => failure.issuer === issuer) ?? null;

/**
 * From when on that issuer may be asked; 0: now; Infinity: not without the operator.
 * @param forced the operator wants it now: only the issuer's own limits count
 */
export function attemptableAt(plan: IPlan, issuer: string, settingsKey: string, nowMs: number, forced = false): number {
  const limited = validationLimitUntil(plan, nowMs);
  const entry = issuerPlanOf(plan, issuer);
  if (entry === null) return limited;
  const { failure, nextAttemptAt } = entry;
  const anew = forced || entry.settingsKey !== settingsKey;
  if (anew && failure.class !== 'ca-limit') return limited;
  if (nextAttemptAt === null) return forPeople.has(failure.class) ? Number.POSITIVE_INFINITY : limited;
  // What failed in the future did so before the clock was set back: nobody knows how long ago.
  return failure.at > nowMs + setBackMs ? limited : Math.max(limited, Math.min(nextAttemptAt, failure.at + longestMs));
}

/** Only these wait for somebody to do something. */
const forPeople: ReadonlySet<TFailureClass> = new Set(['config', 'paused']);

/** Issuers count failed validations of a name: no more than four an hour. */
function validationLimitUntil({ validationFailures }: IPlan, nowMs: number): number {
  const recent = validationFailures.filter((at) => at > nowMs - hourMs && at <= nowMs);
  const oldest = recent.length < validationsAnHour ? undefined : recent[recent.length - validationsAnHour];
  return oldest === undefined ? 0 : oldest + hourMs;
}

export const validationsAnHour = 4;
const setBackMs = 300_000;
/** No rule says later than that: whatever does was not written by us. */
const longestMs = 31 * 86_400_000;
const hourMs = 3_600_000;

/** @param counts true for a failed validation that the issuer counts */
export function withFailure(plan: IPlan, entry: IIssuerPlan, counts: boolean): IPlan {
  const { issuer, at } = entry.failure;
  const failures = counts ? [...plan.validationFailures, at].slice(-validationsAnHour) : plan.validationFailures;
  const others = plan.issuers.filter(({ failure }) => failure.issuer !== issuer);
  return { ...plan, issuers: [...others, entry], validationFailures: failures };
}

/** The failure that people are told about: the last one; null: all is well. */
export const lastFailureOf = (plans: ReadonlyMap<string, IPlan>): ICertificateFailure | null =>
  [...plans.values()]
    .flatMap(({ issuers }) => issuers)
    .reduce<ICertificateFailure | null>(
      (last, { failure }) => (last === null || failure.at >= last.at ? failure : last),
      null,
    );

/** Without the failures that were over when a certificate came. @param issuedAtMs when that was */
export function plansSince(plans: ReadonlyMap<string, IPlan>, issuedAtMs: number, nowMs: number) {
  // By a clock that ran ahead: nobody knows what was before it.
  if (issuedAtMs > nowMs + setBackMs) return plans;
  return new Map(
    [...plans].map(([source, plan]): [string, IPlan] => [
      source,
      { ...plan, issuers: plan.issuers.filter(({ failure }) => failure.at > issuedAtMs) },
    ]),
  );
}
