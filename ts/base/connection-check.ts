// Asks a validator about a connection: an answer at once stays one, a promised one is bounded in time.

import type { IClock } from './clock.js';
import { ProxyError } from './errors.js';

export interface IConnectionCheck<T> {
  readonly validator: (connection: T) => Promise<boolean> | boolean;
  readonly clock: IClock;
  readonly limitMs: number;
  /** Told why, when a check failed rather than said no. */
  readonly report: (error: unknown, connection: T) => void;
}

/** Whether the connection is good. The promise never rejects: an exception, a rejection or silence count as no. */
export function checkConnection<T>(connection: T, check: IConnectionCheck<T>): Promise<boolean> | boolean {
  const { validator, report } = check;
  try {
    const verdict = validator(connection);
    return typeof verdict === 'boolean' ? verdict : bounded(verdict, connection, check);
  } catch (error) {
    report(error, connection);
    return false;
  }
}

function bounded<T>(verdict: Promise<boolean>, connection: T, check: IConnectionCheck<T>): Promise<boolean> {
  const { clock, limitMs, report } = check;
  return new Promise((resolve) => {
    const refuse = (error: unknown) => {
      report(error, connection);
      resolve(false);
    };
    const timer = clock.setTimer(
      () => refuse(new ProxyError('TIMEOUT', `a connection was not validated within ${limitMs} ms`)),
      limitMs,
    );
    verdict.then(resolve, refuse).finally(() => timer.cancel());
  });
}
