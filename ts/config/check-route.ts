// What must hold between the options of one route. Places are relative to the route.

import { checkRouteAuth } from './check-auth.js';
import { checkHttp } from './check-http.js';
import { checkKernelRoute } from './check-kernel.js';
import { checkRouteTls } from './check-tls.js';
import { passiveDefaults } from './defaults.js';
import { gotText, type IPathFault } from './faults.js';
import { targetsOf } from './targets-of.js';
import type { IRouteConfig, ISmartProxyOptions, ITarget } from './types.js';
import type { TUsable } from './usable.js';
import { withDefaults } from './with-defaults.js';

type TDefaults = ISmartProxyOptions['defaults'] | null;

type TCheck = (route: IRouteConfig, usable: TUsable, defaults: TDefaults) => IPathFault | null;

/** `defaults`: null if they are at fault themselves. */
export function checkRoute(route: IRouteConfig, usable: TUsable, defaults: TDefaults): readonly IPathFault[] {
  const faults: IPathFault[] = [];
  for (const check of checks) {
    const fault = check(route, usable, defaults);
    if (fault !== null) faults.push(fault);
  }
  faults.push(...checkRouteTls(route, usable, defaults), ...checkHttp(route, usable, defaults));
  faults.push(...checkKernelRoute(route, usable, defaults), ...checkRouteAuth(route, usable, defaults));
  return faults;
}

const checks: readonly TCheck[] = [
  function someTarget({ action }, usable, defaults) {
    if (!usable('action.type', 'action.target', 'action.targets') || action.type !== 'forward') return null;
    const given = action.target !== undefined || action.targets !== undefined;
    return given || defaults === null || defaults?.target !== undefined
      ? null
      : { path: ['action', 'target'], want: 'target, targets or defaults.target', got: 'nothing' };
  },

  function oneKindOfTargets({ action }, usable) {
    if (!usable('action.type') || action.type !== 'forward') return null;
    if (action.target === undefined || action.targets === undefined) return null;
    return { path: ['action', 'targets'], want: 'either target or targets', got: 'both' };
  },

  function priorityIsAmongMatches({ action }, usable) {
    if (!usable('action.type', 'action.target', 'action.targets') || action.type !== 'forward') return null;
    const place = action.targets === undefined ? 'target' : 'targets';
    const at = targetsOf(action, null).findIndex((target) => target.priority !== undefined && !isLimited(target));
    if (at < 0) return null;
    const path = ['action', place, ...(place === 'targets' ? [at] : []), 'priority'];
    return { path, want: 'nothing without match: it orders targets that fit by match', got: 'a priority' };
  },

  function keyOfHashing({ action }, usable) {
    if (!usable('action.type', 'action.loadBalancing') || action.type !== 'forward') return null;
    const { key, algorithm } = action.loadBalancing ?? {};
    if (key === undefined || algorithm === 'consistent-hash') return null;
    return {
      path: ['action', 'loadBalancing', 'key'],
      want: "nothing unless algorithm is 'consistent-hash'",
      got: gotText(key),
    };
  },

  function ejectionGrows({ action }, usable) {
    if (!usable('action.type', 'action.healthCheck') || action.type !== 'forward') return null;
    const passive = action.healthCheck?.passive;
    if (passive === undefined || passive === false) return null;
    const { ejectTime, maxEjectTime } = withDefaults(passiveDefaults, passive);
    if (maxEjectTime >= ejectTime) return null;
    const path = [
      'action',
      'healthCheck',
      'passive',
      passive.maxEjectTime === undefined ? 'ejectTime' : 'maxEjectTime',
    ];
    return { path, want: 'ejectTime not above maxEjectTime', got: `${ejectTime} above ${maxEjectTime}` };
  },

  function somethingToProbe({ action }, usable, defaults) {
    const read = ['action.type', 'action.target', 'action.targets', 'action.healthCheck'];
    if (!usable(...read) || action.type !== 'forward') return null;
    const { interval, timeout, healthyThreshold, unhealthyThreshold } = action.healthCheck ?? {};
    const asked = [interval, timeout, healthyThreshold, unhealthyThreshold].some((option) => option !== undefined);
    if (!asked || interval === 0) return null;
    const targets = targetsOf(action, defaults);
    if (targets.length === 0 || targets.some(canBeProbed)) return null;
    const want = 'a target with fixed host and port, or no probes (interval: 0)';
    return { path: ['action', 'healthCheck'], want, got: 'targets that are known only once a client is there' };
  },
];

/** Does it serve some connections or requests only? */
const isLimited = ({ match }: ITarget): boolean => match !== undefined && Object.keys(match).length > 0;

/** What a function or the client's port decides is not known before a client is there. */
export const canBeProbed = ({ host, port }: ITarget): boolean => typeof host !== 'function' && typeof port === 'number';
