// A valid `forward` action as the code reads it.

import { canBeProbed } from './check-route.js';
import {
  backendDefaults,
  circuitBreakerDefaults,
  healthCheckDefaults,
  loadBalancingDefaults,
  passiveDefaults,
  retryDefaults,
  stickyDefaults,
  targetDefaults,
  webSocketDefaults,
} from './defaults.js';
import { deepFreeze } from './freeze.js';
import { normalisePathPattern } from './path-form.js';
import { mapperOf } from './port-mapper.js';
import { mergePorts } from './ports.js';
import { listOf, resolveMethods, resolvePairs, resolveRules } from './resolve-headers.js';
import type { TlsSettings } from './resolve-tls.js';
import type {
  IResolvedForward,
  IResolvedHealthCheck,
  IResolvedHttpProbe,
  IResolvedRewrite,
  IResolvedTarget,
  IResolvedUpstreamTls,
  IResolvedWebSocket,
} from './resolved.js';
import { normaliseWebSocketOrigin } from './schema-http.js';
import { normaliseTargetHost } from './schema-target.js';
import { targetsOf } from './targets-of.js';
import { parseTemplate } from './template.js';
import type {
  IForwardAction,
  IHealthCheck,
  ILoadBalancing,
  IRouteTls,
  ISmartProxyOptions,
  ITarget,
  IUrlRewrite,
  IWebSocketRules,
  TBackendProtocol,
  TSendProxyProtocol,
} from './types.js';
import { withDefaults } from './with-defaults.js';

export interface IForwardSettings {
  readonly options: ISmartProxyOptions;
  readonly tlsSettings: TlsSettings;
}

/** What all targets of a route have where they say nothing else. */
interface ITargetSettings {
  readonly version: TSendProxyProtocol;
  readonly backendProtocol: TBackendProtocol;
  readonly upstreamTls: IResolvedUpstreamTls | null;
  readonly tlsSettings: TlsSettings;
  /** Of a route for the kernel, whoever serves it. */
  readonly portOffset: number | undefined;
}

/** `tls`: the route's, by itself or by default. */
export function resolveForward(
  action: IForwardAction,
  tls: IRouteTls | undefined,
  { options, tlsSettings }: IForwardSettings,
): IResolvedForward {
  const targets = targetsOf(action, options.defaults);
  const common: ITargetSettings = {
    backendProtocol: action.backendProtocol ?? backendDefaults.backendProtocol,
    version: action.sendProxyProtocol ?? options.sendProxyProtocol ?? false,
    upstreamTls: tls?.mode === 'terminate-and-reencrypt' ? tlsSettings.upstream(tls.upstream ?? {}) : null,
    tlsSettings,
    portOffset: action.nftables?.portOffset,
  };
  const { algorithm, slowStart } = action.loadBalancing ?? loadBalancingDefaults;
  return Object.freeze({
    type: 'forward' as const,
    targets: Object.freeze(targets.map((target) => resolveTarget(target, common))),
    algorithm: algorithm ?? loadBalancingDefaults.algorithm,
    hashKey: action.loadBalancing === undefined ? addressKey : hashKeyOf(action.loadBalancing),
    sticky: stickyOf(action.loadBalancing?.sticky),
    slowStartMs: slowStart ?? loadBalancingDefaults.slowStart,
    healthCheck: resolveHealthCheck(action, targets),
    grpcWeb: action.grpcWeb ?? backendDefaults.grpcWeb,
    urlRewrite: action.urlRewrite === undefined ? null : rewriteOf(action.urlRewrite),
    retry: action.retry === undefined ? usualRetry : deepFreeze(withDefaults(retryDefaults, action.retry)),
    circuitBreaker: breakerOf(action.circuitBreaker),
    websocket: action.websocket === undefined ? usualWebSocket : webSocketOf(action.websocket),
  });
}

const addressKey: IResolvedForward['hashKey'] = Object.freeze({ of: 'ip', name: '' });

function hashKeyOf({ key, keyName }: ILoadBalancing): IResolvedForward['hashKey'] {
  if (key === undefined || key === 'ip') return addressKey;
  // Names of fields have no case, those of cookies do.
  return Object.freeze({ of: key, name: key === 'header' ? (keyName ?? '').toLowerCase() : (keyName ?? '') });
}

function stickyOf(sticky: ILoadBalancing['sticky']): IResolvedForward['sticky'] {
  if (sticky === undefined || sticky === false) return null;
  const { cookie = stickyDefaults.cookie, maxAge = null } = sticky === true ? {} : sticky;
  return Object.freeze({ cookie, maxAgeSeconds: maxAge });
}

const usualRetry: IResolvedForward['retry'] = deepFreeze({ ...retryDefaults });

