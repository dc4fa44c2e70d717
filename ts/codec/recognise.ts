// What the first bytes of a connection are, from as few of them as can tell.

import type { TDecoded } from './decoded.js';

export interface IRecognised {
  readonly protocol: 'tls' | 'http' | 'other';
  /** True if an HTTP/2 connection preface begins here; the protocol is `http` then. */
  readonly http2Preface: boolean;
}

/** How far an HTTP request line of an unknown method is looked for. */
export const requestLineLimitBytes = 8_192;

/**
 * Recognises TLS by the header of a record with a ClientHello (six bytes), HTTP by a known method and a space, else by a
 * request line that ends in ` HTTP/1.x` (other protocols, SSH among them, also begin with a word and a space), HTTP/2 by
 * its preface. Everything else is `other`, from the first byte on that rules the rest out. `used` is 0: nothing is taken.
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
const methodLimitBytes = 300;
const space = 32;

function recogniseHttp(bytes: Buffer, seen: number): TDecoded<IRecognised> {
  const prefaced = Math.min(bytes.length, http2Preface.length);
  if (bytes[0] === http2Preface[0] && bytes.compare(http2Preface, 0, prefaced, 0, prefaced) === 0) {
    return prefaced === http2Preface.length ? answer('http', true) : waitFor(bytes.length + 1);
  }
  let at = 0;
  while (at < bytes.length && at <= methodLimitBytes && isTokenByte(bytes[at] ?? 0)) at++;
  if (at > methodLimitBytes) return answer('other');
  if (at === bytes.length) return waitFor(at + 1);
  if (at === 0 || bytes[at] !== space) return answer('other');
  return methods.has(bytes.toString('latin1', 0, at)) ? answer('http') : recogniseLine(bytes, at + 1, seen);
}

/** `target` is where the request target would begin. */
function recogniseLine(bytes: Buffer, target: number, seen: number): TDecoded<IRecognised> {
  const line = bytes.subarray(0, requestLineLimitBytes);
  const gap = line.indexOf(space, target);
  const targetEnd = gap < 0 ? line.length : gap;
  for (let at = Math.max(target, Math.min(seen, targetEnd)); at < targetEnd; at++) {
    const byte = line[at] ?? 0;
    if (byte < 33 || byte === 127) return answer('other');
  }
  if (gap === target) return answer('other');
  if (gap > 0) {
    const version = line.toString('latin1', gap + 1, gap + 10);
    if (/^HTTP\/1\.\d[\r\n]$/.test(version)) return answer('http');
    if (!isVersionStart(version)) return answer('other');
  }
  return bytes.length < requestLineLimitBytes ? waitFor(bytes.length + 1) : answer('other');
}

const isVersionStart = (text: string): boolean => 'HTTP/1.'.startsWith(text) || /^HTTP\/1\.\d$/.test(text);

/** RFC 9110 §5.6.2 */
function isTokenByte(byte: number): boolean {
  const lower = byte | 32;
  if ((lower >= 97 && lower <= 122) || (byte >= 48 && byte <= 57)) return true;
  return byte > 32 && byte < 127 && "!#$%&'*+-.^_`|~".includes(String.fromCharCode(byte));
}
