// What a route that the kernel forwards cannot have: the kernel sees addresses and ports, and nothing else. Places are
// relative to the route.

import { loadBalancingDefaults } from './defaults.js';
import { gotText, type IPathFault, type TKey } from './faults.js';
import { featurePlaces, httpFeatures } from './http-features.js';
import { canBeTarget, kernelAddress, rangesOf } from './kernel-addresses.js';
import { isLabel, wantLabel } from './kernel-text.js';
import { offsetOf } from './port-mapper.js';
import { mergePorts } from './ports.js';
import { isKernelRoute } from './route-kernel.js';
import type { IForwardAction, IRouteConfig, IRouteSecurity, ISmartProxyOptions, ITarget } from './types.js';
import type { TUsable } from './usable.js';

type TDefaults = ISmartProxyOptions['defaults'] | null | undefined;

export function checkKernelRoute(route: IRouteConfig, usable: TUsable, defaults: TDefaults): readonly IPathFault[] {
  const { action } = route;
  if (!usable('action.type', 'action.forwardingEngine') || action?.type !== 'forward') return none;
  if (!isKernelRoute(route)) {
    if (action.nftables === undefined) return none;
    return [{ path: ['action', 'nftables'], want: "nothing unless forwardingEngine is 'nftables'", got: 'rules' }];
  }
  return [
    ...nameFaults(route, usable),
    ...matchFaults(route, usable),
    ...actionFaults(action, usable),
    ...featureFaults(route, usable, defaults),
    ...targetFaults(route, action, usable, defaults),
    ...securityFaults(route, usable, defaults),
    ...fallbackFaults(action, usable),
  ];
}

const none: readonly IPathFault[] = [];

function nameFaults(route: IRouteConfig, usable: TUsable): IPathFault[] {
  return (['id', 'name'] as const).flatMap((key) => {
    const text = route[key];
    if (text === undefined || !usable(key) || isLabel(text)) return [];
    return [{ path: [key], want: wantLabel, got: gotText(text) }];
  });
}

const unseen = {
  domains: 'names',
  tlsVersion: 'TLS',
  alpn: 'TLS',
  ja4: 'TLS',
  protocol: 'what is inside packets',
} as const;

function matchFaults({ match }: IRouteConfig, usable: TUsable): IPathFault[] {
  if (typeof match !== 'object' || match === null) return [];
  const faults: IPathFault[] = [];
  for (const [key, what] of Object.entries(unseen)) {
    const value = match[key as keyof typeof unseen];
    if (value !== undefined)
      faults.push({ path: ['match', key], want: `nothing: the kernel sees no ${what}`, got: gotText(value) });
  }
  if (usable('match.ports') && mergePorts(match.ports).some(({ from }) => from === 0)) {
    faults.push({ path: ['match', 'ports'], want: 'ports from 1: the kernel takes no free one', got: '0' });
  }
  if (usable('match.clientIp')) faults.push(...globFaults(match.clientIp, ['match', 'clientIp']));
  if (usable('match.listenAddress') && match.listenAddress?.includes('%')) {
    const want = 'an address without a zone: the kernel compares addresses';
    faults.push({ path: ['match', 'listenAddress'], want, got: gotText(match.listenAddress) });
  }
  return faults;
}

/** `10.?.?.1` is no range of addresses. */
function globFaults(list: readonly string[] | undefined, place: readonly TKey[]): IPathFault[] {
  return (list ?? []).flatMap((text, index) => {
    if (rangesOf([text]) !== null) return [];
    return [
      { path: [...place, index], want: 'an address, CIDR or range: the kernel knows no such glob', got: gotText(text) },
    ];
  });
}

function actionFaults(action: IForwardAction, usable: TUsable): IPathFault[] {
  const faults: IPathFault[] = [];
  const refuse = (key: string, what: string, got: unknown) =>
    faults.push({ path: ['action', ...key.split('.')], want: what, got: gotText(got) });
  const { tls, healthCheck, sendProxyProtocol, loadBalancing } = action;
  if (tls !== undefined && usable('action.tls') && tls.mode !== 'passthrough') {
    refuse(
      'tls.mode',
      "'passthrough' or nothing: the kernel terminates no TLS (createNfTablesTerminateRoute does both)",
      tls.mode,
    );
  }
  if (healthCheck !== undefined) refuse('healthCheck', 'nothing: the kernel asks no target how it is', healthCheck);
  if (sendProxyProtocol) refuse('sendProxyProtocol', 'false or nothing: the kernel adds no header', sendProxyProtocol);
  if (loadBalancing === undefined || !usable('action.loadBalancing')) return faults;
  const { algorithm = loadBalancingDefaults.algorithm, slowStart } = loadBalancing;
  if (algorithm !== 'round-robin' && algorithm !== 'ip-hash') {
    refuse('loadBalancing.algorithm', "'round-robin' or 'ip-hash': the kernel knows no other", algorithm);
  }
  if (slowStart)
    refuse('loadBalancing.slowStart', 'nothing: the kernel does not know when a target came up', slowStart);
  return faults;
}

/** What only HTTP has, and what only this process can do with a connection. */
const wantNoRequests = 'nothing: the kernel sees no requests';

