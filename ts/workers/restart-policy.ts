// When a worker that died is replaced: at once, then ever later, and after too many in a row not at all.

/** Whoever lived that long starts the count anew. */
const soundMs = 60_000;
const firstDelayMs = 500;
const longestDelayMs = 30_000;

/** One place's history. No clock here. */
export class RestartPolicy {
  readonly #mostInARow: number;
  #inARow = 0;

  /** `mostInARow`: ends that followed each other quickly, before it is given up. */
  constructor(mostInARow: number) {
    this.#mostInARow = mostInARow;
  }

  /** A worker ended after it had lived so long. Milliseconds until the next is started; null: none is. */
  ended(livedMs: number): number | null {
    if (livedMs >= soundMs) this.#inARow = 0;
    this.#inARow++;
    if (this.#inARow > this.#mostInARow) return null;
    return this.#inARow === 1 ? 0 : Math.min(longestDelayMs, firstDelayMs * 2 ** (this.#inARow - 2));
  }
}
