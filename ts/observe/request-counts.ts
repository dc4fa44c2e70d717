// Counts the requests that the HTTP engine reports.

import { Histogram } from './histogram.js';
import type { IRequestMetrics } from './metrics-types.js';
import { Throughput } from './throughput.js';

/** Seconds that the rates look back. */
const lookBackSeconds = 60;

export class RequestCounts {
  readonly durations = new Histogram();
  readonly #byStatus = new Map<number, number>();
  /** null: nothing is sampled. */
  readonly #samples: Throughput | null;
  #total = 0;
  #sampled = 0;

  /** `sampleIntervalMs`: how often `sample` is called; null: never. */
  constructor(sampleIntervalMs: number | null) {
    this.#samples =
      sampleIntervalMs === null ? null : new Throughput(Math.ceil((lookBackSeconds * 1000) / sampleIntervalMs));
  }

  /** A request that was answered, or would have been. */
  ended(status: number, durationMs: number): void {
    this.refused(status);
    this.durations.record(durationMs);
  }

  /** What was no proper request, and was answered all the same. */
  refused(status: number): void {
    this.#total++;
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
  }

  sample(wallMs: number, durationMs: number): void {
    this.#samples?.add({ wallMs, durationMs, bytesIn: this.#total - this.#sampled, bytesOut: 0 });
    this.#sampled = this.#total;
  }

  metrics(): IRequestMetrics {
    const samples = this.#samples;
    return {
      total: this.#total,
      perSecond: samples === null ? null : samples.instant().in,
      perMinute: samples === null ? null : Math.round(samples.over(lookBackSeconds).in * lookBackSeconds),
      byStatus: () => new Map(this.#byStatus),
    };
  }
}