function featureFaults(route: IRouteConfig, usable: TUsable, defaults: TDefaults): IPathFault[] {
  const faults: IPathFault[] = [];
  if (route.timeouts !== undefined && Object.keys(route.timeouts).length > 0) {
    const want = 'nothing: the kernel has times of its own (net.netfilter.nf_conntrack_*_timeout_*)';
    faults.push({ path: ['timeouts'], want, got: 'timeouts' });
  }
  if (!usable(...featurePlaces, 'match')) return faults;
  for (const path of httpFeatures(route, defaults ?? undefined)) {
    // What a default brings is refused where the route asks for the kernel.
    if (path[0] !== 'defaults') faults.push({ path, want: wantNoRequests, got: 'something for HTTP only' });
    else
      faults.push({
        path: ['action', 'forwardingEngine'],
        want: `'node', as ${path.join('.')} is given`,
        got: "'nftables'",
      });
  }
  return faults;
}

function targetFaults(route: IRouteConfig, action: IForwardAction, usable: TUsable, defaults: TDefaults): IPathFault[] {
  if (!usable('action.target', 'action.targets')) return [];
  if (action.targets !== undefined) {
    return action.targets.flatMap((target, i) => judgeTarget(target, ['action', 'targets', i], route, usable));
  }
  if (action.target !== undefined) return judgeTarget(action.target, ['action', 'target'], route, usable);
  const inherited = defaults?.target;
  return inherited === undefined ? [] : judgeTarget(inherited, ['action', 'target'], route, usable).slice(0, 1);
}

function judgeTarget(
  target: ITarget,
  place: readonly TKey[],
  { match, action }: IRouteConfig,
  usable: TUsable,
): IPathFault[] {
  const faults: IPathFault[] = [];
  const refuse = (key: string, want: string, got: unknown) =>
    faults.push({ path: [...place, key], want, got: gotText(got) });
  const { host, port, match: only, backup, tls, sendProxyProtocol } = target;
  const given = action.type === 'forward' ? action.nftables?.portOffset : undefined;
  const redirect = action.type === 'forward' && action.nftables?.redirect === true;
  if (typeof host === 'function') refuse('host', 'an address or a name: the kernel calls no function', host);
  else if (redirect && host !== 'localhost') refuse('host', "'localhost', as nftables.redirect is true", host);
  else if ([host].flat().some(isNowhere))
    refuse('host', 'one machine; this one by its own address or nftables.redirect: no packet may go to ::1', host);
  if (redirect && typeof port !== 'number') refuse('port', 'a port, as nftables.redirect is true', port);
  else if (given !== undefined && port !== 'preserve')
    refuse('port', "'preserve', as nftables.portOffset is given", port);
  else if (typeof port === 'function' || given !== undefined) {
    const offset = given ?? (typeof port === 'function' ? offsetOf(port) : 0);
    const spans = usable('match.ports') ? mergePorts(match.ports) : [];
    if (offset === undefined)
      refuse('port', "a port, 'preserve' or the function of createOffsetPortMappingRoute", port);
    else if (spans.some(({ from, to }) => from + offset < 1 || to + offset > 65_535)) {
      refuse('port', 'an offset that keeps every port from 1 to 65535', offset);
    }
  }
  if (only !== undefined && Object.keys(only).length > 0)
    refuse('match', 'nothing: give each a route of its own', only);
  if (backup) refuse('backup', 'nothing: the kernel does not know which targets are well', backup);
  if (tls) refuse('tls', 'nothing: the kernel speaks no TLS', tls);
  if (sendProxyProtocol) refuse('sendProxyProtocol', 'nothing: the kernel adds no header', sendProxyProtocol);
  return faults;
}

function isNowhere(host: unknown): boolean {
  const address = typeof host === 'string' ? kernelAddress(host.replace(/^\[|\]$/g, '')) : null;
  return address !== null && !canBeTarget(address);
}

function securityFaults({ security, action }: IRouteConfig, usable: TUsable, defaults: TDefaults): IPathFault[] {
  const faults: IPathFault[] = [];
  const judge = (given: IRouteSecurity | undefined, place: readonly TKey[]) => {
    for (const key of ['ipAllowList', 'ipBlockList'] as const)
      faults.push(...globFaults(given?.[key], [...place, key]));
  };
  if (usable('security')) judge(security, ['security']);
  if (usable('action.security')) judge(action.security, ['action', 'security']);
  const inherited = defaults?.security;
  const lists = [...(inherited?.ipAllowList ?? []), ...(inherited?.ipBlockList ?? [])];
  if (rangesOf(lists) === null && lists.length > 0) {
    const want = "'node', or defaults.security without globs such as 10.?.?.1, which the kernel does not know";
    faults.push({ path: ['action', 'forwardingEngine'], want, got: "'nftables'" });
  }
  return faults;
}

/** What this process could not do in the kernel's place. */
function fallbackFaults({ nftables = {} }: IForwardAction, usable: TUsable): IPathFault[] {
  if (nftables.fallback === undefined || !usable('action.nftables')) return [];
  const { protocol = 'tcp', preserveSourceIP, maxRate, priority, markConnections, log } = nftables;
  const cannot = Object.entries({ preserveSourceIP, maxRate, priority, markConnections, log }).find(
    ([, value]) => value !== undefined && value !== false,
  );
  const name = protocol !== 'tcp' ? 'protocol' : cannot?.[0];
  if (name === undefined) return [];
  const want = `nothing together with fallback: 'node', which could not keep to it`;
  return [{ path: ['action', 'nftables', name], want, got: gotText(nftables[name as keyof typeof nftables]) }];
}
