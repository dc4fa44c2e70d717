// The forms in which a certificate and its authority write one name.

import { formatIpv4, formatIpv6, groupsOf, parseIpv4, parseIpv6 } from '../codec/ip-number.js';
import type { IAcmeIdentifier } from './acme/acme-types.js';

/** What an authority is asked for (RFC 8555 §9.7.7, RFC 8738 §3); a wildcard keeps its `*.`. */
export function identifierOf(name: string): IAcmeIdentifier {
  const ipv4 = parseIpv4(name);
  if (ipv4 >= 0) return { type: 'ip', value: formatIpv4(ipv4) };
  const ipv6 = parseIpv6(name);
  if (ipv6 !== null) return { type: 'ip', value: formatIpv6(ipv6) };
  return { type: 'dns', value: name };
}

/** The server name by which an authority asks for an address (RFC 8738 §6). @throws RangeError if it is no address */
export function arpaNameOf(ip: string): string {
  const bytes = addressBytesOf(ip);
  if (bytes === null) throw new RangeError(`not an address: ${ip}`);
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa`;
  return `${[...bytes.toString('hex')].reverse().join('.')}.ip6.arpa`;
}

/** The name whose TXT record shows an authority whose a domain is (RFC 8555 §8.4); the same one for its wildcard. */
export const txtNameOf = (name: string): string => `_acme-challenge.${name.replace(/^\*\./, '')}`;

/** Four or sixteen bytes, in network order; null: it is a name. */
export function addressBytesOf(name: string): Buffer | null {
  const ipv4 = parseIpv4(name);
  if (ipv4 >= 0) return Buffer.from([ipv4 >>> 24, ipv4 >>> 16, ipv4 >>> 8, ipv4]);
  const ipv6 = parseIpv6(name);
  return ipv6 === null ? null : Buffer.from(groupsOf(ipv6).flatMap((group) => [group >>> 8, group & 255]));
}
