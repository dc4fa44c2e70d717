// One route as the matcher sees it, and the order in which rules are asked.

import type { IResolvedRoute } from '../../config/resolved.js';
import type { TPeekNeed } from '../stages.js';
import { DomainCriterion, type ICriterion, otherCriteria } from './criteria.js';
import { compileHostPattern, type IHostPattern } from './host-pattern.js';

export interface IRule {
  readonly route: IResolvedRoute;
  /** null: the route asks for no name. */
  readonly patterns: readonly IHostPattern[] | null;
  /** `domains` as one criterion; null: the route asks for no name. */
  readonly domains: ICriterion | null;
  readonly others: readonly ICriterion[];
  readonly need: TPeekNeed;
}

export function compileRule(route: IResolvedRoute): IRule {
  const patterns = route.match.domains?.map(compileHostPattern) ?? null;
  const domains = patterns === null ? null : new DomainCriterion(patterns);
  const others = otherCriteria(route.match);
  return { route, patterns, domains, others, need: greater(domains?.need ?? 'nothing', greatestNeed(others)) };
}

/** A rule with the one of its patterns that matched, or is tried. */
export interface IEntry {
  readonly rule: IRule;
  /** null: the rule has none. */
  readonly pattern: IHostPattern | null;
}

/**
 * Negative if `a` is asked before `b`: by priority, then specificity of the host pattern, then number of other
 * criteria, then place in the list.
 */
export function compareEntries(a: IEntry, b: IEntry): number {
  return (
    b.rule.route.priority - a.rule.route.priority ||
    (b.pattern?.specificity ?? 0) - (a.pattern?.specificity ?? 0) ||
    b.rule.others.length - a.rule.others.length ||
    a.rule.route.index - b.rule.route.index
  );
}

/** What must be read so that all of these can be judged. */
export function greatestNeed(of: Iterable<{ readonly need: TPeekNeed }>): TPeekNeed {
  let greatest: TPeekNeed = 'nothing';
  for (const { need } of of) greatest = greater(greatest, need);
  return greatest;
}

const greater = (a: TPeekNeed, b: TPeekNeed): TPeekNeed => (depths[a] >= depths[b] ? a : b);

const depths: Readonly<Record<TPeekNeed, number>> = { nothing: 0, 'first-bytes': 1, 'client-hello': 2 };
