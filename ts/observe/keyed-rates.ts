// Bytes a second for each of many keys (routes, addresses), over the last sample interval.

import type { IRate } from './throughput.js';

/** Keys told apart at most; what others moved is added up under `otherKey`. */
export const maxKeys = 10_000;
export const otherKey = 'other';

interface IBytes {
  in: number;
  out: number;
  lastIn: number;
  lastOut: number;
}

/** Knows the keys that moved bytes in this interval or the last. A key that goes on moving some costs no new memory. */
export class KeyedRates {
  readonly #bytes = new Map<string, IBytes>();
  #lastMs = 0;

  get size(): number {
    return this.#bytes.size;
  }

  add(key: string, bytesIn: number, bytesOut: number): void {
    let bytes = this.#bytes.get(key);
    if (bytes === undefined) {
      if (this.#bytes.size >= maxKeys && key !== otherKey) {
        this.add(otherKey, bytesIn, bytesOut);
        return;
      }
      bytes = { in: 0, out: 0, lastIn: 0, lastOut: 0 };
      this.#bytes.set(key, bytes);
    }
    bytes.in += bytesIn;
    bytes.out += bytesOut;
  }

  /** The present interval is over and took this long. Keys that moved nothing in it are forgotten. */
  turn(durationMs: number): void {
    this.#lastMs = durationMs;
    for (const [key, bytes] of this.#bytes) {
      if (bytes.in === 0 && bytes.out === 0) {
        this.#bytes.delete(key);
        continue;
      }
      bytes.lastIn = bytes.in;
      bytes.lastOut = bytes.out;
      bytes.in = 0;
      bytes.out = 0;
    }
  }

  rates(): Map<string, IRate> {
    const perSecond = this.#lastMs === 0 ? 0 : 1000 / this.#lastMs;
    const rates = new Map<string, IRate>();
    for (const [key, { lastIn, lastOut }] of this.#bytes) {
      if (lastIn > 0 || lastOut > 0) rates.set(key, { in: lastIn * perSecond, out: lastOut * perSecond });
    }
    return rates;
  }
}
