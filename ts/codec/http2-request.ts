// The field list of an HTTP/2 request (RFC 9113 §8.3.1): an IRequestHead out, or why it is malformed.

import type { IRequestHead } from './http-message.js';
import type { IH2Fault } from './http2-fields.js';

export type { IH2Fault } from './http2-fields.js';

/** `end`: the request has no content. Fields are as decoded; the list may be kept as the head's. */
export function readRequest(_fields: string[], _end: boolean): IRequestHead | IH2Fault {
  return { fault: 'not read' };
}
