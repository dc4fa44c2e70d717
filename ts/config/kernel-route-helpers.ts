// Routes that the kernel forwards, from a few words.

import { given, type IRouteExtras, routeOf } from './route-parts.js';
import type { IForwardAction, INfTablesRules, IRouteConfig, IRouteTls, ITarget, TPortRange } from './types.js';

export interface INfTablesRouteOptions extends Omit<IRouteExtras, 'domains' | 'timeouts'>, INfTablesRulesOfHelpers {
  ports: TPortRange;
  target?: ITarget | undefined;
  /** Several: in turn, or by the client's address. */
  targets?: readonly ITarget[] | undefined;
  /** Default `'round-robin'`. */
  algorithm?: 'round-robin' | 'ip-hash' | undefined;
  /** Instead of the target's own port: added to the port that the client connected to; may be negative. */
  offset?: number | undefined;
  ipAllowList?: readonly string[] | undefined;
  ipBlockList?: readonly string[] | undefined;
  maxConnections?: number | undefined;
}

type INfTablesRulesOfHelpers = Omit<INfTablesRules, 'priority' | 'redirect' | 'portOffset'> & {
  /** In this machine's queues, 1 (first) to 10 (last); `priority` is that of the route. */
  trafficPriority?: number | undefined;
};

const rules = [
  ...(['protocol', 'preserveSourceIP', 'maxRate', 'tableName', 'useIPSets', 'useAdvancedNAT'] as const),
  ...(['markConnections', 'log', 'changeSysctls', 'fallback'] as const),
];

/** Forwards ports in the kernel. */
export function createNfTablesRoute(options: INfTablesRouteOptions): IRouteConfig {
  const { ports, target, targets, algorithm, offset } = options;
  const moved = (one: ITarget): ITarget => (offset === undefined ? one : { ...one, port: 'preserve' });
  const action: IForwardAction = {
    type: 'forward',
    ...(target === undefined ? {} : { target: moved(target) }),
    ...(targets === undefined ? {} : { targets: targets.map(moved) }),
    ...(algorithm === undefined ? {} : { loadBalancing: { algorithm } }),
    forwardingEngine: 'nftables',
    nftables: kernelRules(options),
  };
  return routeOf(secured(options), ports, action);
}

export interface INfTablesTerminateOptions
  extends Pick<IRouteExtras, 'domains' | 'security' | 'listenAddress' | 'clientIp'>,
    Pick<INfTablesRules, 'tableName' | 'useIPSets' | 'log' | 'fallback'> {
  /** Names the two routes: `name` and `name kernel`. */
  name: string;
  /** Default 443. */
  ports?: TPortRange | undefined;
  /** A free port of this machine, on which this process terminates TLS. */
  terminatePort: number;
  certificate: NonNullable<IRouteTls['certificate']>;
  target: ITarget;
  ipAllowList?: readonly string[] | undefined;
  ipBlockList?: readonly string[] | undefined;
  maxConnections?: number | undefined;
  /** Default 1: above routes on the same ports without one. */
  priority?: number | undefined;
}

/**
 * Two routes: the kernel brings connections, with their clients' addresses, to a port of this process, which terminates
 * their TLS. What the kernel refuses (address lists, `maxConnections`) never costs this process anything.
 */
export function createNfTablesTerminateRoute(
  options: INfTablesTerminateOptions,
): [kernel: IRouteConfig, own: IRouteConfig] {
  const { name, ports = 443, terminatePort, certificate, target, priority = 1 } = options;
  const own: IRouteConfig = {
    name,
    match: { ports: terminatePort, ...given(options, ['domains']) },
    action: { type: 'forward', target, tls: { mode: 'terminate', certificate } },
  };
  const action: IForwardAction = {
    type: 'forward',
    target: { host: 'localhost', port: terminatePort },
    forwardingEngine: 'nftables',
    nftables: { redirect: true, ...given(options, ['tableName', 'useIPSets', 'log', 'fallback']) },
  };
  const { security } = secured(options);
  const kernel: IRouteConfig = {
    name: `${name} kernel`,
    priority,
    match: { ports, ...given(options, ['clientIp', 'listenAddress']) },
    action,
    ...(security === undefined ? {} : { security }),
  };
  return [kernel, own];
}

function kernelRules(options: INfTablesRouteOptions): INfTablesRules {
  const { trafficPriority, offset } = options;
  return {
    ...given(options, rules),
    ...(trafficPriority === undefined ? {} : { priority: trafficPriority }),
    ...(offset === undefined ? {} : { portOffset: offset }),
  };
}

type TSecured = Pick<INfTablesRouteOptions, 'security' | 'ipAllowList' | 'ipBlockList' | 'maxConnections'>;

/** The lists of `security` and those beside it hold together. */
function secured<T extends TSecured>(options: T): Omit<T, 'domains'> {
  const beside = given<TSecured, keyof TSecured>(options, ['ipAllowList', 'ipBlockList', 'maxConnections']);
  if (Object.keys(beside).length === 0) return options;
  return { ...options, security: { ...options.security, ...beside } };
}
