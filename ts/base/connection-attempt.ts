// One attempt to make a connection: ends exactly once, in time, and never loses a connection that comes too late.

import type { IClock } from './clock.js';
import type { IFactoryContext } from './connection-pool-options.js';
import { ProxyError } from './errors.js';

export interface IConnectionAttempt<T> {
  readonly factory: (context: IFactoryContext) => Promise<T> | T;
  readonly lost: () => void;
  readonly clock: IClock;
  readonly limitMs: number;
  /** Exactly one of these two is called, once, and never before `attemptConnection` has returned. */
  readonly made: (connection: T) => void;
  readonly failed: (error: unknown) => void;
  /** Called with a connection that came after the attempt had failed or was cancelled. */
  readonly late: (connection: T) => void;
}

/**
 * Begins the attempt. The function returned gives it up: `failed` is not called, what the factory still makes goes to
 * `late`.
 */
export function attemptConnection<T>(attempt: IConnectionAttempt<T>): (reason: unknown) => void {
  const { factory, lost, clock, limitMs, made, failed, late } = attempt;
  const controller = new AbortController();
  let isOver = false;
  const finish = (): boolean => {
    if (isOver) return false;
    isOver = true;
    timer.cancel();
    return true;
  };
  const timer = clock.setTimer(() => {
    const error = new ProxyError('TIMEOUT', `no connection was made within ${limitMs} ms`);
    if (!finish()) return;
    controller.abort(error);
    failed(error);
  }, limitMs);
  // Through an async function: what the factory throws at once comes as late as a rejection does.
  (async () => factory({ signal: controller.signal, lost }))().then(
    (connection) => (finish() ? made(connection) : late(connection)),
    (error) => {
      if (finish()) failed(error);
    },
  );
  return (reason) => {
    if (finish()) controller.abort(reason);
  };
}
