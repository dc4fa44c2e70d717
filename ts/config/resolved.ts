// The configuration as the code reads it: complete, normalised, compiled, deeply frozen. Raw input stops before it.

import type { AddressSet } from '../codec/address.js';
import type {
  ICertificateFiles,
  ICertificatePem,
  ICompression,
  ILoadBalancing,
  IPortSpan,
  IRouteConfig,
  IRouteContext,
  THttpHandler,
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
  readonly http: IResolvedHttp;
}

/** Of the HTTP engine; 0 where there is no limit. */
export interface IResolvedHttp {
  /** Plain HTTP on these goes to the engine whatever the routes ask for. */
  readonly ports: readonly number[];
  /** null: none. */
  readonly port: number | null;
  readonly trustedProxies: AddressSet | null;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly maxBodyBytes: number;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxRequestsPerConnection: number;
  readonly maxUpstreamConnections: number;
  readonly maxUpstreamQueue: number;
  readonly upstreamIdleTimeoutMs: number;
  readonly upstreamMaxAgeMs: number;
  readonly upstreamMaxRequests: number;
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
  /** null: no rules. */
  readonly headers: IResolvedHeaders | null;
  /** null: none. */
  readonly compression: Required<ICompression> | null;
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
  /**
   * What the first bytes must be, inside TLS where that is terminated. `tls` for passthrough; `http` where the route has
   * anything that only HTTP has. null: anything.
   */
  readonly protocol: TProtocol | null;
  /** True where the route has anything that only HTTP has: criteria, actions, rules. */
  readonly httpOnly: boolean;
  /** As written, checked; null: any. This and the following are judged once a request. */
  readonly path: string | null;
  readonly method: readonly string[] | null;
  /** Names in lower case. */
  readonly headers: readonly IResolvedPair[] | null;
  readonly query: readonly IResolvedPair[] | null;
}

/** A name and what its value must be: the whole text, or a pattern found in it. */
export interface IResolvedPair {
  readonly name: string;
  readonly want: string | RegExp;
}

/** Of a route that terminates TLS. */
export interface IResolvedTls {
  /** The same for two routes exactly if a connection made for one may carry requests of the other. */
  readonly key: string;
  /** The same without the certificate: for connections that named no host. */
  readonly policyKey: string;
  /** What the user wrote: PEM or files. */
  readonly certificate: ICertificatePem | ICertificateFiles;
  readonly minVersion: TTlsVersion;
  readonly maxVersion: TTlsVersion;
  /** null: Node's. */
  readonly ciphers: string | null;
  readonly honorCipherOrder: boolean;
  readonly alpn: readonly string[];
  /** 0: no resumption. */
  readonly sessionTimeoutSeconds: number;
  readonly clientAuth: { readonly required: boolean; readonly ca: readonly (string | Uint8Array)[] } | null;
}

/** TLS to a target. */
export interface IResolvedUpstreamTls {
  /** Equal settings have equal keys: connections with equal keys can serve one another's requests. */
  readonly key: string;
  /** null: those that Node knows. */
  readonly ca: readonly (string | Uint8Array)[] | null;
  readonly rejectUnauthorized: boolean;
  /** null: the target's host. */
  readonly servername: string | null;
  readonly cert: string | Uint8Array | null;
  readonly certKey: string | Uint8Array | null;
  readonly passphrase: string | null;
}

/** A header rule: `template` null removes. Names in lower case. */
export interface IResolvedHeaderRule {
  readonly name: string;
  /** The text with its placeholders, in pieces: even places are literal text, odd ones names of placeholders. */
  readonly template: readonly string[] | null;
}

export interface IResolvedHeaders {
  readonly request: readonly IResolvedHeaderRule[];
  readonly response: readonly IResolvedHeaderRule[];
  readonly cors: IResolvedCors | null;
  /** The field's value; null: none. */
  readonly hsts: string | null;
}

export interface IResolvedCors {
  /** null: any. */
  readonly origins: readonly string[] | null;
  readonly methods: readonly string[];
  /** null: what is asked for. */
  readonly headers: readonly string[] | null;
  readonly exposed: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
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
  readonly urlRewrite: IResolvedRewrite | null;
  readonly retry: { readonly attempts: number; readonly statuses: readonly number[]; readonly budget: number };
  /** null: none. */
  readonly circuitBreaker: { readonly failures: number; readonly openMs: number } | null;
  readonly websocket: IResolvedWebSocket;
}

export interface IResolvedRewrite {
  /** `''`: none. */
  readonly stripPrefix: string;
  readonly addPrefix: string;
  readonly pattern: RegExp | null;
  readonly target: string;
}

export interface IResolvedWebSocket {
  readonly enabled: boolean;
  readonly allowedOrigins: readonly string[] | null;
  readonly subprotocols: readonly string[] | null;
  /** In pieces, as header templates. */
  readonly rewritePath: readonly string[] | null;
  readonly customHeaders: readonly IResolvedHeaderRule[];
  /** 0: none. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** 0: no limit. */
  readonly maxPayload: number;
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
  /** null: fits every request. A connection that is not HTTP fits only those without. */
  readonly matchRequest: {
    readonly path: string | null;
    readonly method: readonly string[] | null;
    readonly headers: readonly IResolvedPair[] | null;
  } | null;
  readonly priority: number;
  readonly weight: number;
  readonly backup: boolean;
  /** Header version; 0: none. */
  readonly sendProxyProtocol: 0 | 1 | 2;
  /** null: plain. */
  readonly tls: IResolvedUpstreamTls | null;
  /** After the route's. */
  readonly headers: readonly IResolvedHeaderRule[];
}

export interface IResolvedHealthCheck {
  /** null: no probes. */
  readonly active: {
    /** null: by TCP alone. */
    readonly http: IResolvedHttpProbe | null;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
  } | null;
  /** null: no ejection. */
  readonly passive: { readonly failures: number; readonly ejectTimeMs: number; readonly maxEjectTimeMs: number } | null;
}

export interface IResolvedHttpProbe {
  readonly path: string;
  /** null: the target's. */
  readonly host: string | null;
  /** null: 200 to 399. */
  readonly statuses: readonly number[] | null;
  /** null: not looked at. */
  readonly body: string | null;
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
