// What users write. Every option here works; an option of a later version is refused by name (schema.ts).

import type { Socket } from 'node:net';
import type { ILogger } from '../base/logger.js';
import type {
  IBlockAnswer,
  ICircuitBreakerRule,
  ICompression,
  IFixedAnswer,
  IHttpLimits,
  IRedirect,
  IRetry,
  IRouteHeaders,
  ISticky,
  IUrlRewrite,
  IWebSocketRules,
  THeaderRules,
} from './types-http.js';
import type { IRouteTls, IUpstreamTls, TTlsVersion } from './types-tls.js';

export type * from './types-http.js';
export type * from './types-tls.js';

/** `443`, `{ from: 8000, to: 8010 }` or a mixed list. Port 0 takes a free port; all routes with port 0 share it. */
export type TPortRange = number | IPortSpan | readonly (number | IPortSpan)[];

/** Ports `from` to `to`, both included. */
export interface IPortSpan {
  readonly from: number;
  readonly to: number;
}

/** What the first bytes of a connection turned out to be. */
export type TProtocol = 'tls' | 'http' | 'other';

/** What a connection must look like for a route to take it. Everything given must hold. */
export interface IRouteMatch {
  /** The ports it listens on. */
  ports: TPortRange;
  /** Where to listen for this route instead of the global `listenAddress`. */
  listenAddress?: string;
  /** Always TCP in this version. */
  transport?: 'tcp';
  /**
   * Names asked for, by SNI or by the Host of a request: `a.com`, `*.a.com` (one or more labels in front, not `a.com` itself), `a.*`, `*.a.*`,
   * `*.a*`, `*` (any name). Case and a trailing dot do not matter; IDNA is applied. A connection that names no host
   * never matches.
   */
  domains?: string | readonly string[];
  /** Client addresses: exact, CIDR, range (`10.0.0.1-10.0.0.9`) or glob (`192.168.*`, `10.?.?.1`). */
  clientIp?: readonly string[];
  /** The version that will be negotiated: the highest that the client offers. */
  tlsVersion?: readonly TTlsVersion[];
  /** Any of these is offered by the client. */
  alpn?: readonly string[];
  /** JA4 fingerprints of the ClientHello. */
  ja4?: readonly string[];
  /** What the first bytes are; where the route terminates TLS, those inside it. */
  protocol?: TProtocol;
  /**
   * Of a request: `/exact`, `/prefix/*` (everything below `/prefix/`, not `/prefix` itself), `/users/:id/files`; with other
   * magic a glob. Case matters. Judged in its normal form: unreserved characters decoded, dot segments removed.
   */
  path?: string;
  /** Of a request; upper case. */
  method?: string | readonly string[];
  /** Fields that a request must have: the whole value, or a pattern that is found in it. Names without case. */
  headers?: Readonly<Record<string, string | RegExp>>;
  /** Parameters that its query must have, likewise. */
  query?: Readonly<Record<string, string | RegExp>>;
}

/** Facts about a connection, and about a request where there is one, for the functions of a configuration. */
export interface IRouteContext {
  /** The port the client connected to. */
  readonly port: number;
  /** The host name asked for (the request's, else SNI), normalised. */
  readonly domain?: string;
  /** The client's address; behind a PROXY header the one it states. IPv4-mapped IPv6 is written as IPv4. */
  readonly clientIp: string;
  readonly clientPort: number;
  /** Our own address that the client reached. */
  readonly serverIp: string;
  /** True if the connection began with a TLS ClientHello. */
  readonly isTls: boolean;
  /** The highest version that the client offers. */
  readonly tlsVersion?: TTlsVersion;
  /** The protocols that the client offers, in its order. */
  readonly alpn?: readonly string[];
  readonly routeName?: string;
  readonly routeId?: string;
  readonly connectionId: string;
  /** When the connection was accepted, milliseconds since 1970. */
  readonly timestamp: number;
  /** Aborts when the connection ends; of a request, when its client leaves. */
  readonly signal: AbortSignal;
  /** As matched, in its normal form. This and the following: of requests only. */
  readonly path?: string;
  /** Without the question mark. */
  readonly query?: string;
  readonly method?: string;
  /** Names in lower case; several fields of a name are joined by `, `. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What `:name` segments of the route's path stand for. */
  readonly pathParams?: Readonly<Record<string, string>>;
  /** What the star at the end of the route's path stands for. */
  readonly pathRemainder?: string;
  readonly requestId?: string;
}

