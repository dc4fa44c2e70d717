// The authority of a request: what a Host field, an absolute target or `:authority` names.

import { normaliseHost, splitHostPort } from './host.js';
import { formatIpv6, parseIpv4, parseIpv6 } from './ip-number.js';

export interface IAuthority {
  /** Lower case, A-labels, no final dot; an IP literal in its usual form, without brackets. */
  readonly host: string;
  /** null if none is given. */
  readonly port: number | null;
}

/** null if `text` is no host with an optional port (RFC 9110 §7.2), has user information, or could be read in two ways. */
export function readAuthority(text: string): IAuthority | null {
  const end = plainNameEnd(text);
  if (end === text.length && end > 0) return { host: text, port: null };
  return end > 0 && text.charCodeAt(end) === colon ? withPort(text.slice(0, end), text, end) : readOther(text);
}

const colon = 58;
const dot = 46;
const hyphen = 45;
const digit9 = 57;
const maxNameLength = 253;
const maxLabelLength = 63;

/**
 * Where a name that is in its normal form already ends: lower-case letters, digits, inner hyphens, a last label that begins
 * with a letter. 0 if it is none, which does not make it invalid.
 */
function plainNameEnd(text: string): number {
  let label = 0;
  let at = 0;
  let last = dot;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === colon) break;
    const isLetter = code >= 97 && code <= 122;
    if (!isLetter && !(code >= 48 && code <= digit9)) {
      if (code !== dot && code !== hyphen) return 0;
      if (last === dot || (code === dot && last === hyphen)) return 0;
      if (code === dot) {
        if (at - label > maxLabelLength) return 0;
        label = at + 1;
      }
    }
    last = code;
  }
  if (last === dot || last === hyphen || at - label > maxLabelLength || at > maxNameLength) return 0;
  return text.charCodeAt(label) > digit9 ? at : 0;
}

/** `end`: where the colon stands. Digits without a leading zero, as nobody writes one; none mean no port (RFC 3986 §3.2.3). */
function withPort(host: string, text: string, end: number): IAuthority | null {
  if (end + 1 === text.length) return { host, port: null };
  if (text.length - end > 6 || text.charCodeAt(end + 1) === 48) return null;
  let port = 0;
  for (let at = end + 1; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return null;
    port = port * 10 + digit;
  }
  return port > 65_535 ? null : { host, port };
}

function readOther(text: string): IAuthority | null {
  const address = leadingAddress(text);
  if (address > 0)
    return address === text.length ? { host: text, port: null } : withPort(text.slice(0, address), text, address);
  // U-labels come as UTF-8 from nobody but attackers, and are no reg-name (RFC 3986 §3.2.2).
  if (!/^[\w.:[\]-]+$/.test(text)) return null;
  const split = splitHostPort(text);
  if (split === null) return null;
  const end = text.lastIndexOf(':');
  const hasPort = end > text.lastIndexOf(']');
  const host = hostOf(split.host, text.startsWith('['));
  if (host === null) return null;
  return hasPort ? withPort(host, text, end) : { host, port: null };
}

/** Where an IPv4 address that the text begins with ends: at a colon or the end. 0: it does not. */
function leadingAddress(text: string): number {
  const end = text.indexOf(':');
  if (end < 0) return parseIpv4(text) < 0 ? 0 : text.length;
  return end < 16 && parseIpv4(text.slice(0, end)) >= 0 ? end : 0;
}

function hostOf(text: string, bracketed: boolean): string | null {
  if (bracketed) {
    const address = parseIpv6(text);
    return address === null ? null : formatIpv6(address);
  }
  return normaliseHost(text);
}
