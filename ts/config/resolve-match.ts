// `match` as the matcher reads it, and its text form: equal matches have equal texts.

import { AddressSet, foldAddress } from '../codec/address.js';
import * as plugins from '../plugins.js';
import { normaliseDomainPattern } from './domain-pattern.js';
import { mergePorts, portsText } from './ports.js';
import type { IResolvedMatch } from './resolved.js';
import type { IRouteMatch } from './types.js';

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

/** The result is frozen. `globalAddress` is canonical; `passthrough` limits the route to TLS. */
export function resolveMatch(
  match: IRouteMatch,
  context: { readonly lists: AddressLists; readonly globalAddress: string | null; readonly passthrough: boolean },
): IResolvedMatch {
  const address = listenAddressOf(match.listenAddress);
  return Object.freeze({
    ports: mergePorts(match.ports),
    // The global address given again is no address of its own.
    listenAddress: address === (context.globalAddress ?? '::') ? null : address,
    domains: domainsOf(match.domains),
    clientIp: context.lists.compile(match.clientIp),
    tlsVersion: unique(match.tlsVersion),
    alpn: unique(match.alpn),
    ja4: unique(match.ja4),
    protocol: context.passthrough ? 'tls' : (match.protocol ?? null),
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

/** Everything that the match asks for, in one order. */
export function matchText(match: IResolvedMatch): string {
  const { ports, listenAddress, domains, clientIp, tlsVersion, alpn, ja4, protocol } = match;
  let text = portsText(ports);
  if (listenAddress !== null) text += ` at ${listenAddress}`;
  if (domains !== null) text += ` ${sorted(domains).join(',')}`;
  if (clientIp !== null) text += ` from ${JSON.stringify(sorted(clientIp.patterns))}`;
  if (tlsVersion !== null) text += ` ${sorted(tlsVersion).join(',')}`;
  if (alpn !== null) text += ` alpn ${JSON.stringify(sorted(alpn))}`;
  if (ja4 !== null) text += ` ja4 ${sorted(ja4).join(',')}`;
  if (protocol !== null) text += ` ${protocol}`;
  return text;
}

const sorted = (list: readonly string[]): readonly string[] => (list.length < 2 ? list : [...list].sort());

const maxKeyLength = 160;

/** The key of a route without id and name: its match and, where given, its priority. */
export function keyOfMatch(text: string, priority: number): string {
  const whole = priority === 0 ? text : `${text} priority ${priority}`;
  if (whole.length <= maxKeyLength) return whole;
  const digest = plugins.crypto.createHash('sha256').update(whole).digest('hex').slice(0, 16);
  return `${whole.slice(0, maxKeyLength - 17)} ${digest}`;
}
