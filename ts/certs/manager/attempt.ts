// One attempt at a certificate with one issuer, as its steps see it.

import type { IClock } from '../../base/clock.js';
import type { ILogger } from '../../base/logger.js';
import type { ICertLock, ICertStore, IStoredCertificate } from '../store/store-types.js';
import type { Accounts } from './accounts.js';
import { isBrief } from './failure-policy.js';
import type { IssuerBudgets } from './issuer-budgets.js';
import type { ICertificateTools } from './manager-ports.js';
import type { IAcmeSettings, ICertManagerParts, TIssuanceState } from './manager-types.js';
import { sleep } from './waiting.js';

export interface IAttempt {
  readonly id: string;
  readonly names: readonly string[];
  readonly acme: IAcmeSettings;
  /** The directory's URL. */
  readonly issuer: string;
  /** What a new certificate has to be no worse than; null: nothing good is there. */
  readonly present: IStoredCertificate | null;
  /** Failed validations in a row with that issuer. */
  readonly failures: number;
  /** Failures in a row with that issuer, but for those of our own store. */
  readonly tries: number;
  readonly lock: ICertLock;
  readonly signal: AbortSignal;
  readonly state: TIssuanceState;
  enter(state: TIssuanceState): void;
}

/** What all attempts share. */
export interface IWorkshop {
  readonly store: ICertStore;
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly accounts: Accounts;
  readonly budgets: IssuerBudgets;
  readonly tools: ICertificateTools;
  readonly solvers: ICertManagerParts['solvers'];
  readonly random: () => number;
}

/** Calls up to three times while it is only the way that fails. */
export async function thrice<T>({ clock, random }: IWorkshop, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (tries === 3 || !isBrief(error)) throw error;
    }
    await sleep(clock, tries * pauseMs * (0.5 + random()), signal);
  }
}

const pauseMs = 2_000;

/** Asks again and again until `done`. @throws what `late` gives after `limitMs` */
export async function poll<T extends { readonly retryAfterMs: number | null }>(
  { clock }: IWorkshop,
  signal: AbortSignal,
  limitMs: number,
  late: () => Error,
  first: T,
  done: (answer: T) => boolean,
  again: (last: T) => Promise<T>,
): Promise<T> {
  const endMs = clock.nowMs() + limitMs;
  let answer = first;
  for (let pause = 1_000; !done(answer); pause = Math.min(pause * 1.5, 10_000)) {
    const leftMs = endMs - clock.nowMs();
    if (leftMs <= 0) throw late();
    // An issuer that says "later" is not asked sooner than in a second, nor believed for longer than there is time.
    await sleep(clock, Math.min(leftMs, Math.max(answer.retryAfterMs ?? pause, 500)), signal);
    answer = await again(answer);
  }
  return answer;
}
