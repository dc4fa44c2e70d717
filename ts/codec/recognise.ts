// What the first bytes of a connection are, from as few of them as can tell.

import type { TDecoded } from './decoded.js';

export interface IRecognised {
  readonly protocol: 'tls' | 'http' | 'other';
  /** True if an HTTP/2 connection preface begins here; the protocol is `http` then. */
  readonly http2Preface: boolean;
}

/** How far an HTTP request line is looked for. */
export const requestLineLimitBytes = 8_192;

/**
 * Recognises TLS by the header of a record with a ClientHello (six bytes), HTTP by a known method and a space, else by a
 * request line with ` HTTP/` in it (other protocols, SSH among them, also begin with a word and a space), HTTP/2 by its
 * preface. Everything else is `other`, from the first byte on that rules the rest out. `used` is 0: nothing is taken.
 *
 * Of HTTP it takes what the most tolerant server would: empty lines and white space in front, any method, white space of
 * any length, any version, lines without an end. Whatever passed for `other` here and for HTTP there would be forwarded
 * unread: past the routes, the guard and all that is said of the client. What is no good HTTP is refused as HTTP.
 *
 * `seen`: how many of these bytes an earlier call has answered `short` to; they are not looked at again, so that bytes
 * which dribble in cost linear time.
 */
export function recognise(bytes: Buffer, seen = 0): TDecoded<IRecognised> {
  if (bytes.length === 0) return waitFor(1);
  return bytes[0] === 22 ? recogniseTls(bytes) : recogniseHttp(bytes, seen);
}

const answer = (protocol: IRecognised['protocol'], http2Preface = false): TDecoded<IRecognised> => ({
  kind: 'done',
  value: { protocol, http2Preface },
  used: 0,
});

const waitFor = (need: number): TDecoded<never> => ({ kind: 'short', need });

/**
 * Handshake record, major version 3, 1 to 2^14 bytes (RFC 8446 §5.1), ClientHello. Any minor version: servers ignore it,
 * so a hello with an odd one must not pass for another protocol.
 */
function recogniseTls(bytes: Buffer): TDecoded<IRecognised> {
  const high = bytes[3] ?? 1;
  const length = high * 256 + (bytes[4] ?? (high === 0 ? 1 : 0));
  if ((bytes[1] ?? 3) !== 3 || length === 0 || length > 16_384 || (bytes[5] ?? 1) !== 1) return answer('other');
  return bytes.length < 6 ? waitFor(bytes.length + 1) : answer('tls');
}

const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** RFC 9110 §9 and RFC 5789. The others show by their request line. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);
const space = 32;
const tab = 9;

function recogniseHttp(bytes: Buffer, seen: number): TDecoded<IRecognised> {
  const prefaced = Math.min(bytes.length, http2Preface.length);
  if (bytes[0] === http2Preface[0] && bytes.compare(http2Preface, 0, prefaced, 0, prefaced) === 0) {
    return prefaced === http2Preface.length ? answer('http', true) : waitFor(bytes.length + 1);
  }
  let start = 0;
  while (start < bytes.length && isWhite(bytes[start] as number)) start++;
  let at = start;
  while (at < bytes.length && at < requestLineLimitBytes && isTokenByte(bytes[at] as number)) at++;
  if (at >= requestLineLimitBytes) return answer('http');
  if (at === bytes.length) return waitFor(at + 1);
  if (at === start || !isGap(bytes[at] as number)) return answer('other');
  return methods.has(bytes.toString('latin1', start, at)) ? answer('http') : recogniseLine(bytes, at, seen);
}

const version = Buffer.from('HTTP/', 'latin1');

/** `gap` is where the method ends. */
function recogniseLine(bytes: Buffer, gap: number, seen: number): TDecoded<IRecognised> {
  const end = Math.min(bytes.length, requestLineLimitBytes);
  // The version may have begun among those that were seen; a preface is only looked at as such.
  const from = seen <= http2Preface.length ? gap : Math.max(gap, seen - version.length);
  for (let at = from; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === 127 || (byte < space && byte !== tab)) return answer('other');
    const last = at + version.length;
    if (isGap(byte) && last < end && bytes.compare(version, 0, version.length, at + 1, last + 1) === 0) {
      return answer('http');
    }
  }
  return end < requestLineLimitBytes ? waitFor(end + 1) : answer('http');
}

const isGap = (byte: number): boolean => byte === space || byte === tab;
const isWhite = (byte: number): boolean => isGap(byte) || byte === 13 || byte === 10;

/** RFC 9110 §5.6.2 */
function isTokenByte(byte: number): boolean {
  const lower = byte | 32;
  if ((lower >= 97 && lower <= 122) || (byte >= 48 && byte <= 57)) return true;
  return byte > 32 && byte < 127 && "!#$%&'*+-.^_`|~".includes(String.fromCharCode(byte));
}
