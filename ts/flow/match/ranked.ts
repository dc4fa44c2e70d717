// Routes in the order in which they are asked, in chains of those that are found alike.

import type { IResolvedRoute } from '../../config/resolved.js';
import type { IConnectionFacts } from '../stages.js';
import type { ICriterion } from './criteria.js';
import type { IEntry } from './rule.js';

/** An entry of a chain. It repeats what a look-up reads, to touch little memory. */
export interface IRanked<F extends IConnectionFacts> extends IEntry<F> {
  /** Place in the order of all entries of the index. */
  rank: number;
  readonly route: IResolvedRoute;
  /** The next in rank. */
  next: IRanked<F> | null;
}

/** The first entry from `first` on that takes it, if it ranks before `best`; else `best`. */
export function inChain<F extends IConnectionFacts>(
  first: IRanked<F> | null,
  facts: F,
  path: string,
  best: IRanked<F> | null,
): IRanked<F> | null {
  let entry = first;
  while (entry !== null && (best === null || entry.rank < best.rank)) {
    if ((entry.path === null || entry.path.test(path)) && passes(entry.others, facts)) return entry;
    entry = entry.next;
  }
  return best;
}

export function passes<F extends IConnectionFacts>(criteria: readonly ICriterion<F>[], facts: F): boolean {
  for (const criterion of criteria) if (!criterion.test(facts)) return false;
  return true;
}
