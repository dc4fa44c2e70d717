// The configuration as the code reads it: complete, normalised, compiled, deeply frozen. Raw input stops before it.

import type { AddressSet } from '../codec/address.js';
import type {
  ILoadBalancing,
  IPortSpan,
  IRouteConfig,
  IRouteContext,
  TProtocol,
  TSocketHandler,
  TTlsVersion,
} from './types.js';

export interface IResolvedConfig {
  /** Enabled routes, in the user's order. */
  readonly routes: readonly IResolvedRoute[];
  /** PROXY headers are mandatory from these and plain data from all others; null: never read. */
  readonly proxyIPs: AddressSet | null;
  readonly initialDataTimeoutMs: number;
  readonly gracefulShutdownTimeoutMs: number;
  readonly socket: IResolvedSocketOptions;
  /** null: from the descriptor limit. */
  readonly maxConnections: number | null;
  /** null: `::` with IPv4, falling back to `0.0.0.0`. */
  readonly listenAddress: string | null;
  readonly denyPrivateTargets: boolean;
  /** 0: off. */
  readonly maxConnectionsPerIP: number;
  /** 0: off. */
  readonly connectionRateLimitPerMinute: number;
  /** null: off. */
  readonly metrics: { readonly sampleIntervalMs: number; readonly retentionSeconds: number } | null;
  /** `defaults.security`'s lists: they decide before a route's own; refusals end as `ip_blocked`. */
  readonly defaultLists: IResolvedLists | null;
}

export interface IResolvedSocketOptions {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelayMs: number;
}

export interface IResolvedTimeouts {
  readonly connectionTimeoutMs: number;
  /** Keep-alive treatment applied; 0: none. */
  readonly inactivityTimeoutMs: number;
  /** 0: none. */
  readonly maxConnectionLifetimeMs: number;
  readonly halfOpenTimeoutMs: number;
  /** 0: none. */
  readonly stallTimeoutMs: number;
  readonly enableHalfOpen: boolean;
}

export interface IResolvedRoute {
  /** Identity across updates: `id`, else `name`, else made from the route's match and priority. Unique. */
  readonly key: string;
  readonly name: string | undefined;
  readonly id: string | undefined;
  /** Place in the user's list, for paths in messages: `routes[index]`. */
  readonly index: number;
  readonly priority: number;
  readonly match: IResolvedMatch;
  readonly action: TResolvedAction;
  readonly security: IResolvedSecurity;
  readonly timeouts: IResolvedTimeouts;
  /** What the user wrote. */
  readonly source: IRouteConfig;
}

export interface IResolvedMatch {
  /** Sorted, not overlapping. */
  readonly ports: readonly IPortSpan[];
  /** null: the global one. */
  readonly listenAddress: string | null;
  /** Normalised patterns; null: no name needed. */
  readonly domains: readonly string[] | null;
  readonly clientIp: AddressSet | null;
  readonly tlsVersion: readonly TTlsVersion[] | null;
  readonly alpn: readonly string[] | null;
  readonly ja4: readonly string[] | null;
  /** `tls` too where `action.tls` is given: passthrough takes TLS only. */
  readonly protocol: TProtocol | null;
}

export type TResolvedAction = IResolvedForward | IResolvedSocketHandler | { readonly type: 'block' };

export interface IResolvedForward {
  readonly type: 'forward';
  /** At least one. */
  readonly targets: readonly IResolvedTarget[];
  readonly algorithm: NonNullable<ILoadBalancing['algorithm']>;
  readonly healthCheck: IResolvedHealthCheck;
}

export interface IResolvedSocketHandler {
  readonly type: 'socket-handler';
  readonly socketHandler: TSocketHandler;
}

export interface IResolvedTarget {
  /** Fixed hosts, or a function asked once a connection. */
  readonly host: readonly string[] | ((context: IRouteContext) => string | readonly string[]);
  readonly port: number | 'preserve' | ((context: IRouteContext) => number);
  /** null: fits every port. */
  readonly matchPorts: readonly IPortSpan[] | null;
  readonly priority: number;
  readonly weight: number;
  readonly backup: boolean;
  /** Header version; 0: none. */
  readonly sendProxyProtocol: 0 | 1 | 2;
}

export interface IResolvedHealthCheck {
  /** null: no probes. */
  readonly active: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
  } | null;
  /** null: no ejection. */
  readonly passive: { readonly failures: number; readonly ejectTimeMs: number; readonly maxEjectTimeMs: number } | null;
}

/** Address lists; null: not given. Block wins; an unreadable client address is refused where any list is given. */
export interface IResolvedLists {
  readonly allow: AddressSet | null;
  readonly block: AddressSet | null;
}

export interface IResolvedSecurity {
  /** All of them must let the client pass: the route's own and the action's. */
  readonly lists: readonly IResolvedLists[];
  /** null: no limit. */
  readonly maxConnections: number | null;
}
