// Looks now and then whether a client takes what waits for it on its stream.

import type { IH2Stream } from './h2-types.js';

/** When nothing is due. */
export const never = Number.POSITIVE_INFINITY;

export class H2ReaderWatch {
  /** When to look next. */
  dueMs = never;
  /** At the last look. */
  #waitingBytes = 0;
  #overtaken = 0;

  /** From now on; `limitMs` 0: never. */
  begin({ waitingBytes, overtaken }: IH2Stream, nowMs: number, limitMs: number): void {
    if (limitMs === 0) return;
    this.#waitingBytes = waitingBytes;
    this.#overtaken = overtaken;
    this.dueMs = nowMs + limitMs;
  }

  stop(): void {
    this.dueMs = never;
  }

  /** True: since the last look it took nothing, neither of this nor of others that are sent first. One that reads slowly may. */
  isStalled({ waitingBytes, overtaken }: IH2Stream): boolean {
    return waitingBytes > 0 && waitingBytes === this.#waitingBytes && overtaken === this.#overtaken;
  }
}
