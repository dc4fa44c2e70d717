// The routes of one listening point, compiled so that the cost of a look-up does not grow with the number of hosts.

import type { IResolvedRoute } from '../../config/resolved.js';
import type { IConnectionFacts, TPeekNeed } from '../stages.js';
import type { ICriterion } from './criteria.js';
import { type IHostPattern, maxHostLength } from './host-pattern.js';
import { compareEntries, greatestNeed, type IEntry, type IRule } from './rule.js';
import { SuffixIndex } from './suffix-index.js';

/** What one criterion says about a connection. */
export interface ICriterionVerdict {
  readonly name: ICriterion['name'];
  readonly want: string;
  readonly got: string;
  readonly ok: boolean;
}

/** What one route says about a connection. */
export interface IJudged {
  readonly route: IResolvedRoute;
  readonly matches: boolean;
  /** The domain pattern that matched; null where none did or none is asked for. */
  readonly pattern: string | null;
  /** One for each criterion, the domains first. */
  readonly verdicts: readonly ICriterionVerdict[];
}

/** Shared by all listening points that have the same routes. */
export class PortTable {
  /** What must be read of a connection before `match` can be asked. */
  readonly need: TPeekNeed;
  /** In the order of the configuration. */
  readonly routes: readonly IResolvedRoute[];
  readonly #rules: readonly IRule[];
  #index: IIndex | null = null;

  /** `rules` in the order of the configuration. */
  constructor(rules: readonly IRule[]) {
    this.#rules = rules;
    this.routes = Object.freeze(rules.map(({ route }) => route));
    this.need = greatestNeed(rules);
    Object.freeze(this);
  }

  /** Builds the index now instead of at the first connection. */
  compile(): void {
    this.#index ??= buildIndex(this.#rules);
  }

  /** The route that takes the connection; null if none does. Allocates nothing. */
  match(facts: IConnectionFacts): IResolvedRoute | null {
    this.#index ??= buildIndex(this.#rules);
    const index = this.#index;
    const best = better(index.nameless, facts, null);
    const host = facts.domain;
    const isNamed = host !== null && host.length > 0 && host.length <= maxHostLength;
    return (isNamed ? betterByHost(index, host, facts, best) : best)?.route ?? null;
  }

  /** All routes that would take the connection, best first. Looks at every route: for showing, not for traffic. */
  matchAll(facts: IConnectionFacts): readonly IResolvedRoute[] {
    return this.judge(facts)
      .filter(({ matches }) => matches)
      .map(({ route }) => route);
  }

  /** What every route says, in the order in which they are preferred. Looks at every route: for showing. */
  judge(facts: IConnectionFacts): readonly IJudged[] {
    return this.#rules
      .map((rule) => entryFor(rule, facts))
      .sort(compareEntries)
      .map(({ rule, pattern }) => judgeRule(rule, pattern, facts));
  }
}

/** An entry in the list of those that are found alike. It repeats what a look-up reads, to touch little memory. */
interface IRanked extends IEntry {
  /** Place in the order of all entries of the port. */
  rank: number;
  readonly route: IResolvedRoute;
  /** What is left to be tested when the entry was found by its pattern. */
  readonly others: readonly ICriterion[];
  /** The next in rank. */
  next: IRanked | null;
}

/** Where entries are found by the form of their pattern; each list in rank order, by its first entry. */
interface IIndex {
  readonly nameless: IRanked | null;
  readonly any: IRanked | null;
  readonly globs: IRanked | null;
  readonly exact: ReadonlyMap<string, IRanked>;
  readonly suffixes: SuffixIndex<IRanked>;
}

function buildIndex(rules: readonly IRule[]): IIndex {
  const entries = entriesOf(rules).sort(compareEntries);
  entries.forEach((entry, rank) => {
    entry.rank = rank;
  });
  const exact = new Map<string, IRanked>();
  const suffix = new Map<string, IRanked>();
  const rest: Record<'nameless' | 'any' | 'glob', IRanked | null> = { nameless: null, any: null, glob: null };
  // From the last to the first: each becomes the head of its list.
  for (const entry of entries.reverse()) {
    const form = entry.pattern?.form ?? 'nameless';
    if (form === 'exact') putFirst(exact, entry);
    else if (form === 'suffix') putFirst(suffix, entry);
    else {
      entry.next = rest[form];
      rest[form] = entry;
    }
  }
  const suffixes = new SuffixIndex<IRanked>();
  for (const [key, first] of suffix) suffixes.set(key, first);
  return { nameless: rest.nameless, any: rest.any, globs: rest.glob, exact, suffixes };
}

