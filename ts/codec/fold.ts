// The one form in which the proxy compares addresses: whatever is an IPv4 address inside is that IPv4 address.

import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from './ip-number.js';

/** A number is an IPv4 address, a bigint an IPv6 address that holds no IPv4 address. */
export type TAddress = number | bigint;

const mappedPrefix = 0xffffn; // ::ffff:0:0/96, RFC 4291 §2.5.5.2
const nat64Prefix = 0x64ff9b0000000000000000n; // 64:ff9b::/96, RFC 6052 §2.1

/**
 * Reads an address; null if `text` is none. IPv4-mapped and NAT64 (`64:ff9b::/96`) forms become the IPv4 address: the
 * client behind a translator is that IPv4 host, so lists and limits must see it as such. Nobody can answer from such
 * an address but the translator itself. Other prefixes (RFC 8215, 6to4) are laid out by their operator and stay IPv6.
 * A zone (`%eth0`) says where an address is reached, not which it is, and is dropped.
 */
export function parseAddress(text: string): TAddress | null {
  if (!text.includes(':')) {
    const address = parseIpv4(text);
    return address < 0 ? null : address;
  }
  const zone = text.indexOf('%');
  if (zone === text.length - 1) return null;
  const address = parseIpv6(zone < 0 ? text : text.slice(0, zone));
  return address === null ? null : foldIpv6(address);
}

/** The IPv4 address inside, if there is one. */
export const foldIpv6 = (address: bigint): TAddress =>
  isMapped(address) || isNat64(address) ? Number(address & 0xffffffffn) : address;

/** True for `::ffff:0:0/96`. */
export const isMapped = (address: bigint): boolean => address >> 32n === mappedPrefix;

/** True for `64:ff9b::/96`. */
export const isNat64 = (address: bigint): boolean => address >> 32n === nat64Prefix;

/** The canonical text: RFC 5952 for IPv6. */
export const formatAddress = (address: TAddress): string =>
  typeof address === 'number' ? formatIpv4(address) : formatIpv6(address);

/** The canonical text of an address in any spelling (see `parseAddress`); `''` if `text` is none. */
export function foldAddress(text: string): string {
  // What sockets report, at every connection: it is canonical already.
  if (parseIpv4(text) >= 0) return text;
  if (text.startsWith('::ffff:') && parseIpv4(text, 7) >= 0) return text.slice(7);
  const address = parseAddress(text);
  return address === null ? '' : formatAddress(address);
}
