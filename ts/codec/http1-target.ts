// The target of a request line in its four forms (RFC 9112 §3.2).

import { readAuthority } from './http-authority.js';
import { pathOctets, queryOctets } from './http-octets.js';

export interface IRequestTarget {
  /** Origin form, `*`, or `''` of CONNECT. */
  readonly target: string;
  /** Of the absolute and the authority form; else null. */
  readonly authority: string | null;
  readonly host: string;
}

/** Reads a target that is not in origin form. null: it is refused. Octets that may stand in none are refused by the caller. */
export function readOtherTarget(method: string, text: string): IRequestTarget | null {
  if (method === 'CONNECT') return authorityForm(text);
  if (text === '*') return method === 'OPTIONS' ? { target: '*', authority: null, host: '' } : null;
  return absoluteForm(method, text);
}

/** RFC 9110 §9.3.6: host and port, both. */
function authorityForm(text: string): IRequestTarget | null {
  const read = readAuthority(text);
  return read === null || read.port === null ? null : { target: '', authority: text, host: read.host };
}

const absolute = /^https?:\/\/([^/?]+)([^?]*)(.*)$/i;

/** What is left when scheme and authority are gone begins the path as in origin form, so no second slash may come first. */
function absoluteForm(method: string, text: string): IRequestTarget | null {
  const [, authority = '', path = '', query = ''] = absolute.exec(text) ?? [];
  const read = readAuthority(authority);
  if (read === null || path.startsWith('//') || path.includes('\\')) return null;
  // RFC 9112 §3.2.4: the server's own options.
  if (method === 'OPTIONS' && path === '' && query === '') return { target: '*', authority, host: read.host };
  return { target: `${path === '' ? '/' : path}${query}`, authority, host: read.host };
}

/** The end of an origin form (RFC 9112 §3.2.1) that begins at `from`, where a slash stands; -1 if a second one follows. */
export function originFormEnd(bytes: Buffer, from: number): number {
  let at = from + 1;
  // A reference to another host, wherever it is taken for a relative one (RFC 3986 §4.2).
  if (bytes[at] === 47) return -1;
  while (pathOctets[bytes[at] as number] === 1) at++;
  return bytes[at] === 63 ? targetEnd(bytes, at + 1) : at;
}

/** The end of any target, as far as its octets may stand in one. */
export function targetEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (queryOctets[bytes[at] as number] === 1) at++;
  return at;
}

/** Whether a text is an origin form and nothing else, by the same rules. */
export function isOriginForm(text: string): boolean {
  if (text.charCodeAt(0) !== 47 || text.charCodeAt(1) === 47) return false;
  let at = 1;
  while (pathOctets[text.charCodeAt(at)] === 1) at++;
  if (text.charCodeAt(at) !== 63) return at === text.length;
  do at++;
  while (queryOctets[text.charCodeAt(at)] === 1);
  return at === text.length;
}
