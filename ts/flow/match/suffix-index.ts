// Finds, among many suffixes, those of a host, in one pass from its end and without making strings.

interface IBucket<T> {
  readonly suffix: string;
  readonly value: T;
  /** Another suffix with the same hash. */
  readonly next: IBucket<T> | undefined;
}

/** A map whose keys are suffixes that begin with a dot: `.a.com`. */
export class SuffixIndex<T> {
  readonly #buckets = new Map<number, IBucket<T>>();
  /** Length of the longest suffix: no need to look further. */
  longest = 0;

  /** Of the suffix made of `hash`'s suffix with the character `code` in front. Of nothing it is 0. */
  static extend(hash: number, code: number): number {
    // 30 bits stay a small integer in V8, so that a look-up allocates nothing.
    return (Math.imul(hash, 31) + code) & 0x3fffffff;
  }

  set(suffix: string, value: T): void {
    const hash = hashOf(suffix);
    this.#buckets.set(hash, { suffix, value, next: this.#buckets.get(hash) });
    this.longest = Math.max(this.longest, suffix.length);
  }

  get(suffix: string): T | undefined {
    return this.find(hashOf(suffix), suffix, suffix.length);
  }

  /** The value of the suffix of `host` that has this `length` and `hash`. */
  find(hash: number, host: string, length: number): T | undefined {
    let bucket = this.#buckets.get(hash);
    while (bucket !== undefined) {
      if (bucket.suffix.length === length && host.endsWith(bucket.suffix)) return bucket.value;
      bucket = bucket.next;
    }
    return undefined;
  }
}

function hashOf(suffix: string): number {
  let hash = 0;
  for (let at = suffix.length - 1; at >= 0; at--) hash = SuffixIndex.extend(hash, suffix.charCodeAt(at));
  return hash;
}
