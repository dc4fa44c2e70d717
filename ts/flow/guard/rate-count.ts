// What one key has used of a limit on requests: in a window that slides, or of a bucket. No clock here, and no keys.

/** What a limit says. */
export interface IRateRule {
  readonly maxRequests: number;
  readonly windowMs: number;
  /** A bucket of so many; null: a window that slides. */
  readonly burst: number | null;
}

/** What became of one request. */
export interface IRateVerdict {
  readonly ok: boolean;
  /** Requests of the window, or of the full bucket. */
  readonly limit: number;
  /** Requests that would pass now, after this one. */
  readonly remaining: number;
  /** Milliseconds until more than `remaining` would pass; of a refusal, until one would. */
  readonly resetMs: number;
}

export interface IRateCount {
  /** `takes`: a request that passes is counted; else only looked. */
  take(rule: IRateRule, nowMs: number, takes: boolean): IRateVerdict;
}

export const makeCount = ({ burst, windowMs }: IRateRule, nowMs: number): IRateCount =>
  burst === null ? new WindowCount(windowMs, nowMs) : new Bucket(burst, nowMs);

const steps = 12;
/** The present step and the whole window before it: never less than the window, at most one step more. */
const slots = steps + 1;

/** No `windowMs` ever see more than the limit. What was used comes back a window later, at most a twelfth of it late. */
class WindowCount implements IRateCount {
  readonly #stepMs: number;
  /** Ring by number of the step. */
  readonly #counts: number[] = new Array<number>(slots).fill(0);
  #step: number;
  #total = 0;

  constructor(windowMs: number, nowMs: number) {
    this.#stepMs = windowMs / steps;
    this.#step = Math.floor(nowMs / this.#stepMs);
  }

  take({ maxRequests }: IRateRule, nowMs: number, takes: boolean): IRateVerdict {
    this.#advance(Math.floor(nowMs / this.#stepMs));
    const ok = this.#total < maxRequests;
    if (ok && takes) {
      const slot = this.#step % slots;
      this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
      this.#total++;
    }
    const remaining = Math.max(0, maxRequests - this.#total);
    const wanted = ok ? 1 : this.#total - maxRequests + 1;
    return { ok, limit: maxRequests, remaining, resetMs: this.#returnsInMs(wanted, nowMs) };
  }

  /** Empties the slots that have left the window. */
  #advance(step: number): void {
    const passed = Math.min(step - this.#step, slots);
    for (let i = 1; i <= passed; i++) {
      const slot = (this.#step + i) % slots;
      this.#total -= this.#counts[slot] ?? 0;
      this.#counts[slot] = 0;
    }
    if (passed > 0) this.#step = step;
  }

  /** When so many of those that were used have left the window; 0 if that few were. */
  #returnsInMs(wanted: number, nowMs: number): number {
    let found = 0;
    for (let step = Math.max(0, this.#step - steps); step <= this.#step; step++) {
      found += this.#counts[step % slots] ?? 0;
      if (found >= wanted) return Math.max(0, (step + slots) * this.#stepMs - nowMs);
    }
    return 0;
  }
}

/** Full at first; `maxRequests` come in each window, evenly. */
class Bucket implements IRateCount {
  #tokens: number;
  #atMs: number;

  constructor(burst: number, nowMs: number) {
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  take({ maxRequests, windowMs, burst }: IRateRule, nowMs: number, takes: boolean): IRateVerdict {
    const limit = burst ?? maxRequests;
    const tokenMs = windowMs / maxRequests;
    this.#tokens = Math.min(limit, this.#tokens + Math.max(0, nowMs - this.#atMs) / tokenMs);
    this.#atMs = nowMs;
    // Sums of parts may fall short of the whole by what a double cannot say.
    const whole = Math.floor(this.#tokens + 1e-9);
    const ok = whole >= 1;
    if (ok && takes) this.#tokens = Math.max(0, this.#tokens - 1);
    const remaining = ok && takes ? whole - 1 : whole;
    const resetMs = remaining >= limit ? 0 : Math.max(0, (remaining + 1 - this.#tokens) * tokenMs);
    return { ok, limit, remaining, resetMs };
  }
}
