// The field section of an HTTP/1 head (RFC 9112 §5): lines in, names and values out, and what frames the message set apart.

import { tokenOctets } from './http-octets.js';
import { broken, type IHeadBroken } from './http1-head.js';

const cr = 13;
const lf = 10;
const space = 32;
const tab = 9;
const colon = 58;

/** What a head of one kind keeps out of its list. */
export type TFieldSide = 'request' | 'response';

/** The fields of one head. Those that have a meaning for the message as such are here by their names as well. */
export class FieldSection {
  /** Without Content-Length and Transfer-Encoding; of a request also without Host and Expect. */
  readonly fields: string[] = [];
  host: string | null = null;
  /** Values of several lines are joined by `, `. */
  connection: string | null = null;
  upgrade: string | null = null;
  expect: string | null = null;
  transferEncoding: string | null = null;
  /** -1: not given. */
  contentLength = -1;

  /**
   * Reads from `at` to the empty line, which must be there. `text` is the head as latin1, whose first character stands at
   * `start` of `bytes`. Gives what is wrong, or null.
   */
  read(
    bytes: Buffer,
    text: string,
    start: number,
    at: number,
    maxFields: number,
    side: TFieldSide,
  ): IHeadBroken | null {
    let place = at;
    let room = maxFields;
    while (bytes[place] !== cr) {
      if (--room < 0) return broken(431, 'too many fields');
      const nameStart = place;
      while (tokenOctets[bytes[place] as number] === 1) place++;
      // RFC 9112 §5.1: nothing between name and colon. §5.2: no line begins with white space.
      if (place === nameStart || bytes[place] !== colon) return broken(400, 'field name');
      const nameEnd = place++;
      while (bytes[place] === space || bytes[place] === tab) place++;
      const valueStart = place;
      let octet = bytes[place] as number;
      while (octet > 31 ? octet !== 127 : octet === 9) octet = bytes[++place] as number;
      if (bytes[place] !== cr || bytes[place + 1] !== lf) return broken(400, 'field value');
      let valueEnd = place;
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab)) valueEnd--;
      place += 2;
      const name = text.slice(nameStart - start, nameEnd - start);
      const value = text.slice(valueStart - start, valueEnd - start);
      if (isPlain(nameEnd - nameStart, bytes[nameStart] as number)) {
        this.fields.push(name, value);
        continue;
      }
      const fault = this.#take(name, value, side, text.slice(valueEnd - start, place - 2 - start));
      if (fault !== null) return fault;
    }
    return bytes[place + 1] === lf ? null : broken(400, 'bare CR');
  }

  /** `padding`: the white space behind the value. RFC 9112 §5.1 allows it, but some readers refuse a number or a coding for it. */
  #take(name: string, value: string, side: TFieldSide, padding: string): IHeadBroken | null {
    switch (name.toLowerCase()) {
      case 'host':
        if (side === 'response') break;
        if (this.host !== null) return broken(400, 'several Host fields');
        this.host = value;
        return null;
      case 'expect':
        if (side === 'response') break;
        this.expect = joined(this.expect, value);
        return null;
      case 'content-length':
        if (this.contentLength >= 0) return broken(400, 'several Content-Length fields');
        this.contentLength = padding.includes('\t') ? -1 : readLength(value);
        return this.contentLength < 0 ? broken(400, 'Content-Length') : null;
      case 'transfer-encoding':
        if (padding !== '') return broken(400, 'white space behind Transfer-Encoding');
        this.transferEncoding = joined(this.transferEncoding, value);
        return null;
      case 'connection':
        this.connection = joined(this.connection, value);
        break;
      case 'upgrade':
        this.upgrade = joined(this.upgrade, value);
        break;
    }
    this.fields.push(name, value);
    return null;
  }
}

/** False for names that may be one of those above, by their length and first letter. */
function isPlain(length: number, first: number): boolean {
  switch (length) {
    case 4:
      return (first | 32) !== 104;
    case 6:
      return (first | 32) !== 101;
    case 7:
      return (first | 32) !== 117;
    case 10:
    case 14:
      return (first | 32) !== 99;
    case 17:
      return (first | 32) !== 116;
    default:
      return true;
  }
}

/** RFC 9110 §5.3 */
const joined = (before: string | null, value: string): string => (before === null ? value : `${before}, ${value}`);

/** More digits than this are not sure to be exact as a number. */
const maxLengthDigits = 15;

/** RFC 9110 §8.6: digits and nothing else; -1 if it is not that. */
export function readLength(text: string): number {
  if (text.length === 0 || text.length > maxLengthDigits) return -1;
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}
