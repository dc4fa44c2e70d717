// Waiting, limiting and locking: what code with promises needs again and again.

import * as plugins from '../plugins.js';
import { maxDelayMs } from './clock.js';
import { ProxyError } from './errors.js';

/** Calls `fire` once after `ms`, however long that is, and returns what takes the timer back. */
function startTimer(fire: () => void, ms: number): () => void {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number): void => {
    timer = leftMs > maxDelayMs ? setTimeout(wait, maxDelayMs, leftMs - maxDelayMs) : setTimeout(fire, leftMs);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

export interface IDelayOptions {
  /** Ends the waiting early: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Resolves after `ms` milliseconds (at the next turn for 0 and below). Leaves no timer or listener behind. */
export function delay(ms: number, { signal }: IDelayOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = startTimer(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    const abort = () => {
      stop();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}

export interface IRetryOptions {
  /** How often `fn` is called at most, the first call included; 3. */
  readonly maxAttempts?: number;
  /** Milliseconds between the first and the second attempt; 100. */
  readonly initialDelay?: number;
  /** Upper bound of a pause, in milliseconds; 10 000. */
  readonly maxDelay?: number;
  /** Each pause is the one before times this; 2. */
  readonly factor?: number;
  /** The share of each pause that chance may take away: from 0 (none) to 1 (all of it); 0. */
  readonly jitter?: number;
  /** Called before each pause with the number of the attempt that failed, from 1, and its error. */
  readonly onRetry?: (attempt: number, error: unknown) => void;
  /** Ends it: no attempt and no pause is begun after the abort, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `fn(attempt)`, from 1, until it succeeds, with growing pauses. Rejects with the last error.
 * The loop is ours because that of cockatiel sits an abort out until the pause is over and always doubles.
 */
export async function retryWithBackoff<T>(
  fn: (attempt: number) => Promise<T> | T,
  options: IRetryOptions = {},
): Promise<T> {
  const { maxAttempts = 3, initialDelay = 100, maxDelay = 10_000, factor = 2, jitter = 0, onRetry, signal } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await fn(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= maxAttempts) throw error;
      onRetry?.(attempt, error);
    }
    const pauseMs = Math.min(maxDelay, initialDelay * factor ** (attempt - 1));
    await delay(pauseMs * (1 - jitter * Math.random()), signal ? { signal } : {});
  }
}

/**
 * The outcome of `work`, or a rejection with ProxyError `TIMEOUT` if it takes longer than `ms` milliseconds.
 * A function is given a signal that is aborted at that moment, with the same error as its reason. What a late `work`
 * comes to is dropped, a rejection too. Leaves no timer behind.
 */
export function withTimeout<T>(
  work: Promise<T> | ((signal: AbortSignal) => Promise<T> | T),
  ms: number,
  message = `not done within ${ms} ms`,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const stop = startTimer(() => {
      const error = new ProxyError('TIMEOUT', message);
      reject(error);
      controller.abort(error);
    }, ms);
    const running = typeof work === 'function' ? (async () => work(controller.signal))() : work;
    running.then(resolve, reject).finally(stop);
  });
}

/**
 * Calls `fn(item, index)` for every item, at most `limit` at a time, and resolves to the results in the items' order.
 * Rejects with the first error; items not begun by then are left out, those under way are not waited for.
 */
export async function parallelLimit<T, R>(
  items: Iterable<T>,
  limit: number,
  fn: (item: T, index: number) => Promise<R> | R,
): Promise<R[]> {
  const limiter = plugins.pLimit(limit);
  try {
    return await limiter.map(items, fn);
  } catch (error) {
    limiter.clearQueue();
    throw error;
  }
}

/** A function whose calls are gathered; see `debounceAsync`. */
export interface IDebounced<A extends unknown[], R> {
  (...args: A): Promise<R>;
  /** Drops the burst that is waiting; its callers get an `AbortError`. A run under way goes on. */
  cancel(): void;
}

/**
 * Gathers calls that come less than `ms` milliseconds after one another into one run of `fn`, `ms` after the last of
 * them and with its arguments. All callers of a burst get that run's outcome. Runs do not overlap: a burst that ends
 * during a run waits for it.
 */
export function debounceAsync<A extends unknown[], R>(
  fn: (...args: A) => Promise<R> | R,
  ms: number,
): IDebounced<A, R> {
  const mutex = new AsyncMutex();
  let burst: (IDeferred<R> & { stop: () => void }) | undefined;

  const debounced = (...args: A): Promise<R> => {
    burst?.stop();
    const current = burst ?? { ...makeDeferred<R>(), stop: () => {} };
    current.stop = startTimer(() => {
      burst = undefined;
      mutex.runExclusive(() => fn(...args)).then(current.resolve, current.reject);
    }, ms);
    burst = current;
    return current.promise;
  };
  const cancel = (): void => {
    burst?.stop();
    burst?.reject(new DOMException('the call was cancelled', 'AbortError'));
    burst = undefined;
  };
  return Object.assign(debounced, { cancel });
}

interface IDeferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function makeDeferred<T>(): IDeferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onDone, onFail) => {
    resolve = onDone;
    reject = onFail;
  });
  return { promise, resolve, reject };
}

/** Lets one at a time through, in the order of asking. Not re-entrant: a holder that asks again waits for itself. */
export class AsyncMutex {
  readonly #mutex = new plugins.asyncMutex.Mutex();

  get isLocked(): boolean {
    return this.#mutex.isLocked();
  }

  /** Resolves, when it is the caller's turn, to the function that gives the lock back; calling that again does nothing. */
  acquire(): Promise<() => void> {
    return this.#mutex.acquire();
  }

  /** Runs `fn` while holding the lock, which is given back however `fn` ends. */
  runExclusive<T>(fn: () => Promise<T> | T): Promise<T> {
    return this.#mutex.runExclusive(fn);
  }
}
