// What users write about targets: where they are, how one is chosen, how their health is known.

import type { IRouteContext } from './types-context.js';
import type { ISticky, THeaderRules } from './types-http.js';
import type { TPortRange } from './types-match.js';
import type { IUpstreamTls } from './types-tls.js';

/** The version of the PROXY header sent to a target; `true` is 1, `false` none. */
export type TSendProxyProtocol = boolean | 1 | 2;

/**
 * The version of HTTP that a target is spoken to in: `http1`; `http2`, which a plain target must take without being asked
 * (RFC 9113 §3.3); `auto`: what the target chooses by ALPN, and `http1` where there is no TLS.
 */
export type TBackendProtocol = 'http1' | 'http2' | 'auto';

/** One place to forward to. */
export interface ITarget {
  /** An address, a name, a list of them (balanced), or a synchronous function that gives one of those. */
  host: string | readonly string[] | ((context: IRouteContext) => string | readonly string[]);
  /** `'preserve'` takes the port that the client connected to. */
  port: number | 'preserve' | ((context: IRouteContext) => number);
  /** When it serves. Among fitting targets the highest `priority` wins; targets without `match` are the fallback. */
  match?: ITargetMatch | undefined;
  /** Order among targets with `match`, without which it is a fault. Default 0; higher first. */
  priority?: number | undefined;
  /** Share among its peers, 1 to 1 000. Default 1. */
  weight?: number | undefined;
  /** Used only while no other target is healthy. */
  backup?: boolean | undefined;
  /** Overrides the route's. */
  sendProxyProtocol?: TSendProxyProtocol | undefined;
  /** HTTP: the version that is spoken to it; overrides the action's. */
  backendProtocol?: TBackendProtocol | undefined;
  /** TLS to this target, whatever the route does: `true` is all defaults, `false` none. */
  tls?: boolean | IUpstreamTls | undefined;
  /** For requests to this target, after the route's rules. */
  headers?: THeaderRules | undefined;
}

/** Which connections and requests a target serves; everything given must hold. */
export interface ITargetMatch {
  ports?: TPortRange | undefined;
  /** As in the route's match; this and the following for HTTP only. */
  path?: string | undefined;
  method?: string | readonly string[] | undefined;
  headers?: Readonly<Record<string, string | RegExp>> | undefined;
}

/** How one of several targets is chosen. */
export interface ILoadBalancing {
  /** Default `'round-robin'`. */
  algorithm?: 'round-robin' | 'least-connections' | 'ip-hash' | 'random-two-choices' | 'consistent-hash' | undefined;
  /** For `consistent-hash`: what is hashed. Default `'ip'`; all others for HTTP only. */
  key?: 'ip' | 'path' | 'header' | 'cookie' | undefined;
  /** Of the header or cookie; without it in a request the address is hashed. */
  keyName?: string | undefined;
  /** HTTP only: a cookie that leads a client back to its target while that is up. */
  sticky?: boolean | ISticky | undefined;
  /** Milliseconds in which a target that came up, or is new, gets to its full share. Default 0, at once. */
  slowStart?: number | undefined;
}

/** How the health of targets is established. */
export interface IHealthCheck {
  /** HTTP probes: GET of this path, which must answer as `expect` says. Default: TCP probes. */
  path?: string | undefined;
  /** The Host of probes. Default: the target's. */
  host?: string | undefined;
  /** Statuses that are well; text that the first 64 kB of the body must contain. Default 200 to 399. */
  expect?: { status?: number | readonly number[]; body?: string } | undefined;
  /** Milliseconds between active probes. Default 10 000; 0 switches probing off. */
  interval?: number | undefined;
  /** Milliseconds a probe may take. Default 2 000. */
  timeout?: number | undefined;
  /** Successful probes in a row that make a target healthy. Default 2. */
  healthyThreshold?: number | undefined;
  /** Failed probes in a row that make it unhealthy. Default 3. */
  unhealthyThreshold?: number | undefined;
  /**
   * Ejection by what real connections meet: after `failures` failed dials, or requests without an answer, in a row the target is passed over for
   * `ejectTime` ms, doubled at each repetition up to `maxEjectTime`. Default 3, 10 000, 300 000; `false` switches it off.
   */
  passive?: false | { failures?: number; ejectTime?: number; maxEjectTime?: number } | undefined;
}
