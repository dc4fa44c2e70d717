// One port cannot be listened on both at a wildcard address and at a particular one.

import type { IMatchOfRoute } from './check-all.js';
import type { IPathFault } from './faults.js';
import { mergeSpans, portsText } from './ports.js';
import type { IPortSpan } from './types.js';

/** `::` takes IPv4 too. */
const defaultAddress = '::';

export function checkListening(matches: readonly IMatchOfRoute[], globalAddress: string | null): readonly IPathFault[] {
  const wanted = portsByAddress(matches, globalAddress);
  if (wanted.size < 2) return [];
  const faults: IPathFault[] = [];
  for (const wildcard of ['::', '0.0.0.0']) {
    const ports = wanted.get(wildcard);
    if (ports === undefined) continue;
    for (const [address, others] of wanted) {
      if (!collides(wildcard, address)) continue;
      const both = overlap(ports, others);
      if (both !== null) faults.push(collision(wildcard, address, both, matches, globalAddress));
    }
  }
  return faults;
}

function portsByAddress(matches: readonly IMatchOfRoute[], globalAddress: string | null): Map<string, IPortSpan[]> {
  const wanted = new Map<string, IPortSpan[]>();
  for (const { match } of matches) {
    const address = match.listenAddress ?? globalAddress ?? defaultAddress;
    const spans = wanted.get(address);
    if (spans) spans.push(...match.ports);
    else wanted.set(address, [...match.ports]);
  }
  for (const [address, spans] of wanted) wanted.set(address, mergeSpans(spans));
  return wanted;
}

/** Each pair once: `::` is compared with all, `0.0.0.0` with the IPv4 addresses. */
const collides = (wildcard: string, address: string): boolean =>
  address !== wildcard && (wildcard === '::' || !address.includes(':'));

/** What both have in common, but for port 0, which is another port each time; null if nothing. Both are merged. */
function overlap(a: readonly IPortSpan[], b: readonly IPortSpan[]): IPortSpan | null {
  let i = 0;
  let j = 0;
  for (;;) {
    const one = a[i];
    const other = b[j];
    if (one === undefined || other === undefined) return null;
    const from = Math.max(one.from, other.from, 1);
    const to = Math.min(one.to, other.to);
    if (from <= to) return { from, to };
    if (one.to < other.to) i++;
    else j++;
  }
}

function collision(
  wildcard: string,
  address: string,
  ports: IPortSpan,
  matches: readonly IMatchOfRoute[],
  globalAddress: string | null,
): IPathFault {
  const routeAt = (wanted: string): number =>
    matches.find(
      ({ match }) =>
        (match.listenAddress ?? globalAddress ?? defaultAddress) === wanted && overlap([ports], match.ports) !== null,
    )?.index ?? -1;
  const [particular, general] = [routeAt(address), routeAt(wildcard)];
  // The one with an address of its own is the one to change.
  const own = matches.find(({ index }) => index === particular)?.match.listenAddress !== null;
  const [index, other] = own ? [particular, general] : [general, particular];
  const [mine, theirs] = own ? [address, wildcard] : [wildcard, address];
  const want = `the address of routes[${other}] (${theirs}) or other ports: both listen on ${portsText([ports])}`;
  return { path: ['routes', index, 'match', 'listenAddress'], want, got: mine };
}

/** The HTTP engine's own port is on loopback: no route may listen there too. */
export function checkHttpPort(
  port: number | undefined,
  matches: readonly IMatchOfRoute[],
  globalAddress: string | undefined,
): readonly IPathFault[] {
  if (port === undefined) return [];
  const taken = matches.find(
    ({ match }) =>
      // A free port is shared with whoever asks for one at the very same address.
      (port === 0
        ? match.listenAddress === '127.0.0.1'
        : isOnLoopback(match.listenAddress ?? globalAddress ?? defaultAddress)) &&
      match.ports.some(({ from, to }) => from <= port && port <= to),
  );
  if (taken === undefined) return [];
  const want = `a port that no route listens on, as routes[${taken.index}] does`;
  return [{ path: ['httpProxyPort'], want, got: String(port) }];
}

const isOnLoopback = (address: string): boolean =>
  ['::', '0.0.0.0', '::1'].includes(address) || address.startsWith('127.');
