// `match` as the matcher reads it, and its text form: equal matches have equal texts.

import { AddressSet, foldAddress } from '../codec/address.js';
import * as plugins from '../plugins.js';
import { normaliseDomainPattern } from './domain-pattern.js';
import { httpFeatures } from './http-features.js';
import { normalisePathPattern } from './path-form.js';
import { mergePorts, portsText } from './ports.js';
import { resolveMethods, resolvePairs } from './resolve-headers.js';
import type { IResolvedMatch, IResolvedPair } from './resolved.js';
import type { IRouteConfig, IRouteTls, ISmartProxyOptions } from './types.js';

/** Compiles each list of addresses once, however many routes share it. Lists are valid by now. */
export class AddressLists {
  readonly #compiled = new WeakMap<object, AddressSet>();

  /** null for no list, and for an empty one, which only block lists and `proxyIPs` can be. */
  compile(list: readonly string[] | undefined): AddressSet | null {
    if (list === undefined || list.length === 0) return null;
    const known = this.#compiled.get(list);
    if (known) return known;
    const { set, faults } = AddressSet.compile(list);
    if (set === null) throw new Error(`an address list passed the schema and not the compiler: ${faults[0]?.got}`);
    this.#compiled.set(list, set);
    return set;
  }
}

/** `globalAddress` is canonical; `tls` is the route's, by itself or by default. */
export interface IMatchContext {
  readonly lists: AddressLists;
  readonly globalAddress: string | null;
  readonly tls: IRouteTls | undefined;
  readonly defaults: ISmartProxyOptions['defaults'];
}

/** The result is frozen. */
export function resolveMatch(
  route: IRouteConfig,
  { lists, globalAddress, tls, defaults }: IMatchContext,
): IResolvedMatch {
  const { match } = route;
  const address = listenAddressOf(match.listenAddress);
  const httpOnly = match.protocol === 'http' || httpFeatures(route, defaults).length > 0;
  return Object.freeze({
    ports: mergePorts(match.ports),
    // The global address given again is no address of its own.
    listenAddress: address === (globalAddress ?? '::') ? null : address,
    domains: domainsOf(match.domains),
    clientIp: lists.compile(match.clientIp),
    tlsVersion: unique(match.tlsVersion),
    alpn: unique(match.alpn),
    ja4: unique(match.ja4),
    protocol: tls?.mode === 'passthrough' ? 'tls' : httpOnly ? 'http' : (match.protocol ?? null),
    httpOnly,
    path: match.path === undefined ? null : normalisePathPattern(match.path),
    method: resolveMethods(match.method),
    headers: resolvePairs(match.headers, true),
    query: resolvePairs(match.query, false),
  });
}

function domainsOf(domains: string | readonly string[] | undefined): readonly string[] | null {
  if (domains === undefined) return null;
  if (typeof domains === 'string') return Object.freeze([normalised(domains)]);
  return Object.freeze([...new Set(domains.map(normalised))]);
}

const normalised = (pattern: string): string => {
  const result = normaliseDomainPattern(pattern);
  return result.want === null ? result.value : pattern;
};

const unique = <T>(list: readonly T[] | undefined): readonly T[] | null =>
  list ? Object.freeze([...new Set(list)]) : null;

/** The canonical text of an address to listen on; a zone stays. null if none is given. */
export function listenAddressOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  return text.includes('%') ? text.toLowerCase() : foldAddress(text);
}

/** What is known of a connection before anything is decrypted, but for its port, in one order. */
export function criteriaText({ listenAddress, domains, clientIp, tlsVersion, alpn, ja4 }: IResolvedMatch): string {
  let text = '';
  if (listenAddress !== null) text += ` at ${listenAddress}`;
  if (domains !== null) text += ` ${sorted(domains).join(',')}`;
  if (clientIp !== null) text += ` from ${JSON.stringify(sorted(clientIp.patterns))}`;
  if (tlsVersion !== null) text += ` ${sorted(tlsVersion).join(',')}`;
  if (alpn !== null) text += ` alpn ${JSON.stringify(sorted(alpn))}`;
  if (ja4 !== null) text += ` ja4 ${sorted(ja4).join(',')}`;
  return text;
}

/** Everything that the match asks for, in one order. `criteria`: its `criteriaText`. */
export function matchText(match: IResolvedMatch, criteria: string, isTerminated: boolean): string {
  const { ports, protocol, path, method, headers, query } = match;
  let text = portsText(ports) + criteria;
  if (isTerminated) text += ' terminated';
  if (protocol !== null) text += ` ${protocol}`;
  if (path !== null) text += ` ${path}`;
  if (method !== null) text += ` ${sorted(method).join(',')}`;
  if (headers !== null) text += ` headers ${pairsText(headers)}`;
  if (query !== null) text += ` query ${pairsText(query)}`;
  return text;
}

const pairsText = (pairs: readonly IResolvedPair[]): string =>
  JSON.stringify(pairs.map(({ name, want }) => [name, typeof want === 'string' ? want : [String(want)]]));

const sorted = (list: readonly string[]): readonly string[] => (list.length < 2 ? list : [...list].sort());

const maxKeyLength = 160;

/** The key of a route without id and name: its match and, where given, its priority. */
export function keyOfMatch(text: string, priority: number): string {
  const whole = priority === 0 ? text : `${text} priority ${priority}`;
  if (whole.length <= maxKeyLength) return whole;
  const digest = plugins.crypto.createHash('sha256').update(whole).digest('hex').slice(0, 16);
  return `${whole.slice(0, maxKeyLength - 17)} ${digest}`;
}
