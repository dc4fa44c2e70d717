// Routes for common purposes, from a few words. What comes out is a plain route, checked when it is used.

import { ConfigError } from '../base/errors.js';
import { mapperOf, type TPortMapper } from './port-mapper.js';
import { mergePorts } from './ports.js';
import { forward, given, type IRouteExtras, routeOf } from './route-parts.js';
import type {
  IForwardAction,
  IHealthCheck,
  ILoadBalancing,
  IRouteConfig,
  IRouteContext,
  IRouteTls,
  ITarget,
  TPortRange,
  TSocketHandler,
} from './types.js';

export * from './auth-route-helpers.js';
export * from './http-route-helpers.js';
export * from './kernel-route-helpers.js';
export type { TPortMapper } from './port-mapper.js';
export type { IRouteExtras } from './route-parts.js';

export interface IPortMappingOptions extends IRouteExtras {
  ports: TPortRange;
  targetHost: string | readonly string[];
  portMapper: TPortMapper;
}

/** Forwards each port to the one that `portMapper` gives. */
export const createPortMappingRoute = (options: IPortMappingOptions): IRouteConfig =>
  routeOf(options, options.ports, forward({ host: options.targetHost, port: options.portMapper }));

export interface IOffsetPortMappingOptions extends IRouteExtras {
  ports: TPortRange;
  targetHost: string | readonly string[];
  /** Added to the port that the client connected to; may be negative. */
  offset: number;
}

/**
 * Forwards port n to port n + offset. Equal offsets give the identical function, so that an update which makes the
 * route anew finds it unchanged.
 *
 * @throws ConfigError if a port would leave the range from 1 to 65535
 */
export function createOffsetPortMappingRoute(options: IOffsetPortMappingOptions): IRouteConfig {
  const { ports, offset, targetHost } = options;
  const spans = mergePorts(ports);
  const fits = spans.every(({ from, to }) => from === 0 || (from + offset >= 1 && to + offset <= 65_535));
  if (!Number.isInteger(offset) || !fits) {
    const want = 'a whole number that keeps every port from 1 to 65535';
    throw new ConfigError([{ path: 'offset', want, got: String(offset) }]);
  }
  return routeOf(options, ports, forward({ host: targetHost, port: mapperOf(offset) }));
}

export interface IDynamicRouteOptions extends IRouteExtras {
  ports: TPortRange;
  /** Called once for each connection; synchronous. */
  targetHost: (context: IRouteContext) => string | readonly string[];
  /** Default `'preserve'`: the port that the client connected to. */
  portMapper?: TPortMapper | number | 'preserve' | undefined;
}

/** Forwards each connection to where the functions say. */
export const createDynamicRoute = (options: IDynamicRouteOptions): IRouteConfig =>
  routeOf(options, options.ports, forward({ host: options.targetHost, port: options.portMapper ?? 'preserve' }));

export interface ISocketHandlerRouteOptions extends IRouteExtras {
  ports: TPortRange;
  socketHandler: TSocketHandler;
}

/** Gives each connection to a function. */
export const createSocketHandlerRoute = (options: ISocketHandlerRouteOptions): IRouteConfig =>
  routeOf(options, options.ports, { type: 'socket-handler', socketHandler: options.socketHandler });

export interface IHttpsPassthroughOptions extends IRouteExtras {
  domains: string | readonly string[];
  /** Default 443. */
  ports?: TPortRange | undefined;
  target: ITarget;
}

/** Passes TLS for some names through to a target, which terminates it. */
export const createHttpsPassthroughRoute = (options: IHttpsPassthroughOptions): IRouteConfig =>
  routeOf(options, options.ports ?? 443, { ...forward(options.target), tls: { mode: 'passthrough' } });

export interface ILoadBalancerOptions extends IRouteExtras {
  ports: TPortRange;
  /** Where each has an `ITarget` of its own: weights, backups, different ports. */
  targets: readonly ITarget[];
  /** Default `'round-robin'`. */
  algorithm?: NonNullable<ILoadBalancing['algorithm']> | undefined;
  healthCheck?: IHealthCheck | undefined;
  /** Take TLS only, and pass it through. Default false: whatever comes is forwarded. */
  tlsPassthrough?: boolean | undefined;
  /** Terminate TLS with it, and balance requests where it is HTTP that comes. Not together with `tlsPassthrough`. */
  certificate?: NonNullable<IRouteTls['certificate']> | undefined;
  /** For HTTP: a cookie leads a client back to its target. */
  sticky?: NonNullable<ILoadBalancing['sticky']> | undefined;
}

/** Balances connections over several targets. */
export function createLoadBalancerRoute(options: ILoadBalancerOptions): IRouteConfig {
  const { healthCheck, tlsPassthrough, certificate, targets, ports } = options;
  const action: IForwardAction = { type: 'forward', targets };
  const balancing = given(options, ['algorithm', 'sticky']);
  if (Object.keys(balancing).length > 0) action.loadBalancing = balancing;
  if (healthCheck !== undefined) action.healthCheck = healthCheck;
  if (tlsPassthrough) action.tls = { mode: 'passthrough' };
  else if (certificate !== undefined) action.tls = { mode: 'terminate', certificate };
  return routeOf(options, ports, action);
}
