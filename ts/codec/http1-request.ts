// The head of an HTTP/1 request (RFC 9112 §3): bytes in, an IRequestHead out, or why it is refused.

import { readAuthority } from './http-authority.js';
import type { IRequestHead } from './http-message.js';
import { tokenOctets } from './http-octets.js';
import { FieldSection } from './http1-fields.js';
import { connectionOption, judgeCoding, readConnection, readUpgrade } from './http1-framing.js';
import {
  broken,
  findHeadEnd,
  findStray,
  type IHeadBroken,
  type IHeadLimits,
  judgeUnfinished,
  type THeadDecoded,
} from './http1-head.js';
import { originFormEnd, readOtherTarget, targetEnd } from './http1-target.js';

export type { IHeadLimits, THeadDecoded } from './http1-head.js';

/**
 * `scanned`: how many bytes from `from` on a former call has already answered `short` to; with it, a head that comes in many
 * pieces costs no more than its length. A few empty lines before the request line are skipped (RFC 9112 §2.2).
 */
export function decodeRequestHead(
  bytes: Buffer,
  from: number,
  limits: IHeadLimits,
  scanned = 0,
): THeadDecoded<IRequestHead> {
  const start = skipEmptyLines(bytes, from);
  const seen = Math.max(start, from + scanned);
  const end = findHeadEnd(bytes, Math.max(start, seen - 3), Math.min(bytes.length, start + limits.maxBytes));
  if (end < 0) return judgeUnfinished(bytes, start, seen, limits, checkLine);
  const text = bytes.toString('latin1', start, end);
  const line = readLine(bytes, text, start);
  if (!(line instanceof RequestLine)) return line;
  const section = new FieldSection();
  const fault = section.read(bytes, text, start, line.end + 2, limits.maxFields, 'request');
  const head = fault ?? headOf(line, section);
  if ('kind' in head) return earliest(head, bytes, line.end, end);
  return { kind: 'done', value: head, used: end - from };
}

/** A fault that is found at the head's end must not hide one that fewer octets would have shown. */
function earliest(fault: IHeadBroken, bytes: Buffer, from: number, end: number): IHeadBroken {
  if (fault.status === 400 || findStray(bytes, from, end) < 0) return fault;
  return broken(400, 'control octet or bare line end');
}

const maxEmptyLines = 4;

function skipEmptyLines(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 13 && bytes[at + 1] === 10 && at - from < 2 * maxEmptyLines) at += 2;
  return at;
}

class RequestLine {
  readonly method: string;
  readonly target: string;
  /** null: Host tells. */
  readonly authority: string | null;
  readonly host: string;
  readonly minor: 0 | 1;
  /** Where its CR stands. */
  readonly end: number;

  constructor(method: string, target: string, authority: string | null, host: string, minor: 0 | 1, end: number) {
    this.method = method;
    this.target = target;
    this.authority = authority;
    this.host = host;
    this.minor = minor;
    this.end = end;
  }
}

/** The longest registered one has 17. */
export const maxMethodLength = 32;
const space = 32;
const slash = 47;

/** `text`: from `start` on, at least up to the end of the line, which must be there. */
function readLine(bytes: Buffer, text: string, start: number): RequestLine | IHeadBroken {
  let at = start;
  while (tokenOctets[bytes[at] as number] === 1) at++;
  if (at === start || bytes[at] !== space || at - start > maxMethodLength) return broken(400, 'method');
  const method = text.slice(0, at - start);
  const targetStart = ++at;
  const isOrigin = bytes[at] === slash && method !== 'CONNECT';
  at = isOrigin ? originFormEnd(bytes, at) : targetEnd(bytes, at);
  if (at <= targetStart || bytes[at] !== space) return broken(400, 'request target');
  const minor = readVersion(bytes, at + 1);
  if (minor < 0) return minor === -1 ? broken(400, 'version') : broken(505, 'version');
  const target = text.slice(targetStart - start, at - start);
  const end = at + 9;
  if (isOrigin) return new RequestLine(method, target, null, '', minor as 0 | 1, end);
  const other = readOtherTarget(method, target);
  if (other === null) return broken(400, 'request target');
  return new RequestLine(method, other.target, other.authority, other.host, minor as 0 | 1, end);
}

