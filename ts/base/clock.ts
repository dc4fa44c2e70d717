// Time, behind an interface that tests can move.

/** A timer that has been set. */
export interface ITimer {
  cancel(): void;
}

/** The proxy's only source of time. */
export interface IClock {
  /** Milliseconds from an arbitrary start, never going backwards: for deadlines and durations. */
  nowMs(): number;
  /** Milliseconds since 1970: for showing to people. */
  wallMs(): number;
  /** Calls `fire` once, `delayMs` from now (at most `maxDelayMs`; more is cut to it). Does not keep the process alive. */
  setTimer(fire: () => void, delayMs: number): ITimer;
}

/** Node fires a longer timer at once. */
export const maxDelayMs = 2 ** 31 - 1;

/** The machine's own time. */
export const systemClock: IClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(fire, delayMs) {
    const timer = setTimeout(fire, Math.min(Math.max(0, delayMs), maxDelayMs));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
