// Waiting by the clock that was handed in, with an end.

import type { IClock } from '../../base/clock.js';
import * as plugins from '../../plugins.js';

/** Ends what is under way: an order with a hundred names listens a hundred times. */
export function makeEnding(): AbortController {
  const controller = new AbortController();
  plugins.events.EventEmitter.setMaxListeners(0, controller.signal);
  return controller;
}

/** Resolves after `ms`; rejects with the signal's reason. Leaves nothing behind. */
export function sleep(clock: IClock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const timer = clock.setTimer(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    const abort = () => {
      timer.cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}

/** Resolves when all of it has, however it ended, or after `ms`. */
export async function settledWithin(clock: IClock, ms: number, work: readonly unknown[]): Promise<void> {
  const over = new AbortController();
  const late = sleep(clock, ms, over.signal).catch(() => {});
  await Promise.race([Promise.allSettled(work), late]);
  over.abort();
}

/**
 * The outcome of `work`, which gets a signal that is aborted together with `signal` and after `ms`. Rejects then even
 * if `work` does not listen; what comes of it afterwards is dropped.
 * @param signal null: only the time ends it
 */
export function within<T>(
  clock: IClock,
  ms: number,
  signal: AbortSignal | null,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<T> | T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const controller = new AbortController();
    const clear = () => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    };
    const end = (error: unknown) => {
      clear();
      reject(error);
      controller.abort(error);
    };
    const abort = () => end(signal?.reason);
    const timer = clock.setTimer(() => end(late()), ms);
    signal?.addEventListener('abort', abort, { once: true });
    const running = (async () => work(controller.signal))();
    running.then(resolve, reject).finally(clear);
  });
}
