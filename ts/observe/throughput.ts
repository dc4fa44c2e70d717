// Bytes over time: a ring of samples of fixed size, and rates over its last seconds.

/** Bytes a second. `in` comes from clients, `out` goes to them. */
export interface IRate {
  readonly in: number;
  readonly out: number;
}

/** What passed in one sample interval. */
export interface IThroughputPoint extends IRate {
  /** End of the interval, milliseconds since 1970. */
  readonly at: number;
}

export interface ISample {
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const nothing: IRate = { in: 0, out: 0 };

/** The last `capacity` samples; 32 bytes each, taken at once. */
export class Throughput {
  readonly #wallMs: Float64Array;
  readonly #durationMs: Float64Array;
  readonly #in: Float64Array;
  readonly #out: Float64Array;
  #next = 0;
  #size = 0;

  constructor(readonly capacity: number) {
    this.#wallMs = new Float64Array(capacity);
    this.#durationMs = new Float64Array(capacity);
    this.#in = new Float64Array(capacity);
    this.#out = new Float64Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  add({ wallMs, durationMs, bytesIn, bytesOut }: ISample): void {
    if (this.capacity === 0 || durationMs <= 0) return;
    const at = this.#next;
    this.#wallMs[at] = wallMs;
    this.#durationMs[at] = durationMs;
    this.#in[at] = bytesIn;
    this.#out[at] = bytesOut;
    this.#next = (at + 1) % this.capacity;
    this.#size = Math.min(this.#size + 1, this.capacity);
  }

  /** The rate in the last sample. */
  instant(): IRate {
    return this.#size === 0 ? nothing : this.#over(1);
  }

  /** The rate in the samples that began within the last `seconds`, or in all there are if they reach less far back. */
  over(seconds: number): IRate {
    return this.#over(this.#samplesWithin(seconds));
  }

  /** Those samples one by one, oldest first. */
  history(seconds: number): IThroughputPoint[] {
    const points: IThroughputPoint[] = [];
    for (let back = this.#samplesWithin(seconds); back >= 1; back--) {
      const at = this.#place(back);
      const span = (this.#durationMs[at] ?? 0) / 1000;
      points.push({ at: this.#wallMs[at] ?? 0, in: (this.#in[at] ?? 0) / span, out: (this.#out[at] ?? 0) / span });
    }
    return points;
  }

  #over(samples: number): IRate {
    let ms = 0;
    let bytesIn = 0;
    let bytesOut = 0;
    for (let back = 1; back <= samples; back++) {
      const at = this.#place(back);
      ms += this.#durationMs[at] ?? 0;
      bytesIn += this.#in[at] ?? 0;
      bytesOut += this.#out[at] ?? 0;
    }
    return ms === 0 ? nothing : { in: (bytesIn * 1000) / ms, out: (bytesOut * 1000) / ms };
  }

  /** How many samples, newest first, began within the last `seconds`; a sample that fills them to a hair counts. */
  #samplesWithin(seconds: number): number {
    const limitMs = seconds * 1000 * (1 + tolerance);
    let ms = 0;
    for (let back = 1; back <= this.#size; back++) {
      ms += this.#durationMs[this.#place(back)] ?? 0;
      if (ms > limitMs) return back === 1 && seconds > 0 ? 1 : back - 1;
    }
    return this.#size;
  }

  /** Index of the sample that is `back` from the newest; 1 is the newest. */
  #place(back: number): number {
    return (this.#next - back + this.capacity) % this.capacity;
  }
}

/** Timers are late by a little: ten samples of 1 000.4 ms are ten seconds. */
const tolerance = 0.01;
