// What differs between two configurations: routes by their keys, and where they listen.

import { AddressSet } from '../codec/address.js';
import { mergeSpans } from './ports.js';
import type { IResolvedConfig, IResolvedRoute } from './resolved.js';
import { Secret } from './secret.js';
import type { IPortSpan } from './types.js';

/** What can change about a route that keeps its key. */
export type TRoutePart = (typeof routeParts)[number];

const routeParts = [
  'name',
  'priority',
  'match',
  'action',
  'tls',
  'headers',
  'compression',
  'security',
  'timeouts',
  'kernel',
] as const;

export interface IRouteChange {
  readonly key: string;
  readonly parts: readonly TRoutePart[];
}

/** Where to listen: null is the global address, port 0 one free port for all who ask for it. */
export interface IListeningPoint {
  readonly address: string | null;
  readonly port: number;
}

/** Routes are given by their keys. */
export interface IConfigChange {
  readonly routes: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly IRouteChange[];
    readonly unchanged: readonly string[];
  };
  readonly points: { readonly added: readonly IListeningPoint[]; readonly removed: readonly IListeningPoint[] };
}

/**
 * Compares two configurations. Functions are the same only if they are identical: a route whose function was written
 * anew counts as changed. Address lists and regular expressions are the same if they are written alike.
 */
export function compareConfigs(before: IResolvedConfig, after: IResolvedConfig): IConfigChange {
  const old = new Map(before.routes.map((route) => [route.key, route]));
  const added: string[] = [];
  const changed: IRouteChange[] = [];
  const unchanged: string[] = [];
  for (const route of after.routes) {
    const { key } = route;
    const was = old.get(key);
    old.delete(key);
    if (was === undefined) added.push(key);
    else {
      const parts = routeParts.filter((part) => !sameData(was[part], route[part]));
      if (parts.length === 0) unchanged.push(key);
      else changed.push({ key, parts });
    }
  }
  return { routes: { added, removed: [...old.keys()], changed, unchanged }, points: comparePoints(before, after) };
}

/** Equal resolved data. Both sides are made by the resolver, with the same properties in the same places. */
function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof AddressSet) return b instanceof AddressSet && sameList(a.patterns, b.patterns);
  if (a instanceof RegExp) return b instanceof RegExp && String(a) === String(b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Secret) return b instanceof Secret && a.equals(b);
  if (Array.isArray(a)) return Array.isArray(b) && sameList(a, b);
  return sameRecord(a as Record<string, unknown>, b as Record<string, unknown>);
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((entry, index) => sameData(entry, b[index]));
}

function sameRecord(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  // Properties beyond these can only come with another `type`, which is one of them.
  for (const key in a) {
    if (!sameData(a[key], b[key])) return false;
  }
  return true;
}

function comparePoints(before: IResolvedConfig, after: IResolvedConfig): IConfigChange['points'] {
  const old = spansByAddress(before.routes);
  const now = spansByAddress(after.routes);
  // With another global address every point that relies on it moves.
  const moved = before.listenAddress !== after.listenAddress;
  const keeps = (address: string | null) => address !== null || !moved;
  return {
    added: pointsBeyond(now, (address) => (keeps(address) ? old.get(address) : undefined)),
    removed: pointsBeyond(old, (address) => (keeps(address) ? now.get(address) : undefined)),
  };
}

function spansByAddress(routes: readonly IResolvedRoute[]): Map<string | null, readonly IPortSpan[]> {
  const spans = new Map<string | null, IPortSpan[]>();
  for (const { match, kernel } of routes) {
    if (kernel !== null) continue;
    const known = spans.get(match.listenAddress);
    if (known) known.push(...match.ports);
    else spans.set(match.listenAddress, [...match.ports]);
  }
  return new Map([...spans].map(([address, list]) => [address, mergeSpans(list)]));
}

/** The points of `spans` that are in none of `others` for the same address. */
function pointsBeyond(
  spans: ReadonlyMap<string | null, readonly IPortSpan[]>,
  others: (address: string | null) => readonly IPortSpan[] | undefined,
): readonly IListeningPoint[] {
  const points: IListeningPoint[] = [];
  for (const [address, list] of spans) {
    const known = others(address) ?? [];
    for (const port of portsBeyond(list, known)) points.push({ address, port });
  }
  return points;
}

/** Both are sorted and not overlapping. */
function* portsBeyond(spans: readonly IPortSpan[], others: readonly IPortSpan[]): Generator<number> {
  let at = 0;
  for (const { from, to } of spans) {
    for (let port = from; port <= to; port++) {
      for (let other = others[at]; other !== undefined && other.to < port; other = others[++at]);
      const other = others[at];
      if (other === undefined || port < other.from) yield port;
    }
  }
}

/** The names of each certificate that the proxy gets by itself, where `before` wants none for just these names. */
export function certificatesAdded(before: IResolvedConfig, after: IResolvedConfig): readonly (readonly string[])[] {
  const known = certificatesOf(before);
  return [...certificatesOf(after)].flatMap(([key, names]) => (known.has(key) ? [] : [names]));
}

function certificatesOf({ routes }: IResolvedConfig): ReadonlyMap<string, readonly string[]> {
  const lists = routes.flatMap(({ tls, certificateNames }) => {
    if (tls === null || !('managed' in tls.certificate)) return [];
    const { managed } = tls.certificate;
    return certificateNames.map((names) => [`${managed} ${names.join(' ')}`, names] as const);
  });
  return new Map(lists);
}
