// A clock that stands still until it is moved.

import type { IClock } from '../../ts/base/clock.js';

export interface IFakeClock extends IClock {
  /** Moves time on, firing what falls due in order of time, then of setting; timers set meanwhile included. */
  advance(ms: number): void;
  /** The same, and lets promises settle before, between and after the timers. */
  advanceAsync(ms: number): Promise<void>;
  /** How many timers are set. */
  readonly pending: number;
}

interface IFakeTimer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** `wallStartMs`: what the wall shows at first, in milliseconds since 1970; `nowMs` starts at 0. */
export function makeFakeClock(wallStartMs = Date.UTC(2026, 0, 1)): IFakeClock {
  // In order of setting, so the first of several that are due at one time is the oldest.
  const timers = new Set<IFakeTimer>();
  let now = 0;

  const takeDue = (untilMs: number): IFakeTimer | undefined => {
    let next: IFakeTimer | undefined;
    for (const timer of timers) {
      if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    }
    if (next) timers.delete(next);
    return next;
  };

  const fireNext = (untilMs: number): boolean => {
    const timer = takeDue(untilMs);
    if (timer) {
      now = timer.atMs;
      timer.fire();
    } else {
      now = untilMs;
    }
    return timer !== undefined;
  };

  return {
    nowMs: () => now,
    wallMs: () => wallStartMs + now,
    setTimer(fire, delayMs) {
      const timer = { atMs: now + Math.max(0, delayMs), fire };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      const untilMs = now + ms;
      while (fireNext(untilMs));
    },
    async advanceAsync(ms) {
      const untilMs = now + ms;
      do await settle();
      while (fireNext(untilMs));
    },
    get pending() {
      return timers.size;
    },
  };
}

/** Lets everything that waits for settled promises run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
