// The second phase: which route takes a request.

import type { IResolvedRoute, IResolvedTls } from '../../config/resolved.js';
import type { IRequestFacts } from '../stages.js';
import { HostIndex } from './host-index.js';
import type { IEntry, IRule } from './rule.js';

export class RequestTable {
  /** True if no route judges method, headers or query: the same host and path then give the same route. */
  readonly byPathOnly: boolean;
  readonly #rules: readonly IRule[];
  #tls: HostIndex<IRequestFacts> | null = null;
  #plain: HostIndex<IRequestFacts> | null = null;
  readonly #admitting = new Map<string, readonly IResolvedRoute[]>();

  constructor(rules: readonly IRule[]) {
    this.#rules = rules;
    this.byPathOnly = rules.every(({ route: { match } }) => {
      return match.method === null && match.headers === null && match.query === null;
    });
  }

  compile(): void {
    this.#index(true);
    this.#index(false);
  }

  /** null if no route takes it. Allocates nothing. */
  match(facts: IRequestFacts): IResolvedRoute | null {
    return this.#index(facts.isTls).find(facts, facts.path)?.route ?? null;
  }

  #index(isTls: boolean): HostIndex<IRequestFacts> {
    if (isTls) {
      this.#tls ??= new HostIndex(this.#rules.filter((rule) => takesRequests(rule, true)).flatMap(entriesOf));
      return this.#tls;
    }
    this.#plain ??= new HostIndex(this.#rules.filter((rule) => takesRequests(rule, false)).flatMap(entriesOf));
    return this.#plain;
  }

  /**
   * Routes that requests of a connection may find, one for each set of rules for clients; those without any first. Made
   * once for each TLS policy; null: plain.
   */
  routesFor(tls: IResolvedTls | null): readonly IResolvedRoute[] {
    const key = tls === null ? '' : tls.policyKey;
    const known = this.#admitting.get(key);
    if (known !== undefined) return known;
    const bySecurity = new Map<object, IResolvedRoute>();
    for (const rule of this.#rules) {
      const { route } = rule;
      const fits = takesRequests(rule, tls !== null) && (tls === null || route.tls?.policyKey === key);
      if (fits && !bySecurity.has(route.security)) bySecurity.set(route.security, route);
    }
    const routes = [...bySecurity.values()].sort((a, b) => a.security.lists.length - b.security.lists.length);
    this.#admitting.set(key, routes);
    return routes;
  }
}

/** Whether the route is for HTTP at all, inside TLS that it terminates, or without any TLS. */
export function takesRequests({ route: { tls, match } }: IRule, isTls: boolean): boolean {
  return (tls !== null) === isTls && match.protocol !== 'tls' && match.protocol !== 'other';
}

const nameless: readonly null[] = [null];

const entriesOf = (rule: IRule): readonly IEntry<IRequestFacts>[] =>
  (rule.patterns ?? nameless).map((pattern) => ({ rule, pattern, path: rule.path, others: rule.asked }));
