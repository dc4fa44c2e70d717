// Makes the attempts that are due: which source, in whose turn, and what is kept of the outcome.

import type { ICertLock, IStoredCertificate } from '../store/store-types.js';
import type { IAttempt, IWorkshop } from './attempt.js';
import { classify, nextAttemptAt } from './failure-policy.js';
import { locked, order, ProbeError, provide } from './issuance.js';
import { Deferred } from './issuer-budgets.js';
import { IssuerQueue } from './issuer-queue.js';
import {
  attemptAt,
  eventOf,
  forgetFailures,
  type IKept,
  isBetter,
  isWanted,
  planOf,
  ranked,
  renewAtMsOf,
  setPlan,
  sourcesOf,
  triableAt,
} from './kept.js';
import type { ICertificateFailure, ICertManagerParts, TCertificateEventKind, TIssuanceState } from './manager-types.js';
import { dropOrder } from './order-record.js';
import { emptyPlan, issuerPlanOf, lastFailureOf, withFailure } from './plan.js';
import { dropFormer, functionIssuer, planKeyOf, readCertificates, readPlans } from './slots.js';

/** `done`: there is a new certificate. `next`: another source may be tried. `stop`: later. */
type TOutcome = 'done' | 'next' | 'stop';

export class Issuances {
  readonly #shop: IWorkshop;
  readonly #parts: Pick<ICertManagerParts, 'provision' | 'stagingOf' | 'onEvent' | 'logger'>;
  readonly #serve: (kept: IKept, stored: IStoredCertificate, kind: TCertificateEventKind) => void;
  readonly #queues = new Map<string, IssuerQueue>();

  /** @param serve takes a certificate into use and tells of it */
  constructor(
    shop: IWorkshop,
    parts: Pick<ICertManagerParts, 'provision' | 'stagingOf' | 'onEvent' | 'logger'>,
    serve: (kept: IKept, stored: IStoredCertificate, kind: TCertificateEventKind) => void,
  ) {
    this.#shop = shop;
    this.#parts = parts;
    this.#serve = serve;
  }

  /** Tries each source that may be tried, once, until one gives a certificate. Never rejects. */
  async run(kept: IKept): Promise<void> {
    const { clock } = this.#shop;
    const { signal } = kept.ending;
    kept.state = 'due';
    kept.deferred.clear();
    const before = kept.plans;
    try {
      for (const source of sourcesOf(kept, this.#parts.provision !== null)) {
        if (triableAt(kept, source, clock.wallMs()) > clock.wallMs()) continue;
        const outcome = await this.#try(kept, source, signal);
        if (outcome === 'done') return;
        if (outcome === 'stop') break;
      }
      if (kept.plans !== before) this.#tellBackoff(kept);
    } catch (error) {
      // Ended from outside, or a fault of ours, which must not end the host program: later it is tried again.
      if (!signal.aborted) this.#parts.logger.error({ err: error, names: kept.need.names }, 'an issuance broke');
      if (!signal.aborted) this.#defer(kept, clock.wallMs() + brokenPauseMs);
    } finally {
      kept.state = 'idle';
      kept.forced = false;
    }
  }

  async #try(kept: IKept, source: string, signal: AbortSignal): Promise<TOutcome> {
    kept.state = 'queued';
    const rank = issuerPlanOf(planOf(kept, source), source)?.failure.attempts ?? 0;
    try {
      return await this.#queueOf(source).run(rank, signal, async () => {
        this.#shop.budgets.refuseFull(source);
        return await locked(this.#shop, kept.id, source, signal, (lock) => this.#underLock(kept, source, lock, signal));
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Deferred) {
        if (error.ofNeed) this.#defer(kept, error.untilMs);
        else kept.deferred.set(source, error.untilMs);
        return error.ofNeed ? 'stop' : 'next';
      }
      await this.#failed(kept, source, error, null);
      return 'next';
    }
  }

