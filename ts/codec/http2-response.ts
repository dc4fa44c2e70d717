// The field list of an HTTP/2 response (RFC 9113 §8.3.2): an IResponseHead out, or why it is malformed.

import type { IResponseHead } from './http-message.js';
import { readLength } from './http1-fields.js';
import { fieldFault, type IH2Fault, isOfConnection } from './http2-fields.js';

/**
 * `end`: nothing follows; for an answer to HEAD give false, as its end says nothing about the length (RFC 9110 §8.6). The list
 * becomes the head's: it is changed. That content is as long as it was said to be is for the caller to see to.
 */
export function readResponse(fields: string[], end: boolean): IResponseHead | IH2Fault {
  const status = readStatus(fields);
  if (status < 0) return { fault: ':status' };
  // RFC 9113 §8.1: nothing ends with an interim answer; §8.6: nothing is switched.
  if (status === 101 || (status < 200 && end)) return { fault: 'interim answer that may be none' };
  const stated = readFields(fields);
  if (typeof stated === 'string') return { fault: stated };
  const hasNone = status < 200 || status === 204;
  // As in HTTP/1: content announced where there is none, or that does not come.
  if (stated > 0 && (hasNone || (end && status !== 304))) return { fault: 'content that does not come' };
  const unstated = end && status !== 304 ? 0 : -1;
  return { status, reason: '', fields, contentLength: hasNone ? 0 : stated < 0 ? unstated : stated };
}

/** One `:status`, the first of all fields; -1: it is not there, or none. */
function readStatus(fields: string[]): number {
  const text = fields[1];
  if (fields[0] !== ':status' || text === undefined || text.length !== 3) return -1;
  let status = 0;
  for (let at = 0; at < 3; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    status = status * 10 + digit;
  }
  return status >= 100 && status <= 599 ? status : -1;
}

/** Takes `:status` and Content-Length out of the list. Gives the length, -1 if there is none; a text: what is wrong. */
function readFields(fields: string[]): number | string {
  let length = -1;
  let kept = 0;
  for (let at = 2; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    // No other pseudo-field has a name that may be one.
    const fault = fieldFault(name, value);
    if (fault !== null) return fault;
    // RFC 9113 §8.2.2: TE is allowed in requests only.
    if (isOfConnection(name) || name === 'te') return 'field of a connection';
    if (name === 'content-length') {
      if (length >= 0) return 'several Content-Length fields';
      length = readLength(value);
      if (length < 0) return 'Content-Length';
      continue;
    }
    fields[kept++] = name;
    fields[kept++] = value;
  }
  fields.length = kept;
  return length;
}
