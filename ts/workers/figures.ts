// What all workers counted, those included that are gone: a sum must not shrink because a process ended.

import { addRetired, type IMetricsExport, retired, sumMetrics, sumStatistics } from '../observe/metrics-export.js';
import type { IMetrics } from '../observe/metrics-types.js';
import type { IWorkersStatistics } from './types.js';
import type { WorkerProcess } from './worker-process.js';

export interface IFigures {
  readonly each: readonly { readonly worker: number; readonly metrics: IMetricsExport }[];
  /** Those that are gone too. */
  readonly all: readonly IMetricsExport[];
}

const askWithinMs = 10_000;
/** What a worker that dies has counted since it was asked last, is lost. */
const askEveryMs = 10_000;

export class Figures {
  readonly #ready: () => readonly WorkerProcess[];
  readonly #last = new Map<WorkerProcess, IMetricsExport>();
  readonly #timer: NodeJS.Timeout;
  readonly #startedMs = performance.now();
  #retired: IMetricsExport | null = null;

  constructor(ready: () => readonly WorkerProcess[]) {
    this.#ready = ready;
    this.#timer = setInterval(() => void this.collect(false), askEveryMs);
    this.#timer.unref();
  }

  /** A worker that does not answer in time is in it as it was last. */
  async collect(history: boolean, withinMs = askWithinMs): Promise<IFigures> {
    await Promise.all(
      this.#ready().map(async (worker) => {
        const metrics = await worker.wire.ask('metrics', { history }, withinMs).catch(() => null);
        if (metrics !== null && worker.isReady) this.#last.set(worker, metrics);
      }),
    );
    const each = Array.from(this.#last, ([{ number }, metrics]) => ({ worker: number, metrics }));
    each.sort((a, b) => a.worker - b.worker);
    const all = each.map(({ metrics }) => metrics);
    return { each, all: this.#retired === null ? all : [...all, this.#retired] };
  }

  async metrics(): Promise<IMetrics> {
    return sumMetrics((await this.collect(true)).all);
  }

  async statistics(withinMs = askWithinMs): Promise<IWorkersStatistics> {
    const { each, all } = await this.collect(false, withinMs);
    const workers = each.map(({ worker, metrics }) => ({ ...sumStatistics([metrics], metrics.uptimeMs), worker }));
    return { ...sumStatistics(all, performance.now() - this.#startedMs), workers };
  }

  /** What it told as it stopped. */
  last(worker: WorkerProcess, metrics: IMetricsExport): void {
    this.#last.set(worker, metrics);
  }

  /** The worker is gone. */
  ended(worker: WorkerProcess): void {
    const last = this.#last.get(worker);
    this.#last.delete(worker);
    if (last === undefined) return;
    const left = retired(last);
    this.#retired = this.#retired === null ? left : addRetired(this.#retired, left);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
