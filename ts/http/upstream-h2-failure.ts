// Why a stream to a target has no (complete) answer, in the terms that retries and people understand.

import type { Socket } from 'node:net';
import type { IClock } from '../base/clock.js';
import { messageOf, ProxyError } from '../base/errors.js';
import { h2Error } from '../codec/http2-frame.js';
import type { IOriginFailure } from './exchange-types.js';

/** The connection, as its streams use it. */
export interface IUpstreamH2Host {
  /** For people: `a.test:443`. */
  readonly name: string;
  readonly scheme: 'http' | 'https';
  readonly options: { readonly socket: Socket; readonly clock: IClock };
  /** The target takes extended CONNECT. */
  readonly allowsUpgrade: boolean;
  /** What was opened may be sent. */
  readonly live: boolean;
  /** How often a stream was told something of its answer. */
  heard: number;
  /** Answers that were complete. */
  served: number;
  failure(end: IStreamEnd): IOriginFailure;
}

/** How a stream was closed: `IH2StreamOwner.h2Closed`, and how far its answer had come. */
export interface IStreamEnd {
  readonly code: number;
  readonly unprocessed: boolean;
  readonly ours: boolean;
  /** The answer's head was there. */
  readonly answered: boolean;
  /** Nothing of any answer came on the connection since the request was sent. */
  readonly isQuiet: boolean;
}

/** What became of a connection that ended before its streams. */
export interface IConnectionLoss {
  /** null: the target closed it, or we did. */
  readonly cause: Error | null;
}

/**
 * `loss`: the connection is gone; null: it lives, or we ended it for a fault of the target. `served`: it had given answers before.
 */
export function streamFailure(
  name: string,
  { code, unprocessed, ours, answered, isQuiet }: IStreamEnd,
  loss: IConnectionLoss | null,
  served: boolean,
): IOriginFailure {
  const when = answered ? 'in the middle of its answer' : 'before it answered';
  // Whatever the request is, it may be sent again, and that says nothing about the target.
  if (unprocessed) return broke(`${name} did not take the request (${wordOf(code)})`, null, true, true);
  if (loss !== null) {
    const how = loss.cause === null ? 'closed' : `broke (${messageOf(loss.cause)})`;
    return broke(`${name} ${how} the connection ${when}`, loss.cause, false, served && !answered && isQuiet);
  }
  if (ours && code === h2Error.cancel) {
    return broke(`${name} did not answer a ping ${when}`, null, false, served && !answered && isQuiet);
  }
  if (ours) return malformed(name, wordOf(code));
  return broke(`${name} reset the stream (${wordOf(code)}) ${when}`, null, false, false);
}

/** A connection that is gone. `spoke`: its target had begun HTTP/2. */
export function connectionLoss(name: string, cause: Error | null, spoke: boolean): ProxyError {
  const how = cause === null ? 'closed the connection' : `broke the connection (${cause.message})`;
  const when = spoke ? '' : ' before it spoke HTTP/2';
  return new ProxyError('TARGET_BROKE', `${name} ${how}${when}`, cause === null ? {} : { cause });
}

/** One that we ended for a fault of the target. */
export function sessionFault(name: string, code: number, why: string, spoke: boolean): ProxyError {
  if (spoke) return new ProxyError('TARGET_MALFORMED', `${name} broke the rules of HTTP/2: ${why}`);
  if (code === h2Error.settingsTimeout) return new ProxyError('TARGET_TIMEOUT', `${name} sent no settings`);
  return new ProxyError('TARGET_VERSION', `${name} does not speak HTTP/2: ${why} (${wordOf(code)})`);
}

function broke(message: string, cause: Error | null, unsent: boolean, stale: boolean): IOriginFailure {
  const error = new ProxyError('TARGET_BROKE', message, cause === null ? undefined : { cause });
  return { error, unsent, stale };
}

export function malformed(name: string, why: string): IOriginFailure {
  const error = new ProxyError('TARGET_MALFORMED', `${name} gave an answer that is not HTTP/2: ${why}`);
  return { error, unsent: false, stale: false };
}

/** The name of RFC 9113 §7: `PROTOCOL_ERROR` is `protocol`. */
function wordOf(code: number): string {
  for (const [word, value] of Object.entries(h2Error)) if (value === code) return word;
  return `code ${code}`;
}
