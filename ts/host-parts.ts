// What a host program gives a proxy besides its options.

import type { IClock } from './base/clock.js';
import type { IResolver } from './flow/forward/target-types.js';
import type { IRateLimitStore } from './flow/guard/rate-store.js';

/** What a host program may replace: the second argument of `new SmartProxy`. */
export interface IHostParts {
  /** Default: the machine's time. */
  readonly clock?: IClock;
  /** Asked for the names of targets, not for addresses. Default: the hosts file and DNS, cached by TTL. */
  readonly resolver?: IResolver;
  /** Where requests are counted for `security.rateLimit`. Default: in this process alone. */
  readonly rateLimits?: IRateLimitStore;
  /** Put in front of connection ids, so that several processes never share one. Default none. */
  readonly idPrefix?: string;
}

export interface IStopOptions {
  /** Milliseconds that connections are given to end by themselves. Default `gracefulShutdownTimeout`. */
  readonly graceMs?: number | undefined;
}
