// Routes for common purposes of HTTP, from a few words. What comes out is a plain route, checked when it is used.

import { ConfigError } from '../base/errors.js';
import { given, type IHttpRouteExtras, routeOf } from './route-parts.js';
import type { ICors, IForwardAction, IRedirect, IRouteConfig, IRouteTls, ITarget, TPortRange } from './types.js';

/** Where requests go, and how; all as in the action of a route. */
export interface IHttpForwardExtras
  extends IHttpRouteExtras,
    Pick<IForwardAction, 'loadBalancing' | 'healthCheck' | 'urlRewrite' | 'retry' | 'circuitBreaker' | 'websocket'> {
  target?: ITarget | undefined;
  /** Several, which are balanced; instead of `target`. */
  targets?: readonly ITarget[] | undefined;
}

export interface IHttpRouteOptions extends IHttpForwardExtras {
  /** Default 80. */
  ports?: TPortRange | undefined;
}

/**
 * Sends plain HTTP to a target. Without `domains` and without `path` it takes every path: it is about requests, so it never
 * forwards other bytes.
 */
export const createHttpRoute = (options: IHttpRouteOptions): IRouteConfig =>
  routeOf(ofRequests(options), options.ports ?? 80, forwarding(options));

/** How TLS is terminated. */
export interface ITerminateOptions {
  certificate: NonNullable<IRouteTls['certificate']>;
  /** Talk TLS to the target too, and verify it. Default false. */
  reencrypt?: boolean | undefined;
  /** What else there is about TLS. */
  tls?: Omit<IRouteTls, 'mode' | 'certificate'> | undefined;
}

export interface IHttpsTerminateOptions extends IHttpForwardExtras, ITerminateOptions {
  /** Default 443. */
  ports?: TPortRange | undefined;
}

/** Terminates TLS. Requests go to the target one by one; if what was inside is not HTTP, its bytes go there as they are. */
export const createHttpsTerminateRoute = (options: IHttpsTerminateOptions): IRouteConfig =>
  routeOf(options, options.ports ?? 443, { ...forwarding(options), tls: terminating(options) });

export interface IHttpsRedirectOptions extends IHttpRouteExtras {
  /** Default 80. */
  ports?: TPortRange | undefined;
  /** Where HTTPS is served. Default 443. */
  httpsPort?: number | undefined;
  /** Default 308: clients keep the method and the content. */
  status?: NonNullable<IRedirect['status']> | undefined;
}

/** Sends plain HTTP to the same address by HTTPS. */
export function createHttpToHttpsRedirect(options: IHttpsRedirectOptions = {}): IRouteConfig {
  const { ports = 80, httpsPort = 443, status = 308 } = options;
  const to = `https://{domain}${httpsPort === 443 ? '' : `:${httpsPort}`}{path}`;
  return routeOf(options, ports, { type: 'redirect', redirect: { to, status } });
}

export interface ICompleteHttpsOptions extends Omit<IHttpsTerminateOptions, 'ports'> {
  /** Default 443. */
  httpsPort?: number | undefined;
  /** Default 80. */
  httpPort?: number | undefined;
}

/** HTTPS for some names, and a redirect to it; the redirect's `name` and `id` end in `-redirect`. */
export function createCompleteHttpsServer(
  options: ICompleteHttpsOptions,
): [https: IRouteConfig, redirect: IRouteConfig] {
  const { httpsPort = 443, httpPort = 80, name, id } = options;
  const shared = given(options, ['domains', 'clientIp', 'listenAddress', 'tags', 'enabled', 'priority', 'security']);
  return [
    createHttpsTerminateRoute({ ...options, ports: httpsPort }),
    createHttpToHttpsRedirect({
      ...shared,
      ...(name === undefined ? {} : { name: `${name}-redirect` }),
      ...(id === undefined ? {} : { id: `${id}-redirect` }),
      ports: httpPort,
      httpsPort,
    }),
  ];
}

export interface IApiRouteOptions extends IHttpForwardExtras, Partial<ITerminateOptions> {
  /** Default 443 with a `certificate`, else 80. */
  ports?: TPortRange | undefined;
  /** The part of the path that all of it has; what is below it is the API. Default `/api`. */
  path?: string | undefined;
  /** Take the prefix off before the request goes to the target. Default false. */
  stripPrefix?: boolean | undefined;
  /** As in a route's `headers`. */
  cors?: boolean | ICors | undefined;
}

/** Sends the requests below a path to a target: HTTPS if there is a certificate. */
export function createApiRoute(options: IApiRouteOptions): IRouteConfig {
  const { path = '/api', stripPrefix = false, cors, headers, urlRewrite } = options;
  const prefix = path.replace(/\/+\*?$/, '');
  return served({
    ...options,
    path: `${prefix}/*`,
    ...(cors === undefined ? {} : { headers: { ...headers, cors } }),
    ...(stripPrefix && prefix !== '' ? { urlRewrite: { ...urlRewrite, stripPrefix: prefix } } : {}),
  });
}

export interface IWebSocketRouteOptions extends IHttpForwardExtras, Partial<ITerminateOptions> {
  /** Default 443 with a `certificate`, else 80. */
  ports?: TPortRange | undefined;
  /** Default `/ws`. */
  path?: string | undefined;
}

/** Sends WebSockets, and what other requests there are for their path, to a target: by TLS if there is a certificate. */
export const createWebSocketRoute = (options: IWebSocketRouteOptions): IRouteConfig =>
  served({ ...options, path: options.path ?? '/ws' });

function served(
  options: IHttpForwardExtras & Partial<ITerminateOptions> & { ports?: TPortRange | undefined },
): IRouteConfig {
  const { certificate, reencrypt, tls, ...rest } = options;
  if (certificate !== undefined) return createHttpsTerminateRoute({ ...options, certificate });
  if (reencrypt !== undefined || tls !== undefined) {
    throw new ConfigError([
      { path: 'certificate', want: 'one, where there is `tls` or `reencrypt`', got: 'undefined' },
    ]);
  }
  return createHttpRoute(rest);
}

const ofRequests = <T extends IHttpRouteExtras>(options: T): T =>
  options.domains === undefined && options.path === undefined ? { ...options, path: '/*' } : options;

const ofForwarding = ['loadBalancing', 'healthCheck', 'urlRewrite', 'retry', 'circuitBreaker', 'websocket'] as const;

const forwarding = (options: IHttpForwardExtras): IForwardAction => ({
  type: 'forward',
  ...given(options, ['target', 'targets', ...ofForwarding]),
});

const terminating = ({ certificate, reencrypt = false, tls = {} }: ITerminateOptions): IRouteTls => ({
  mode: reencrypt ? 'terminate-and-reencrypt' : 'terminate',
  certificate,
  ...tls,
});
