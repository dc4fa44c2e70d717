// The address rules: may a client with this address pass these lists? Block wins over allow; where there is an allow
// list the address must be in it; an address that cannot be read passes no list at all.

import { ConfigError } from '../../base/errors.js';
import { AddressSet, foldAddress } from '../../codec/address.js';
import { parseAddress } from '../../codec/fold.js';
import { gotText } from '../../config/faults.js';
import type { IResolvedLists } from '../../config/resolved.js';

/** What a rule says, and why, for a person. */
export interface IVerdict {
  readonly ok: boolean;
  readonly why: string;
}

export class SecurityManager {
  /**
   * Whether `ip` passes lists as they are written in a configuration: exact addresses, CIDR, ranges, globs; an empty list
   * is none. An array is compiled once, and again after it was changed.
   * @throws ConfigError naming every pattern that cannot be read.
   */
  static isIPAuthorized(ip: string | undefined, allow: readonly string[] = [], block: readonly string[] = []): boolean {
    const lists = { allow: compiled(allow, 'ipAllowList'), block: compiled(block, 'ipBlockList') };
    return SecurityManager.passes(ip ?? '', lists);
  }

  /** Whether `ip` passes compiled lists. */
  static passes(ip: string, { allow, block }: IResolvedLists): boolean {
    if (block?.matches(ip)) return false;
    if (allow !== null) return allow.matches(ip);
    return block === null || parseAddress(ip) !== null;
  }

  /** The verdict of `passes` with the pattern that decided. */
  static judge(ip: string, lists: IResolvedLists): IVerdict {
    const ok = SecurityManager.passes(ip, lists);
    return { ok, why: reasonOf(ip, lists) };
  }

  /** The same as the static one. */
  isIPAuthorized(ip: string | undefined, allow: readonly string[] = [], block: readonly string[] = []): boolean {
    return SecurityManager.isIPAuthorized(ip, allow, block);
  }
}

interface ICompiled {
  /** What the array held when it was compiled. */
  readonly patterns: readonly string[];
  readonly set: AddressSet;
}

/** Bounded by the arrays themselves: an entry goes when its array does. */
const cache = new WeakMap<readonly string[], ICompiled>();

function compiled(list: readonly string[], name: string): AddressSet | null {
  if (list.length === 0) return null;
  const known = cache.get(list);
  if (known !== undefined && isSame(known.patterns, list)) return known.set;
  const { set, faults } = AddressSet.compile(list);
  if (set === null) {
    throw new ConfigError(
      faults.map(({ index, want, got }) => ({ path: `${name}[${index}]`, want, got: gotText(got) })),
    );
  }
  cache.set(list, { patterns: [...list], set });
  return set;
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((pattern, index) => pattern === b[index]);

function reasonOf(ip: string, { allow, block }: IResolvedLists): string {
  if (allow === null && block === null) return 'no address lists';
  if (parseAddress(ip) === null) return 'the client address is unknown';
  const address = foldAddress(ip);
  const blockedBy = patternFor(address, block);
  if (blockedBy !== null) return `${address} is in the block list (${blockedBy})`;
  if (allow === null) return `${address} is not in the block list`;
  const allowedBy = patternFor(address, allow);
  return allowedBy === null ? `${address} is not in the allow list` : `${address} is in the allow list (${allowedBy})`;
}

/** The first pattern that takes the address, as it was written; null: none does. */
function patternFor(address: string, set: AddressSet | null): string | null {
  if (set === null || !set.matches(address)) return null;
  return set.patterns.find((pattern) => AddressSet.compile([pattern]).set?.matches(address)) ?? null;
}