/** The version of the PROXY header sent to a target; `true` is 1, `false` none. */
export type TSendProxyProtocol = boolean | 1 | 2;

/** One place to forward to. */
export interface ITarget {
  /** An address, a name, a list of them (balanced), or a synchronous function that gives one of those. */
  host: string | readonly string[] | ((context: IRouteContext) => string | readonly string[]);
  /** `'preserve'` takes the port that the client connected to. */
  port: number | 'preserve' | ((context: IRouteContext) => number);
  /** When it serves. Among fitting targets the highest `priority` wins; targets without `match` are the fallback. */
  match?: ITargetMatch;
  /** Order among targets with `match`, without which it is a fault. Default 0; higher first. */
  priority?: number;
  /** Share among its peers, 1 to 1 000. Default 1. */
  weight?: number;
  /** Used only while no other target is healthy. */
  backup?: boolean;
  /** Overrides the route's. */
  sendProxyProtocol?: TSendProxyProtocol;
  /** TLS to this target, whatever the route does: `true` is all defaults, `false` none. */
  tls?: boolean | IUpstreamTls;
  /** For requests to this target, after the route's rules. */
  headers?: THeaderRules;
}

/** Which connections and requests a target serves; everything given must hold. */
export interface ITargetMatch {
  ports?: TPortRange;
  /** As in the route's match; this and the following for HTTP only. */
  path?: string;
  method?: string | readonly string[];
  headers?: Readonly<Record<string, string | RegExp>>;
}

/** How one of several targets is chosen. */
export interface ILoadBalancing {
  /** Default `'round-robin'`. */
  algorithm?: 'round-robin' | 'least-connections' | 'ip-hash' | 'random-two-choices' | 'consistent-hash';
  /** For `consistent-hash`: what is hashed. Default `'ip'`; all others for HTTP only. */
  key?: 'ip' | 'path' | 'header' | 'cookie';
  /** Of the header or cookie; without it in a request the address is hashed. */
  keyName?: string;
  /** HTTP only: a cookie that leads a client back to its target while that is up. */
  sticky?: boolean | ISticky;
  /** Milliseconds in which a target that came up, or is new, gets to its full share. Default 0, at once. */
  slowStart?: number;
}

/** How the health of targets is established. */
export interface IHealthCheck {
  /** HTTP probes: GET of this path, which must answer as `expect` says. Default: TCP probes. */
  path?: string;
  /** The Host of probes. Default: the target's. */
  host?: string;
  /** Statuses that are well; text that the first 64 kB of the body must contain. Default 200 to 399. */
  expect?: { status?: number | readonly number[]; body?: string };
  /** Milliseconds between active probes. Default 10 000; 0 switches probing off. */
  interval?: number;
  /** Milliseconds a probe may take. Default 2 000. */
  timeout?: number;
  /** Successful probes in a row that make a target healthy. Default 2. */
  healthyThreshold?: number;
  /** Failed probes in a row that make it unhealthy. Default 3. */
  unhealthyThreshold?: number;
  /**
   * Ejection by what real connections meet: after `failures` failed dials, or requests without an answer, in a row the target is passed over for
   * `ejectTime` ms, doubled at each repetition up to `maxEjectTime`. Default 3, 10 000, 300 000; `false` switches it off.
   */
  passive?: false | { failures?: number; ejectTime?: number; maxEjectTime?: number };
}

