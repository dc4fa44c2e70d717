// How values are spread: counts in fixed, log-spaced buckets, the same in every process, so that they can be added up.

/** Steps of each power of two: a value is known to 1/16 of itself. */
const stepsPerOctave = 16;
const octaveBits = 4;

/** Values up to 2^53 - 1, the largest exact integer. */
const bucketCount = stepsPerOctave + (53 - octaveBits) * stepsPerOctave;

/** At most `p50` for half of the values, and so on; 0 where there are none. Not below the true value, at most 1/16 above. */
export interface IPercentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  /** How many values there were. */
  readonly count: number;
}

/** Values counted up to each bound; what is above the last bound is in `count` alone. */
export interface IBoundCounts {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** Whole numbers from 0 to 2^53 - 1. 7 kB, whatever it is given. */
export class Histogram {
  /** Whole numbers too. */
  readonly #counts = new Float64Array(bucketCount);
  #count = 0;
  #sum = 0;

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** A fraction is rounded; what is below 0 or not a number is 0. */
  record(value: number): void {
    const whole = Math.min(Math.max(0, Math.round(value) || 0), Number.MAX_SAFE_INTEGER);
    const bucket = bucketOf(whole);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#sum += whole;
  }

  /** The upper end of the bucket that holds the value below which `share` (0 to 1) of all lie. */
  percentile(share: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.min(Math.max(1, Math.ceil(share * this.#count)), this.#count);
    let seen = 0;
    let bucket = 0;
    for (; bucket < bucketCount; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) break;
    }
    return lastOf(bucket);
  }

  percentiles(): IPercentiles {
    const [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map((share) => this.percentile(share)) as [
      number,
      number,
      number,
      number,
    ];
    return { p50, p90, p95, p99, count: this.#count };
  }

  /** The counts without the empty buckets at the end: plain data, for another process's `add`. */
  counts(): number[] {
    return Array.from(this.#counts.subarray(0, this.#counts.findLastIndex((count) => count > 0) + 1));
  }

  /** For each bound, how many values were not above it. The bounds are ends of buckets, as 2^n - 1 is: the counts are exact. */
  countsUpTo(bounds: readonly number[]): IBoundCounts {
    let seen = 0;
    let bucket = 0;
    const counts = bounds.map((bound) => {
      for (; bucket < bucketCount && lastOf(bucket) <= bound; bucket++) seen += this.#counts[bucket] ?? 0;
      return seen;
    });
    return { bounds, counts, count: this.#count, sum: this.#sum };
  }

  /** Adds what another histogram counted, and its sum. */
  add(counts: readonly number[], sum = 0): void {
    this.#sum += sum;
    counts.slice(0, bucketCount).forEach((count, bucket) => {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#count += count;
    });
  }
}

/** Small values have a bucket each; above, the octave and the four bits after its leading one decide. */
function bucketOf(value: number): number {
  if (value < stepsPerOctave) return value;
  const high = Math.floor(value / 2 ** 32);
  const exponent = high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value);
  const step = Math.floor(value / 2 ** (exponent - octaveBits)) - stepsPerOctave;
  return stepsPerOctave + (exponent - octaveBits) * stepsPerOctave + step;
}

/** The largest value of a bucket. */
function lastOf(bucket: number): number {
  if (bucket < stepsPerOctave) return bucket;
  const octave = Math.floor(bucket / stepsPerOctave) - 1;
  const step = bucket % stepsPerOctave;
  return (stepsPerOctave + step + 1) * 2 ** octave - 1;
}
