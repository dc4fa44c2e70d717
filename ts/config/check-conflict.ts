// What a ClientHello says chooses the TLS settings: two routes that it cannot tell apart must have the same ones.

import type { IMatchOfRoute } from './check-all.js';
import type { IPathFault } from './faults.js';
import { portsText } from './ports.js';
import { terminates } from './route-tls.js';
import type { IPortSpan } from './types.js';

/** Of the ports of one route. */
interface IClaim {
  readonly from: number;
  readonly to: number;
  readonly route: IMatchOfRoute;
  /** Equal for routes with the same TLS settings. */
  readonly settings: string;
}

/** `settingsOf`: the key of the settings of a route that terminates. Each route is named once. */
export function checkTlsConflicts(
  matches: readonly IMatchOfRoute[],
  settingsOf: (route: IMatchOfRoute) => string,
): readonly IPathFault[] {
  const faults = new Map<number, IPathFault>();
  for (const claims of alikeClaims(matches, settingsOf)) {
    for (const [one, other] of overlaps(claims)) {
      const [first, second] = one.route.index < other.route.index ? [one, other] : [other, one];
      if (!faults.has(second.route.index)) faults.set(second.route.index, faultOf(first, second));
    }
  }
  return [...faults.values()];
}

/** By what is known before the handshake, but for ports. Only groups with different settings. */
function alikeClaims(matches: readonly IMatchOfRoute[], settingsOf: (route: IMatchOfRoute) => string) {
  const groups = new Map<string, { claims: IClaim[]; differ: boolean }>();
  for (const route of matches) {
    const settings = terminates(route.tls) ? settingsOf(route) : route.match.protocol === 'tls' ? passthrough : null;
    if (settings === null) continue;
    const claims = route.match.ports.map((span) => ({ ...span, route, settings }));
    const group = groups.get(route.criteria);
    if (group === undefined) groups.set(route.criteria, { claims, differ: false });
    else {
      group.differ ||= group.claims[0]?.settings !== settings;
      group.claims.push(...claims);
    }
  }
  return [...groups.values()].filter(({ differ }) => differ).map(({ claims }) => claims);
}

const passthrough = 'passthrough';

/**
 * Pairs with a port in common and different settings, at least one for each claim that has such a partner before it in
 * the order of ports. To know whether there is one it suffices to keep those that reach furthest, of two settings.
 */
function* overlaps(claims: readonly IClaim[]): Generator<readonly [IClaim, IClaim]> {
  let furthest: IClaim | undefined;
  let furthestOther: IClaim | undefined;
  for (const claim of [...claims].sort((a, b) => a.from - b.from)) {
    const partner = furthest?.settings === claim.settings ? furthestOther : furthest;
    if (partner !== undefined && partner.to >= claim.from) yield [partner, claim];
    if (furthest === undefined || claim.to > furthest.to) {
      if (furthest !== undefined && furthest.settings !== claim.settings) furthestOther = furthest;
      furthest = claim;
    } else if (claim.settings !== furthest.settings && claim.to > (furthestOther?.to ?? -1)) furthestOther = claim;
  }
}

function faultOf(first: IClaim, second: IClaim): IPathFault {
  const common: IPortSpan = { from: Math.max(first.from, second.from), to: Math.min(first.to, second.to) };
  const ways = [first, second].map(({ settings }) =>
    settings === passthrough ? 'passes TLS through' : 'terminates it',
  );
  const got = ways[0] === ways[1] ? 'other settings' : `${ways[0]} there, ${ways[1]} here`;
  const want = `the TLS settings of routes[${first.route.index}]: no ClientHello on port ${portsText([common])} tells the two apart`;
  return { path: ['routes', second.route.index, 'action', 'tls'], want, got };
}
