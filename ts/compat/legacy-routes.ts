// The routes that options of the time before routes come to: one for each thing that was done with a connection.
//
// A connection was forwarded by the port it came to, if a range said so; else by the name in its TLS, if that was read; else to
// the one target. Of several domains that took it the first had it. Priorities keep that order.

import { mergePorts, portsText } from '../config/ports.js';
import type { IPortSpan, IRouteConfig, IRouteSecurity, ITarget, TPortRange, TRouteAction } from '../config/types.js';
import { type IForwarding, readForwarding } from './forward-config.js';
import type { OldShape } from './old-shape.js';
import type { Places } from './places.js';
import { readRanges } from './read-ranges.js';

export interface ILegacyRoutesParts {
  readonly fromPort: number;
  readonly toPort: number;
  /** Of what no domain takes. */
  readonly target: string;
  readonly ranges: readonly IPortSpan[];
  readonly forwardsAll: boolean;
  /** Names in TLS are read. */
  readonly named: boolean;
  /** Targets see clients' addresses. */
  readonly preserves: boolean;
  readonly allowed: readonly string[];
  readonly blocked: readonly string[];
  /** Where plain HTTP is sent to HTTPS. */
  readonly httpPort: number;
  readonly places: Places;
}

/** Which of two routes goes first, where both take a connection. */
type TRank = 'port' | 'name' | 'rest';

export class LegacyRoutes {
  readonly #parts: ILegacyRoutesParts;
  /** Where the target is found by name, or is the one for all. */
  readonly #open: readonly IPortSpan[];
  readonly #routes: { readonly route: IRouteConfig; readonly rank: TRank }[] = [];
  /** A route that the kernel cannot forward, because its name has to be read. */
  #reads = false;

  constructor(parts: ILegacyRoutesParts) {
    this.#parts = parts;
    const { fromPort, ranges, forwardsAll } = parts;
    const own = [{ from: fromPort, to: fromPort }];
    if (!forwardsAll) this.#open = mergePorts([...own, ...ranges]);
    else this.#open = covers(ranges, own) ? [] : own;
  }

  addDomain(shape: OldShape, index: number): void {
    const key = shape.has('domain') ? 'domain' : 'domains';
    if (shape.has('domain') && shape.has('domains')) shape.fault('domains', 'nothing, as domain is given');
    const domains = shape.texts(key, { orOne: true, needed: true });
    shape.refuse({
      useNetworkProxy: "the forwarding type 'https-terminate-to-http' terminates TLS in the same process",
      networkProxyPort: "the forwarding type 'https-terminate-to-http' terminates TLS in the same process",
    });
    const forwarding = shape.shape('forwarding');
    const isOne = shape.any(key) === domains[0];
    const names = { domains, olds: domains.map((_, at) => shape.at(key) + (isOne ? '' : `[${at}]`)), index };
    if (forwarding === null) this.#addPlain(shape, names);
    else this.#addForwarding(shape, forwarding, names);
    shape.done();
  }

