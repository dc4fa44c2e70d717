// Which workers hang: only the time counts in which this process itself could have heard them.

/** A worker, as far as this is concerned. Whoever hears it sets `silentMs` to 0. */
export interface ISilent {
  silentMs: number;
}

/** No clock here. */
export class HangWatch {
  readonly everyMs: number;
  readonly #hangMs: number;
  #lookedMs: number;

  constructor(hangMs: number, nowMs: number) {
    this.#hangMs = hangMs;
    this.everyMs = Math.max(50, hangMs / 10);
    this.#lookedMs = nowMs;
  }

  /** To be called each `everyMs`. Gives those that have been silent for too long, each once. */
  look<T extends ISilent>(nowMs: number, workers: readonly T[]): T[] {
    // If this comes late, this process stood still, or has hardly any CPU: so may they.
    const passedMs = Math.min(nowMs - this.#lookedMs, 2 * this.everyMs);
    this.#lookedMs = nowMs;
    return workers.filter((worker) => {
      worker.silentMs += passedMs;
      if (worker.silentMs < this.#hangMs) return false;
      worker.silentMs = 0;
      return true;
    });
  }
}
