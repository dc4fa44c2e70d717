// What an exchange says when it wants a connection to a target, what it gets, and what connections are kept in.

import type { IResolvedHttp } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import type { IForwardDeps } from '../flow/forward/deps.js';
import type { ITargetPick } from '../flow/forward/target-types.js';
import type { IOrigin, IOriginFailure } from './exchange-types.js';

export interface IUpstreamWant {
  /** Its lease stays the caller's: `Upstreams` calls none of its methods. */
  readonly pick: ITargetPick;
  /** The client's, whose address a PROXY header states. */
  readonly connection: Connection;
  readonly forward: IForwardDeps;
  readonly http: IResolvedHttp;
  /** For a connection to be made, and for one to come free where there are enough. */
  readonly connectionTimeoutMs: number;
  /** True: one that has not served yet, as after a stale one. */
  readonly fresh: boolean;
  /** The request opens a WebSocket: only a connection that can become one will do. */
  readonly upgrades: boolean;
}

/**
 * The origin is the caller's until it has told `answerEnd`, `answerSwitched` or `originFailed`, or was told `cancel`;
 * afterwards it may be somebody else's, and no method of it may be called.
 */
export type TGotOrigin = (origin: IOrigin) => void;

/** Nothing was sent: `unsent` is true. Its error is a ProxyError. */
export type TNoOrigin = (failure: IOriginFailure) => void;

/** A request that waits for a connection. */
export interface IUpstreamTicket {
  /** It waits no longer: neither function is called any more. */
  cancel(): void;
}

/** Upstream connections in numbers. */
export interface IUpstreamStats {
  /** Places that connections are kept for. */
  readonly pools: number;
  /** Connections, idle ones included. */
  readonly open: number;
  /** Those that nobody uses: of HTTP/2, those without a stream. */
  readonly idle: number;
  /** Requests that wait for one. */
  readonly waiting: number;
}

export type TPoolStats = Omit<IUpstreamStats, 'pools'>;

/** The connections to one place that may serve one another's requests, of whichever version. */
export interface IUpstreamPool {
  readonly stats: TPoolStats;
  /** An origin that is at hand; null if there is none. `fresh` as wanted. */
  take(fresh: boolean): IOrigin | null;
  /** Rejects with ProxyError, or with the signal's reason. */
  wait(fresh: boolean, signal: AbortSignal): Promise<IOrigin>;
  /** For requests that open WebSockets. */
  readonly forUpgrades: IUpstreamPool;
  /** Ends all of them, those in use too. */
  cleanup(): Promise<void>;
}
