// How often each key came within the last minute: a sliding window in steps, the same few bytes for every key.

import type { IClock } from '../../base/clock.js';

/**
 * Keys remembered at most. Under a flood of keys those that came least recently are forgotten, and with them what they
 * had used; the latest half of this number never is.
 */
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
  /**
   * Two generations: keys that came lately, and those that did not come since the one before ended. Whole generations
   * are dropped, because finding the oldest entry of one large Map again and again means stepping over its gaps.
   */
  #young = new Map<string, IWindow>();
  #old = new Map<string, IWindow>();
  #turnedAtStep: number;
  readonly #clock: IClock;

  constructor(clock: IClock) {
    this.#clock = clock;
    this.#turnedAtStep = this.#step();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Takes one of `limit`; false where none is left. */
  take(key: string, limit: number): boolean {
    const step = this.#step();
    const window = this.#find(key) ?? { step, total: 0, counts: new Array<number>(slots).fill(0) };
    advance(window, step);
    if (window.total >= limit) return false;
    const slot = step % slots;
    window.counts[slot] = (window.counts[slot] ?? 0) + 1;
    window.total++;
    this.#keep(key, window, step);
    return true;
  }

  /** Taken within the window. Changes nothing. */
  used(key: string): number {
    const window = this.#find(key);
    if (window === undefined) return 0;
    const copy: IWindow = { ...window, counts: [...window.counts] };
    advance(copy, this.#step());
    return copy.total;
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #step(): number {
    return Math.floor(this.#clock.nowMs() / stepMs);
  }

  #find(key: string): IWindow | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  #keep(key: string, window: IWindow, step: number): void {
    if (step - this.#turnedAtStep >= slots) this.#turn(step);
    if (this.#young.has(key)) return;
    if (this.#young.size >= maxRateKeys / 2) this.#turn(step);
    this.#old.delete(key);
    this.#young.set(key, window);
  }

  /** Whatever is dropped for its age was last taken a whole window ago, so nothing of it counted any more. */
  #turn(step: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#turnedAtStep = step;
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