  async #underLock(kept: IKept, source: string, lock: ICertLock, signal: AbortSignal): Promise<TOutcome> {
    const { store, clock } = this.#shop;
    kept.state = 'locked';
    kept.state = 'recheck';
    const [there, plans] = await Promise.all([
      readCertificates(store, kept.id, kept.need.acme.directoryUrls),
      readPlans(store, kept.id, sourcesOf(kept, true)),
    ]);
    kept.plans = plans;
    forgetFailures(kept, clock.wallMs());
    const [found] = ranked(kept, there, clock.wallMs());
    if (found !== undefined && isBetter(kept, found, clock.wallMs())) {
      this.#serve(kept, found, 'swapped');
      const due = renewAtMsOf({ ...kept, forced: false }, clock.wallMs()) <= clock.wallMs();
      if (!due) return 'done';
    }
    // Another process may have failed meanwhile: what it learned holds for us.
    if (triableAt(kept, source, clock.wallMs()) > clock.wallMs()) return 'next';
    const attempt = this.#attemptOf(kept, source, lock, signal);
    this.#parts.onEvent(eventOf(kept, 'issuing', clock.wallMs(), null, null, source));
    const first = kept.stored === null;
    try {
      const stored = await this.#obtain(attempt, kept, source);
      if (stored === null) return 'next';
      signal.throwIfAborted();
      kept.state = 'live';
      this.#serve(kept, stored, first ? 'issued' : 'renewed');
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Deferred) throw error;
      await this.#failed(kept, source, error, lock);
      return 'next';
    }
    await this.#clear(kept, source, lock);
    return 'done';
  }

  async #obtain(attempt: IAttempt, kept: IKept, source: string): Promise<IStoredCertificate | null> {
    const { provision, stagingOf } = this.#parts;
    if (source === functionIssuer) return provision === null ? null : provide(this.#shop, attempt, provision);
    const validationFailed = issuerPlanOf(planOf(kept, source), source)?.failure.class === 'validation';
    return order(this.#shop, attempt, validationFailed ? (stagingOf?.(source) ?? null) : null);
  }

  #attemptOf(kept: IKept, issuer: string, lock: ICertLock, signal: AbortSignal): IAttempt {
    const { id, need, stored } = kept;
    const failure = issuerPlanOf(planOf(kept, issuer), issuer)?.failure;
    return {
      id,
      names: need.names,
      acme: need.acme,
      issuer,
      present: stored !== null && isWanted(kept, stored) ? stored : null,
      failures: failure?.class === 'validation' ? failure.attempts : 0,
      tries: failure === undefined || failure.class === 'store' ? 0 : failure.attempts,
      lock,
      signal,
      get state(): TIssuanceState {
        return kept.state;
      },
      enter(state) {
        kept.state = state;
      },
    };
  }

  /** @param lock null: the need could not be locked, so that only this process remembers */
  async #failed(kept: IKept, source: string, error: unknown, lock: ICertLock | null): Promise<void> {
    const { clock, store, random, budgets } = this.#shop;
    const nowMs = clock.wallMs();
    const judged = classify(error, kept.state);
    const attempts = (issuerPlanOf(planOf(kept, source), source)?.failure.attempts ?? 0) + 1;
    const { type, detail, link } = judged;
    const failure: ICertificateFailure = {
      class: judged.class,
      type,
      detail,
      at: nowMs,
      attempts,
      issuer: source,
      link,
    };
    const next = nextAttemptAt(judged, attempts, nowMs, kept.stored?.meta ?? null, random());
    const entry = { failure, nextAttemptAt: next, settingsKey: kept.need.acme.key };
    const counts = judged.class === 'validation' && !(error instanceof ProbeError);
    const plan = withFailure(planOf(kept, source), entry, counts);
    setPlan(kept, source, plan);
    const told = { names: kept.need.names, issuer: source, type, detail, attempts };
    this.#parts.logger.warn(told, 'no certificate');
    const kind = judged.class === 'ca-limit' ? 'rate-limited' : judged.class === 'paused' ? 'paused' : 'failed';
    this.#parts.onEvent(eventOf(kept, kind, nowMs, failure, next, source));
    try {
      if (lock !== null) await store.writeRecord(planKeyOf(kept.id, source), plan, lock);
      if (judged.class === 'ca-limit') await budgets.limited(source, judged, kept.ending.signal);
    } catch (cause) {
      kept.ending.signal.throwIfAborted();
      this.#parts.logger.error({ err: cause, names: kept.need.names }, 'a failure could not be written down');
    }
  }

  /** The failures with it are over, and no order is left to go on with. What cannot be taken away is judged when it is met. */
  async #clear(kept: IKept, source: string, lock: ICertLock): Promise<void> {
    const { store, clock } = this.#shop;
    const { issuers, revokedSerial, validationFailures } = planOf(kept, source);
    const plan = { ...emptyPlan, validationFailures };
    setPlan(kept, source, plan);
    // Those with other sources were before it. What is written of them is theirs, and may concern other processes.
    forgetFailures(kept, clock.wallMs());
    try {
      if (issuers.length > 0 || revokedSerial !== null) await store.writeRecord(planKeyOf(kept.id, source), plan, lock);
      await dropOrder(store, kept.id, source);
      await dropFormer(store, kept.id, source, lock);
    } catch (error) {
      this.#parts.logger.warn({ err: error, names: kept.need.names }, 'the store keeps what is no longer needed');
    }
  }

  #tellBackoff(kept: IKept): void {
    const nowMs = this.#shop.clock.wallMs();
    const next = attemptAt(kept, sourcesOf(kept, this.#parts.provision !== null), nowMs);
    const last = lastFailureOf(kept.plans);
    if (last === null || !Number.isFinite(next)) return;
    this.#parts.onEvent(eventOf(kept, 'backoff', nowMs, last, next, last.issuer));
  }

  #defer(kept: IKept, untilMs: number): void {
    for (const source of sourcesOf(kept, true)) kept.deferred.set(source, untilMs);
  }

  #queueOf(source: string): IssuerQueue {
    const known = this.#queues.get(source);
    if (known !== undefined) return known;
    const queue = new IssuerQueue(this.#shop.clock);
    this.#queues.set(source, queue);
    return queue;
  }
}

const brokenPauseMs = 60_000;