/** Forwards the connection to a target. */
export interface IForwardAction {
  type: 'forward';
  target?: ITarget;
  targets?: readonly ITarget[];
  tls?: IRouteTls;
  loadBalancing?: ILoadBalancing;
  /** Active probes run only if this is given; passive ejection is on by default where a route has several targets. */
  healthCheck?: IHealthCheck;
  sendProxyProtocol?: TSendProxyProtocol;
  /** What follows is for HTTP. */
  urlRewrite?: IUrlRewrite;
  retry?: IRetry;
  circuitBreaker?: boolean | ICircuitBreakerRule;
  websocket?: IWebSocketRules;
  /** Old place of `security`; if both are given, both apply. */
  security?: IRouteSecurity;
}

/**
 * Gets the client's socket. It is not flowing, its first bytes are still to be read, and sync or async handlers see
 * every byte by `data`, `readable`, `pipe` or `for await`. A throw or rejection destroys the socket; what is thrown later,
 * in a listener that the handler attached, is the program's own as everywhere in Node.
 *
 * As with any socket of Node: `for await (... of socket)` destroys it at its end, so that nothing can be answered then;
 * `socket.iterator({ destroyOnReturn: false })` does not. To answer after the client's FIN, set `timeouts.enableHalfOpen`.
 */
export type TSocketHandler = (socket: Socket, context: IRouteContext) => void | Promise<void>;

/** Gives the connection to a function. */
export interface ISocketHandlerAction {
  type: 'socket-handler';
  socketHandler: TSocketHandler;
  tls?: IRouteTls;
  security?: IRouteSecurity;
}

/**
 * Answers requests as a function of the Fetch standard: bodies stream both ways, `request.signal` and `context.signal` abort
 * when the client leaves. A throw or rejection is answered by 500 and logged.
 */
export type THttpHandler = (request: Request, context: IRouteContext) => Response | Promise<Response>;

export interface IHttpHandlerAction {
  type: 'http-handler';
  httpHandler: THttpHandler;
  tls?: IRouteTls;
  security?: IRouteSecurity;
}

/** Sends the client elsewhere. */
export interface IRedirectAction {
  type: 'redirect';
  redirect: IRedirect;
  tls?: IRouteTls;
  security?: IRouteSecurity;
}

/** Answers by itself. */
export interface IRespondAction {
  type: 'respond';
  respond: IFixedAnswer;
  tls?: IRouteTls;
  security?: IRouteSecurity;
}

/** Closes the connection; a request is answered first. */
export interface IBlockAction {
  type: 'block';
  block?: IBlockAnswer;
  tls?: IRouteTls;
  security?: IRouteSecurity;
}

export type TRouteAction =
  | IForwardAction
  | ISocketHandlerAction
  | IHttpHandlerAction
  | IRedirectAction
  | IRespondAction
  | IBlockAction;

/** Who may use a route. Checked after matching and before anything is dialed. */
export interface IRouteSecurity {
  /** Only these addresses. Notations as in `match.clientIp`. */
  ipAllowList?: readonly string[];
  /** Not these addresses; wins over `ipAllowList`. */
  ipBlockList?: readonly string[];
  /** Connections that this route may have at a time. */
  maxConnections?: number;
}

/** What a route's silent or slow connections are given, in milliseconds. */
export interface IRouteTimeouts {
  /** Dialing one target. Default 10 000. */
  connectionTimeout?: number;
  /** No byte in either direction. Default 4 h; 0 is none. */
  inactivityTimeout?: number;
  /** Age of a connection. Default 0, none. */
  maxConnectionLifetime?: number;
  /** Silence of one side after the other closed. Default 30 000. */
  halfOpenTimeout?: number;
  /** No progress towards a reader for whom bytes are waiting. Default 60 000; 0 is none. */
  stallTimeout?: number;
  /** `standard`; `extended` (inactivityTimeout x keepAliveInactivityMultiplier); `immortal` (no inactivity limit). */
  keepAliveTreatment?: TKeepAliveTreatment;
  /** Default 6. */
  keepAliveInactivityMultiplier?: number;
  /**
   * Each direction ends on its own; only the inactivity clock bounds what is left. A client's FIN behind its request then
   * does not abort the request. Default false.
   */
  enableHalfOpen?: boolean;
  /** HTTP: from the end of a request to the head of the target's answer; then 504. Default 60 000; 0 is none. */
  responseTimeout?: number;
}

