// The head of an HTTP/1 response (RFC 9112 §4): bytes in, an IHttp1Response out, or why it is refused.

import type { IResponseHead } from './http-message.js';
import type { IHeadLimits, THeadDecoded } from './http1-request.js';

export interface IHttp1Response extends IResponseHead {
  /** What delimits the content that follows. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
  /** The connection may serve again once the content was read. */
  readonly keepAlive: boolean;
  /** Of 101: the protocol switched to, in lower case; else null. */
  readonly upgrade: string | null;
}

/** `method`: of the request that is answered. `scanned`: see decodeRequestHead. What is broken has status 502. */
export function decodeResponseHead(
  bytes: Buffer,
  from: number,
  limits: IHeadLimits,
  method: string,
  scanned = 0,
): THeadDecoded<IHttp1Response> {
  const short = bytes.length - from < limits.maxBytes + scanned && method !== '';
  return short ? { kind: 'short' } : { kind: 'broken', status: 502, why: '' };
}
