// What `getMetrics()` gives. docs/metrics.md explains each name; a test holds the two together.

import type { TEnd } from '../flow/ends.js';
import type { IPercentiles } from './histogram.js';
import type { IRouteCounters } from './route-counts.js';
import type { IRate, IThroughputPoint } from './throughput.js';

/** How often each word. Every word is there, most are 0. */
export type TEndCounts = Readonly<Record<TEnd, number>>;

/** The numbers are those of the moment of the call; the functions answer for the moment in which they are called. */
export interface IMetrics {
  readonly connections: IConnectionMetrics;
  /** null where sampling is switched off (`metrics: false`). */
  readonly throughput: IThroughputMetrics | null;
  readonly requests: IRequestMetrics;
  readonly totals: ITotalMetrics;
  readonly percentiles: {
    /** Of ended connections, from accept to end, in milliseconds. */
    readonly connectionDuration: IPercentiles;
    /** Of ended connections, both directions together, in bytes. */
    readonly bytesTransferred: IPercentiles;
    /** Of HTTP requests, from the head to the end of the answer, in milliseconds. */
    readonly requestDuration: IPercentiles;
  };
  /** Ended connections by the reason: together as many as `total - active`. */
  readonly ends: TEndCounts;
  /** Clients closed on arrival by the reason; they are in no other number. */
  readonly refused: TEndCounts;
  /** Routes that the kernel forwards, at the last look, a few seconds ago at most. */
  readonly kernel: IKernelMetrics;
  /** What each route has done since the start. Beyond the first 1 000 routes the rest is `other`. */
  byRoute(): Map<string, IRouteCounters>;
}

/** Since the routes came into the kernel. Bytes are those of IP packets, headers included. */
export interface IKernelCounters {
  /** Connections that were sent to a target. */
  readonly connections: number;
  /** Packets that address lists refused. */
  readonly refused: number;
  /** Packets that `maxConnections` refused. */
  readonly limited: number;
  /** Packets beyond `maxRate`. */
  readonly dropped: number;
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

export interface IKernelMetrics extends IKernelCounters {
  /** Tracked now; in `connections.active` too. */
  readonly active: number;
  /** By the key of the route. */
  byRoute(): Map<string, IKernelCounters>;
}

export interface IConnectionMetrics {
  readonly active: number;
  /** Since the start. */
  readonly total: number;
  /** Closed on arrival, not in `total`. */
  readonly refused: number;
  /** Active ones by the key of their route; those without one yet are left out. */
  byRoute(): Map<string, number>;
  /** Active ones by client address. */
  byIP(): Map<string, number>;
  /** The `n` (default 10) addresses with the most active connections, most first. */
  topIPs(n?: number): ITopIP[];
}

export interface ITopIP {
  readonly ip: string;
  readonly count: number;
}

/** Bytes a second. */
export interface IThroughputMetrics {
  /** In the last sample. */
  readonly instant: IRate;
  /** Over 10 s. */
  readonly recent: IRate;
  /** Over 60 s. */
  readonly average: IRate;
  /** Over the last `seconds`, at most what is retained. */
  custom(seconds: number): IRate;
  /** The samples of the last `seconds`, oldest first. */
  history(seconds: number): IThroughputPoint[];
  /** By route, in the last sample; only those that moved bytes. */
  byRoute(): Map<string, IRate>;
  /** By client address, in the last sample; only those that moved bytes. Beyond 10 000 the rest is `other`. */
  byIP(): Map<string, IRate>;
}

/** HTTP requests, those included that could not be understood. */
export interface IRequestMetrics {
  /** Since the start. */
  readonly total: number;
  /** In the last sample; null where sampling is switched off (`metrics: false`). */
  readonly perSecond: number | null;
  /** In the last 60 s; null likewise. */
  readonly perMinute: number | null;
  /** Since the start; 499: the client left before it had its answer. */
  byStatus(): Map<number, number>;
}

/** Since the start. */
export interface ITotalMetrics {
  /** From clients. */
  readonly bytesIn: number;
  /** To clients. */
  readonly bytesOut: number;
  readonly connections: number;
}
