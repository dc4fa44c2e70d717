// Targets and their checks, as the code reads them.

import type { IResolvedHeaderRule, IResolvedPair } from './resolved-http.js';
import type { IResolvedUpstreamTls } from './resolved-tls.js';
import type { IPortSpan, IRouteContext, TBackendProtocol } from './types.js';

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
  /** Of HTTP. */
  readonly backendProtocol: TBackendProtocol;
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