function checkLine(bytes: Buffer, start: number, end: number): IHeadBroken | null {
  const line = readLine(bytes, bytes.toString('latin1', start, end), start);
  return line instanceof RequestLine ? null : line;
}

/**
 * The minor version of `HTTP/1.0` and `HTTP/1.1` with CRLF behind it; -1: malformed; -2: one that we do not speak. That is any
 * other: whoever states 1.2 has left what others who read the same bytes agree on.
 */
export function readVersion(bytes: Buffer, at: number): number {
  for (let i = 0; i < 5; i++) {
    if (bytes[at + i] !== httpSlash[i]) return -1;
  }
  const major = (bytes[at + 5] as number) - 48;
  const minor = (bytes[at + 7] as number) - 48;
  if (bytes[at + 6] !== 46 || bytes[at + 8] !== 13 || bytes[at + 9] !== 10) return -1;
  if (!(major >= 0 && major <= 9 && minor >= 0 && minor <= 9)) return -1;
  return major === 1 && minor < 2 ? minor : -2;
}

const httpSlash = [72, 84, 84, 80, 47];

function headOf(line: RequestLine, section: FieldSection): IRequestHead | IHeadBroken {
  const { minor, method } = line;
  const host = hostOf(line, section);
  if (host === null) return broken(400, 'Host');
  const options = readConnection(section.connection);
  if ((options & connectionOption.malformed) !== 0) return broken(400, 'Connection');
  const contentLength = lengthOf(section, minor);
  if (contentLength < -1) return broken(contentLength === -2 ? 400 : 501, 'Transfer-Encoding');
  const upgrade = upgradeOf(section, options, minor);
  if (upgrade === malformed) return broken(400, 'Upgrade');
  // What follows is the other protocol's: content would be read by one and taken for that protocol by another.
  const isFramed = section.contentLength >= 0 || section.transferEncoding !== null;
  if (isFramed && (upgrade !== null || method === 'CONNECT')) return broken(400, 'content before another protocol');
  const expects = section.expect === null ? false : expectation(section.expect);
  // RFC 9110 §10.1.1: of HTTP/1.0 it is ignored.
  if (expects === null && minor === 1) return broken(417, 'Expect');
  return {
    version: minor === 1 ? '1.1' : '1.0',
    method,
    target: line.target,
    authority: line.authority ?? section.host ?? '',
    host,
    fields: section.fields,
    contentLength,
    expectsContinue: expects === true && minor === 1 && contentLength !== 0,
    upgrade,
    close: (options & connectionOption.close) !== 0 || (minor === 0 && (options & connectionOption.keepAlive) === 0),
  };
}

/** RFC 9112 §3.2: one valid Host, which an authority in the target overrules; HTTP/1.0 may do without. null: refused. */
function hostOf(line: RequestLine, section: FieldSection): string | null {
  if (section.host === null) return line.minor === 0 ? line.host : null;
  const read = readAuthority(section.host);
  if (read === null) return null;
  return line.authority === null ? read.host : line.host;
}

/** RFC 9112 §6.3: -1 chunked; -2 refused with 400; -3 with 501. */
function lengthOf(section: FieldSection, minor: number): number {
  if (section.transferEncoding === null) return Math.max(section.contentLength, 0);
  // §6.1: neither together with a length, nor from HTTP/1.0, which knows no codings.
  if (section.contentLength >= 0 || minor === 0) return -2;
  const status = judgeCoding(section.transferEncoding);
  return status === 200 ? -1 : status === 400 ? -2 : -3;
}

const malformed = '';

/** RFC 9110 §7.8: only with `Connection: upgrade`, and not from HTTP/1.0. */
function upgradeOf(section: FieldSection, options: number, minor: number): string | null {
  if (section.upgrade === null) return null;
  const protocol = readUpgrade(section.upgrade);
  if (protocol === null) return malformed;
  const isAsked = (options & connectionOption.upgrade) !== 0 && minor === 1;
  // HTTP/2 on this connection is never taken up (RFC 9113 §3.1 dropped it): the request goes on as it is.
  return isAsked && protocol !== '' && protocol !== 'h2c' && protocol !== 'h2' ? protocol : null;
}

/** null: one that we do not know. */
const expectation = (value: string): true | null => (value.toLowerCase() === '100-continue' ? true : null);
