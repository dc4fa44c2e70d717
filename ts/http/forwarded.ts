// What targets are told about the client: X-Forwarded-* and Forwarded, and who is believed about it.

import type { AddressSet } from '../codec/address.js';
import { foldAddress } from '../codec/address.js';
import { splitHostPort } from '../codec/host.js';
import { fieldValue, type TFields } from '../codec/http-message.js';
import { forwardedFor, forwardedHost, forwardedPort, forwardedProto, type TKind } from './field-kind.js';

/** What is known of whoever sent a request. */
export interface IForwardFacts {
  /** The address of the connection's other end. */
  readonly peerIp: string;
  /** The port that the client connected to. */
  readonly serverPort: number;
  readonly isTls: boolean;
  /** As asked for; `''` if it named no host. */
  readonly authority: string;
  /** True if the peer is in `trustedProxies`. */
  readonly trusted: boolean;
}

/** What a trusted peer said; `''`: nothing. */
export class Heard {
  chain = '';
  proto = '';
  host = '';
  port = '';
  forwarded = '';

  /** Lists are joined (RFC 9110 §5.3); of what can be said only once, what was said last is the peer's own. */
  take(kind: TKind, value: string): void {
    if (kind === forwardedFor) this.chain = join(this.chain, value);
    else if (kind === forwardedProto) this.proto = value;
    else if (kind === forwardedHost) this.host = value;
    else if (kind === forwardedPort) this.port = value;
    else this.forwarded = join(this.forwarded, value);
  }
}

const join = (list: string, value: string): string => (list === '' ? value : value === '' ? list : `${list}, ${value}`);

/**
 * Adds what targets are told; what the client said of it is gone by now. A trusted peer is believed: X-Forwarded-For is continued,
 * Proto, Host and Port are kept, and `Forwarded`, if it sent one, gets an element of ours. `heard` is null for any other.
 */
export function addForwarded(out: string[], facts: IForwardFacts, heard: Heard | null): void {
  const { isTls, authority, serverPort } = facts;
  // A socket that was reset at once has no address any more: RFC 7239 §6.2.
  const peerIp = facts.peerIp || 'unknown';
  const proto = isTls ? 'https' : 'http';
  if (heard === null) {
    out.push('X-Forwarded-For', peerIp, 'X-Forwarded-Proto', proto);
    if (authority !== '') out.push('X-Forwarded-Host', authority);
    out.push('X-Forwarded-Port', String(serverPort));
    return;
  }
  out.push('X-Forwarded-For', join(heard.chain, peerIp), 'X-Forwarded-Proto', heard.proto || proto);
  const host = heard.host || authority;
  if (host !== '') out.push('X-Forwarded-Host', host);
  out.push('X-Forwarded-Port', heard.port || String(serverPort));
  if (heard.forwarded !== '') out.push('Forwarded', join(heard.forwarded, elementOf(peerIp, proto, authority)));
}

/** RFC 7239 §4, §6: IPv6 addresses and ports stand in quotes. An authority of our codec holds neither quote nor backslash. */
function elementOf(peerIp: string, proto: string, authority: string): string {
  const node = peerIp.includes(':') ? `"[${peerIp}]"` : peerIp;
  const host = authority === '' ? '' : /^[\w.-]+$/.test(authority) ? `;host=${authority}` : `;host="${authority}"`;
  return `for=${node};proto=${proto}${host}`;
}

/** Elements of X-Forwarded-For that are looked at. */
const maxHops = 50;

/**
 * The client's address: X-Forwarded-For is read from its end for as long as whoever wrote an element is trusted. What is no
 * address ends the walk: the last address that somebody trusted stands for is the answer.
 */
export function clientFrom(fields: TFields, peer: string, trusted: AddressSet): string {
  if (!trusted.matches(peer)) return peer;
  const chain = fieldValue(fields, 'x-forwarded-for');
  if (chain === null) return peer;
  let client = peer;
  let end = chain.length;
  for (let hops = 0; hops < maxHops && end >= 0; hops++) {
    const comma = chain.lastIndexOf(',', end - 1);
    const stated = addressIn(chain.slice(end === 0 ? 0 : comma + 1, end));
    if (stated === '') return client;
    client = stated;
    if (comma < 0 || !trusted.matches(client)) return client;
    end = comma;
  }
  return client;
}

/** The address of an element, which some proxies write with its port; `''` if it is none. */
function addressIn(element: string): string {
  const text = element.trim();
  const whole = foldAddress(text);
  if (whole !== '') return whole;
  const split = splitHostPort(text);
  return split === null ? '' : foldAddress(split.host);
}
