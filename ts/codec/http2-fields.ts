// Fields of HTTP/2 messages: what may stand in them, and lists from heads.

import type { IRequestHead, IResponseHead, TFields } from './http-message.js';

/** Why a message is malformed (RFC 9113 §8.1.1): no octet of it is in the text. */
export interface IH2Fault {
  readonly fault: string;
  /** Given where an answer tells more than a reset: 417 for an Expect that we do not know. */
  readonly status?: number;
}

export function readTrailers(_fields: string[]): TFields | IH2Fault {
  return { fault: 'not read' };
}

export function requestBlock(_head: IRequestHead, _scheme: 'http' | 'https'): string[] {
  return [];
}

/** `noContent`: none follows, whatever the length says (HEAD, 304, a tunnel). */
export function responseBlock(_head: IResponseHead, _noContent: boolean): string[] {
  return [];
}

export function trailerBlock(_trailers: TFields): string[] {
  return [];
}
