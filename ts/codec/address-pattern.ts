// One entry of an address list: from what the operator wrote to ranges of numbers.

import * as plugins from '../plugins.js';
import { isMapped, isNat64, parseAddress, type TAddress } from './fold.js';
import { parseIpv6 } from './ip-number.js';

/** What one pattern stands for. Both ends of a range are included. */
export type TAddressPattern =
  | { readonly kind: 'v4'; readonly low: number; readonly high: number }
  | { readonly kind: 'v6'; readonly low: bigint; readonly high: bigint }
  | { readonly kind: 'any' }
  /** Tested against canonical IPv4 text. */
  | { readonly kind: 'glob'; readonly test: (text: string) => boolean }
  | { readonly kind: 'fault'; readonly want: string };

const maxV6 = (1n << 128n) - 1n;
const wantAny = 'an address, CIDR (10.0.0.0/8), range (10.0.0.1-10.0.0.9) or glob (10.0.*)';

/** Reads one pattern. Never throws. */
export function readAddressPattern(text: string): TAddressPattern {
  if (text === '*') return { kind: 'any' };
  if (text.includes('*') || text.includes('?')) return text.includes(':') ? readGlobV6(text) : readGlobV4(text);
  if (text.includes('/')) return readCidr(text);
  if (text.includes('-')) return readRange(text);
  const address = readListed(text);
  return address === null ? fault(wantAny) : typeof address === 'string' ? fault(address) : span(address, address);
}

const fault = (want: string): TAddressPattern => ({ kind: 'fault', want });

function span(low: TAddress, high: TAddress): TAddressPattern {
  if (typeof low === 'number' && typeof high === 'number') return { kind: 'v4', low, high };
  if (typeof low === 'bigint' && typeof high === 'bigint') return { kind: 'v6', low, high };
  return fault('two addresses of one family');
}

/**
 * An address as it may stand in a list: a zone would look narrower than it acts, and a NAT64 prefix wider than it
 * looks (`64:ff9b::/96` would be all of IPv4), so both are refused; the text says what is wanted instead.
 */
function readListed(text: string): TAddress | string | null {
  if (text.includes('%')) return 'an address without a zone';
  const address = parseAddress(text);
  if (typeof address !== 'number' || !text.includes(':')) return address;
  const whole = parseIpv6(text);
  return whole !== null && isNat64(whole) ? 'the IPv4 address instead of its NAT64 form' : address;
}

/** Bits after the prefix are ignored, as everywhere: `10.1.2.3/8` is `10.0.0.0/8`. */
function readCidr(text: string): TAddressPattern {
  const slash = text.indexOf('/');
  const bits = /^(?:0|[1-9]\d{0,2})$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : -1;
  const base = text.slice(0, slash);
  const address = readListed(base);
  if (address === null) return fault(wantAny);
  if (typeof address === 'string') return fault(address);
  if (typeof address === 'bigint') {
    if (bits < 0 || bits > 128) return fault('a prefix length from 0 to 128');
    const tail = maxV6 >> BigInt(bits);
    return { kind: 'v6', low: address & (maxV6 ^ tail), high: address | tail };
  }
  // `::ffff:10.0.0.0/104` is `10.0.0.0/8`; a shorter prefix would mix two families.
  const mapped = base.includes(':');
  const bitsV4 = mapped ? bits - 96 : bits;
  if (bitsV4 < 0 || bitsV4 > 32) return fault(`a prefix length from ${mapped ? '96 to 128' : '0 to 32'}`);
  const size = 2 ** (32 - bitsV4);
  const low = address - (address % size);
  return { kind: 'v4', low, high: low + size - 1 };
}

function readRange(text: string): TAddressPattern {
  const dash = text.indexOf('-');
  const low = readListed(text.slice(0, dash).trim());
  const high = readListed(text.slice(dash + 1).trim());
  if (low === null || high === null) return fault('a range of two whole addresses (10.0.0.1-10.0.0.9)');
  if (typeof low === 'string') return fault(low);
  if (typeof high === 'string') return fault(high);
  const range = span(low, high);
  return low <= high || range.kind === 'fault' ? range : fault('a range whose first address is not above its last');
}

/** `192.168.*` and `192.168.1.*` are ranges; anything odder is matched as text, where `*` may stand for several octets. */
function readGlobV4(text: string): TAddressPattern {
  const parts = text.split('.');
  const known = parts.every((part) => /^[\d*?]{1,15}$/.test(part) && (/[*?]/.test(part) || isOctet(part)));
  if (!known || parts.length > 4) return fault('a glob of at most four octets (192.168.*, 10.?.?.1)');
  const stars = parts.indexOf('*');
  if (stars > 0 && parts.every((part, at) => (at < stars ? isOctet(part) : part === '*'))) {
    const size = 256 ** (4 - stars);
    const low = parts.slice(0, stars).reduce((sum, part) => sum * 256 + Number(part), 0) * size;
    return { kind: 'v4', low, high: low + size - 1 };
  }
  if (parts.length < 4 ? !text.includes('*') : !parts.every(fitsOctet))
    return fault('a glob that some address matches');
  const glob = new plugins.minimatch.Minimatch(text, globOptions);
  return { kind: 'glob', test: (address) => glob.match(address) };
}

/** Only `*` and `?` are special; everything else in a pattern was refused before. */
const globOptions = {
  nobrace: true,
  noext: true,
  nonegate: true,
  nocomment: true,
  noglobstar: true,
  platform: 'linux',
} as const;

const isOctet = (part: string): boolean => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255;

function fitsOctet(part: string): boolean {
  const test = new RegExp(`^${part.replaceAll('*', '\\d*').replaceAll('?', '\\d')}$`);
  return octets.some((octet) => test.test(octet));
}

const octets = Array.from({ length: 256 }, (_, octet) => String(octet));

/** Only whole leading groups (`2001:db8:*`): `::` in a glob could stand for several things. */
function readGlobV6(text: string): TAddressPattern {
  const want = 'an IPv6 glob of whole leading groups (2001:db8:*), or CIDR';
  const groups = text.split(':');
  const named = groups.slice(0, -1);
  const plain = named.length >= 1 && named.length <= 7 && named.every((group) => /^[\da-f]{1,4}$/i.test(group));
  if (!plain || groups[groups.length - 1] !== '*') return fault(want);
  const shift = BigInt(16 * (8 - named.length));
  const low = named.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n) << shift;
  if (isMapped(low) || isNat64(low)) return fault('an IPv4 pattern');
  return { kind: 'v6', low, high: low | ((1n << shift) - 1n) };
}
