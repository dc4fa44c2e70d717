// Heads and chunk lines of HTTP/1 as latin1 text, framed by what we understood and by nothing that was passed through.

import type { IRequestHead, IResponseHead, TFields } from './http-message.js';

/** Request line, Host, fields, framing, Connection. Upgrade is written from `head.upgrade`, with 'upgrade' only. */
export function writeRequestHead(head: IRequestHead, connection: 'keep-alive' | 'close' | 'upgrade'): string {
  return `${head.method} ${head.target} HTTP/1.1\r\nHost: ${head.authority}\r\n${lines(head.fields)}${connection}`;
}

/** `connection`: '' writes none. 'chunked' is for 1.1 only. */
export function writeResponseHead(
  head: IResponseHead,
  framing: 'none' | 'length' | 'chunked' | 'close',
  connection: 'keep-alive' | 'close' | 'upgrade' | '',
  version: '1.0' | '1.1',
): string {
  return `HTTP/${version} ${head.status} ${head.reason}\r\n${lines(head.fields)}${framing}${connection}`;
}

/** An interim answer other than 101 (RFC 9110 §15.2). */
export function writeInform(status: number, fields: TFields): string {
  return `HTTP/1.1 ${status} \r\n${lines(fields)}\r\n`;
}

/** Stands before the data of a chunk, which `chunkTail` follows. */
export function chunkHead(length: number): string {
  return `${length.toString(16)}\r\n`;
}

export const chunkTail = '\r\n';

export function lastChunk(trailers: TFields | null): string {
  return trailers === null ? '0\r\n\r\n' : `0\r\n${lines(trailers)}\r\n`;
}

function lines(fields: TFields): string {
  let text = '';
  for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`;
  return text;
}
