// Address lists in the one form that the kernel takes: ranges, sorted and apart from each other.

import type { AddressSet } from '../codec/address.js';
import { readAddressPattern } from '../codec/address-pattern.js';
import { isMapped } from '../codec/fold.js';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../codec/ip-number.js';
import type { IAddressRanges } from './resolved-kernel.js';

/**
 * The one spelling of an address that a rule can have: what is an IPv4 address inside is it, since no packet carries it
 * otherwise. null: it is no address, or one of a zone.
 */
export function kernelAddress(text: string): string | null {
  if (parseIpv4(text) >= 0) return text;
  const value = parseIpv6(text);
  if (value === null) return null;
  return isMapped(value) ? formatIpv4(Number(value & 0xffffffffn)) : formatIpv6(value);
}

/** Whether packets can go to this one machine from another. */
export function canBeTarget(address: string): boolean {
  const number = parseIpv4(address);
  // 0.0.0.0/8 is this network; from 224.0.0.0 on there are groups, and 255.255.255.255.
  if (number >= 0) return number >= 0x01000000 && number < 0xe0000000;
  const value = parseIpv6(address);
  return value !== null && value > 1n && value >> 120n !== 0xffn;
}

type TSpan = readonly [low: bigint, high: bigint];

/** null: a glob in it is no list of ranges. */
export function rangesOf(patterns: readonly string[]): IAddressRanges | null {
  const v4: TSpan[] = [];
  const v6: TSpan[] = [];
  for (const text of patterns) {
    const pattern = readAddressPattern(text);
    if (pattern.kind === 'glob' || pattern.kind === 'fault') return null;
    if (pattern.kind === 'v4') v4.push([BigInt(pattern.low), BigInt(pattern.high)]);
    else if (pattern.kind === 'v6') v6.push([pattern.low, pattern.high]);
    else {
      v4.push([0n, (1n << 32n) - 1n]);
      v6.push([0n, (1n << 128n) - 1n]);
    }
  }
  const ip = merged(v4).map((span) => textOf(span, 32, (value) => formatIpv4(Number(value))));
  return { ip, ip6: merged(v6).map((span) => textOf(span, 128, formatIpv6)) };
}

/** Of a list that was checked; null stays null. */
export function rangesOfSet(set: AddressSet | null): IAddressRanges | null {
  if (set === null) return null;
  const ranges = rangesOf(set.patterns);
  if (ranges === null) throw new Error('an address list passed the checks and is none of ranges');
  return ranges;
}

function merged(spans: readonly TSpan[]): TSpan[] {
  const result: [bigint, bigint][] = [];
  for (const [low, high] of [...spans].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))) {
    const last = result.at(-1);
    if (last === undefined || low > last[1] + 1n) result.push([low, high]);
    else if (high > last[1]) last[1] = high;
  }
  return result;
}

/** The shortest form: nft gives the same back. */
function textOf([low, high]: TSpan, bits: number, format: (value: bigint) => string): string {
  if (low === high) return format(low);
  const size = high - low + 1n;
  const isPrefix = (size & (size - 1n)) === 0n && low % size === 0n;
  if (!isPrefix) return `${format(low)}-${format(high)}`;
  return `${format(low)}/${bits - (size.toString(2).length - 1)}`;
}
