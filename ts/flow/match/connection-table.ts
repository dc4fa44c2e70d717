// The first phase: what a connection is served by, as its own facts say. What only a request can show is not asked here.

import type { IResolvedRoute, IResolvedTls } from '../../config/resolved.js';
import type { IConnectionFacts, TEngine, TPeekNeed } from '../stages.js';
import type { ICriterion } from './criteria.js';
import { HostIndex } from './host-index.js';
import { type IHostPattern, mostSpecific } from './host-pattern.js';
import { passes } from './ranked.js';
import { compareEntries, type IEntry, type IRule } from './rule.js';

const http: TEngine = Object.freeze({ kind: 'http' });

export class ConnectionTable {
  readonly #index: HostIndex<IConnectionFacts>;
  readonly #rules: readonly IRule[];
  /** Rules that send plain HTTP to the HTTP engine if their criteria hold but for the name; the least curious first. */
  readonly #plainHttp: readonly IRule[];
  /** Those of them that are for HTTP alone. */
  readonly #httpOnly: readonly IRule[];
  /** Of the routes that ask for what is neither TLS nor HTTP; made where some bytes are for them alone. */
  #foreign: HostIndex<IConnectionFacts> | null = null;
  /** Keys of the settings of TLS with which, or of the policy under which, some route here is for HTTP alone. */
  #httpOnlyTls: ReadonlySet<string> | null = null;
  #unnamed: readonly IUnnamed[] | null = null;

  constructor(rules: readonly IRule[]) {
    this.#rules = rules;
    this.#index = new HostIndex(rules.filter(takesBytes).flatMap(entriesOf));
    const plainHttp = rules.filter(({ route: { tls, match } }) => {
      return tls === null && (match.httpOnly || match.domains !== null);
    });
    this.#plainHttp = plainHttp.sort((a, b) => a.others.length - b.others.length);
    this.#httpOnly = this.#plainHttp.filter(({ route }) => route.match.httpOnly);
  }

  /** The route whose TLS the connection gets, or that its bytes go to; null if there is none. Allocates nothing. */
  match(facts: IConnectionFacts): IResolvedRoute | null {
    return this.#index.find(facts, '')?.route ?? null;
  }

