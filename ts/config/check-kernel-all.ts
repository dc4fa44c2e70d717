// What must hold between the routes that the kernel forwards, the others, and global options. The kernel decides before
// any listener of this process sees a connection.

import { isPrivateAddress } from '../codec/address.js';
import type { IMatchOfRoute } from './check-all.js';
import { gotText, type IPathFault } from './faults.js';
import { portsText } from './ports.js';
import { isKernelRoute } from './route-kernel.js';
import { targetsOf } from './targets-of.js';
import type { IForwardAction, IPortSpan, IRouteConfig, ISmartProxyOptions } from './types.js';
import type { TUsable } from './usable.js';

/** `matches`: of all enabled routes. */
export function checkKernelRoutes(
  matches: readonly IMatchOfRoute[],
  routes: readonly IRouteConfig[],
  options: ISmartProxyOptions,
  usable: TUsable,
): readonly IPathFault[] {
  const inKernel = matches.filter(({ index }) => isKernelRoute(routes[index] as IRouteConfig));
  const faults: IPathFault[] = [];
  if (inKernel.length === 0) {
    if (usable('preserveSourceIP') && options.preserveSourceIP === true && matches.length > 0) {
      const want =
        "nothing unless a route has forwardingEngine: 'nftables'; to tell targets the client use sendProxyProtocol";
      faults.push({ path: ['preserveSourceIP'], want, got: 'true' });
    }
    return faults;
  }
  for (const { index } of inKernel) {
    const { action } = routes[index] as IRouteConfig;
    if (action.type !== 'forward') continue;
    for (const { path, ...fault } of globalFaults(action, options, usable)) {
      faults.push({ path: ['routes', index, 'action', ...path], ...fault });
    }
  }
  return [...faults, ...overlaps(matches, inKernel, routes)];
}

function globalFaults(action: IForwardAction, options: ISmartProxyOptions, usable: TUsable): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const engine = (want: string) => faults.push({ path: ['forwardingEngine'], want, got: "'nftables'" });
  if (usable('acceptProxyProtocol') && options.acceptProxyProtocol === true) {
    engine("'node': acceptProxyProtocol is on, and the kernel reads no PROXY header");
  }
  if (usable('sendProxyProtocol') && options.sendProxyProtocol && action.sendProxyProtocol !== false) {
    const want = 'false: sendProxyProtocol is on for all routes, and the kernel adds no header';
    faults.push({ path: ['sendProxyProtocol'], want, got: gotText(action.sendProxyProtocol) });
  }
  if (
    options.preserveSourceIP === true &&
    action.nftables?.fallback !== undefined &&
    action.nftables.preserveSourceIP !== false
  ) {
    const want = "nothing: preserveSourceIP is on, which fallback: 'node' could not keep to";
    faults.push({ path: ['nftables', 'fallback'], want, got: "'node'" });
  }
  if (options.denyPrivateTargets !== true || !usable('denyPrivateTargets', 'defaults')) return faults;
  const hosts = targetsOf(action, options.defaults).flatMap(({ host }) =>
    typeof host === 'function' ? [] : [host].flat(),
  );
  const denied = hosts.find((host) => /^[\d.]+$|:/.test(host) && isPrivateAddress(host.replace(/^\[|\]$/g, '')));
  if (denied !== undefined) engine(`'node', or targets that denyPrivateTargets allows, unlike ${denied}`);
  return faults;
}

/** The kernel goes first: on a common port its routes must be meant to. */
function overlaps(
  matches: readonly IMatchOfRoute[],
  inKernel: readonly IMatchOfRoute[],
  routes: readonly IRouteConfig[],
): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  const kernel = new Set(inKernel);
  const seen = new Map<string, number>();
  for (const one of inKernel) {
    const text = `${one.priority} ${portsText(one.match.ports)}${one.criteria} ${protocolOf(routes[one.index])}`;
    const twin = seen.get(text);
    if (twin === undefined) seen.set(text, one.index);
    else {
      const want = `a match or priority unlike that of routes[${twin}], which takes all of its connections`;
      faults.push({ path: ['routes', one.index, 'match'], want, got: 'the same' });
    }
    if (protocolOf(routes[one.index]) === 'udp') continue;
    const other = matches.find((each) => !kernel.has(each) && each.priority >= one.priority && meet(one, each));
    if (other === undefined) continue;
    const want = `a priority above that of routes[${other.index}], with which it has a port in common: the kernel goes first`;
    faults.push({ path: ['routes', one.index, 'priority'], want, got: String(one.priority) });
  }
  return faults;
}

const protocolOf = (route: IRouteConfig | undefined): string =>
  route?.action.type === 'forward' ? (route.action.nftables?.protocol ?? 'tcp') : 'tcp';

const meet = (a: IMatchOfRoute, b: IMatchOfRoute): boolean =>
  (a.match.listenAddress === null ||
    b.match.listenAddress === null ||
    a.match.listenAddress === b.match.listenAddress) &&
  a.match.ports.some((span) => b.match.ports.some((other) => spansMeet(span, other)));

const spansMeet = (a: IPortSpan, b: IPortSpan): boolean => a.from <= b.to && b.from <= a.to;
