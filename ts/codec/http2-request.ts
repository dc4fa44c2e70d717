// The field list of an HTTP/2 request (RFC 9113 §8.3.1, RFC 8441 §4): an IRequestHead out, or why it is malformed.

import { type IAuthority, readAuthority } from './http-authority.js';
import type { IRequestHead } from './http-message.js';
import { isToken } from './http-octets.js';
import { readLength } from './http1-fields.js';
import { readUpgrade } from './http1-framing.js';
import { maxMethodLength } from './http1-request.js';
import { type IRequestTarget, isOriginForm, readOtherTarget } from './http1-target.js';
import { fieldFault, type IH2Fault, isOfConnection } from './http2-fields.js';

export type { IH2Fault } from './http2-fields.js';

/**
 * Judges by the rules that HTTP/1 is judged by, and those of HTTP/2. `end`: nothing follows. The list becomes the head's: it is
 * changed. Of both kinds of CONNECT the method is CONNECT, and what follows is no content; the extended one has `upgrade`.
 * That content is as long as it was said to be is for the caller to see to (RFC 9113 §8.1.1).
 */
export function readRequest(fields: string[], end: boolean): IRequestHead | IH2Fault {
  const list = new RequestList();
  const fault = list.read(fields);
  if (fault !== null) return { fault };
  return headOf(list, fields, end);
}

const colon = 58;

/** Pseudo-fields, and what has a meaning for the message as such; the rest stays in the list. */
class RequestList {
  method: string | null = null;
  scheme: string | null = null;
  path: string | null = null;
  authority: string | null = null;
  protocol: string | null = null;
  host: string | null = null;
  expect: string | null = null;
  /** -1: not given. */
  contentLength = -1;
  /** Where the value of the one Cookie field stands; -1: none yet. */
  #cookie = -1;
  #fields: string[] = [];
  /** Up to where the list is what it will be. */
  #kept = 0;

  read(fields: string[]): string | null {
    let at = 0;
    for (; at < fields.length; at += 2) {
      const name = fields[at] as string;
      if (name.charCodeAt(0) !== colon) break;
      if (!this.#takePseudo(name, fields[at + 1] as string)) return 'pseudo-field';
    }
    this.#fields = fields;
    for (; at < fields.length; at += 2) {
      const name = fields[at] as string;
      const value = fields[at + 1] as string;
      // A pseudo-field behind others has a name that may be none (RFC 9113 §8.3).
      const fault = fieldFault(name, value) ?? this.#take(name, value);
      if (fault !== null) return fault;
    }
    fields.length = this.#kept;
    return null;
  }

  /** False: one that is none, or comes twice. */
  #takePseudo(name: string, value: string): boolean {
    switch (name) {
      case ':method':
        if (this.method !== null) return false;
        this.method = value;
        return true;
      case ':scheme':
        if (this.scheme !== null) return false;
        this.scheme = value;
        return true;
      case ':path':
        if (this.path !== null) return false;
        this.path = value;
        return true;
      case ':authority':
        if (this.authority !== null) return false;
        this.authority = value;
        return true;
      case ':protocol':
        if (this.protocol !== null) return false;
        this.protocol = value;
        return true;
      default:
        return false;
    }
  }

  #take(name: string, value: string): string | null {
    switch (name.length) {
      case 2:
        if (name === 'te' && value.toLowerCase() !== 'trailers') return 'TE';
        break;
      case 4:
        if (name !== 'host') break;
        if (this.host !== null) return 'several Host fields';
        this.host = value;
        return null;
      case 6:
        if (name === 'cookie') return this.#takeCookie(value);
        if (name !== 'expect') break;
        this.expect = this.expect === null ? value : `${this.expect}, ${value}`;
        return null;
      case 14:
        if (name !== 'content-length') break;
        if (this.contentLength >= 0) return 'several Content-Length fields';
        this.contentLength = readLength(value);
        return this.contentLength < 0 ? 'Content-Length' : null;
      default:
        if (isOfConnection(name)) return 'field of a connection';
    }
    this.#keep(name, value);
    return null;
  }

  /** RFC 9113 §8.2.3: crumbs become one field before anybody else reads them. */
  #takeCookie(value: string): null {
    if (this.#cookie < 0) {
      this.#cookie = this.#kept + 1;
      this.#keep('cookie', value);
    } else if (value !== '') {
      const before = this.#fields[this.#cookie] as string;
      this.#fields[this.#cookie] = before === '' ? value : `${before}; ${value}`;
    }
    return null;
  }

  #keep(name: string, value: string): void {
    this.#fields[this.#kept++] = name;
    this.#fields[this.#kept++] = value;
  }
}