  /** With the routes for what no domain takes. */
  finish(shape: OldShape): readonly IRouteConfig[] {
    const { ranges, forwardsAll, target, toPort, preserves } = this.#parts;
    const olds = { 'action.target.host': 'targetIP', 'action.target.port': 'toPort' };
    const security = this.#security([], [], {}, '');
    if (forwardsAll && ranges.length > 0) {
      const action = this.#forward({ host: target, port: 'preserve' });
      const all = { ...olds, 'match.ports': 'globalPortRanges' };
      this.#add(
        'rest',
        { name: 'all-ports', match: { ports: rangeOf(ranges) }, action, ...security.made },
        all,
        security.olds,
      );
    }
    if (this.#open.length > 0) {
      const action = this.#forward({ host: target, port: toPort });
      const rest = { ...olds, 'match.ports': ranges.length > 0 ? 'globalPortRanges' : 'fromPort' };
      this.#add(
        'rest',
        { name: 'default', match: { ports: rangeOf(this.#open) }, action, ...security.made },
        rest,
        security.olds,
      );
    }
    if (!preserves || !this.#reads) return this.#ranked();
    const want = 'false: the kernel keeps addresses and reads no names (sendProxyProtocol tells targets)';
    shape.fault('preserveSourceIP', want);
    return [];
  }

  #addPlain(shape: OldShape, names: INames): void {
    const { named, target, toPort } = this.#parts;
    const hosts = shape.texts('targetIPs');
    const host = shape.text('targetIP');
    if (hosts.length > 0 && host !== undefined) shape.fault('targetIP', 'nothing, as targetIPs is given');
    const portRanges = this.#within(shape, 'portRanges');
    const maxConnectionLifetime = shape.number('connectionTimeout');
    const security = this.#security(shape.texts('allowedIPs'), shape.texts('blockedIPs'), {}, shape.path);
    const to = hosts.length > 0 ? hosts : (host ?? target);
    const more = {
      ...security.made,
      ...(maxConnectionLifetime === undefined ? {} : { timeouts: { maxConnectionLifetime } }),
    };
    const olds = {
      'action.target.host':
        hosts.length > 0 ? shape.at('targetIPs') : host === undefined ? 'targetIP' : shape.at('targetIP'),
      'action.target.port': 'toPort',
      'timeouts.maxConnectionLifetime': shape.at('connectionTimeout'),
      timeouts: shape.at('connectionTimeout'),
    };
    if (portRanges.length > 0) {
      const action = this.#forward({ host: to, port: 'preserve' });
      this.#addPorts(shape, names, { action, ...more }, portRanges, olds, security.olds);
    } else if (!named) {
      shape.fault('domains', 'sniEnabled: true, or portRanges: nothing reads the names of this domain');
    }
    if (!named) return;
    const action: TRouteAction = { type: 'forward', target: { host: to, port: toPort }, tls: { mode: 'passthrough' } };
    this.#addNamed(shape, names, { action, ...more }, olds, security.olds);
  }

  #addForwarding(shape: OldShape, forwarding: OldShape, names: INames): void {
    for (const key of ['allowedIPs', 'blockedIPs', 'targetIPs', 'targetIP', 'portRanges', 'connectionTimeout']) {
      if (shape.has(key)) shape.fault(key, 'nothing, as forwarding is given');
    }
    const index = this.#routes.length;
    const read = readForwarding(forwarding, `routes[${index}]`, this.#parts.places);
    if (read.type === 'direct' || read.type === 'socket-handler') {
      forwarding.fault('type', 'a type of HTTP or HTTPS: by nothing else a name is known');
    }
    const { security: own, ...rest } = read.route;
    const { ipAllowList = [], ipBlockList = [], ...limits } = own ?? {};
    const security = this.#security(ipAllowList, ipBlockList, limits, forwarding.at('security'), [
      'allowedIps',
      'blockedIps',
    ]);
    this.#addNamed(shape, names, { ...rest, ...security.made }, {}, security.olds);
    const advanced = read.portRanges.length > 0 ? forwarding.shape('advanced') : null;
    if (advanced !== null) {
      const ports = this.#within(advanced, 'portRanges');
      const { action } = read.route;
      const host = action.type === 'forward' ? action.target?.host : undefined;
      const bytes = { action: this.#forward({ host: host ?? '', port: 'preserve' }), ...security.made };
      const olds = { 'action.target': forwarding.at('target') };
      this.#addPorts(shape, names, bytes, ports, olds, security.olds);
    }
    if (read.redirects) this.#addRedirect(read, names);
  }

  #addNamed(shape: OldShape, names: INames, made: Omit<IRouteConfig, 'match'>, olds: TOlds, lists: TLists): void {
    const { domains, index } = names;
    this.#reads = true;
    if (this.#open.length === 0) {
      shape.fault('domains', 'nothing: forwardAllGlobalRanges forwards every port whatever name is asked for');
      return;
    }
    const at = this.#routes.length;
    this.#add(
      'name',
      { name: `domain-${index}`, match: { ports: rangeOf(this.#open), domains }, ...made },
      olds,
      lists,
    );
    this.#parts.places.from(`routes[${at}].match.domains`, shape.at('domains'));
    this.#parts.places.fromEach(`routes[${at}].match.domains`, names.olds);
  }

  #addPorts(
    shape: OldShape,
    { index }: INames,
    made: Omit<IRouteConfig, 'match'>,
    ports: readonly IPortSpan[],
    olds: TOlds,
    lists: TLists,
  ): void {
    if (this.#parts.forwardsAll) {
      shape.fault('portRanges', 'nothing, or forwardAllGlobalRanges: false, which leaves no port to it');
      return;
    }
    const all = { ...olds, 'match.ports': shape.at('portRanges') };
    this.#add('port', { name: `domain-${index}-ports`, match: { ports: rangeOf(ports) }, ...made }, all, lists);
  }

