// Why a request has no proper answer, as errors whose status the client gets.

import { messageOf, ProxyError } from '../base/errors.js';
import { endTable, type TEnd } from '../flow/ends.js';

/** What a request had come to when its time was up. */
export interface IOverdue {
  readonly answered: boolean;
  /** All of its content had come, or its origin took no more of it: the client is not to blame. */
  readonly received: boolean;
  /** Who was to answer; null: nobody but us and the program's functions. */
  readonly place: { readonly host: string; readonly port: number } | null;
}

export function overdue({ answered, received, place }: IOverdue): ProxyError {
  if (answered) return new ProxyError('TIMEOUT', 'the answer took too long');
  if (!received) return new ProxyError('REQUEST_TIMEOUT', 'the request took too long');
  const who = place === null ? 'the handler' : `${place.host}:${place.port}`;
  return new ProxyError('RESPONSE_TIMEOUT', `${who} did not answer in time`);
}

/** Whatever was thrown, with a code. */
export const knownError = (error: unknown): ProxyError =>
  error instanceof ProxyError ? error : new ProxyError('HANDLER_FAILED', messageOf(error), { cause: error });

/** Limits of ours that cut a connection whatever its requests have come to. */
const ownCuts: ReadonlySet<TEnd | null> = new Set<TEnd>(['inactivity_timeout', 'stall_timeout', 'max_lifetime']);

/** Why a request lost its client. `end`: what its connection has ended with; null: it has not. */
export function goneError(why: 'left' | 'malformed' | 'shutdown' | 'timeout', end: TEnd | null): ProxyError {
  if (end !== null && ownCuts.has(end)) return new ProxyError('TIMEOUT', endTable[end].meaning);
  if (why === 'timeout') return new ProxyError('TIMEOUT', endTable.stall_timeout.meaning);
  return new ProxyError(why === 'malformed' ? 'REQUEST_MALFORMED' : 'CLIENT_LEFT', `the client: ${why}`);
}

/** What an error becomes where the client speaks HTTP. */
export const statusOf = (error: Error): number => (error instanceof ProxyError ? error.status : 502);

/** Where any success would open a tunnel, and nobody is at its other end. */
export const notSwitched = (): ProxyError =>
  new ProxyError('TARGET_MALFORMED', 'the target took the opening of a WebSocket for another request');