function breakerOf(breaker: IForwardAction['circuitBreaker']): IResolvedForward['circuitBreaker'] {
  if (breaker === undefined || breaker === false) return null;
  return Object.freeze(withDefaults(circuitBreakerDefaults, breaker === true ? {} : breaker));
}

/** null if nothing is rewritten. */
function rewriteOf({ stripPrefix, addPrefix, pattern, target }: IUrlRewrite): IResolvedRewrite | null {
  const rewrite = {
    stripPrefix: prefixOf(stripPrefix),
    addPrefix: prefixOf(addPrefix),
    pattern: typeof pattern === 'string' ? new RegExp(pattern) : (pattern ?? null),
    target: target ?? '',
  };
  const { pattern: given } = rewrite;
  return rewrite.stripPrefix === '' && rewrite.addPrefix === '' && given === null ? null : Object.freeze(rewrite);
}

/** In the form of requests' paths, without a slash at its end: what follows brings its own. */
const prefixOf = (prefix: string | undefined): string =>
  prefix === undefined ? '' : normalisePathPattern(prefix).replace(/\/+$/, '');

function webSocketOf(rules: IWebSocketRules): IResolvedWebSocket {
  const { enabled, pingInterval, pingTimeout, maxPayload } = withDefaults(webSocketDefaults, rules);
  const origins = rules.allowedOrigins?.map((origin) => normaliseWebSocketOrigin(origin) ?? origin);
  return deepFreeze({
    enabled,
    allowedOrigins: origins === undefined || origins.includes('*') ? null : [...new Set(origins)],
    subprotocols: rules.subprotocols === undefined ? null : [...new Set(rules.subprotocols)],
    rewritePath: rules.rewritePath === undefined ? null : parseTemplate(rules.rewritePath),
    customHeaders: resolveRules(rules.customHeaders),
    pingIntervalMs: pingInterval,
    pingTimeoutMs: pingTimeout,
    maxPayload,
  });
}

const usualWebSocket: IResolvedWebSocket = webSocketOf({});

function resolveTarget(target: ITarget, common: ITargetSettings): IResolvedTarget {
  return Object.freeze({
    host: hostOf(target.host),
    port: common.portOffset === undefined ? target.port : mapperOf(common.portOffset),
    matchPorts: target.match?.ports === undefined ? null : mergePorts(target.match.ports),
    matchRequest: matchRequestOf(target.match),
    priority: target.priority ?? targetDefaults.priority,
    weight: target.weight ?? targetDefaults.weight,
    backup: target.backup ?? targetDefaults.backup,
    sendProxyProtocol: versionOf(target.sendProxyProtocol ?? common.version),
    backendProtocol: target.backendProtocol ?? common.backendProtocol,
    tls: upstreamTlsOf(target, common),
    headers: resolveRules(target.headers),
  });
}

function upstreamTlsOf({ tls }: ITarget, common: ITargetSettings): IResolvedUpstreamTls | null {
  if (tls === undefined) return common.upstreamTls;
  return tls === false ? null : common.tlsSettings.upstream(tls === true ? {} : tls);
}

function matchRequestOf(match: ITarget['match']): IResolvedTarget['matchRequest'] {
  if (match === undefined) return null;
  const { path, method, headers } = match;
  if (path === undefined && method === undefined && headers === undefined) return null;
  return Object.freeze({
    path: path === undefined ? null : normalisePathPattern(path),
    method: resolveMethods(method),
    headers: resolvePairs(headers, true),
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
  const active = healthCheck === undefined || !targets.some(canBeProbed) ? null : probesOf(healthCheck);
  const asked = healthCheck?.passive ?? several;
  if (asked === false) return deepFreeze({ active, passive: null });
  const { failures, ejectTime, maxEjectTime } = withDefaults(passiveDefaults, asked === true ? {} : asked);
  return deepFreeze({ active, passive: { failures, ejectTimeMs: ejectTime, maxEjectTimeMs: maxEjectTime } });
}

function probesOf(healthCheck: IHealthCheck): IResolvedHealthCheck['active'] {
  const { interval, timeout, healthyThreshold, unhealthyThreshold } = withDefaults(healthCheckDefaults, healthCheck);
  if (interval === 0) return null;
  return { http: probeOf(healthCheck), intervalMs: interval, timeoutMs: timeout, healthyThreshold, unhealthyThreshold };
}

function probeOf({ path, host, expect }: IHealthCheck): IResolvedHttpProbe | null {
  if (path === undefined) return null;
  const statuses = expect?.status === undefined ? null : [...listOf(expect.status)];
  return { path, host: host ?? null, statuses, body: expect?.body ?? null };
}
