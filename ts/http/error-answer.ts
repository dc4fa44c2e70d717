// Answers of the proxy's own: a status and a line of text, which says nothing about what is behind the proxy.

import type { IResponseHead } from '../codec/http-message.js';
import { statusPhrase } from '../codec/http-status.js';

/** An answer as a whole. */
export interface IOwnAnswer {
  readonly head: IResponseHead;
  /** Empty where there is none. */
  readonly body: Buffer;
  /** The proxy's own words, which clients of gRPC get in a form of theirs; else it is what a route says. */
  readonly isError: boolean;
}

/** Characters of a detail. */
const maxDetail = 500;

const known = new Map<number, IOwnAnswer>();

/**
 * The answer of the proxy with this status; `detail` is text for whoever sent the request. Without Date, which
 * `responseFields` adds.
 */
export function errorAnswer(status: number, detail = ''): IOwnAnswer {
  if (detail !== '') return make(status, detail);
  let answer = known.get(status);
  if (answer === undefined) {
    answer = make(status, '');
    known.set(status, answer);
  }
  return answer;
}

function make(status: number, detail: string): IOwnAnswer {
  if (hasNoContent(status))
    return {
      head: { status, reason: '', fields: [], contentLength: lengthOf(status, 0) },
      body: Buffer.alloc(0),
      isError: false,
    };
  const text = detail === '' ? `${`${status} ${statusPhrase(status)}`.trim()}\n` : `${detail.slice(0, maxDetail)}\n`;
  const body = Buffer.from(text, 'utf8');
  // Most errors pass; a cache that kept one (RFC 9111 §4.2.2 lets it keep 404, 501 and others) would make it last.
  const fields = [
    'Content-Type',
    'text/plain; charset=utf-8',
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
  ];
  // What is full now may have room soon (RFC 9110 §15.6.4).
  if (status === 503) fields.push('Retry-After', '1');
  return { head: { status, reason: '', fields, contentLength: body.length }, body, isError: status >= 400 };
}

/** RFC 9110 §6.4.1, and 205, which has none either (§15.3.6). */
export const hasNoContent = (status: number): boolean =>
  status < 200 || status === 204 || status === 205 || status === 304;

/** RFC 9110 §8.6: in a 304 a length would be that of the content which was not sent. */
export const lengthOf = (status: number, length: number): number => (status === 304 ? -1 : length);
