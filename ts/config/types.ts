// What users write. Every option here works; an option of a later version is refused by name (schema.ts).

import type { Socket } from 'node:net';
import type { ILogger } from '../base/logger.js';

/** `443`, `{ from: 8000, to: 8010 }` or a mixed list. Port 0 takes a free port; all routes with port 0 share it. */
export type TPortRange = number | IPortSpan | readonly (number | IPortSpan)[];

/** Ports `from` to `to`, both included. */
export interface IPortSpan {
  readonly from: number;
  readonly to: number;
}

/** What the first bytes of a connection turned out to be. */
export type TProtocol = 'tls' | 'http' | 'other';

/** TLS versions, as Node names them. */
export type TTlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** What a connection must look like for a route to take it. Everything given must hold. */
export interface IRouteMatch {
  /** The ports it listens on. */
  ports: TPortRange;
  /** Where to listen for this route instead of the global `listenAddress`. */
  listenAddress?: string;
  /** Always TCP in this version. */
  transport?: 'tcp';
  /**
   * Names asked for by SNI: `a.com`, `*.a.com` (one or more labels in front, not `a.com` itself), `a.*`, `*.a.*`,
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
  /** What the first bytes are. */
  protocol?: TProtocol;
}

/** Facts about a connection, for target functions and socket handlers. */
export interface IRouteContext {
  /** The port the client connected to. */
  readonly port: number;
  /** The host name asked for (SNI), normalised. */
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
  /** Aborts when the connection ends. */
  readonly signal: AbortSignal;
}

/** The version of the PROXY header sent to a target; `true` is 1, `false` none. */
export type TSendProxyProtocol = boolean | 1 | 2;

/** One place to forward to. */
export interface ITarget {
  /** An address, a name, a list of them (balanced), or a synchronous function that gives one of those. */
  host: string | readonly string[] | ((context: IRouteContext) => string | readonly string[]);
  /** `'preserve'` takes the port that the client connected to. */
  port: number | 'preserve' | ((context: IRouteContext) => number);
  /** Only for connections to these ports. Among fitting targets the highest `priority` wins; targets without `match` are the fallback. */
  match?: { ports?: TPortRange };
  /** Order among targets with `match`, without which it is a fault. Default 0; higher first. */
  priority?: number;
  /** Share among its peers, 1 to 1 000. Default 1. */
  weight?: number;
  /** Used only while no other target is healthy. */
  backup?: boolean;
  /** Overrides the route's. */
  sendProxyProtocol?: TSendProxyProtocol;
}

/** How one of several targets is chosen. */
export interface ILoadBalancing {
  /** Default `'round-robin'`. */
  algorithm?: 'round-robin' | 'least-connections' | 'ip-hash' | 'random-two-choices' | 'consistent-hash';
  /** For `consistent-hash`: what is hashed. Default `'ip'`, the only key that this version knows. */
  key?: 'ip';
}

/** How the health of targets is established. */
export interface IHealthCheck {
  /** Milliseconds between active TCP probes. Default 10 000; 0 switches probing off. */
  interval?: number;
  /** Milliseconds a probe may take. Default 2 000. */
  timeout?: number;
  /** Successful probes in a row that make a target healthy. Default 2. */
  healthyThreshold?: number;
  /** Failed probes in a row that make it unhealthy. Default 3. */
  unhealthyThreshold?: number;
  /**
   * Ejection by what real connections meet: after `failures` failed dials in a row the target is passed over for
   * `ejectTime` ms, doubled at each repetition up to `maxEjectTime`. Default 3, 10 000, 300 000; `false` switches it off.
   */
  passive?: false | { failures?: number; ejectTime?: number; maxEjectTime?: number };
}

/** TLS of a route. In this version TLS is passed through. */
export interface IRouteTls {
  /** `'passthrough'`: the target terminates TLS; we route by the ClientHello. */
  mode: 'passthrough';
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

/** Closes the connection. */
export interface IBlockAction {
  type: 'block';
  tls?: IRouteTls;
  security?: IRouteSecurity;
}

export type TRouteAction = IForwardAction | ISocketHandlerAction | IBlockAction;

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
  /** Each direction ends on its own; only the inactivity clock bounds what is left. Default false. */
  enableHalfOpen?: boolean;
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
  /** Default: silence. */
  logger?: ILogger;
  /** Default on, a sample each 1 000 ms, kept for 3 600 s. */
  metrics?: boolean | { sampleIntervalMs?: number; retentionSeconds?: number };
}
