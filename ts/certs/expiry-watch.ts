// Tells in time that certificates which nobody renews but their owner come to their end.

import type { IClock, ITimer } from '../base/clock.js';
import type { ICertificateEvent } from './manager/manager-types.js';
import { eventOfPair, factsOf, type IKnownPair } from './pair-status.js';
import type { IKeyPair } from './pem.js';

export interface IExpiryWatchParts {
  readonly clock: IClock;
  /** What is in use now. */
  readonly pairs: () => readonly IKnownPair[];
  readonly onEvent: (event: ICertificateEvent) => void;
}

export class ExpiryWatch {
  readonly #parts: IExpiryWatchParts;
  /** What was told: a certificate that takes another's place begins anew. */
  readonly #told = new WeakMap<IKeyPair, number>();
  #timer: ITimer | null = null;

  constructor(parts: IExpiryWatchParts) {
    this.#parts = parts;
  }

  /** Now, and from now on. Of the moments that have passed already only the last is told. */
  readonly look = (): void => {
    const { clock, pairs, onEvent } = this.#parts;
    const nowMs = clock.wallMs();
    const all = pairs();
    this.#timer?.cancel();
    this.#timer = all.length === 0 ? null : clock.setTimer(this.look, lookMs);
    for (const known of all) {
      if (known.pair === null) continue;
      const stage = stageOf(factsOf(known.pair), nowMs);
      const told = this.#told.get(known.pair) ?? 0;
      this.#told.set(known.pair, stage);
      if (stage > told) onEvent(eventOfPair(known, stage === last ? 'expired' : 'expiring', nowMs));
    }
  };

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** Shares of a life: with so much left people are told. */
const moments = [1 / 3, 1 / 5, 1 / 10, 0];
const last = moments.length;

function stageOf({ notBefore, notAfter }: { notBefore: number; notAfter: number }, nowMs: number): number {
  const left = (notAfter - nowMs) / Math.max(1, notAfter - notBefore);
  return moments.filter((share) => left <= share).length;
}

/** By the wall, so that a machine that slept is told as soon as it wakes. */
const lookMs = 600_000;
