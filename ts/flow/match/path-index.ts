// Finds, among many routes of one host, those of a path: exact paths in a map, all others by what they begin with, in one
// pass over the path and without making strings.

import type { IConnectionFacts } from '../stages.js';
import { type IRanked, inChain } from './ranked.js';
import { SuffixIndex } from './suffix-index.js';

export class PathIndex<F extends IConnectionFacts> {
  readonly #exact = new Map<string, IRanked<F>>();
  /** By the whole segments that they begin with. */
  readonly #begins = new Map<number, IBegin<F>>();
  #longest = 0;
  /** Those that ask for no path. */
  #any: IRanked<F> | null = null;

  /** `first` is a chain in rank order. Its entries are linked anew. */
  constructor(first: IRanked<F>) {
    const entries: IRanked<F>[] = [];
    for (let entry: IRanked<F> | null = first; entry !== null; entry = entry.next) entries.push(entry);
    for (const entry of entries.reverse()) this.#put(entry);
  }

  /** From the last to the first: each becomes the head of its chain. */
  #put(entry: IRanked<F>): void {
    const { path } = entry;
    if (path === null) {
      entry.next = this.#any;
      this.#any = entry;
    } else if (path.form === 'exact') {
      entry.next = this.#exact.get(path.key) ?? null;
      this.#exact.set(path.key, entry);
    } else this.#putBegin(path.key, entry);
  }

  #putBegin(key: string, entry: IRanked<F>): void {
    let hash = 0;
    for (let at = 0; at < key.length; at++) hash = SuffixIndex.extend(hash, key.charCodeAt(at));
    const known = findBegin(this.#begins.get(hash), key, key.length);
    entry.next = known?.first ?? null;
    if (known !== undefined) known.first = entry;
    else this.#begins.set(hash, { key, first: entry, next: this.#begins.get(hash) });
    this.#longest = Math.max(this.#longest, key.length);
  }

  /** The entry that takes the request, if it ranks before `best`; else `best`. */
  better(facts: F, path: string, best: IRanked<F> | null): IRanked<F> | null {
    let found = inChain(this.#exact.get(path) ?? null, facts, path, best);
    if (this.#longest > 0) found = this.#betterBegin(facts, path, found);
    return inChain(this.#any, facts, path, found);
  }

  #betterBegin(facts: F, path: string, best: IRanked<F> | null): IRanked<F> | null {
    const end = Math.min(path.length, this.#longest);
    let found = best;
    let hash = 0;
    for (let at = 0; at < end; at++) {
      const code = path.charCodeAt(at);
      hash = SuffixIndex.extend(hash, code);
      if (code !== slash) continue;
      const begin = findBegin(this.#begins.get(hash), path, at + 1);
      if (begin !== undefined) found = inChain(begin.first, facts, path, found);
    }
    return found;
  }
}

const slash = '/'.charCodeAt(0);

interface IBegin<F extends IConnectionFacts> {
  readonly key: string;
  first: IRanked<F>;
  /** Another with the same hash. */
  readonly next: IBegin<F> | undefined;
}

function findBegin<F extends IConnectionFacts>(
  first: IBegin<F> | undefined,
  path: string,
  length: number,
): IBegin<F> | undefined {
  let begin = first;
  while (begin !== undefined && (begin.key.length !== length || !path.startsWith(begin.key))) begin = begin.next;
  return begin;
}
