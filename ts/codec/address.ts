// Client and target addresses: their normal form, lists of them, and what some of them mean.

import { readAddressPattern } from './address-pattern.js';
import { foldAddress, parseAddress, type TAddress } from './fold.js';
import { formatIpv4, formatIpv6 } from './ip-number.js';

export { foldAddress };

/** A pattern that `AddressSet.compile` could not read. */
export interface IPatternFault {
  /** Its place in the list. */
  readonly index: number;
  readonly want: string;
  readonly got: string;
}

export type TCompiledAddresses =
  | { readonly set: AddressSet; readonly faults: readonly [] }
  | { readonly set: null; readonly faults: readonly IPatternFault[] };

type TGlob = (text: string) => boolean;

/** Inclusive ranges, sorted and not overlapping, as two lists of equal length. */
interface IRanges<T extends number | bigint> {
  readonly low: readonly T[];
  readonly high: readonly T[];
}

/**
 * An immutable list of addresses: exact, CIDR, range, glob (`192.168.*`, `10.?.?.1`, `2001:db8:*`, `*`). A lookup is a
 * binary search per family, then the odd globs in turn. IPv4-mapped and NAT64 addresses are looked up as IPv4, so IPv6
 * patterns (`::/0` too) never match them; `*` matches both families.
 */
export class AddressSet {
  /** What was compiled, as written. */
  readonly patterns: readonly string[];
  readonly #v4: IRanges<number>;
  readonly #v6: IRanges<bigint>;
  readonly #globs: readonly TGlob[];
  readonly #any: boolean;

  private constructor(
    patterns: readonly string[],
    v4: IRanges<number>,
    v6: IRanges<bigint>,
    globs: readonly TGlob[],
    any: boolean,
  ) {
    this.patterns = Object.freeze([...patterns]);
    this.#v4 = v4;
    this.#v6 = v6;
    this.#globs = globs;
    this.#any = any;
    Object.freeze(this);
  }

  /** Reads all patterns; the set, or every pattern that is none. */
  static compile(patterns: readonly string[]): TCompiledAddresses {
    const faults: IPatternFault[] = [];
    const v4: (readonly [number, number])[] = [];
    const v6: (readonly [bigint, bigint])[] = [];
    const globs: TGlob[] = [];
    let any = false;
    patterns.forEach((text, index) => {
      const pattern = readAddressPattern(text);
      if (pattern.kind === 'fault') faults.push({ index, want: pattern.want, got: text.slice(0, 80) });
      else if (pattern.kind === 'v4') v4.push([pattern.low, pattern.high]);
      else if (pattern.kind === 'v6') v6.push([pattern.low, pattern.high]);
      else if (pattern.kind === 'glob') globs.push(pattern.test);
      else any = true;
    });
    if (faults.length > 0) return { set: null, faults };
    return { set: new AddressSet(patterns, merge(v4), merge(v6), globs, any), faults: [] };
  }

  /** True if the address, in any spelling, is in the set; false for what is no address. */
  matches(address: string): boolean {
    const value = parseAddress(address);
    return value !== null && this.includes(value);
  }

  /** `matches` for an address that was read already. */
  includes(value: TAddress): boolean {
    if (this.#any) return true;
    if (typeof value === 'bigint') return within(this.#v6, value);
    if (within(this.#v4, value)) return true;
    if (this.#globs.length === 0) return false;
    const text = formatIpv4(value);
    return this.#globs.some((glob) => glob(text));
  }
}

function merge<T extends number | bigint>(spans: (readonly [T, T])[]): IRanges<T> {
  const low: T[] = [];
  const high: T[] = [];
  spans.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  for (const [from, to] of spans) {
    const last = high[high.length - 1];
    if (last === undefined || from > last) {
      low.push(from);
      high.push(to);
    } else if (to > last) {
      high[high.length - 1] = to;
    }
  }
  return { low: Object.freeze(low), high: Object.freeze(high) };
}

function within<T extends number | bigint>(ranges: IRanges<T>, value: T): boolean {
  let from = 0;
  let to = ranges.low.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const start = ranges.low[middle];
    if (start !== undefined && start <= value) from = middle + 1;
    else to = middle;
  }
  const end = ranges.high[from - 1];
  return end !== undefined && value <= end;
}

/** Each with its reason; IPv4-mapped and NAT64 forms are judged as IPv4. */
const privatePatterns = [
  '0.0.0.0/8', // this network: 0.0.0.0 reaches loopback on Linux
  '10.0.0.0/8', // RFC 1918
  '100.64.0.0/10', // carrier-grade NAT, RFC 6598
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, cloud metadata
  '172.16.0.0/12', // RFC 1918
  '192.0.0.0/24', // protocol assignments, RFC 6890
  '192.168.0.0/16', // RFC 1918
  '198.18.0.0/15', // laboratory networks, RFC 2544
  '224.0.0.0/3', // multicast, reserved, broadcast
  '::/8', // unspecified, loopback, and the deprecated forms that hold an IPv4 address; 64:ff9b:1::/48 (RFC 8215)
  'fc00::/7', // unique local, RFC 4193
  'fe80::/9', // link-local, and the site-local of old (RFC 3879)
  'ff00::/8', // multicast
];

const compiledPrivate = AddressSet.compile(privatePatterns);

/**
 * True unless the address is one of the public Internet: private, loopback, link-local, shared, multicast, reserved, or
 * no address at all. 6to4 addresses (`2002::/16`) are judged by the IPv4 address inside.
 */
export function isPrivateAddress(address: string): boolean {
  const value = parseAddress(address);
  if (value === null || compiledPrivate.set === null) return true;
  const inner = typeof value === 'bigint' && value >> 112n === 0x2002n ? Number((value >> 80n) & 0xffffffffn) : value;
  return compiledPrivate.set.includes(inner);
}

/** What per-client limits count by: the IPv4 address, or the /64 of an IPv6 address, which one host may fill. */
export function limitKey(address: string): string {
  const value = parseAddress(address);
  if (typeof value !== 'bigint') return foldAddress(address);
  return `${formatIpv6((value >> 64n) << 64n)}/64`;
}
