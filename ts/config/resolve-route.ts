// A valid route as the code reads it: defaults applied, lists compiled, everything frozen.

import { canBeProbed, targetsOf } from './check-route.js';
import {
  healthCheckDefaults,
  loadBalancingDefaults,
  maxMs,
  passiveDefaults,
  targetDefaults,
  timeoutDefaults,
} from './defaults.js';
import { deepFreeze } from './freeze.js';
import { mergePorts } from './ports.js';
import type { AddressLists } from './resolve-match.js';
import type {
  IResolvedForward,
  IResolvedHealthCheck,
  IResolvedLists,
  IResolvedSecurity,
  IResolvedTarget,
  IResolvedTimeouts,
  TResolvedAction,
} from './resolved.js';
import { normaliseTargetHost } from './schema-action.js';
import type {
  IForwardAction,
  IRouteConfig,
  IRouteSecurity,
  IRouteTimeouts,
  ISmartProxyOptions,
  ITarget,
  TSendProxyProtocol,
} from './types.js';

/** What a route takes over from the whole configuration. */
export interface IRouteContextOptions {
  readonly options: ISmartProxyOptions;
  readonly lists: AddressLists;
  /** Of routes without any of their own. */
  readonly timeouts: IResolvedTimeouts;
  readonly security: IResolvedSecurity;
}

/** Passthrough by itself or by default. The default leaves routes for plain protocols alone. */
export function isPassthrough(route: IRouteConfig, defaults: ISmartProxyOptions['defaults']): boolean {
  if (route.action.tls !== undefined) return true;
  const { protocol } = route.match;
  return defaults?.tls !== undefined && protocol !== 'http' && protocol !== 'other';
}

export function resolveAction({ action }: IRouteConfig, context: IRouteContextOptions): TResolvedAction {
  if (action.type === 'block') return Object.freeze({ type: 'block' });
  if (action.type === 'forward') return resolveForward(action, context.options);
  return Object.freeze({ type: 'socket-handler', socketHandler: action.socketHandler });
}

function resolveForward(action: IForwardAction, options: ISmartProxyOptions): IResolvedForward {
  const version = action.sendProxyProtocol ?? options.sendProxyProtocol ?? false;
  const targets = targetsOf(action, options.defaults);
  return Object.freeze({
    type: 'forward' as const,
    targets: Object.freeze(targets.map((target) => resolveTarget(target, version))),
    algorithm: action.loadBalancing?.algorithm ?? loadBalancingDefaults.algorithm,
    healthCheck: resolveHealthCheck(action, targets),
  });
}

function resolveTarget(target: ITarget, version: TSendProxyProtocol): IResolvedTarget {
  return Object.freeze({
    host: hostOf(target.host),
    port: target.port,
    matchPorts: target.match?.ports === undefined ? null : mergePorts(target.match.ports),
    priority: target.priority ?? targetDefaults.priority,
    weight: target.weight ?? targetDefaults.weight,
    backup: target.backup ?? targetDefaults.backup,
    sendProxyProtocol: versionOf(target.sendProxyProtocol ?? version),
  });
}

function hostOf(host: ITarget['host']): IResolvedTarget['host'] {
  if (typeof host === 'function') return host;
  if (typeof host === 'string') return Object.freeze([normaliseTargetHost(host) ?? host]);
  return Object.freeze(host.map((each) => normaliseTargetHost(each) ?? each));
}

const versionOf = (version: TSendProxyProtocol): 0 | 1 | 2 =>
  typeof version === 'boolean' ? (version ? 1 : 0) : version;

const unchecked: IResolvedHealthCheck = Object.freeze({ active: null, passive: null });

/** Probes only where they are asked for and possible; ejection where there is something else to choose. */
function resolveHealthCheck({ healthCheck }: IForwardAction, targets: readonly ITarget[]): IResolvedHealthCheck {
  const several = targets.length > 1 || targets.some(({ host }) => typeof host !== 'string' && host.length !== 1);
  if (healthCheck === undefined && !several) return unchecked;
  const { interval, timeout, healthyThreshold, unhealthyThreshold } = { ...healthCheckDefaults, ...healthCheck };
  const probed = healthCheck !== undefined && interval > 0 && targets.some(canBeProbed);
  const active = probed ? { intervalMs: interval, timeoutMs: timeout, healthyThreshold, unhealthyThreshold } : null;
  const asked = healthCheck?.passive ?? several;
  if (asked === false) return deepFreeze({ active, passive: null });
  const { failures, ejectTime, maxEjectTime } = { ...passiveDefaults, ...(asked === true ? {} : asked) };
  return deepFreeze({ active, passive: { failures, ejectTimeMs: ejectTime, maxEjectTimeMs: maxEjectTime } });
}

/** null if there is neither list. */
export function resolveLists(security: IRouteSecurity | undefined, lists: AddressLists): IResolvedLists | null {
  if (security === undefined) return null;
  const resolved = { allow: lists.compile(security.ipAllowList), block: lists.compile(security.ipBlockList) };
  return resolved.allow === null && resolved.block === null ? null : resolved;
}

/** `security` and its old place in the action both apply; of two limits the smaller one. */
export function resolveSecurity(route: IRouteConfig, context: IRouteContextOptions): IResolvedSecurity {
  const given = [route.security, route.action.security].filter((security) => security !== undefined);
  if (given.length === 0) return context.security;
  const limits = given.map(({ maxConnections }) => maxConnections).filter((limit) => limit !== undefined);
  return deepFreeze({
    lists: given.map((security) => resolveLists(security, context.lists)).filter((lists) => lists !== null),
    maxConnections: limits.length > 0 ? Math.min(...limits) : context.security.maxConnections,
  });
}

/** The route's own, else the global ones, else the defaults. */
export function resolveTimeouts(global: IRouteTimeouts, own?: IRouteTimeouts): IResolvedTimeouts {
  const merged = { ...timeoutDefaults, ...global, ...own };
  return Object.freeze({
    connectionTimeoutMs: merged.connectionTimeout,
    inactivityTimeoutMs: inactivityMs(merged),
    maxConnectionLifetimeMs: merged.maxConnectionLifetime,
    halfOpenTimeoutMs: merged.halfOpenTimeout,
    stallTimeoutMs: merged.stallTimeout,
    enableHalfOpen: merged.enableHalfOpen,
  });
}

function inactivityMs(timeouts: Required<IRouteTimeouts>): number {
  const { inactivityTimeout, keepAliveTreatment, keepAliveInactivityMultiplier } = timeouts;
  if (keepAliveTreatment === 'immortal') return 0;
  if (keepAliveTreatment === 'standard') return inactivityTimeout;
  return Math.min(maxMs, Math.round(inactivityTimeout * keepAliveInactivityMultiplier));
}
