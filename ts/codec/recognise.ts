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
 * Recognises TLS by the header of a record with a ClientHello (six bytes), HTTP by a known method and a gap, else by a request line
 * with ` HTTP/` in it (other protocols, SSH among them, also begin with a word and a space), HTTP/2 by its preface.
 * Everything else is `other`, from the first byte on that rules the rest out. `used` is 0: nothing is taken.
 *
 * Of HTTP it takes what the most tolerant server would: empty lines and white space of any alphabet in front and between, any
 * method, any version in any case, lines without an end, and a PROXY header, behind which a request may come. Whatever passed for
 * `other` here and for HTTP there would be forwarded unread: past the routes, the guard and all that is said of the client. What is
 * no good HTTP is refused as HTTP. Left out is what would make other protocols wait: NUL in front, which lengths begin with; `<`,
 * `{`, `[` and `(` in front, which begin XML, JSON and lists; controls that no reader takes for white space.
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
/** The signature of a PROXY header of version 2. */
const proxySignature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** RFC 9110 §9 and RFC 5789; the others show by their request line. PROXY begins a header of version 1. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'PROXY']);

function recogniseHttp(bytes: Buffer, seen: number): TDecoded<IRecognised> {
  const prefaced = Math.min(bytes.length, http2Preface.length);
  if (bytes[0] === http2Preface[0] && bytes.compare(http2Preface, 0, prefaced, 0, prefaced) === 0) {
    return prefaced === http2Preface.length ? answer('http', true) : waitFor(bytes.length + 1);
  }
  const start = whiteEnd(bytes);
  if (start < 0) return waitFor(bytes.length + 1);
  const first = bytes[start];
  if (first === nul) return recogniseProxy(bytes);
  if (opensText(first)) return answer('other');
  let at = start;
  while (at < bytes.length && at < requestLineLimitBytes && isWordByte(bytes[at] as number)) at++;
  if (at >= requestLineLimitBytes) return answer('http');
  if (at === bytes.length) return waitFor(at + 1);
  if (at === start) return answer('other');
  const isKnown = methods.has(bytes.toString('latin1', start, at));
  const gap = gapAt(bytes, at);
  if (gap === 'gap') return isKnown ? answer('http') : recogniseLine(bytes, at, seen);
  return gap === 'short' ? waitFor(at + 2) : answer('other');
}

/** What leads to a NUL is white space: of a PROXY header, or of nothing that is known. */
function recogniseProxy(bytes: Buffer): TDecoded<IRecognised> {
  const length = Math.min(bytes.length, proxySignature.length);
  if (bytes.compare(proxySignature, 0, length, 0, length) !== 0) return answer('other');
  return length === proxySignature.length ? answer('http') : waitFor(bytes.length + 1);
}

const version = Buffer.from('http/', 'latin1');

/** `gap` is where the method ends. */
function recogniseLine(bytes: Buffer, gap: number, seen: number): TDecoded<IRecognised> {
  const end = Math.min(bytes.length, requestLineLimitBytes);
  // The version may have begun among those that were seen; a preface is only looked at as such.
  const from = seen <= http2Preface.length ? gap : Math.max(gap, seen - version.length - 1);
  for (let at = from; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === cr && at + 1 === end) break;
    if (endsLine(byte) || (byte === cr && bytes[at + 1] === lf)) return answer('other');
    if ((byte >= 128 || isAsciiWhite(byte)) && isVersion(bytes, at + 1, end)) return answer('http');
  }
  return end < requestLineLimitBytes ? waitFor(end + 1) : answer('http');
}

function isVersion(bytes: Buffer, from: number, end: number): boolean {
  if (from + version.length > end) return false;
  for (let at = 0; at < version.length; at++) if (((bytes[from + at] as number) | 32) !== version[at]) return false;
  return true;
}

const [nul, tab, lf, cr, space, del] = [0, 9, 10, 13, 32, 127] as const;

/** Where what is no white space begins; the length, if that has not come yet. -1: what is there may become some. */
function whiteEnd(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    if (isAsciiWhite(byte) || byte === 0x85 || byte === 0xa0) at++;
    else if (byte < 0xc2) return at;
    else {
      const length = wideWhiteLength(bytes, at);
      if (length <= 0) return length < 0 ? -1 : at;
      at += length;
    }
  }
  return at;
}

/** Of white space that UTF-8 takes several bytes for, and of its byte order mark; 0: it is none; -1: it may become some. */
function wideWhiteLength(bytes: Buffer, at: number): number {
  for (const white of wideWhites) {
    const length = Math.min(white.length, bytes.length - at);
    if (bytes.compare(white, 0, length, at, at + length) === 0) return length === white.length ? length : -1;
  }
  return 0;
}

/** The White_Space of Unicode beyond ASCII. */
const wideWhites: readonly Buffer[] = Array.from(
  '\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff',
  (character) => Buffer.from(character),
);

/** Whether a word ends here as a method would. A line's end is the end of another protocol's word. */
function gapAt(bytes: Buffer, at: number): 'gap' | 'none' | 'short' {
  const byte = bytes[at] as number;
  if (byte !== cr) return byte !== lf && (isAsciiWhite(byte) || beginsWhite(byte)) ? 'gap' : 'none';
  if (at + 1 === bytes.length) return 'short';
  return bytes[at + 1] === lf ? 'none' : 'gap';
}

/** Tab, LF, VT, FF, CR, FS, GS, RS, US and the space. */
const isAsciiWhite = (byte: number): boolean => (byte >= tab && byte <= cr) || (byte >= 28 && byte <= space);

/** Of what is no ASCII: white space of Latin-1, and what begins `wideWhites`. */
const beginsWhite = (byte: number): boolean =>
  byte === 0x85 || byte === 0xa0 || byte === 0xc2 || (byte >= 0xe1 && byte <= 0xe3) || byte === 0xef;

/** LF, and what is in no line of text. */
const endsLine = (byte: number): boolean => byte === lf || byte === del || (byte < space && !isAsciiWhite(byte));

/** A method is a token (RFC 9110 §9.1), but not all readers look. */
const isWordByte = (byte: number): boolean => byte > space && byte < del;

const opensText = (byte: number | undefined): boolean =>
  byte === 0x3c || byte === 0x7b || byte === 0x5b || byte === 0x28;
