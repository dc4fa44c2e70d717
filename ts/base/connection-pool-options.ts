// What a connection pool is told, and what it tells.

import { type IClock, systemClock } from './clock.js';

/** What the pool gives to the function that makes a connection. */
export interface IFactoryContext {
  /** Aborted when the pool no longer wants the connection: it took too long, or the pool closes. */
  readonly signal: AbortSignal;
  /**
   * To be called when the connection has died (a socket's 'close'), at any time and any number of times: an idle one
   * leaves the pool at once, one in use when it comes back.
   */
  readonly lost: () => void;
}

export interface IConnectionPoolOptions<T> {
  /**
   * Makes a connection. Called whenever one is needed, at most `maxSize` at a time. What it throws goes to the caller
   * who waits for it. A connection that comes after the signal was aborted is destroyed.
   */
  readonly connectionFactory: (context: IFactoryContext) => Promise<T> | T;
  /**
   * Says whether a connection can be used (again). A plain boolean keeps the pool's fast way; a promise has
   * `acquireTimeout` to settle. False, and whatever is thrown, destroys the connection.
   */
  readonly connectionValidator?: (connection: T) => Promise<boolean> | boolean;
  /** Ends a connection. Called exactly once for each; it must not be used afterwards. */
  readonly connectionDestroyer?: (connection: T) => Promise<void> | void;
  /** Told of every failure to make, validate or destroy a connection. What it throws is dropped. */
  readonly onConnectionError?: (error: unknown, connection?: T) => void;
  /** So many connections are made ahead and kept though idle; 0. */
  readonly minSize?: number;
  /** The most connections there are at a time, idle, in use or in the making; 10. */
  readonly maxSize?: number;
  /** The most callers that wait for a full pool; further ones are refused; 1000. */
  readonly maxQueueSize?: number;
  /** Milliseconds in which a connection must be made, and a caller get one; 30 000. */
  readonly acquireTimeout?: number;
  /** Milliseconds that a caller who found the pool full waits at most; 10 000. */
  readonly queueTimeout?: number;
  /** Milliseconds after which an idle connection is destroyed; 60 000. Infinity: never. */
  readonly idleTimeout?: number;
  /** A connection that was used so often is destroyed when it comes back; Infinity. */
  readonly maxUseCount?: number;
  /** Asks the validator before a connection that was idle is given out; true. New connections are not validated. */
  readonly validateOnAcquire?: boolean;
  /** Asks the validator when a connection comes back; false. */
  readonly validateOnReturn?: boolean;
  readonly clock?: IClock;
}

/**
 * A connection on loan. Each loan is another object, so that giving one back twice cannot touch the next borrower's.
 */
export interface IPooledConnection<T> {
  /** Of the connection, the same in all its loans; unique in its pool. */
  readonly id: number;
  readonly connection: T;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When this loan began, or when the connection was made if it has not been lent; milliseconds since 1970. */
  readonly lastUsedAt: number;
  /** How often the connection has been lent, this loan included. */
  readonly useCount: number;
  /** True until it is given back or destroyed. */
  readonly inUse: boolean;
  /** The borrowers' notes; they stay with the connection. */
  readonly metadata: Record<string, unknown>;
}

export interface IAcquireOptions {
  /** Among callers who wait, the greater goes first, and among equals the earlier; 0. */
  readonly priority?: number;
  /** Gives up waiting: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A pool in numbers; the last four count from its beginning. */
export interface IConnectionPoolStats {
  /** Connections there are: idle, in use or being validated. */
  readonly size: number;
  readonly idle: number;
  readonly inUse: number;
  /** Connections in the making; they count towards `maxSize`. */
  readonly creating: number;
  /** Callers who wait. */
  readonly waiting: number;
  readonly acquired: number;
  readonly created: number;
  readonly destroyed: number;
  /** Connections that could not be made. */
  readonly failed: number;
}

/** What a pool's listeners are called with. What they throw is dropped. */
export interface IConnectionPoolEvents<T> {
  acquire: [loan: IPooledConnection<T>];
  release: [loan: IPooledConnection<T>];
  create: [entry: IPooledConnection<T>];
  destroy: [entry: IPooledConnection<T>];
  /** As `onConnectionError`. Unlike elsewhere, nothing happens if nobody listens. */
  error: [error: unknown, connection: T | undefined];
}

/** All options, each with a value. */
export type TPoolOptions<T> = Required<IConnectionPoolOptions<T>>;

const defaults = {
  connectionValidator: () => true,
  connectionDestroyer: () => {},
  onConnectionError: () => {},
  minSize: 0,
  maxSize: 10,
  maxQueueSize: 1000,
  acquireTimeout: 30_000,
  queueTimeout: 10_000,
  idleTimeout: 60_000,
  maxUseCount: Number.POSITIVE_INFINITY,
  validateOnAcquire: true,
  validateOnReturn: false,
  clock: systemClock,
};

/** Throws RangeError unless 1 <= `maxSize` and 0 <= `minSize` <= `maxSize`. */
export function completeOptions<T>(options: IConnectionPoolOptions<T>): TPoolOptions<T> {
  const complete = { ...defaults, ...options };
  const { minSize, maxSize } = complete;
  if (maxSize >= 1 && minSize >= 0 && minSize <= maxSize) return complete;
  throw new RangeError(`a pool cannot hold ${minSize} to ${maxSize} connections`);
}
