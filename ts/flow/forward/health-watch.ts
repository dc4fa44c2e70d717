// When targets are probed and when their ejections end: one timer a target, a bounded number of probes at a time.

import type { IClock, ITimer } from '../../base/clock.js';
import { ProxyError } from '../../base/errors.js';
import { briefly } from './target-blame.js';
import type { TargetState } from './target-state.js';
import type { TProbe } from './target-types.js';

export interface IWatchDeps {
  readonly clock: IClock;
  readonly probe: TProbe;
  /** 0 to 1, evenly. Probes are spread by it. */
  readonly random: () => number;
}

/** Probes that may run at a time, over all targets. A target whose turn comes later waits without a timer. */
const maxProbes = 32;

interface IWatch {
  readonly state: TargetState;
  timer: ITimer | null;
  /** When the next probe begins, or the running one has taken too long; Infinity: neither. */
  probeDueMs: number;
  /** The running probe. */
  running: AbortController | null;
}

export class HealthWatch {
  readonly #deps: IWatchDeps;
  readonly #watches = new Map<TargetState, IWatch>();
  /** Whose turn has come while `maxProbes` were running, first come first. */
  readonly #waiting = new Set<IWatch>();
  #running = 0;

  constructor(deps: IWatchDeps) {
    this.#deps = deps;
  }

  /** How many targets are watched. */
  get size(): number {
    return this.#watches.size;
  }

  /** Begins to watch a target; the first probe comes at a random moment of its interval. */
  start(state: TargetState): void {
    if (this.#watches.has(state)) return;
    const watch: IWatch = { state, timer: null, probeDueMs: Number.POSITIVE_INFINITY, running: null };
    this.#watches.set(state, watch);
    state.expire();
    const { active } = state.check;
    if (active) watch.probeDueMs = this.#deps.clock.nowMs() + active.intervalMs * this.#deps.random();
    this.#arm(watch);
  }

  /** Stops watching: its timer is cancelled, its probe aborted. */
  stop(state: TargetState): void {
    const watch = this.#watches.get(state);
    if (!watch) return;
    this.#watches.delete(state);
    this.#waiting.delete(watch);
    watch.timer?.cancel();
    this.#finish(watch);
  }

  /** The end of its ejection has moved. */
  reschedule(state: TargetState): void {
    const watch = this.#watches.get(state);
    if (watch) this.#arm(watch);
  }

  #arm(watch: IWatch): void {
    watch.timer?.cancel();
    watch.timer = null;
    const { ejectedUntilMs } = watch.state;
    const dueMs = Math.min(watch.probeDueMs, ejectedUntilMs === 0 ? Number.POSITIVE_INFINITY : ejectedUntilMs);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    watch.timer = this.#deps.clock.setTimer(() => this.#fire(watch), Math.max(0, dueMs - this.#deps.clock.nowMs()));
  }

  #fire(watch: IWatch): void {
    watch.timer = null;
    watch.state.expire();
    if (this.#watches.get(watch.state) !== watch) return;
    if (this.#deps.clock.nowMs() >= watch.probeDueMs) {
      if (watch.running) this.#timedOut(watch);
      else this.#begin(watch);
    }
    this.#arm(watch);
  }

  #begin(watch: IWatch): void {
    const { state } = watch;
    const { active } = state.check;
    if (active === null) return;
    watch.probeDueMs = Number.POSITIVE_INFINITY;
    if (this.#running >= maxProbes) {
      this.#waiting.add(watch);
      return;
    }
    this.#running++;
    const running = new AbortController();
    watch.running = running;
    watch.probeDueMs = this.#deps.clock.nowMs() + active.timeoutMs;
    const { host, port, proxyHeader, tls, backendProtocol } = state;
    const { http } = active;
    const settled = (failure: string | null) => {
      // A probe that was given up may still answer.
      if (watch.running === running) this.#settled(watch, failure);
    };
    const asked = { host, port, proxyHeader, http, tls, backendProtocol, signal: running.signal };
    const ask = async () => this.#deps.probe(asked);
    ask().then(
      () => settled(null),
      (error: unknown) => settled(briefly(error)),
    );
  }

  #timedOut(watch: IWatch): void {
    const { active } = watch.state.check;
    watch.running?.abort(new ProxyError('TARGET_TIMEOUT', 'the probe took too long'));
    this.#settled(watch, `no answer within ${active?.timeoutMs} ms`);
  }

  /** Judges a probe, sets the time of the next one. */
  #settled(watch: IWatch, failure: string | null): void {
    this.#finish(watch);
    const intervalMs = watch.state.check.active?.intervalMs ?? Number.POSITIVE_INFINITY;
    // A tenth to either side, so that targets that came together drift apart.
    watch.probeDueMs = this.#deps.clock.nowMs() + intervalMs * (0.9 + 0.2 * this.#deps.random());
    if (failure === null) watch.state.probeSucceeded();
    else watch.state.probeFailed(failure);
    if (this.#watches.get(watch.state) === watch) this.#arm(watch);
  }

  /** Frees the place of a running probe; the next in the queue gets it. */
  #finish(watch: IWatch): void {
    if (watch.running === null) return;
    watch.running.abort();
    watch.running = null;
    this.#running--;
    const [next] = this.#waiting;
    if (!next) return;
    this.#waiting.delete(next);
    this.#begin(next);
    this.#arm(next);
  }
}
