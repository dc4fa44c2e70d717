// What a failure means, and when the next attempt is made: a table. No I/O.

import { messageOf, ProxyError } from '../../base/errors.js';
import { AcmeProblem } from '../acme/acme-problem.js';
import type { TFailureClass, TIssuanceState } from './manager-types.js';
import type { ILife } from './schedule.js';

/** A failure that is not the issuer's word. */
export class IssuanceError extends Error {
  constructor(
    readonly failureClass: TFailureClass,
    readonly type: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'IssuanceError';
  }
}

/** A validation that failed, with the issuer's word as its cause. */
export class ValidationError extends IssuanceError {
  constructor(name: string, problem: AcmeProblem | null) {
    const { class: judged, type } =
      problem === null ? { class: 'validation' as const, type: 'unknown' } : classify(problem, 'solving');
    super(judged, type, `${name}: ${problem?.detail ?? 'the issuer does not say why'}`, { cause: problem });
    this.name = 'ValidationError';
  }
}

export interface IJudgedFailure {
  readonly class: TFailureClass;
  readonly type: string;
  readonly detail: string;
  /** null: the issuer did not say. */
  readonly retryAfterMs: number | null;
  readonly link: string | null;
  /** True if all orders with that issuer have to wait, not this one alone. */
  readonly ofIssuer: boolean;
}

/** @param at how far the issuance was: before an order stands, `unauthorized` is about the account */
export function classify(error: unknown, at: TIssuanceState): IJudgedFailure {
  const plain = { retryAfterMs: null, link: null, ofIssuer: false };
  if (error instanceof ValidationError && error.cause instanceof AcmeProblem) {
    const judged = classify(error.cause, 'solving');
    return { ...judged, detail: error.message };
  }
  if (error instanceof AcmeProblem) return ofProblem(error, at);
  if (error instanceof IssuanceError)
    return { ...plain, class: error.failureClass, type: error.type, detail: error.message };
  if (error instanceof ProxyError && error.code.startsWith('STORE_'))
    return { ...plain, class: 'store', type: error.code, detail: error.message };
  return { ...plain, class: 'transient', type: 'internal', detail: messageOf(error) };
}

function ofProblem(problem: AcmeProblem, at: TIssuanceState): IJudgedFailure {
  const { type, detail, retryAfterMs, status, unpauseUrl: link } = problem;
  const judged = { class: classOf(problem, at), type, detail, retryAfterMs, link };
  // Limits of one set of names come as 429 to an order; a busy issuer says 503, and anything else concerns all orders.
  return { ...judged, ofIssuer: judged.class === 'ca-limit' && (status === 503 || at === 'account') };
}

function classOf(problem: AcmeProblem, at: TIssuanceState): TFailureClass {
  const { type, status } = problem;
  if (problem.unpauseUrl !== null) return 'paused';
  if (type === 'rateLimited' || status === 429) return 'ca-limit';
  if (status === 503 && problem.retryAfterMs !== null) return 'ca-limit';
  if (type === 'accountDoesNotExist') return 'account';
  if (type === 'unauthorized' && (at === 'account' || at === 'recheck')) return 'account';
  if (type === 'unknown' && status >= 500) return 'transient';
  if (type === 'compound' || type === 'unknown') return classOfParts(problem, at);
  if (configTypes.has(type)) return 'config';
  return validationTypes.has(type) ? 'validation' : 'transient';
}

function classOfParts({ subproblems }: AcmeProblem, at: TIssuanceState): TFailureClass {
  if (subproblems.some(({ type }) => configTypes.has(type))) return 'config';
  const validation = subproblems.some(({ type }) => validationTypes.has(type)) || at === 'solving';
  return validation ? 'validation' : 'transient';
}

/** RFC 8555 §6.7; the same request again gets the same answer. */
const configTypes = new Set([
  'rejectedIdentifier',
  'unsupportedIdentifier',
  'badCSR',
  'badPublicKey',
  'badSignatureAlgorithm',
  'invalidProfile',
  'externalAccountRequired',
  'invalidContact',
  'unsupportedContact',
  'userActionRequired',
  'unsupported',
]);

const validationTypes = new Set(['unauthorized', 'dns', 'dnssec', 'connection', 'caa', 'tls', 'incorrectResponse']);

/** RFC 9773 §5: issuers refuse `replaces` in several ways, and the order is good without it. */
export const refusesReplaces = (error: unknown): boolean =>
  error instanceof AcmeProblem &&
  (error.type === 'alreadyReplaced' ||
    error.type === 'malformed' ||
    error.status === 409 ||
    (error.status === 403 && error.type !== 'rateLimited' && error.unpauseUrl === null));

/** True for what another try may help within the same call. */
export const isBrief = (error: unknown): boolean =>
  error instanceof AcmeProblem && (briefTypes.has(error.type) || (error.status >= 500 && error.retryAfterMs === null));

const briefTypes = new Set(['network', 'timeout', 'malformedAnswer']);

/**
 * When to try again; null: not before the operator or the configuration does something.
 * @param attempts failures in a row, this one included
 * @param life of the certificate that is there; null: none
 * @param random from 0 to 1: adds up to a tenth, so that not all come at once
 */
export function nextAttemptAt(
  failure: Pick<IJudgedFailure, 'class' | 'retryAfterMs'>,
  attempts: number,
  nowMs: number,
  life: ILife | null,
  random: number,
): number | null {
  if (failure.class === 'config' || failure.class === 'paused') return null;
  if (failure.class === 'ca-limit') return nowMs + Math.min(failure.retryAfterMs ?? unsaidLimitMs, longestLimitMs);
  const minutes = steps[Math.min(attempts, steps.length) - 1] ?? 1;
  const waitMs = minutes * 60_000 * (1 + random / 10);
  const urgent = life !== null && life.notAfter - nowMs < (life.notAfter - life.notBefore) / 5;
  // What is bought and cannot be used, as by a clock that is a year ahead, is not bought more often for that.
  const capped = urgent && !costly.has(failure.class) ? Math.min(waitMs, urgentMs) : waitMs;
  // No limit, so it does not stand in the way of a renewal for longer than the longest step.
  return nowMs + Math.max(capped, Math.min(failure.retryAfterMs ?? 0, dayMs));
}

/** Minutes after the first, second, ... failure in a row; the last one holds from then on. */
const steps = [1, 10, 100, 1440];
const costly: ReadonlySet<TFailureClass> = new Set(['validation', 'certificate']);
const dayMs = 86_400_000;
const urgentMs = 30 * 60_000;
const unsaidLimitMs = 3_600_000;
const longestLimitMs = 30 * 86_400_000;
