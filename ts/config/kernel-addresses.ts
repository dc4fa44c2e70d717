// Address lists in the one form that the kernel takes: ranges, sorted and apart from each other.

import type { AddressSet } from '../codec/address.js';
import { readAddressPattern } from '../codec/address-pattern.js';
import { formatIpv4, formatIpv6 } from '../codec/ip-number.js';
import type { IAddressRanges } from './resolved-kernel.js';

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
