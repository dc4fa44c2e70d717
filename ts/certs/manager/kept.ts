// One need, with all that is known of it.

import { BinaryHeap } from '../../base/binary-heap.js';
import type { ICertificateMeta, IStoredCertificate, IStoredRenewalWindow } from '../store/store-types.js';
import { isLesser } from './certificate-facts.js';
import { shortHash } from './manager-ports.js';
import type {
  ICertificateEvent,
  ICertificateFailure,
  ICertificateStatus,
  ICertNeed,
  TCertificateEventKind,
  TIssuanceState,
} from './manager-types.js';
import { attemptableAt, emptyPlan, type IPlan, lastFailureOf, plansSince } from './plan.js';
import { nextStageAt, renewAtOf, type TExpiryStage } from './schedule.js';
import { functionIssuer, importedIssuer, isAuthority } from './slots.js';
import { makeEnding } from './waiting.js';

/** Times are milliseconds since 1970. */
export interface IKept {
  readonly id: string;
  need: ICertNeed;
  /** True for a name that a client asked for. */
  onDemand: boolean;
  state: TIssuanceState;
  /** The present certificate, served or (expired, under `strictExpiry`) not. */
  stored: IStoredCertificate | null;
  /** From 0 to 1: always the same for one certificate, whichever process asks. */
  spread: number;
  window: IStoredRenewalWindow | null;
  /** When the issuer is asked for a window again. */
  askAgainAtMs: number;
  asking: Promise<void> | null;
  /** What failed, by source. */
  plans: ReadonlyMap<string, IPlan>;
  /** Sources that cannot be tried before that moment, though none of them failed. */
  readonly deferred: Map<string, number>;
  /** The operator wants it now. */
  forced: boolean;
  /** What people were told. */
  stage: TExpiryStage;
  /** Ends what is under way. */
  ending: AbortController;
  running: Promise<void> | null;
  /** When there is something to do; set by `planned`. */
  dueAtMs: number;
}

/** The same names, the same id; the order of words in a configuration does not matter. */
export const needIdOf = (names: readonly string[]): string => shortHash([...names].sort().join(','));

export const makeKept = (need: ICertNeed, onDemand: boolean): IKept => ({
  id: needIdOf(need.names),
  need,
  onDemand,
  state: 'idle',
  stored: null,
  spread: 0,
  window: null,
  askAgainAtMs: 0,
  asking: null,
  plans: new Map(),
  deferred: new Map(),
  forced: false,
  stage: 0,
  ending: makeEnding(),
  running: null,
  dueAtMs: Number.POSITIVE_INFINITY,
});

/** The next to be looked at first. */
export const makeAgenda = (): BinaryHeap<IKept, string> =>
  new BinaryHeap(
    (a, b) => (a.dueAtMs < b.dueAtMs ? -1 : a.dueAtMs > b.dueAtMs ? 1 : 0),
    ({ id }) => id,
  );

/** Where the certificate can come from, in the order of trying. */
export const sourcesOf = ({ need }: IKept, withFunction: boolean): readonly string[] =>
  withFunction ? [functionIssuer, ...need.acme.directoryUrls] : need.acme.directoryUrls;

/** True if the certificate is what the settings ask for now, be it old or not. */
export function isWanted({ need, plans }: IKept, { meta }: IKnown): boolean {
  for (const { revokedSerial } of plans.values()) if (meta.serial === revokedSerial) return false;
  return isOfIssuers(need, meta.issuer);
}

/** Whether the settings ask for that issuer now; what came from elsewhere, somebody wanted. */
export const isOfIssuers = ({ acme }: ICertNeed, issuer: string): boolean =>
  !isAuthority(issuer) || acme.directoryUrls.includes(issuer);

interface IKnown {
  readonly meta: ICertificateMeta;
}

/** True for one that another process, or this one before it crashed, has got since ours. */
export function isBetter(kept: IKept, found: IKnown, nowMs: number): boolean {
  const { stored } = kept;
  if (!isWanted(kept, found) || found.meta.notAfter <= nowMs) return false;
  if (stored === null || !isWanted(kept, stored)) return true;
  const [laterMs, agoMs] = [putAt(found, nowMs), putAt(stored, nowMs)];
  if (found.meta.serial === stored.meta.serial || laterMs < agoMs) return false;
  // The operator has looked at it.
  if (found.meta.issuer === importedIssuer && laterMs > agoMs) return true;
  return !isLesser(found.meta, stored.meta, nowMs);
}

/** The best first: what can be served, then what is wanted, then what came last. */
export function ranked<T extends IKnown>(kept: IKept, found: readonly T[], nowMs: number): T[] {
  const marks = (one: T) => [
    one.meta.notAfter > nowMs ? 1 : 0,
    isWanted(kept, one) ? 1 : 0,
    putAt(one, nowMs),
    one.meta.notAfter,
  ];
  return found
    .map((one) => ({ one, marks: marks(one) }))
    .sort((a, b) => b.marks.map((mark, i) => mark - (a.marks[i] ?? 0)).find((difference) => difference !== 0) ?? 0)
    .map(({ one }) => one);
}

