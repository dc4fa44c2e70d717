// What users write. Every option here works; an option of a later version is refused by name (schema.ts).

import type { ILogger } from '../base/logger.js';
import type { IAcmeOptions, IProvidedCertificate } from './types-acme.js';
import type { IRouteSecurity, TRouteAction } from './types-action.js';
import type { IAdminOptions } from './types-admin.js';
import type { ICompression, IHttpLimits, IRouteHeaders } from './types-http.js';
import type { IRouteMatch } from './types-match.js';
import type { ICertStore } from './types-store.js';
import type { ITarget, TSendProxyProtocol } from './types-target.js';
import type { IRouteTls } from './types-tls.js';

export type * from './types-acme.js';
export type * from './types-action.js';
export type * from './types-admin.js';
export type * from './types-auth.js';
export type * from './types-context.js';
export type * from './types-http.js';
export type * from './types-kernel.js';
export type * from './types-limits.js';
export type * from './types-match.js';
export type * from './types-store.js';
export type * from './types-target.js';
export type * from './types-tls.js';

/** What a route's silent or slow connections are given, in milliseconds. */
export interface IRouteTimeouts {
  /** Dialing one target. Default 10 000. */
  connectionTimeout?: number | undefined;
  /** No byte in either direction. Default 4 h; 0 is none. */
  inactivityTimeout?: number | undefined;
  /** Age of a connection. Default 0, none. */
  maxConnectionLifetime?: number | undefined;
  /** Silence of one side after the other closed. Default 30 000. */
  halfOpenTimeout?: number | undefined;
  /** No progress towards a reader for whom bytes are waiting; or none of a request's content, before its answer. Default 60 000; 0 is none. */
  stallTimeout?: number | undefined;
  /** `standard`; `extended` (inactivityTimeout x keepAliveInactivityMultiplier); `immortal` (no inactivity limit). */
  keepAliveTreatment?: TKeepAliveTreatment | undefined;
  /** Default 6. */
  keepAliveInactivityMultiplier?: number | undefined;
  /**
   * Each direction ends on its own; only the inactivity clock bounds what is left. A client's FIN behind its request then
   * does not abort the request. Default false.
   */
  enableHalfOpen?: boolean | undefined;
  /** HTTP: from the end of a request to the head of the target's answer; then 504. Default 60 000; 0 is none. */
  responseTimeout?: number | undefined;
}

export type TKeepAliveTreatment = 'standard' | 'extended' | 'immortal';

/** One route. */
export interface IRouteConfig {
  /** Unique if given. Identifies the route across updates unless `id` is given. */
  name?: string | undefined;
  /** Unique if given. */
  id?: string | undefined;
  description?: string | undefined;
  tags?: readonly string[] | undefined;
  /** Default true. */
  enabled?: boolean | undefined;
  /** Default 0; higher first. Then the more specific match, then the place in the list. */
  priority?: number | undefined;
  match: IRouteMatch;
  action: TRouteAction;
  security?: IRouteSecurity | undefined;
  /** HTTP only. */
  headers?: IRouteHeaders | undefined;
  /** HTTP only. Default none; `true` is all defaults. */
  compression?: boolean | ICompression | undefined;
  /** Overrides of the global ones. */
  timeouts?: IRouteTimeouts | undefined;
}

/** What `new SmartProxy` takes. */
export interface ISmartProxyOptions extends IRouteTimeouts {
  /** May be empty; routes can come later by `updateRoutes`. */
  routes: readonly IRouteConfig[];
  /** For routes that leave these out; `security` is added to the route's own, never replaced by it. */
  defaults?: { target?: ITarget; security?: IRouteSecurity; tls?: IRouteTls } | undefined;
  /** For every route with `certificate: 'auto'`; a route's own `tls.acme` wins field by field. */
  acme?: IAcmeOptions | undefined;
  /** Where certificates, keys and accounts are kept: a folder, or a store of your own. Default `./certs`. */
  certificateStore?: string | ICertStore | undefined;
  /**
   * Gives a name's certificate in place of an order, at first and for each renewal; `'http01'` leaves the name to ACME. What it
   * gives is judged as an authority's answer is.
   */
  certProvisionFunction?:
    | ((name: string) => IProvidedCertificate | 'http01' | Promise<IProvidedCertificate | 'http01'>)
    | undefined;
  /** Accept PROXY v1 and v2 headers, mandatory from `proxyIPs` and from nobody else. Default false. */
  acceptProxyProtocol?: boolean | undefined;
  /** Who may send PROXY headers. Notations as in `match.clientIp`. */
  proxyIPs?: readonly string[] | undefined;
  /** PROXY header sent to targets; overridden by the action's and the target's. Default false. */
  sendProxyProtocol?: TSendProxyProtocol | undefined;
  /** Targets of routes that the kernel forwards see the client's address. Default false. */
  preserveSourceIP?: boolean | undefined;
  /** Milliseconds for the first bytes where a decision needs them; covers PROXY header and ClientHello. Default 10 000. */
  initialDataTimeout?: number | undefined;
  /** Milliseconds that `stop()` lets connections finish. Default 30 000. */
  gracefulShutdownTimeout?: number | undefined;
  /** TCP_NODELAY on both sides. Default true. */
  noDelay?: boolean | undefined;
  /** TCP keep-alive on both sides. Default true. */
  keepAlive?: boolean | undefined;
  /** Milliseconds of silence before the first keep-alive probe. Default 10 000. */
  keepAliveInitialDelay?: number | undefined;
  /** Connections at a time. Default: what the descriptor limit allows, at most 10 000. */
  maxConnections?: number | undefined;
  /** Default `'::'` with IPv4, or `'0.0.0.0'` where there is no IPv6. */
  listenAddress?: string | undefined;
  /** Refuse to dial private, link-local and loopback addresses. Default false. */
  denyPrivateTargets?: boolean | undefined;
  /** Connections at a time per client address (IPv6: per /64). Default 0, off. */
  maxConnectionsPerIP?: number | undefined;
  /** New connections per minute and client address (IPv6: per /64). Default 0, off. */
  connectionRateLimitPerMinute?: number | undefined;
  /** Ports whose plain HTTP goes to the HTTP engine even where no route asks for anything that only HTTP has. */
  useHttpProxy?: readonly number[] | undefined;
  /** The HTTP engine also listens here, on loopback, for requests to any route. */
  httpProxyPort?: number | undefined;
  /** Peers whose `X-Forwarded-*` is believed and continued. Default none. Notations as in `match.clientIp`. */
  trustedProxies?: readonly string[] | undefined;
  /** Limits of the HTTP engine. */
  http?: IHttpLimits | undefined;
  /** Default: silence. */
  logger?: ILogger | undefined;
  /** Default on, a sample each 1 000 ms, kept for 3 600 s. */
  metrics?: boolean | { sampleIntervalMs?: number | undefined; retentionSeconds?: number | undefined } | undefined;
  /** A page, an API and metrics for Prometheus, by HTTP. Default: none. */
  admin?: IAdminOptions | undefined;
}