  #addRedirect({ type }: IForwarding, { domains, index, olds }: INames): void {
    const { httpPort, fromPort, places } = this.#parts;
    if (!type?.startsWith('https-')) return;
    const to = `https://{domain}${fromPort === 443 ? '' : `:${fromPort}`}{path}`;
    const at = this.#routes.length;
    places.fromEach(`routes[${at}].match.domains`, olds);
    const match = { ports: httpPort, domains };
    const action: TRouteAction = { type: 'redirect', redirect: { to, status: 301 } };
    this.#add('name', { name: `domain-${index}-redirect`, match, action }, { 'match.ports': 'acme.port' }, {});
  }

  /** Those of a domain that are listened on. */
  #within(shape: OldShape, key: string): readonly IPortSpan[] {
    const spans = readRanges(shape, key);
    if (covers(this.#parts.ranges, spans)) return spans;
    shape.fault(key, `ports within globalPortRanges (${portsText(this.#parts.ranges) || 'none'})`);
    return [];
  }

  #forward(target: ITarget): TRouteAction {
    if (!this.#parts.preserves) return { type: 'forward', target };
    return { type: 'forward', target, forwardingEngine: 'nftables', nftables: { preserveSourceIP: true } };
  }

  /** A domain's lists and those for all hold together, as one. */
  #security(
    allowed: readonly string[],
    blocked: readonly string[],
    limits: IRouteSecurity,
    path: string,
    [allow, block]: readonly [string, string] = ['allowedIPs', 'blockedIPs'],
  ): { readonly made: { security?: IRouteSecurity }; readonly olds: TLists } {
    const ipAllowList = [...allowed, ...this.#parts.allowed];
    const ipBlockList = [...blocked, ...this.#parts.blocked];
    const security: IRouteSecurity = {
      ...limits,
      ...(ipAllowList.length === 0 ? {} : { ipAllowList }),
      ...(ipBlockList.length === 0 ? {} : { ipBlockList }),
    };
    const placesOf = (own: readonly string[], name: string, all: readonly string[], allName: string) => [
      ...own.map((_, at) => `${path}.${name}[${at}]`),
      ...all.map((_, at) => `${allName}[${at}]`),
    ];
    return {
      made: Object.keys(security).length === 0 ? {} : { security },
      olds: {
        'security.ipAllowList': placesOf(allowed, allow, this.#parts.allowed, 'defaultAllowedIPs'),
        'security.ipBlockList': placesOf(blocked, block, this.#parts.blocked, 'defaultBlockedIPs'),
      },
    };
  }

  #add(rank: TRank, route: IRouteConfig, olds: TOlds, lists: TLists): void {
    const { places } = this.#parts;
    const at = `routes[${this.#routes.length}]`;
    for (const [made, old] of Object.entries(olds)) places.from(`${at}.${made}`, old);
    for (const [made, each] of Object.entries(lists)) places.fromEach(`${at}.${made}`, each);
    this.#routes.push({ route, rank });
  }

  #ranked(): readonly IRouteConfig[] {
    const count = this.#routes.length;
    const above: Readonly<Record<TRank, number>> = { port: 2 * count, name: count, rest: 0 };
    return this.#routes.map(({ route, rank }, at) => {
      return rank === 'rest' ? route : { ...route, priority: above[rank] - at };
    });
  }
}

interface INames {
  readonly domains: readonly string[];
  /** Where each of them stands. */
  readonly olds: readonly string[];
  /** Of the domain in its list. */
  readonly index: number;
}

/** Old places by places in the route. */
type TOlds = Readonly<Record<string, string>>;
type TLists = Readonly<Record<string, readonly string[]>>;

/** As people write it. */
function rangeOf(spans: readonly IPortSpan[]): TPortRange {
  const list = spans.map(({ from, to }) => (from === to ? from : { from, to }));
  const [first = 0, ...others] = list;
  return others.length === 0 ? first : list;
}

/** Both are merged. */
const covers = (wide: readonly IPortSpan[], spans: readonly IPortSpan[]): boolean =>
  spans.every(({ from, to }) => wide.some((each) => each.from <= from && to <= each.to));