function entriesOf(rules: readonly IRule[]): IRanked[] {
  const entries: IRanked[] = [];
  for (const rule of rules) {
    const { route, others } = rule;
    for (const pattern of rule.patterns ?? nameless)
      entries.push({ rule, pattern, rank: 0, route, others, next: null });
  }
  return entries;
}

const nameless = [null];

function putFirst(lists: Map<string, IRanked>, entry: IRanked): void {
  const key = entry.pattern?.key ?? '';
  entry.next = lists.get(key) ?? null;
  lists.set(key, entry);
}

/** The first entry from `first` on that takes the connection, if it ranks before `best`; else `best`. */
function better(first: IRanked | null | undefined, facts: IConnectionFacts, best: IRanked | null): IRanked | null {
  let entry = first ?? null;
  while (entry !== null && (best === null || entry.rank < best.rank)) {
    if (passes(entry.others, facts)) return entry;
    entry = entry.next;
  }
  return best;
}

function betterByHost(index: IIndex, host: string, facts: IConnectionFacts, nameless: IRanked | null): IRanked | null {
  let best = better(index.exact.get(host), facts, nameless);
  best = betterBySuffix(index.suffixes, host, facts, best);
  best = betterGlob(index.globs, host, facts, best);
  return better(index.any, facts, best);
}

/** As `better`, for entries whose pattern has still to be tried. */
function betterGlob(
  first: IRanked | null,
  host: string,
  facts: IConnectionFacts,
  best: IRanked | null,
): IRanked | null {
  let entry = first;
  while (entry !== null && (best === null || entry.rank < best.rank)) {
    if (entry.pattern?.test(host) && passes(entry.others, facts)) return entry;
    entry = entry.next;
  }
  return best;
}

const dot = '.'.charCodeAt(0);

/** Walks the host from its end, looking at each suffix that begins with a dot and has something in front of it. */
function betterBySuffix(
  suffixes: IIndex['suffixes'],
  host: string,
  facts: IConnectionFacts,
  best: IRanked | null,
): IRanked | null {
  const first = Math.max(1, host.length - suffixes.longest);
  let found = best;
  let hash = 0;
  for (let at = host.length - 1; at >= first; at--) {
    const code = host.charCodeAt(at);
    hash = SuffixIndex.extend(hash, code);
    if (code === dot) found = better(suffixes.find(hash, host, host.length - at), facts, found);
  }
  return found;
}

function passes(criteria: readonly ICriterion[], facts: IConnectionFacts): boolean {
  for (const criterion of criteria) if (!criterion.test(facts)) return false;
  return true;
}

/** The rule with the pattern by which it ranks: the most specific that matches, or where none does that it has. */
function entryFor(rule: IRule, { domain }: IConnectionFacts): IEntry {
  const patterns = rule.patterns ?? [];
  const matching = domain === null ? [] : patterns.filter((pattern) => pattern.test(domain));
  return { rule, pattern: mostSpecific(matching) ?? mostSpecific(patterns) };
}

const mostSpecific = (patterns: readonly IHostPattern[]): IHostPattern | null =>
  patterns.reduce<IHostPattern | null>((a, b) => (a !== null && a.specificity >= b.specificity ? a : b), null);

function judgeRule(rule: IRule, pattern: IHostPattern | null, facts: IConnectionFacts): IJudged {
  const asked = rule.domains === null ? rule.others : [rule.domains, ...rule.others];
  const verdicts = asked.map((criterion) => ({
    name: criterion.name,
    want: criterion.want,
    got: criterion.got(facts),
    ok: criterion.test(facts),
  }));
  const named = facts.domain !== null && pattern?.test(facts.domain) === true;
  return {
    route: rule.route,
    matches: verdicts.every(({ ok }) => ok),
    pattern: named ? (pattern?.text ?? null) : null,
    verdicts,
  };
}
