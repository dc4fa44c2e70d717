// One route as the matcher sees it, and the order in which rules are asked.

import type { IResolvedRoute } from '../../config/resolved.js';
import type { IConnectionFacts, IRequestFacts, TPeekNeed } from '../stages.js';
import { connectionCriteriaOfRequests, DomainCriterion, type ICriterion, otherCriteria } from './criteria.js';
import { compileHostPattern, type IHostPattern } from './host-pattern.js';
import { type IPathPattern, pathOf } from './path-pattern.js';
import { requestCriteria } from './request-criteria.js';

export interface IRule {
  readonly route: IResolvedRoute;
  /** null: the route asks for no name. */
  readonly patterns: readonly IHostPattern[] | null;
  /** `domains` as one criterion; null: the route asks for no name. */
  readonly domains: ICriterion | null;
  /** Of the connection. */
  readonly others: readonly ICriterion[];
  /** null: any path. */
  readonly path: IPathPattern | null;
  /** Of a request: those of its connection that are left, its own but the path. */
  readonly asked: readonly ICriterion<IRequestFacts>[];
  /** What must be read of a connection to find out whether this route may have to do with it. */
  readonly need: TPeekNeed;
}

export function compileRule(route: IResolvedRoute): IRule {
  const { match } = route;
  const patterns = match.domains?.map(compileHostPattern) ?? null;
  const domains = patterns === null ? null : new DomainCriterion(patterns);
  const others = otherCriteria(match, route.tls !== null);
  const path = pathOf(route);
  return { route, patterns, domains, others, path, asked: askedOf(route), need: needOf(route, others) };
}

function askedOf({ match }: IResolvedRoute): readonly ICriterion<IRequestFacts>[] {
  const own = requestCriteria(match);
  const ofConnection = connectionCriteriaOfRequests(match);
  return own.length === 0 ? ofConnection : [...ofConnection, ...own];
}

function needOf({ match, tls }: IResolvedRoute, others: readonly ICriterion[]): TPeekNeed {
  // The name that HTTP asks for is in no ClientHello, but that it is HTTP shows on the way to one.
  if (match.domains !== null || tls !== null) return 'client-hello';
  return greater(match.httpOnly ? 'first-bytes' : 'nothing', greatestNeed(others));
}

/** A rule as one of the two phases asks it, with the one of its host patterns that matched, or is tried. */
export interface IEntry<F extends IConnectionFacts = IConnectionFacts> {
  readonly rule: IRule;
  /** null: the rule has none. */
  readonly pattern: IHostPattern | null;
  /** null: the rule has none, or it is not asked for. */
  readonly path: IPathPattern | null;
  readonly others: readonly ICriterion<F>[];
}

/**
 * Negative if `a` is asked before `b`: by priority, then specificity of the host pattern, then of the path, then number of
 * other criteria, then place in the list.
 */
export function compareEntries<F extends IConnectionFacts>(a: IEntry<F>, b: IEntry<F>): number {
  return (
    b.rule.route.priority - a.rule.route.priority ||
    (b.pattern?.specificity ?? 0) - (a.pattern?.specificity ?? 0) ||
    (b.path?.specificity ?? 0) - (a.path?.specificity ?? 0) ||
    b.others.length - a.others.length ||
    a.rule.route.index - b.rule.route.index
  );
}

/** What must be read so that all of these can be judged. */
export function greatestNeed(of: Iterable<{ readonly need: TPeekNeed }>): TPeekNeed {
  let greatest: TPeekNeed = 'nothing';
  for (const { need } of of) greatest = greater(greatest, need);
  return greatest;
}

export const greater = (a: TPeekNeed, b: TPeekNeed): TPeekNeed => (depths[a] >= depths[b] ? a : b);

const depths: Readonly<Record<TPeekNeed, number>> = { nothing: 0, 'first-bytes': 1, 'client-hello': 2 };