  /** null: nothing serves it. Of TLS that is an unknown name; no certificate stands in for another. */
  engine(facts: IConnectionFacts, plainHttp: boolean): TEngine | null {
    const { protocol, domain } = facts;
    if (protocol === 'http' && (plainHttp || this.#asksForHttp(facts))) return http;
    if (this.isForeign(facts)) return this.#foreignEngine(facts);
    const route = protocol === 'tls' && domain === null ? this.#matchUnnamed(facts) : this.match(facts);
    if (route === null) return null;
    return { kind: route.tls === null ? 'bytes' : 'tls', route };
  }

  /** Never bytes where one of its requests may be another route's: the second request would bypass the choice. */
  #asksForHttp(facts: IConnectionFacts): boolean {
    for (const { others } of this.#plainHttp) if (passes(others, facts)) return true;
    return false;
  }

  /**
   * Bytes that are no HTTP where a route is for HTTP alone: some server could take them for a request all the same, which that route
   * would not have judged. They are only for routes that ask for them.
   */
  isForeign(facts: IConnectionFacts): boolean {
    if (facts.protocol !== 'other' || this.#httpOnly.length === 0) return false;
    const asHttp: IConnectionFacts = { ...facts, protocol: 'http' };
    return this.#httpOnly.some(({ others }) => passes(others, asHttp));
  }

  #foreignEngine(facts: IConnectionFacts): TEngine | null {
    this.#foreign ??= new HostIndex(this.#rules.filter(asksForOther).flatMap(entriesOf));
    const found = this.#foreign.find(facts, '');
    return found === null ? null : { kind: 'bytes', route: found.route };
  }

  /** The same of decrypted bytes, where a request of the connection may be for a route that is for HTTP alone. */
  isForeignInside(facts: IConnectionFacts, tls: IResolvedTls): boolean {
    return (
      facts.protocol !== 'http' && this.#mayBeRequests(facts, tls) && !takesAnything(this.routesInside(facts, tls))
    );
  }

  /** By the settings that `carries` lets requests through by, and whatever else such a route asks of a connection. */
  #mayBeRequests({ domain }: IConnectionFacts, { key, policyKey }: IResolvedTls): boolean {
    this.#httpOnlyTls ??= keysOf(this.#rules);
    return this.#httpOnlyTls.has(domain === null ? policyKey : key);
  }

  /** What the decrypted bytes, of `facts.protocol`, go to after TLS with these settings. */
  engineInside(facts: IConnectionFacts, tls: IResolvedTls): TEngine | null {
    const routes = this.routesInside(facts, tls);
    if (facts.protocol === 'http') {
      const top = takesAnything(routes);
      return top === null ? http : { kind: 'bytes', route: top };
    }
    const inside = facts.protocol ?? 'other';
    // Of what is foreign here a route that asks for nothing takes nothing.
    const own = this.#mayBeRequests(facts, tls) && takesAnything(routes) === null ? null : inside;
    const route = routes.find(({ match }) => !match.httpOnly && (match.protocol ?? own) === inside);
    return route === undefined ? null : { kind: 'bytes', route };
  }

  /** Whether requests of any version of HTTP can be served: no route that the connection may be for gives its bytes to a handler. */
  servesRequests(facts: IConnectionFacts, tls: IResolvedTls): boolean {
    const routes = this.routesInside(facts, tls);
    if (routes.some(({ action }) => action.type === 'socket-handler')) return false;
    return routes.some(({ match: { protocol } }) => protocol === null || protocol === 'http');
  }

  /** `nothing` where the decrypted bytes decide nothing: protocols in which the server speaks first work then. */
  needInside(facts: IConnectionFacts, tls: IResolvedTls): TPeekNeed {
    const routes = this.routesInside(facts, tls);
    const [top] = routes;
    if (top === undefined) return 'first-bytes';
    if (top.match.protocol === 'other') return 'nothing';
    return top.match.protocol === null && isPlainHandler(top) && !routes.some(isHttpOnly) ? 'nothing' : 'first-bytes';
  }

  /** Routes that the connection may be for, which share these settings of TLS; best first. */
  routesInside(facts: IConnectionFacts, { key, policyKey }: IResolvedTls): readonly IResolvedRoute[] {
    const outside: IConnectionFacts = { ...facts, protocol: 'tls' };
    if (facts.domain === null) {
      return this.#unnamedRules()
        .filter(({ rule: { route, others } }) => route.tls?.policyKey === policyKey && passes(others, outside))
        .map(({ rule }) => rule.route);
    }
    return [...new Set(this.#index.all(outside).map(({ route }) => route))].filter(({ tls }) => tls?.key === key);
  }

  #matchUnnamed(facts: IConnectionFacts): IResolvedRoute | null {
    return this.#unnamedRules().find(({ rule }) => passes(rule.others, facts))?.rule.route ?? null;
  }

  #unnamedRules(): readonly IUnnamed[] {
    this.#unnamed ??= unnamedOf(this.#rules);
    return this.#unnamed;
  }
}

/** What is for HTTP alone takes no bytes as they are, and TLS only where it terminates it. */
const takesBytes = ({ route }: IRule): boolean => route.tls !== null || !route.match.httpOnly;
const asksForOther = ({ route: { tls, match } }: IRule): boolean => tls === null && match.protocol === 'other';
const isHttpOnly = ({ match }: IResolvedRoute): boolean => match.httpOnly;
const isPlainHandler = ({ action, match }: IResolvedRoute): boolean =>
  action.type === 'socket-handler' && !match.httpOnly;

const keysOf = (rules: readonly IRule[]): ReadonlySet<string> =>
  new Set(
    rules.flatMap(({ route: { tls, match } }) => (tls === null || !match.httpOnly ? [] : [tls.key, tls.policyKey])),
  );

/** The socket handler that gets what is inside whatever it is, HTTP as well; null: the engine gets HTTP. */
function takesAnything(routes: readonly IResolvedRoute[]): IResolvedRoute | null {
  const top = routes.find(({ match: { protocol } }) => protocol === null || protocol === 'http');
  return top !== undefined && isPlainHandler(top) && !routes.some(isHttpOnly) ? top : null;
}

const nameless: readonly null[] = [null];

const entriesOf = (rule: IRule): readonly IEntry[] =>
  (rule.patterns ?? nameless).map((pattern) => ({ rule, pattern, path: null, others: rule.others }));

/** A rule as a TLS connection that names no host asks it. */
interface IUnnamed extends IEntry {
  readonly pattern: IHostPattern | null;
  /** It asks for a name, so it only lends its TLS: the host of each request decides. */
  readonly isLent: boolean;
}

/**
 * Of equal priority, those that ask for no name go first; then those that terminate TLS, in their usual order. TLS with
 * client certificates is lent to nobody.
 */
function unnamedOf(rules: readonly IRule[]): readonly IUnnamed[] {
  const unnamed = rules.flatMap((rule): readonly IUnnamed[] => {
    const { route, patterns, others } = rule;
    const isLent = patterns !== null;
    if (isLent ? route.tls === null || route.tls.clientAuth !== null : !takesBytes(rule)) return [];
    return [{ rule, pattern: mostSpecific(patterns ?? []), path: null, others, isLent }];
  });
  return unnamed.sort(
    (a, b) =>
      b.rule.route.priority - a.rule.route.priority || Number(a.isLent) - Number(b.isLent) || compareEntries(a, b),
  );
}

/**
 * The rules for connections of a trusted proxy: who the client is, each request says by itself, so that no route that may
 * take requests is passed over for the proxy's address. What is no HTTP has no other address.
 */
export const rulesForTrusted = (rules: readonly IRule[]): readonly IRule[] =>
  rules.map((rule) => {
    const { route, others } = rule;
    if (route.match.clientIp === null) return rule;
    const isLater = route.tls !== null ? anyFacts : isHttp;
    const later = (criterion: ICriterion): ICriterion =>
      criterion.name === 'clientIp'
        ? { ...criterion, test: (facts) => isLater(facts) || criterion.test(facts) }
        : criterion;
    return { ...rule, others: others.map(later) };
  });

const anyFacts = (): boolean => true;
const isHttp = ({ protocol }: IConnectionFacts): boolean => protocol === 'http';
