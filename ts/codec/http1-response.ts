// The head of an HTTP/1 response (RFC 9112 §4): bytes in, an IHttp1Response out, or why it is refused.

import type { IResponseHead } from './http-message.js';
import { valueOctets } from './http-octets.js';
import { FieldSection } from './http1-fields.js';
import { connectionOption, judgeCoding, readConnection, readUpgrade } from './http1-framing.js';
import {
  broken,
  findHeadEnd,
  type IHeadBroken,
  type IHeadLimits,
  judgeUnfinished,
  type THeadDecoded,
} from './http1-head.js';

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
  const seen = from + scanned;
  const end = findHeadEnd(bytes, Math.max(from, seen - 3), Math.min(bytes.length, from + limits.maxBytes));
  if (end < 0) {
    const judged = judgeUnfinished(bytes, from, seen, limits, checkLine);
    return judged.kind === 'short' ? judged : broken(502, judged.why);
  }
  const line = readLine(bytes, from);
  if (typeof line === 'string') return broken(502, line);
  const text = bytes.toString('latin1', from, end);
  const section = new FieldSection();
  const fault = section.read(bytes, text, from, line.end + 2, limits.maxFields, 'response');
  if (fault !== null) return broken(502, fault.why);
  const head = headOf(line, text.slice(line.reason - from, line.end - from), section, method);
  return typeof head === 'string' ? broken(502, head) : { kind: 'done', value: head, used: end - from };
}

interface IStatusLine {
  readonly minor: number;
  readonly status: number;
  /** Where the reason begins, and the place of the CR. */
  readonly reason: number;
  readonly end: number;
}

const prefix = Buffer.from('HTTP/1.', 'latin1');
const space = 32;

/** `HTTP/1.1 200 OK`; the reason may be missing, and the space before it too, as many servers have it. A text: what is wrong. */
function readLine(bytes: Buffer, start: number): IStatusLine | string {
  for (let i = 0; i < prefix.length; i++) {
    if (bytes[start + i] !== prefix[i]) return 'version';
  }
  const minor = (bytes[start + 7] as number) - 48;
  if ((minor !== 0 && minor !== 1) || bytes[start + 8] !== space) return 'version';
  const status = digitAt(bytes, start + 9) * 100 + digitAt(bytes, start + 10) * 10 + digitAt(bytes, start + 11);
  if (!(status >= 100 && status <= 599)) return 'status';
  let end = start + 12;
  if (bytes[end] !== 13 && bytes[end] !== space) return 'status';
  const reason = bytes[end] === space ? end + 1 : end;
  while (valueOctets[bytes[end] as number] === 1) end++;
  if (bytes[end] !== 13 || bytes[end + 1] !== 10) return 'reason';
  return { minor, status, reason, end };
}

function digitAt(bytes: Buffer, at: number): number {
  const digit = (bytes[at] as number) - 48;
  return digit >= 0 && digit <= 9 ? digit : Number.NaN;
}

function checkLine(bytes: Buffer, start: number): IHeadBroken | null {
  const line = readLine(bytes, start);
  return typeof line === 'string' ? broken(502, line) : null;
}

function headOf(line: IStatusLine, reason: string, section: FieldSection, method: string): IHttp1Response | string {
  const { status, minor } = line;
  const options = readConnection(section.connection);
  if ((options & connectionOption.malformed) !== 0) return 'Connection';
  const codingFault = judgeFraming(section, minor);
  if (codingFault !== null) return codingFault;
  const hasNone = status < 200 || status === 204;
  const isTunnel = method === 'CONNECT' && status >= 200 && status < 300;
  // RFC 9110 §8.6, RFC 9112 §6.1: these have no content, and a server that announces some may also send it.
  const announces = section.contentLength > 0 || section.transferEncoding !== null;
  if (announces && (hasNone || isTunnel)) return 'content announced where there is none';
  const upgrade = status === 101 ? switchedTo(section, options, minor) : null;
  if (status === 101 && upgrade === null) return '101 without Upgrade';
  // RFC 9112 §6.1 lets a 304 state it; some read content then.
  const isDoubtful = status === 304 && section.transferEncoding !== null;
  const framing = hasNone || isTunnel || method === 'HEAD' || status === 304 ? 'none' : framingOf(section);
  const stays =
    (options & connectionOption.close) === 0 && (minor === 1 || (options & connectionOption.keepAlive) !== 0);
  return {
    status,
    reason,
    fields: section.fields,
    contentLength: hasNone || isTunnel ? 0 : section.contentLength,
    framing,
    keepAlive: stays && framing !== 'close' && !isDoubtful && upgrade === null && !isTunnel,
    upgrade,
  };
}

/** RFC 9112 §6.3, with all that it lets a proxy repair refused: whoever writes it may write the rest for the next client. */
function judgeFraming(section: FieldSection, minor: number): string | null {
  if (section.transferEncoding === null) return null;
  if (section.contentLength >= 0) return 'Content-Length with Transfer-Encoding';
  if (minor === 0) return 'Transfer-Encoding in HTTP/1.0';
  return judgeCoding(section.transferEncoding) === 200 ? null : 'Transfer-Encoding';
}

function framingOf(section: FieldSection): IHttp1Response['framing'] {
  if (section.transferEncoding !== null) return 'chunked';
  if (section.contentLength < 0) return 'close';
  return section.contentLength === 0 ? 'none' : 'length';
}

/** RFC 9110 §15.2.2 */
function switchedTo(section: FieldSection, options: number, minor: number): string | null {
  if (section.upgrade === null || minor === 0 || (options & connectionOption.upgrade) === 0) return null;
  const protocol = readUpgrade(section.upgrade);
  return protocol === '' ? null : protocol;
}
