// What every route says, criterion by criterion: for showing, by the objects that decide.

import type { IResolvedRoute } from '../../config/resolved.js';
import type { IConnectionFacts, IRequestFacts } from '../stages.js';
import { type ICriterion, protocolCriteria, type TCriterionName } from './criteria.js';
import { mostSpecific } from './host-pattern.js';
import { pathCriterion, tlsCriterion } from './request-criteria.js';
import { compareEntries, type IEntry, type IRule } from './rule.js';

/** What one criterion says about a connection or a request. */
export interface ICriterionVerdict {
  readonly name: TCriterionName;
  readonly want: string;
  readonly got: string;
  readonly ok: boolean;
}

/** What one route says. */
export interface IJudged {
  readonly route: IResolvedRoute;
  readonly matches: boolean;
  /** The domain pattern that matched; null where none did or none is asked for. */
  readonly pattern: string | null;
  /** One for each criterion, the domains first; of a request TLS, domains, path and the others. */
  readonly verdicts: readonly ICriterionVerdict[];
}

/** In the order in which routes are preferred for a connection. `isForeign`: its bytes are only for routes that ask for them. */
export function judgeConnection(
  rules: readonly IRule[],
  facts: IConnectionFacts,
  isForeign: boolean,
): readonly IJudged[] {
  return rules
    .map((rule) => ({ ...entryFor(rule, facts), path: null, others: rule.others }))
    .sort(compareEntries)
    .map((entry) => {
      const { domains, route } = entry.rule;
      const criteria = domains === null ? entry.others : [domains, ...entry.others];
      const isAsked = !isForeign || route.tls !== null || route.match.protocol !== null;
      return judged(entry, isAsked ? criteria : [...criteria, unasked], facts);
    });
}

/** The same of bytes inside TLS, among the routes that they may be for. */
export const judgeInside = (
  routes: readonly IResolvedRoute[],
  facts: IConnectionFacts,
  isForeign: boolean,
): readonly IJudged[] =>
  routes.map((route) => {
    const { protocol } = route.match;
    const criterion = protocol === null ? (isForeign ? unasked : null) : protocolCriteria[protocol][0];
    const verdicts = criterion ? [verdictOf(criterion, facts)] : [];
    return { route, matches: verdicts.every(({ ok }) => ok), pattern: null, verdicts };
  });

/** What a route lacks that asks for no protocol, where others than HTTP must be asked for. */
const unasked: ICriterion = {
  name: 'protocol',
  need: 'first-bytes',
  want: "http, unless it says protocol 'other'",
  test: () => false,
  got: ({ protocol }) => protocol ?? 'not looked at',
};

/** In the order in which routes are preferred for a request. */
export function judgeRequest(rules: readonly IRule[], facts: IRequestFacts): readonly IJudged[] {
  return rules
    .map((rule) => ({ ...entryFor(rule, facts), path: rule.path, others: rule.asked }))
    .sort(compareEntries)
    .map((entry) => judged(entry, criteriaOf(entry), facts));
}

function criteriaOf({ rule, path, others }: IEntry<IRequestFacts>): readonly ICriterion<IRequestFacts>[] {
  const { tls, match } = rule.route;
  const way = tls !== null ? 'terminate' : match.protocol === 'tls' ? 'passthrough' : 'none';
  // What is inside TLS, or plain, and is no HTTP.
  const outcast = tls === null || way === 'terminate' ? foreign(match.protocol) : null;
  return [
    tlsCriterion(way),
    ...(rule.domains === null ? [] : [rule.domains]),
    ...(path === null ? [] : [pathCriterion(path)]),
    ...(outcast === null ? others : [outcast, ...others.filter(({ name }) => name !== 'protocol')]),
  ];
}

/** A route for another protocol takes no request. */
const foreign = (protocol: IResolvedRoute['match']['protocol']): ICriterion<IRequestFacts> | null =>
  protocol === null || protocol === 'http'
    ? null
    : { name: 'protocol', need: 'first-bytes', want: protocol, test: () => false, got: () => 'http' };

/** The rule with the pattern by which it ranks: the most specific that matches, or where none does that it has. */
function entryFor(rule: IRule, { domain }: IConnectionFacts): Pick<IEntry, 'rule' | 'pattern'> {
  const patterns = rule.patterns ?? [];
  const matching = domain === null ? [] : patterns.filter((pattern) => pattern.test(domain));
  return { rule, pattern: mostSpecific(matching) ?? mostSpecific(patterns) };
}

function judged<F extends IConnectionFacts>(
  { rule, pattern }: IEntry<F>,
  criteria: readonly ICriterion<F>[],
  facts: F,
): IJudged {
  const verdicts = criteria.map((criterion) => verdictOf(criterion, facts));
  const named = facts.domain !== null && pattern?.test(facts.domain) === true;
  return {
    route: rule.route,
    matches: verdicts.every(({ ok }) => ok),
    pattern: named ? (pattern?.text ?? null) : null,
    verdicts,
  };
}

const verdictOf = <F extends IConnectionFacts>(criterion: ICriterion<F>, facts: F): ICriterionVerdict => ({
  name: criterion.name,
  want: criterion.want,
  got: criterion.got(facts),
  ok: criterion.test(facts),
});
