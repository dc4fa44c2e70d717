// The field list of an HTTP/2 response (RFC 9113 §8.3.2): an IResponseHead out, or why it is malformed.

import type { IResponseHead } from './http-message.js';
import type { IH2Fault } from './http2-fields.js';

/** `end`: the answer has no content; false for an answer to HEAD, whose end says nothing about the length. */
export function readResponse(_fields: string[], _end: boolean): IResponseHead | IH2Fault {
  return { fault: 'not read' };
}
