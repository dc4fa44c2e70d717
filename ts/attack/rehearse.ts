// A configuration is attacked without its targets and without its ports: it runs on loopback, in front of a target of ours
// that remembers what reached it.

import {
  type IForwardAction,
  type IRouteConfig,
  type IRouteTls,
  type ISmartProxyOptions,
  type ITarget,
  SecurityManager,
  SmartProxy,
} from '../index.js';
import { entrancesOf, isOfKernel, portsOf } from './entrances.js';
import { startAttackOrigin } from './origin.js';
import { type IAttackOptions, runAttacks } from './run.js';
import type { IAttackReport } from './types.js';

/** What `attackConfiguration` takes besides the configuration. */
export interface IRehearsalOptions
  extends Pick<IAttackOptions, 'families' | 'versions' | 'caseMs' | 'slowMs' | 'onResult' | 'protectedPaths'> {
  /** PEM: stands in for certificates that are not in the configuration itself, or in files. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/**
 * Runs the configuration on free ports of 127.0.0.1, each target replaced by one of ours, and attacks each of its ports that takes
 * requests. One report for each; `notes` say what was changed for it.
 */
export async function attackConfiguration(
  options: ISmartProxyOptions,
  { certificate, ...more }: IRehearsalOptions = {},
): Promise<readonly IAttackReport[]> {
  const reports: IAttackReport[] = [];
  await using origin = await startAttackOrigin();
  for (const { port, isTls, ...asked } of entrancesOf(options)) {
    const { rehearsed, notes } = rehearse(options, port, origin.port, certificate);
    const proxy = new SmartProxy(rehearsed);
    await proxy.start();
    try {
      const target = { port: proxy.getListeningPorts()[0] ?? 0, tls: isTls };
      const report = await runAttacks({ target, origin, ...asked, ...more });
      const of = `port ${port}: ${report.target.replace(/ at \S+$/, '')}`;
      reports.push({ ...report, target: of, notes: [...notes, ...report.notes] });
    } finally {
      await proxy.stop({ graceMs: 0 });
    }
  }
  return reports;
}

interface IRehearsal {
  readonly rehearsed: ISmartProxyOptions;
  readonly notes: readonly string[];
}

/** Options that would keep an attacker from trying, or make the proxy do more than to answer him. */
const leftOut: readonly string[] = [
  ...['maxConnectionsPerIP', 'connectionRateLimitPerMinute', 'acceptProxyProtocol', 'proxyIPs', 'denyPrivateTargets'],
];
const silentlyLeftOut: readonly string[] = [
  ...['httpProxyPort', 'admin', 'acme', 'certificateStore', 'certProvisionFunction', 'logger', 'sendProxyProtocol'],
];

function rehearse(
  options: ISmartProxyOptions,
  port: number,
  originPort: number,
  certificate: IRehearsalOptions['certificate'],
): IRehearsal {
  const { routes, defaults, trustedProxies = [], useHttpProxy = [] } = options;
  const notes = leftOut.filter((name) => Reflect.get(options, name)).map((name) => `without ${name}`);
  const isTrusted = trustedProxies.length > 0 && SecurityManager.isIPAuthorized('127.0.0.1', trustedProxies, []);
  if (isTrusted) notes.push('without trustedProxies, which this machine is among: the attacker is a stranger');
  const target: ITarget = { host: '127.0.0.1', port: originPort, tls: false, backendProtocol: 'http1' };
  const own = routes.filter((route) => !isOfKernel(route) && portsOf(route.match.ports).includes(port));
  const kept = Object.entries(options).filter(([name]) => !leftOut.includes(name) && !silentlyLeftOut.includes(name));
  const rehearsed = {
    ...Object.fromEntries(kept),
    ...{ listenAddress: '127.0.0.1', metrics: false, trustedProxies: isTrusted ? [] : trustedProxies },
    useHttpProxy: useHttpProxy.includes(port) ? [0] : [],
    routes: own.map((route) => rehearsedRoute(route, target, certificate)),
    ...(defaults === undefined
      ? {}
      : { defaults: { ...defaults, ...(defaults.target === undefined ? {} : { target }) } }),
  };
  if (own.some(({ security }) => Reflect.has(security ?? {}, 'rateLimit'))) notes.push('without rateLimit');
  return { rehearsed, notes };
}

function rehearsedRoute(
  route: IRouteConfig,
  target: ITarget,
  certificate: IRehearsalOptions['certificate'],
): IRouteConfig {
  const { listenAddress: _, ...match } = route.match;
  const { rateLimit: _limit, ...security } = (route.security ?? {}) as Record<string, unknown>;
  const secured = route.security === undefined ? {} : { security };
  const action = route.action.type === 'forward' ? rehearsedAction(route.action, target) : route.action;
  const tls = action.tls === undefined ? {} : { tls: rehearsedTls(action.tls, certificate) };
  return { ...route, ...secured, match: { ...match, ports: 0 }, action: { ...action, ...tls } };
}

function rehearsedAction(action: IForwardAction, target: ITarget): IForwardAction {
  const { targets: _targets, target: _target, healthCheck, loadBalancing, sendProxyProtocol, ...kept } = action;
  const hasOwn = action.target !== undefined || action.targets !== undefined;
  return hasOwn ? { ...kept, target } : kept;
}

/** What is not at hand is not ordered for a rehearsal either. */
function rehearsedTls(tls: IRouteTls, stand: IRehearsalOptions['certificate']): IRouteTls {
  const { certificate } = tls;
  const isAtHand = typeof certificate === 'object' || certificate === undefined;
  if (isAtHand || stand === undefined) return tls;
  return { ...tls, certificate: stand };
}
