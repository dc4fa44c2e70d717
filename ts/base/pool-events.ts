// A pool's listeners, kept from doing harm: what they throw never reaches the pool.

import * as plugins from '../plugins.js';
import type { IConnectionPoolEvents } from './connection-pool-options.js';

export type TPoolListener<T, E extends keyof IConnectionPoolEvents<T>> = (...args: IConnectionPoolEvents<T>[E]) => void;

type TAnyListener = (...args: unknown[]) => void;

export class PoolEvents<T> {
  readonly #emitter = new plugins.events.EventEmitter();
  readonly #onError: (error: unknown, connection?: T) => void;
  /** Somebody listens, or did: most pools have no listener, and are told of each loan. */
  #isHeard = false;

  /** `onError` is called with every reported error, before the listeners. */
  constructor(onError: (error: unknown, connection?: T) => void) {
    this.#onError = onError;
  }

  on<E extends keyof IConnectionPoolEvents<T>>(event: E, listener: TPoolListener<T, E>): void {
    this.#isHeard = true;
    this.#emitter.on(event, listener as TAnyListener);
  }

  off<E extends keyof IConnectionPoolEvents<T>>(event: E, listener: TPoolListener<T, E>): void {
    this.#emitter.off(event, listener as TAnyListener);
  }

  /** Tells of everything but errors; what a listener throws is reported as one. */
  emit<E extends Exclude<keyof IConnectionPoolEvents<T>, 'error'>>(
    event: E,
    ...args: IConnectionPoolEvents<T>[E]
  ): void {
    if (!this.#isHeard) return;
    try {
      this.#emitter.emit(event, ...args);
    } catch (error) {
      this.report(error);
    }
  }

  /** Tells of an error. Node throws an 'error' that nobody hears; here it is quiet. */
  report(error: unknown, connection?: T): void {
    try {
      this.#onError(error, connection);
    } catch {
      // There is nobody left to tell.
    }
    if (this.#emitter.listenerCount('error') === 0) return;
    try {
      this.#emitter.emit('error', error, connection);
    } catch {
      // As above.
    }
  }
}
