// Host names: the one normal form for SNI, Host, `:authority` and the names that operators write.

import * as plugins from '../plugins.js';
import { parseIpv4, parseIpv6 } from './ip-number.js';

/** RFC 1035 §2.3.4: 255 octets on the wire are 253 characters of text without the final dot. */
const maxNameLength = 253;

/** Letters, digits, hyphens inside; underscores, because names in use have them. */
const labels = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.|$))+$/;

/** A last label that some resolvers read as a number, and the whole name as an IPv4 address (URL standard, §3.5). */
const endsInNumber = /(?:^|\.)(?:\d+|0x[\da-f]*)$/;

/**
 * The name in lower case, as ASCII (IDNA, UTS 46), without one final dot; null if `text` is no host name: an IP
 * literal, anything that could be taken for one (`0x7f.1`, `1.2.3`), a port behind it, a bad label, too long.
 */
export function normaliseHost(text: string): string | null {
  if (text.length === 0 || text.length > maxNameLength + 1) return null;
  const ascii = isAscii(text) ? text.toLowerCase() : toAscii(text);
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  if (name.length === 0 || name.length > maxNameLength || name.endsWith('.')) return null;
  return labels.test(name) && !endsInNumber.test(name) ? name : null;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 127) return false;
  }
  return true;
}

/**
 * `''` where there is no ASCII form. Node reads the text as the host of a URL: it decodes `%2e`, ends at `/`, `?`, `#` and
 * `\`, and drops tabs, so only what may stand in a name goes in. Where it finds a number it writes an IPv4 address, which
 * the caller refuses.
 */
const toAscii = (text: string): string => (/^[\w.\u0080-\uffff-]+$/.test(text) ? plugins.url.domainToASCII(text) : '');

/** True for an IPv4 or IPv6 address, the latter with or without brackets. */
export function isIpLiteral(text: string): boolean {
  if (text.startsWith('[')) return text.endsWith(']') && parseIpv6(text.slice(1, -1)) !== null;
  return parseIpv4(text) >= 0 || parseIpv6(text) !== null;
}

/** A Host field or `:authority` in two parts. */
export interface IHostPort {
  /** As written; the brackets of an IPv6 literal removed. */
  readonly host: string;
  /** null if none is given. */
  readonly port: number | null;
}

/**
 * Splits `host`, `host:port`, `[v6]` or `[v6]:port` (RFC 9110 §7.2); null if it has none of these shapes. An empty port
 * (`host:`) is allowed there and means none. Whether `host` is a name is for `normaliseHost` and `isIpLiteral` to say.
 */
export function splitHostPort(text: string): IHostPort | null {
  const bracketed = text.startsWith('[');
  const end = bracketed ? text.indexOf(']') + 1 : text.indexOf(':') < 0 ? text.length : text.indexOf(':');
  if (end === 0) return null;
  const host = bracketed ? text.slice(1, end - 1) : text.slice(0, end);
  if (bracketed && parseIpv6(host) === null) return null;
  if (end === text.length) return { host, port: null };
  const digits = text.slice(end + 1);
  if (text.charAt(end) !== ':' || !/^\d{0,5}$/.test(digits)) return null;
  if (digits === '') return { host, port: null };
  const port = Number(digits);
  return port > 65_535 ? null : { host, port };
}