export type TKeepAliveTreatment = 'standard' | 'extended' | 'immortal';

/** One route. */
export interface IRouteConfig {
  /** Unique if given. Identifies the route across updates unless `id` is given. */
  name?: string;
  /** Unique if given. */
  id?: string;
  description?: string;
  tags?: readonly string[];
  /** Default true. */
  enabled?: boolean;
  /** Default 0; higher first. Then the more specific match, then the place in the list. */
  priority?: number;
  match: IRouteMatch;
  action: TRouteAction;
  security?: IRouteSecurity;
  /** HTTP only. */
  headers?: IRouteHeaders;
  /** HTTP only. Default none; `true` is all defaults. */
  compression?: boolean | ICompression;
  /** Overrides of the global ones. */
  timeouts?: IRouteTimeouts;
}

/** What `new SmartProxy` takes. */
export interface ISmartProxyOptions extends IRouteTimeouts {
  /** May be empty; routes can come later by `updateRoutes`. */
  routes: readonly IRouteConfig[];
  /** For routes that leave these out; `security` is added to the route's own, never replaced by it. */
  defaults?: { target?: ITarget; security?: IRouteSecurity; tls?: IRouteTls };
  /** Accept PROXY v1 and v2 headers, mandatory from `proxyIPs` and from nobody else. Default false. */
  acceptProxyProtocol?: boolean;
  /** Who may send PROXY headers. Notations as in `match.clientIp`. */
  proxyIPs?: readonly string[];
  /** PROXY header sent to targets; overridden by the action's and the target's. Default false. */
  sendProxyProtocol?: TSendProxyProtocol;
  /** Milliseconds for the first bytes where a decision needs them; covers PROXY header and ClientHello. Default 10 000. */
  initialDataTimeout?: number;
  /** Milliseconds that `stop()` lets connections finish. Default 30 000. */
  gracefulShutdownTimeout?: number;
  /** TCP_NODELAY on both sides. Default true. */
  noDelay?: boolean;
  /** TCP keep-alive on both sides. Default true. */
  keepAlive?: boolean;
  /** Milliseconds of silence before the first keep-alive probe. Default 10 000. */
  keepAliveInitialDelay?: number;
  /** Connections at a time. Default: what the descriptor limit allows, at most 10 000. */
  maxConnections?: number;
  /** Default `'::'` with IPv4, or `'0.0.0.0'` where there is no IPv6. */
  listenAddress?: string;
  /** Refuse to dial private, link-local and loopback addresses. Default false. */
  denyPrivateTargets?: boolean;
  /** Connections at a time per client address (IPv6: per /64). Default 0, off. */
  maxConnectionsPerIP?: number;
  /** New connections per minute and client address (IPv6: per /64). Default 0, off. */
  connectionRateLimitPerMinute?: number;
  /** Ports whose plain HTTP goes to the HTTP engine even where no route asks for anything that only HTTP has. */
  useHttpProxy?: readonly number[];
  /** The HTTP engine also listens here, on loopback, for requests to any route. */
  httpProxyPort?: number;
  /** Peers whose `X-Forwarded-*` is believed and continued. Default none. Notations as in `match.clientIp`. */
  trustedProxies?: readonly string[];
  /** Limits of the HTTP engine. */
  http?: IHttpLimits;
  /** Default: silence. */
  logger?: ILogger;
  /** Default on, a sample each 1 000 ms, kept for 3 600 s. */
  metrics?: boolean | { sampleIntervalMs?: number; retentionSeconds?: number };
}
