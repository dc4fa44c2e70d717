// What users write about what is done with a connection or request, and who may use a route.

import type { Socket } from 'node:net';
import type { IBasicAuth, IForwardAuth, IJwtAuth } from './types-auth.js';
import type { IRouteContext } from './types-context.js';
import type {
  IBlockAnswer,
  ICircuitBreakerRule,
  IFixedAnswer,
  IRedirect,
  IRetry,
  IUrlRewrite,
  IWebSocketRules,
} from './types-http.js';
import type { INfTablesRules } from './types-kernel.js';
import type { IRateLimit } from './types-limits.js';
import type { IHealthCheck, ILoadBalancing, ITarget, TBackendProtocol, TSendProxyProtocol } from './types-target.js';
import type { IRouteTls } from './types-tls.js';

/** Forwards the connection to a target. */
export interface IForwardAction {
  type: 'forward';
  target?: ITarget | undefined;
  targets?: readonly ITarget[] | undefined;
  tls?: IRouteTls | undefined;
  loadBalancing?: ILoadBalancing | undefined;
  /** Active probes run only if this is given; passive ejection is on by default where a route has several targets. */
  healthCheck?: IHealthCheck | undefined;
  sendProxyProtocol?: TSendProxyProtocol | undefined;
  /** Who forwards: this process, or the kernel by rules of nftables. Default `'node'`. */
  forwardingEngine?: 'node' | 'nftables' | undefined;
  /** For `forwardingEngine: 'nftables'`. */
  nftables?: INfTablesRules | undefined;
  /** What follows is for HTTP: the version that targets are spoken to in. Default 'http1'. */
  backendProtocol?: TBackendProtocol | undefined;
  /** gRPC-Web of browsers becomes gRPC for targets, which need `backendProtocol` 'http2' or 'auto'. Default false. */
  grpcWeb?: boolean | undefined;
  urlRewrite?: IUrlRewrite | undefined;
  retry?: IRetry | undefined;
  circuitBreaker?: boolean | ICircuitBreakerRule | undefined;
  websocket?: IWebSocketRules | undefined;
  /** Old place of `security`; if both are given, both apply. */
  security?: IRouteSecurity | undefined;
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
  tls?: IRouteTls | undefined;
  security?: IRouteSecurity | undefined;
}

/**
 * Answers requests as a function of the Fetch standard: bodies stream both ways, `request.signal` and `context.signal` abort
 * when the client leaves. A throw or rejection is answered by 500 and logged.
 */
export type THttpHandler = (request: Request, context: IRouteContext) => Response | Promise<Response>;

export interface IHttpHandlerAction {
  type: 'http-handler';
  httpHandler: THttpHandler;
  tls?: IRouteTls | undefined;
  security?: IRouteSecurity | undefined;
}

/** Sends the client elsewhere. */
export interface IRedirectAction {
  type: 'redirect';
  redirect: IRedirect;
  tls?: IRouteTls | undefined;
  security?: IRouteSecurity | undefined;
}

/** Answers by itself. */
export interface IRespondAction {
  type: 'respond';
  respond: IFixedAnswer;
  tls?: IRouteTls | undefined;
  security?: IRouteSecurity | undefined;
}

/** Answers requests by a status; closes a connection that is not HTTP. */
export interface IBlockAction {
  type: 'block';
  block?: IBlockAnswer | undefined;
  tls?: IRouteTls | undefined;
  security?: IRouteSecurity | undefined;
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
  ipAllowList?: readonly string[] | undefined;
  /** Not these addresses; wins over `ipAllowList`. */
  ipBlockList?: readonly string[] | undefined;
  /** Connections that this route may have at a time. */
  maxConnections?: number | undefined;
  /** HTTP only: requests of this route that may be under way at a time, WebSockets included; more are answered by 503. */
  maxInFlight?: number | undefined;
  /** HTTP only: bytes of a request's body, in place of `http.maxBodyBytes`; more is answered by 413. 0: no limit. */
  maxBodyBytes?: number | undefined;
  /** HTTP only: how often the route may be asked. Given at several places, each of them applies. */
  rateLimit?: IRateLimit | undefined;
  /** HTTP only: a route that has it takes nothing else, and its requests need credentials, or are answered by 401. */
  authentication?: IBasicAuthentication | undefined;
  /** HTTP only: the same, with passwords as text or as hashes, and paths that need none. */
  basicAuth?: IBasicAuth | undefined;
  /** HTTP only: its requests need a signed token, or are answered by 401. */
  jwtAuth?: IJwtAuth | undefined;
  /** HTTP only: a server is asked about each of its requests. */
  forwardAuth?: IForwardAuth | undefined;
}

/**
 * HTTP Basic authentication (RFC 7617). Credentials go with every request as they are: use it inside TLS. Targets and handlers
 * do not get them.
 */
export interface IBasicAuthentication {
  type: 'basic';
  /** Who is let in: at least one, at most 1000. */
  credentials: readonly IBasicCredentials[];
  /** What clients are told that the credentials are for. Default `'restricted'`. */
  realm?: string | undefined;
}

export interface IBasicCredentials {
  /** Without a colon. */
  username: string;
  password: string;
}
