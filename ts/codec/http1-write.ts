// Heads and chunk lines of HTTP/1 as latin1 text, framed by what we understood and by nothing that was passed through.

import type { IRequestHead, IResponseHead, TFields } from './http-message.js';
import { statusPhrase } from './http-status.js';

/**
 * Request line, Host, fields, then what we say ourselves: Expect, Content-Length or Transfer-Encoding, Connection, and
 * Upgrade from `head.upgrade`. Fields of these names in `head.fields` are left out. Always 1.1, whatever the client speaks.
 */
export function writeRequestHead(head: IRequestHead, connection: 'keep-alive' | 'close' | 'upgrade'): string {
  const { method, contentLength } = head;
  const target = method === 'CONNECT' ? head.authority : head.target;
  let text = `${method} ${target} HTTP/1.1\r\nHost: ${head.authority}\r\n${linesOf(head.fields, isOwnOfRequest)}`;
  if (head.expectsContinue) text += 'Expect: 100-continue\r\n';
  if (contentLength > 0 || (contentLength === 0 && hasContentByNature(method))) {
    text += `Content-Length: ${contentLength}\r\n`;
  } else if (contentLength < 0) {
    text += 'Transfer-Encoding: chunked\r\n';
  }
  if (connection === 'keep-alive') return `${text}\r\n`;
  if (connection === 'close' || head.upgrade === null) return `${text}Connection: close\r\n\r\n`;
  return `${text}Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n\r\n`;
}

/** RFC 9110 §8.6: these say that they have none, too. */
export const hasContentByNature = (method: string): boolean =>
  method === 'POST' || method === 'PUT' || method === 'PATCH';

/**
 * `connection`: '' writes none. Fields that frame the message, and Connection, are left out of `head.fields`; an Upgrade stays.
 * 'none' states a length that is known where there is no content to be seen (HEAD, 304). 'chunked' is for clients of 1.1 only, and
 * 'close' goes with a connection that is closed.
 */
export function writeResponseHead(
  head: IResponseHead,
  framing: 'none' | 'length' | 'chunked' | 'close',
  connection: 'keep-alive' | 'close' | 'upgrade' | '',
  version: '1.0' | '1.1',
): string {
  const { status, contentLength } = head;
  let text = `${statusLine(version, status, head.reason)}${linesOf(head.fields, isOwnOfResponse)}`;
  if (framing === 'chunked') {
    text += 'Transfer-Encoding: chunked\r\n';
  } else if (framing !== 'close' && contentLength >= 0 && status >= 200 && status !== 204) {
    text += `Content-Length: ${contentLength}\r\n`;
  }
  if (connection === '') return `${text}\r\n`;
  return `${text}Connection: ${connection === 'upgrade' ? 'Upgrade' : connection}\r\n\r\n`;
}

/** An interim answer other than 101 (RFC 9110 §15.2). */
export const writeInform = (status: number, fields: TFields): string =>
  `${statusLine('1.1', status, '')}${linesOf(fields, isOwnOfResponse)}\r\n`;

function statusLine(version: string, status: number, reason: string): string {
  if (status === 200 && reason === '') return version === '1.1' ? 'HTTP/1.1 200 OK\r\n' : 'HTTP/1.0 200 OK\r\n';
  return `HTTP/${version} ${status} ${reason === '' ? statusPhrase(status) : reason}\r\n`;
}

/** Stands before the data of a chunk, which `chunkTail` follows. `length` is not 0, which would be the last one. */
export const chunkHead = (length: number): string => `${length.toString(16)}\r\n`;

export const chunkTail = '\r\n';

/** The last chunk, the trailers and the end of the message. */
export const lastChunk = (trailers: TFields | null): string =>
  trailers === null ? '0\r\n\r\n' : `0\r\n${linesOf(trailers, isOwnOfRequest)}\r\n`;

function linesOf(fields: TFields, isOwn: (name: string) => boolean): string {
  let text = '';
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (!isOwn(name)) text += `${name}: ${fields[at + 1] as string}\r\n`;
  }
  return text;
}

/** Few names have such a length and first letter, so few are folded to lower case. */
function isOwnOfResponse(name: string): boolean {
  const first = name.charCodeAt(0) | 32;
  switch (name.length) {
    case 10:
      return first === 99 && name.toLowerCase() === 'connection';
    case 14:
      return first === 99 && name.toLowerCase() === 'content-length';
    case 17:
      return first === 116 && name.toLowerCase() === 'transfer-encoding';
    default:
      return false;
  }
}

function isOwnOfRequest(name: string): boolean {
  const first = name.charCodeAt(0) | 32;
  switch (name.length) {
    case 4:
      return first === 104 && name.toLowerCase() === 'host';
    case 6:
      return first === 101 && name.toLowerCase() === 'expect';
    case 7:
      return first === 117 && name.toLowerCase() === 'upgrade';
    default:
      return isOwnOfResponse(name);
  }
}
