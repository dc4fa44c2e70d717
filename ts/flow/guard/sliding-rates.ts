// How often each key came within the last minute: a sliding window in steps, the same few bytes for every key.

import type { IClock } from '../../base/clock.js';

/** Keys remembered at most; over it the key that came least recently is forgotten, and with it what it had used. */
export const maxRateKeys = 65_536;

const windowMs = 60_000;
const steps = 12;
const stepMs = windowMs / steps;
/** The present step and the whole window before it: never less than a minute, at most one step more. */
const slots = steps + 1;

interface IWindow {
  /** Number of the newest step in `counts`. */
  step: number;
  total: number;
  /** Ring by step number. */
  readonly counts: number[];
}

/**
 * No 60 s ever see more than the limit. What was used comes back 60 to 65 s later. Only what was taken counts: a client
 * that is refused is not kept out longer for trying.
 */
export class SlidingRates {
  /** In the order of the last taking, the longest ago first. */
  readonly #windows = new Map<string, IWindow>();
  readonly #clock: IClock;

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#windows.size;
  }

  /** Takes one of `limit`; false where none is left. */
  take(key: string, limit: number): boolean {
    const step = this.#step();
    const known = this.#windows.get(key);
    if (known !== undefined) {
      advance(known, step);
      if (known.total >= limit) return false;
      this.#windows.delete(key);
    } else {
      this.#makeRoom(step);
    }
    const window = known ?? { step, total: 0, counts: new Array<number>(slots).fill(0) };
    const slot = step % slots;
    window.counts[slot] = (window.counts[slot] ?? 0) + 1;
    window.total++;
    this.#windows.set(key, window);
    return true;
  }

  /** Taken within the window. Changes nothing. */
  used(key: string): number {
    const window = this.#windows.get(key);
    if (window === undefined) return 0;
    const copy: IWindow = { ...window, counts: [...window.counts] };
    advance(copy, this.#step());
    return copy.total;
  }

  clear(): void {
    this.#windows.clear();
  }

  #step(): number {
    return Math.floor(this.#clock.nowMs() / stepMs);
  }

  /** Two out for one in: what has expired goes away as fast as it comes, without a timer. */
  #makeRoom(step: number): void {
    let looked = 0;
    for (const [key, window] of this.#windows) {
      const expired = step - window.step >= slots;
      if (!expired && this.#windows.size < maxRateKeys) return;
      this.#windows.delete(key);
      if (++looked === 2) return;
    }
  }
}

/** Empties the slots that have left the window since its newest step. */
function advance(window: IWindow, step: number): void {
  const passed = Math.min(step - window.step, slots);
  for (let i = 1; i <= passed; i++) {
    const slot = (window.step + i) % slots;
    window.total -= window.counts[slot] ?? 0;
    window.counts[slot] = 0;
  }
  if (passed > 0) window.step = step;
}