/** When it was stored; a clock that ran ahead then does not make it the last one for ever. */
const putAt = ({ meta }: IKnown, nowMs: number): number => Math.min(meta.issuedAt, nowMs);

export const planOf = ({ plans }: IKept, source: string): IPlan => plans.get(source) ?? emptyPlan;

export function setPlan(kept: IKept, source: string, plan: IPlan): void {
  kept.plans = new Map([...kept.plans, [source, plan]]);
}

/** There is a certificate that is wanted: what failed before is over. */
export function forgetFailures(kept: IKept, nowMs: number): void {
  if (kept.stored !== null && isWanted(kept, kept.stored))
    kept.plans = plansSince(kept.plans, kept.stored.meta.issuedAt, nowMs);
}

/** When the present certificate should be replaced; 0: now, since there is none that is wanted. */
export function renewAtMsOf(kept: IKept, nowMs: number): number {
  const { stored, need, window, forced, spread } = kept;
  if (stored === null || forced || !isWanted(kept, stored)) return 0;
  const { notBefore, notAfter, issuedAt } = stored.meta;
  const planned = renewAtOf(stored.meta, need.acme.renewBeforeDays, window, spread);
  // Where our clock and the issuer's are far apart, what has just come looks old: it is not renewed in a loop.
  // Counted from its coming: of one that came late in its life, a twentieth of the whole may be more than was left.
  const agedAt = issuedAt > nowMs + setBackMs ? 0 : issuedAt + Math.min(notAfter - notBefore, notAfter - issuedAt) / 20;
  return Math.max(planned, agedAt);
}

const setBackMs = 300_000;

export const spreadOf = (serial: string, id: string): number =>
  Number.parseInt(shortHash(`${serial} ${id}`).slice(0, 8), 16) / 2 ** 32;

/** From when on a source may be tried; Infinity: not without the operator. */
export function triableAt(kept: IKept, source: string, nowMs: number): number {
  const gate = attemptableAt(planOf(kept, source), source, kept.need.acme.key, nowMs, kept.forced);
  return Math.max(gate, kept.deferred.get(source) ?? 0);
}

/** When the next attempt is made; Infinity: not without the operator. */
export function attemptAt(kept: IKept, sources: readonly string[], nowMs: number): number {
  const gate = sources.reduce(
    (least, source) => Math.min(least, triableAt(kept, source, nowMs)),
    Number.POSITIVE_INFINITY,
  );
  return Math.max(gate, renewAtMsOf(kept, nowMs));
}

/** When anything is to be done. */
export function dueAtOf(kept: IKept, sources: readonly string[], nowMs: number): number {
  const attempt = kept.running === null ? attemptAt(kept, sources, nowMs) : Number.POSITIVE_INFINITY;
  if (kept.stored === null) return attempt;
  const ask = kept.asking === null ? kept.askAgainAtMs : Number.POSITIVE_INFINITY;
  return Math.min(attempt, ask, nextStageAt(kept.stored.meta, nowMs));
}

export function statusOf(kept: IKept, sources: readonly string[], nowMs: number): ICertificateStatus {
  const { id, need, state, onDemand, stored, window, plans } = kept;
  const meta = stored?.meta ?? null;
  const failure = lastFailureOf(plans);
  const next = failure === null && kept.deferred.size === 0 ? null : attemptAt(kept, sources, nowMs);
  return {
    id,
    names: need.names,
    routes: need.routes ?? [],
    state,
    source: meta === null ? null : sourceOf(meta.issuer),
    onDemand,
    issuer: meta?.issuer ?? null,
    profile: meta?.profile ?? null,
    challenge: meta?.challenge ?? null,
    serial: meta?.serial ?? null,
    notBefore: meta?.notBefore ?? null,
    notAfter: meta?.notAfter ?? null,
    renewAt: stored === null ? null : renewAtMsOf(kept, nowMs) || nowMs,
    ari: window,
    lastError: failure,
    nextAttemptAt: next !== null && Number.isFinite(next) ? next : null,
  };
}

const sourceOf = (issuer: string): 'acme' | 'function' | 'imported' =>
  issuer === functionIssuer ? 'function' : isAuthority(issuer) ? 'acme' : 'imported';

export function eventOf(
  kept: IKept,
  kind: TCertificateEventKind,
  nowMs: number,
  error: ICertificateFailure | null = null,
  nextAttemptAt: number | null = null,
  issuer = kept.stored?.meta.issuer ?? null,
): ICertificateEvent {
  const { id, need, stored } = kept;
  const of = { id, names: need.names, routes: need.routes ?? [], issuer };
  const { serial = null, notAfter = null } = stored?.meta ?? {};
  return { kind, at: nowMs, ...of, serial, notAfter, nextAttemptAt, error };
}
