// The configuration as the code reads it: complete, normalised, compiled, deeply frozen. Raw input stops before it.

import type { AddressSet } from '../codec/address.js';
import type { IResolvedAsks, IResolvedBasic } from './resolved-auth.js';
import type {
  IResolvedHeaders,
  IResolvedHttp,
  IResolvedPair,
  IResolvedRewrite,
  IResolvedWebSocket,
} from './resolved-http.js';
import type { IResolvedKernel } from './resolved-kernel.js';
import type { IResolvedHealthCheck, IResolvedTarget } from './resolved-target.js';
import type { IResolvedTls } from './resolved-tls.js';
import type { Secret } from './secret.js';
import type {
  ICertStore,
  ICompression,
  ILoadBalancing,
  IPortSpan,
  IRouteConfig,
  ISmartProxyOptions,
  THttpHandler,
  TProtocol,
  TSocketHandler,
  TTlsVersion,
} from './types.js';
import type { TComplete } from './with-defaults.js';

export type * from './resolved-acme.js';
export type * from './resolved-auth.js';
export type * from './resolved-http.js';
export type * from './resolved-kernel.js';
export type * from './resolved-target.js';
export type * from './resolved-tls.js';

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
  readonly http: IResolvedHttp;
  readonly certificates: IResolvedCertificates;
  /** null: none. */
  readonly admin: IResolvedAdmin | null;
}

export interface IResolvedAdmin {
  readonly host: string;
  readonly port: number;
  /** null: who reaches it may do everything. */
  readonly token: Secret | null;
  /** In their normal form. */
  readonly hosts: readonly string[];
}

export interface IResolvedCertificates {
  /** A folder, or the program's own store, which is not ours to freeze. */
  readonly store: string | (() => ICertStore);
  /** null: none. */
  readonly provision: ISmartProxyOptions['certProvisionFunction'] | null;
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
  /** 0: none. */
  readonly responseTimeoutMs: number;
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
  /** null: TLS is not terminated here; see `match.tls` for whether it is taken at all. */
  readonly tls: IResolvedTls | null;
  /** The certificates that the proxy has to get for the route: a list of names each. Empty where it has its own. */
  readonly certificateNames: readonly (readonly string[])[];
  /** null: no rules. */
  readonly headers: IResolvedHeaders | null;
  /** null: none. */
  readonly compression: TComplete<ICompression> | null;
  readonly security: IResolvedSecurity;
  readonly timeouts: IResolvedTimeouts;
  /** null: this process serves the route. Else the kernel does, and nothing listens for it. */
  readonly kernel: IResolvedKernel | null;
  /** What the user wrote, but for passwords and their like. */
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
  /**
   * What the first bytes must be, inside TLS where that is terminated. `tls` for passthrough; `http` where the route has
   * anything that only HTTP has. null: anything.
   */
  readonly protocol: TProtocol | null;
  /** True where the route is for HTTP alone: by its protocol, or by anything that only HTTP has, criteria, actions, rules. */
  readonly httpOnly: boolean;
  /** In the normal form of requests' paths; null: any. This and the following are judged once a request. */
  readonly path: string | null;
  readonly method: readonly string[] | null;
  /** Names in lower case. */
  readonly headers: readonly IResolvedPair[] | null;
  readonly query: readonly IResolvedPair[] | null;
}

export type TResolvedAction =
  | IResolvedForward
  | IResolvedSocketHandler
  | { readonly type: 'http-handler'; readonly httpHandler: THttpHandler }
  | { readonly type: 'redirect'; readonly to: readonly string[]; readonly status: number }
  | {
      readonly type: 'respond';
      readonly status: number;
      /** Name, value, name, value. */
      readonly headers: readonly string[];
      readonly body: Uint8Array;
    }
  /** `message`: plain text; `''` where none is given. */
  | { readonly type: 'block'; readonly status: number; readonly message: string };

export interface IResolvedForward {
  readonly type: 'forward';
  /** At least one. */
  readonly targets: readonly IResolvedTarget[];
  readonly algorithm: NonNullable<ILoadBalancing['algorithm']>;
  /** What `consistent-hash` hashes. */
  readonly hashKey: { readonly of: 'ip' | 'path' | 'header' | 'cookie'; readonly name: string };
  readonly sticky: { readonly cookie: string; readonly maxAgeSeconds: number | null } | null;
  /** 0: none. */
  readonly slowStartMs: number;
  readonly healthCheck: IResolvedHealthCheck;
  readonly grpcWeb: boolean;
  readonly urlRewrite: IResolvedRewrite | null;
  readonly retry: { readonly attempts: number; readonly statuses: readonly number[]; readonly budget: number };
  /** null: none. */
  readonly circuitBreaker: { readonly failures: number; readonly openMs: number } | null;
  readonly websocket: IResolvedWebSocket;
}

export interface IResolvedSocketHandler {
  readonly type: 'socket-handler';
  readonly socketHandler: TSocketHandler;
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
  /** Limits that count requests; null: none of them. */
  readonly requests: IResolvedRequestLimits | null;
  /** HTTP Basic authentication by passwords that are text: all of them must let a request pass. null: none. */
  readonly basic: readonly IResolvedBasic[] | null;
  /** What takes time to judge, or does not hold for all paths; null: nothing does. */
  readonly asks: IResolvedAsks | null;
}

export interface IResolvedRequestLimits {
  /** Under way at a time; null: no limit. */
  readonly maxInFlight: number | null;
  /** Of a request's content; 0: no limit; null: that of the HTTP engine. */
  readonly maxBodyBytes: number | null;
  /** All of them count each request, in this order. */
  readonly rates: readonly IResolvedRateLimit[];
}

/** How often a route may be asked. */
export interface IResolvedRateLimit {
  /** Where it was given: with the key of the route it names what is counted. */
  readonly place: 'route' | 'action' | 'defaults';
  readonly maxRequests: number;
  readonly windowMs: number;
  readonly keyBy: 'ip' | 'path' | 'header';
  /** In lower case; `''` unless `keyBy` is `header`. */
  readonly headerName: string;
  /** null: a window that slides. */
  readonly burst: number | null;
  readonly status: number;
  readonly failOpen: boolean;
  readonly storeTimeoutMs: number;
}
