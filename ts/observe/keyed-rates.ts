// Bytes a second for each of many keys (routes, addresses), over the last sample interval.

import type { IRate } from './throughput.js';

/** Keys told apart within one interval; the bytes of more of them are added up under `otherKey`. */
export const maxKeys = 10_000;
export const otherKey = 'other';

interface IBytes {
  in: number;
  out: number;
}

/** Holds the keys that moved bytes in the present and in the last interval, and nobody else. */
export class KeyedRates {
  #present = new Map<string, IBytes>();
  #last = new Map<string, IBytes>();
  #lastMs = 0;

  get size(): number {
    return this.#present.size + this.#last.size;
  }

  add(key: string, bytesIn: number, bytesOut: number): void {
    let bytes = this.#present.get(key);
    if (bytes === undefined) {
      if (this.#present.size >= maxKeys && key !== otherKey) {
        this.add(otherKey, bytesIn, bytesOut);
        return;
      }
      bytes = { in: 0, out: 0 };
      this.#present.set(key, bytes);
    }
    bytes.in += bytesIn;
    bytes.out += bytesOut;
  }

  /** The present interval is over and took this long. */
  turn(durationMs: number): void {
    this.#last = this.#present;
    this.#lastMs = durationMs;
    this.#present = new Map();
  }

  rates(): Map<string, IRate> {
    const perSecond = this.#lastMs === 0 ? 0 : 1000 / this.#lastMs;
    const rates = new Map<string, IRate>();
    for (const [key, bytes] of this.#last) rates.set(key, { in: bytes.in * perSecond, out: bytes.out * perSecond });
    return rates;
  }
}