function headOf(list: RequestList, fields: string[], end: boolean): IRequestHead | IH2Fault {
  const { method, protocol } = list;
  if (method === null || method.length > maxMethodLength || !isToken(method)) return { fault: ':method' };
  const isTunnel = method === 'CONNECT';
  const upgrade = protocol === null ? null : readUpgrade(protocol);
  // RFC 8441 §4: only there, and one, with nothing around it.
  if (protocol !== null && (!isTunnel || upgrade === '' || upgrade?.length !== protocol.length)) {
    return { fault: ':protocol' };
  }
  const target = isTunnel && upgrade === null ? connectTarget(list) : usualTarget(list, method);
  if (typeof target === 'string') return { fault: target };
  const { contentLength } = list;
  if (isTunnel && contentLength >= 0) return { fault: 'content before another protocol' };
  if (isTunnel && end) return { fault: 'a tunnel that has ended' };
  if (end && contentLength > 0) return { fault: 'content that does not come' };
  if (list.expect !== null && list.expect.toLowerCase() !== '100-continue') return { fault: 'Expect', status: 417 };
  const length = end || isTunnel ? 0 : contentLength;
  return {
    version: '2',
    method,
    target: target.target,
    authority: target.authority as string,
    host: target.host,
    fields,
    contentLength: length,
    expectsContinue: list.expect !== null && length !== 0,
    upgrade,
    close: false,
  };
}

/** RFC 9113 §8.5: host and port, nothing else. A text: what is wrong. */
function connectTarget(list: RequestList): IRequestTarget | string {
  if (list.scheme !== null || list.path !== null) return 'CONNECT with a path';
  const target = list.authority === null ? null : readOtherTarget('CONNECT', list.authority);
  if (target === null || target.authority === null) return ':authority';
  return agrees(list.host, target.authority, '') ? target : 'Host and :authority differ';
}

function usualTarget(list: RequestList, method: string): IRequestTarget | string {
  const { scheme, path, host } = list;
  if (scheme === null || !isScheme(scheme)) return ':scheme';
  // RFC 9113 §8.3.1: with both kinds of authority missing, nobody knows who is meant; RFC 9110 §7.2 wants one.
  const authority = list.authority ?? host;
  const read = authority === null ? null : readAuthority(authority);
  if (authority === null || read === null) return list.authority === null ? 'Host' : ':authority';
  if (list.authority !== null && !agrees(host, list.authority, scheme)) return 'Host and :authority differ';
  // RFC 8441 §4: extended CONNECT must say who; Host is none of its fields.
  if (list.protocol !== null && list.authority === null) return ':authority';
  if (path === null || !(isOriginForm(path) || (path === '*' && method === 'OPTIONS'))) return ':path';
  return { target: path, authority, host: read.host };
}

const isScheme = (scheme: string): boolean => scheme === 'https' || scheme === 'http' || /^https?$/i.test(scheme);

/** RFC 9113 §8.3.1: Host, if it is there, names the same as `authority`, a valid one. */
function agrees(host: string | null, authority: string, scheme: string): boolean {
  if (host === null || host === authority) return true;
  const one = readAuthority(host);
  const other = readAuthority(authority);
  return one !== null && other !== null && one.host === other.host && portOf(one, scheme) === portOf(other, scheme);
}

function portOf(authority: IAuthority, scheme: string): number {
  if (authority.port !== null || scheme === '') return authority.port ?? -1;
  return scheme.length === 5 ? 443 : 80;
}
