// What users write about how often a route may be asked.

/**
 * How many requests may be made in a time. Without `burst` they are counted in a window that slides: no `window` seconds ever see
 * more than `maxRequests`. With `burst` it is a bucket: so many at once, and `maxRequests` in `window` seconds for ever.
 */
export interface IRateLimit {
  /** At least 1. */
  maxRequests: number;
  /** Seconds, at most a day. */
  window: number;
  /**
   * Whose requests are counted together. `ip`: those of a client address (IPv6: of a /64), behind a trusted proxy the one that it
   * states. `path`: those for a path in its normal form, whoever asks. `header`: those with the same value of the field
   * `headerName`; without the field, those of the client address.
   */
  keyBy: 'ip' | 'path' | 'header';
  /** With `keyBy: 'header'`, and needed there. */
  headerName?: string | undefined;
  /** Requests at once. Default: a sliding window. */
  burst?: number | undefined;
  /** Of the answer to what is too much. Default 429. */
  status?: number | undefined;
  /** Whether requests pass while a store of the host program's does not answer. Default true. */
  failOpen?: boolean | undefined;
  /** Milliseconds for such a store to answer. Default 100. */
  storeTimeout?: number | undefined;
}
