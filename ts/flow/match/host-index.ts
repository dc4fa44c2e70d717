// The entries of one listening point and one phase, found by host and path at a cost that does not grow with the number of
// exact hosts.

import type { IConnectionFacts } from '../stages.js';
import { maxHostLength } from './host-pattern.js';
import { PathIndex } from './path-index.js';
import { type IRanked, inChain, passes } from './ranked.js';
import { compareEntries, type IEntry } from './rule.js';
import { SuffixIndex } from './suffix-index.js';

/** Entries that are found alike: a chain in rank order, or where there are many paths an index of them. */
type TFound<F extends IConnectionFacts> = IRanked<F> | PathIndex<F>;

export class HostIndex<F extends IConnectionFacts> {
  /** Where entries are found by the form of their host pattern. */
  readonly #exact = new Map<string, TFound<F>>();
  readonly #suffixes = new SuffixIndex<TFound<F>>();
  readonly #nameless: TFound<F> | null;
  readonly #any: TFound<F> | null;
  /** Their patterns are tried one after the other. */
  readonly #globs: IRanked<F> | null;

  constructor(entries: readonly IEntry<F>[]) {
    const exact = new Map<string, IRanked<F>>();
    const suffix = new Map<string, IRanked<F>>();
    const rest: Record<'nameless' | 'any' | 'glob', IRanked<F> | null> = { nameless: null, any: null, glob: null };
    // From the last to the first: each becomes the head of its chain.
    for (const entry of rankedOf(entries).reverse()) {
      const form = entry.pattern?.form ?? 'nameless';
      if (form === 'exact') putFirst(exact, entry);
      else if (form === 'suffix') putFirst(suffix, entry);
      else {
        entry.next = rest[form];
        rest[form] = entry;
      }
    }
    for (const [key, first] of exact) this.#exact.set(key, indexed(first));
    for (const [key, first] of suffix) this.#suffixes.set(key, indexed(first));
    this.#nameless = rest.nameless && indexed(rest.nameless);
    this.#any = rest.any && indexed(rest.any);
    this.#globs = rest.glob;
  }

  /** The entry that takes it; null if none does. Allocates nothing. `path` is not looked at where no entry has one. */
  find(facts: F, path: string): IRanked<F> | null {
    const nameless = better(this.#nameless, facts, path, null);
    const host = facts.domain;
    if (host === null || host.length === 0 || host.length > maxHostLength) return nameless;
    let best = better(this.#exact.get(host) ?? null, facts, path, nameless);
    best = this.#betterSuffix(host, facts, path, best);
    best = betterGlob(this.#globs, host, facts, path, best);
    return better(this.#any, facts, path, best);
  }

  /** All entries that take it, best first. Of an index whose entries have no paths. */
  all(facts: F): readonly IRanked<F>[] {
    const found: IRanked<F>[] = [];
    const take = (first: TFound<F> | null | undefined) => collect(first ?? null, facts, found);
    take(this.#nameless);
    const host = facts.domain;
    if (host !== null && host.length > 0 && host.length <= maxHostLength) {
      take(this.#exact.get(host));
      for (let at = host.indexOf('.', 1); at >= 0; at = host.indexOf('.', at + 1))
        take(this.#suffixes.get(host.slice(at)));
      take(this.#globs);
      take(this.#any);
    }
    return found.sort((a, b) => a.rank - b.rank);
  }

  /** Walks the host from its end, looking at each suffix that begins with a dot and has something in front of it. */
  #betterSuffix(host: string, facts: F, path: string, best: IRanked<F> | null): IRanked<F> | null {
    const suffixes = this.#suffixes;
    const first = Math.max(1, host.length - suffixes.longest);
    let found = best;
    let hash = 0;
    for (let at = host.length - 1; at >= first; at--) {
      const code = host.charCodeAt(at);
      hash = SuffixIndex.extend(hash, code);
      if (code === dot) found = better(suffixes.find(hash, host, host.length - at) ?? null, facts, path, found);
    }
    return found;
  }
}

const dot = '.'.charCodeAt(0);

function rankedOf<F extends IConnectionFacts>(entries: readonly IEntry<F>[]): IRanked<F>[] {
  const ranked = entries.map(({ rule, pattern, path, others }): IRanked<F> => {
    return { rule, pattern, path, others, rank: 0, route: rule.route, next: null };
  });
  ranked.sort(compareEntries);
  for (const [rank, entry] of ranked.entries()) entry.rank = rank;
  return ranked;
}

function putFirst<F extends IConnectionFacts>(chains: Map<string, IRanked<F>>, entry: IRanked<F>): void {
  const key = entry.pattern?.key ?? '';
  entry.next = chains.get(key) ?? null;
  chains.set(key, entry);
}

/** Below this a walk along the chain is as fast. */
const indexedLength = 8;

function indexed<F extends IConnectionFacts>(first: IRanked<F>): TFound<F> {
  let length = 0;
  let paths = 0;
  for (let entry: IRanked<F> | null = first; entry !== null; entry = entry.next) {
    length++;
    if (entry.path !== null) paths++;
  }
  return length >= indexedLength && paths > 0 ? new PathIndex(first) : first;
}

/** The first entry that takes it, if it ranks before `best`; else `best`. */
function better<F extends IConnectionFacts>(
  found: TFound<F> | null,
  facts: F,
  path: string,
  best: IRanked<F> | null,
): IRanked<F> | null {
  if (found === null) return best;
  return found instanceof PathIndex ? found.better(facts, path, best) : inChain(found, facts, path, best);
}

function collect<F extends IConnectionFacts>(first: TFound<F> | null, facts: F, found: IRanked<F>[]): void {
  let entry = first instanceof PathIndex ? null : first;
  for (; entry !== null; entry = entry.next) {
    const named = entry.pattern === null || (facts.domain !== null && entry.pattern.test(facts.domain));
    if (named && passes(entry.others, facts)) found.push(entry);
  }
}

/** As `inChain`, for entries whose host pattern has still to be tried. */
function betterGlob<F extends IConnectionFacts>(
  first: IRanked<F> | null,
  host: string,
  facts: F,
  path: string,
  best: IRanked<F> | null,
): IRanked<F> | null {
  let entry = first;
  while (entry !== null && (best === null || entry.rank < best.rank)) {
    const onPath = entry.path === null || entry.path.test(path);
    if (onPath && entry.pattern?.test(host) && passes(entry.others, facts)) return entry;
    entry = entry.next;
  }
  return best;
}
