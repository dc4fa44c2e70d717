// All routes, by listening point: the one frozen snapshot that connections are matched against.

import type { IListeningPoint } from '../../config/change.js';
import { mergeSpans } from '../../config/ports.js';
import type { IResolvedRoute } from '../../config/resolved.js';
import type { IPortSpan } from '../../config/types.js';
import { PortTable } from './port-table.js';
import { compileRule, type IRule } from './rule.js';

/** Compiles the enabled routes of a configuration, in its order. */
export const compileRouteTable = (routes: readonly IResolvedRoute[]): RouteTable => new RouteTable(routes);

export class RouteTable {
  /** In the order of the configuration. */
  readonly routes: readonly IResolvedRoute[];
  readonly #addresses: ReadonlyMap<string | null, PortIndex>;
  readonly #rules: readonly IRule[];
  #whole: PortTable | null = null;
  #points: readonly IListeningPoint[] | null = null;

  constructor(routes: readonly IResolvedRoute[]) {
    this.routes = Object.freeze([...routes]);
    this.#rules = routes.map(compileRule);
    const rules = new Map<string | null, IRule[]>();
    for (const rule of this.#rules) {
      const { listenAddress } = rule.route.match;
      const list = rules.get(listenAddress);
      if (list === undefined) rules.set(listenAddress, [rule]);
      else list.push(rule);
    }
    this.#addresses = new Map([...rules].map(([address, list]) => [address, new PortIndex(list)]));
    for (const index of this.#addresses.values()) index.warm();
    Object.freeze(this);
  }

  /** Every point that some route listens on; ports ascend. */
  get points(): readonly IListeningPoint[] {
    this.#points ??= Object.freeze(
      [...this.#addresses].flatMap(([address, index]) => index.ports().map((port) => ({ address, port }))),
    );
    return this.#points;
  }

  /** All routes, as if they shared one port. */
  get whole(): PortTable {
    this.#whole ??= new PortTable(this.#rules);
    return this.#whole;
  }

  /** The routes of a point; undefined where none listens. Port 0 is the shared free port, whatever it became. */
  portTable(address: string | null, port: number): PortTable | undefined {
    return this.#addresses.get(address)?.find(port);
  }
}

/** Rules that ask for the same ports. */
interface IGroup {
  readonly spans: readonly IPortSpan[];
  /** Places in the list of rules, ascending. */
  readonly places: number[];
}

/** The ports of one address. Ports with the same routes share one table; tables are made when first asked for. */
class PortIndex {
  readonly #rules: readonly IRule[];
  readonly #groups: readonly IGroup[];
  /** Groups by single port, and those with a wider span. Spans of many ports are few, so they are tried in turn. */
  readonly #single = new Map<number, Set<number>>();
  readonly #wide: { readonly span: IPortSpan; readonly group: number }[] = [];
  readonly #byPort = new Map<number, PortTable>();
  readonly #bySet = new Map<string, PortTable>();

  constructor(rules: readonly IRule[]) {
    this.#rules = rules;
    this.#groups = groupBySpans(rules);
    for (const [group, { spans }] of this.#groups.entries()) {
      for (const span of spans) {
        if (span.from !== span.to) this.#wide.push({ span, group });
        else this.#single.set(span.from, (this.#single.get(span.from) ?? new Set()).add(group));
      }
    }
  }

  find(port: number): PortTable | undefined {
    return this.#byPort.get(port) ?? this.#make(port);
  }

  /** Ascending. */
  ports(): readonly number[] {
    const ports = new Set(this.#single.keys());
    for (const { from, to } of mergeSpans(this.#wide.map(({ span }) => span))) {
      for (let port = from; port <= to; port++) ports.add(port);
    }
    return [...Uint16Array.from(ports).sort()];
  }

  /** Compiles the great tables now, so that no connection waits for it; where spans overlap wildly, some of them. */
  warm(): void {
    const edges = new Set(this.#single.keys());
    for (const { span } of this.#wide) edges.add(span.from).add(span.to + 1);
    let budget = warmBudget;
    for (const port of edges) {
      if (this.#rules.length < warmSize || budget <= 0) return;
      const size = this.find(port)?.routes.length ?? 0;
      if (size >= warmSize) this.find(port)?.compile();
      budget -= this.#wide.length + size;
    }
  }

  #make(port: number): PortTable | undefined {
    const groups = new Set(this.#single.get(port));
    for (const { span, group } of this.#wide) if (span.from <= port && port <= span.to) groups.add(group);
    if (groups.size === 0) return undefined;
    const ordered = [...groups].sort((a, b) => a - b);
    const key = ordered.join();
    const table = this.#bySet.get(key) ?? new PortTable(this.#rulesOf(ordered));
    this.#bySet.set(key, table);
    this.#byPort.set(port, table);
    return table;
  }

  #rulesOf(groups: readonly number[]): readonly IRule[] {
    const places = groups.flatMap((group) => this.#groups[group]?.places ?? []).sort((a, b) => a - b);
    return places.flatMap((place) => this.#rules[place] ?? []);
  }
}

/** The first connection compiles what is smaller, in a fraction of a millisecond. */
const warmSize = 100;

/** Rules looked at, over all tables, when a route table is made; a table beyond it is made by its first connection. */
const warmBudget = 250_000;

function groupBySpans(rules: readonly IRule[]): readonly IGroup[] {
  const groups = new Map<string, IGroup>();
  for (const [place, { route }] of rules.entries()) {
    const { ports } = route.match;
    const key = ports.map(({ from, to }) => `${from}-${to}`).join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { spans: ports, places: [place] });
    else group.places.push(place);
  }
  return [...groups.values()];
}
