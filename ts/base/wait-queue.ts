// Callers who wait for something scarce: who is next, and who has waited long enough.

import { BinaryHeap } from './binary-heap.js';
import type { IClock, ITimer } from './clock.js';

export interface IWaitOptions {
  /** The greater goes first. */
  readonly priority: number;
  /** Among equals the smaller goes first; unique in the queue. */
  readonly order: number;
  /** Milliseconds after which the wait fails with `makeLimitError()`. */
  readonly limitMs: number;
  readonly makeLimitError: () => Error;
  /** Aborted: the wait fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One who waits, out of the queue once taken. */
export interface IWaiter<V> {
  readonly order: number;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;
}

interface IQueued<V> extends IWaiter<V> {
  readonly priority: number;
  readonly forget: () => void;
}

export class WaitQueue<V> {
  readonly #clock: IClock;
  readonly #queued = new BinaryHeap<IQueued<V>, number>(
    (a, b) => b.priority - a.priority || a.order - b.order,
    (waiter) => waiter.order,
  );

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#queued.size;
  }

  /** Joins the queue; the promise settles with what is done to the waiter, or fails at its limit. */
  wait({ priority, order, limitMs, makeLimitError, signal }: IWaitOptions): Promise<V> {
    return new Promise((resolve, reject) => {
      const giveUp = (error: unknown) => {
        this.#queued.remove(order)?.forget();
        reject(error);
      };
      const abort = () => giveUp(signal?.reason);
      const timer: ITimer = this.#clock.setTimer(() => giveUp(makeLimitError()), limitMs);
      signal?.addEventListener('abort', abort, { once: true });
      const forget = () => {
        timer.cancel();
        signal?.removeEventListener('abort', abort);
      };
      this.#queued.insert({ priority, order, resolve, reject, forget });
    });
  }

  /** The next one, left in the queue. */
  peek(): IWaiter<V> | undefined {
    return this.#queued.peek();
  }

  /** Takes the next one out; whoever takes it must settle it. */
  take(): IWaiter<V> | undefined {
    const waiter = this.#queued.extract();
    waiter?.forget();
    return waiter;
  }
}
