// Lets only so many issuances with one issuer run at a time, those that never failed first.

import type { IClock } from '../../base/clock.js';

interface IWaiting {
  readonly rank: number;
  readonly begin: () => void;
}

export class IssuerQueue {
  readonly #clock: IClock;
  readonly #parallel: number;
  readonly #holdMs: number;
  /** By rank, then by coming. */
  readonly #waiting: IWaiting[] = [];
  #running = 0;

  /** @param holdMs whoever takes longer, such as one whose validation hangs, goes on beside the others */
  constructor(clock: IClock, parallel = 8, holdMs = 20_000) {
    this.#clock = clock;
    this.#parallel = parallel;
    this.#holdMs = holdMs;
  }

  /** @param rank a lower one goes first. Rejects with the signal's reason while it waits. */
  async run<T>(rank: number, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    await this.#turn(rank, signal);
    let held = true;
    const giveBack = () => {
      if (held) this.#next();
      held = false;
    };
    const timer = this.#clock.setTimer(giveBack, this.#holdMs);
    try {
      return await job();
    } finally {
      timer.cancel();
      giveBack();
    }
  }

  #turn(rank: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#running < this.#parallel) {
        this.#running++;
        return resolve();
      }
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
      };
      const begin = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const entry = { rank, begin };
      const behind = this.#waiting.findIndex((other) => other.rank > rank);
      this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, entry);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #next(): void {
    const entry = this.#waiting.shift();
    if (entry === undefined) this.#running--;
    else entry.begin();
  }
}
