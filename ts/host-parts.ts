// What a host program gives a proxy besides its options.

import type { IClock } from './base/clock.js';
import type { IResolver } from './flow/forward/target-types.js';
import type { IRateLimitStore } from './flow/guard/rate-store.js';
import type { IPlan } from './flow/plan.js';
import type { IGroupParts } from './group-parts.js';

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
  /** False: no port is opened. `handleConnection` serves sockets that the host program accepted. Default true. */
  readonly listens?: boolean;
  /** What the admin interface may ask of the program. Default: it cannot reload, and stops the proxy alone. */
  readonly control?: IHostControl;
  /** What `ProxyWorkers` gives each of its workers. Default: this is the only process. */
  readonly group?: IGroupParts;
}

/** What `POST /api/reload` and `POST /api/stop` do. */
export interface IHostControl {
  /** Reads the configuration again from where it came, and puts its routes into force. What it rejects with is told. */
  reload?(): Promise<IPlan>;
  /** Stops the program, or what it runs for. `graceMs`: null where nothing was said. */
  stop?(graceMs: number | null): void;
}

export interface IStopOptions {
  /** Milliseconds that connections are given to end by themselves. Default `gracefulShutdownTimeout`. */
  readonly graceMs?: number | undefined;
}
