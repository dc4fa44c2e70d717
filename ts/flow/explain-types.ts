// What `explain` answers, and what it must be shown for that.

import type { IListeningPoint } from '../config/change.js';
import type { IResolvedConfig, IResolvedHttp, IResolvedRoute, IResolvedTls } from '../config/resolved.js';
import type { TEnd } from './ends.js';
import type { ITargetPicker } from './forward/target-types.js';
import type { Guard } from './guard/guard.js';
import type { ICriterionVerdict, PortTable } from './match/port-table.js';
import type { RouteTable } from './match/route-table.js';

/** One line of the trace. */
export interface IExplainStep {
  readonly stage: 'listen' | 'peek' | 'match' | 'tls' | 'guard' | 'forward';
  readonly text: string;
  /** False: this refuses the connection or the request, or passes a route or target over; null: neither good nor bad. */
  readonly ok: boolean | null;
  /** The same as data that JSON can hold. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** A route, for showing. */
export interface IShownRoute {
  readonly key: string;
  readonly name: string | undefined;
  /** Its place in the configuration: `routes[index]`. */
  readonly index: number;
}

/** A route that did not match, and why. */
export interface INearestMiss {
  readonly route: IShownRoute;
  readonly failed: readonly ICriterionVerdict[];
}

export interface IExplanation {
  readonly outcome: 'forward' | 'handler' | 'redirect' | 'respond' | 'block' | 'refused' | 'no_route' | 'not_listening';
  /** Who does it: the kernel, where a route of it takes the connection; else this process. */
  readonly engine?: 'nftables';
  /** With which word the proxy would end the connection, where it would do so before it dials. */
  readonly end?: TEnd;
  /** What a request would be answered with, where the proxy answers by itself. */
  readonly status?: number;
  /** The route that takes the connection, or the request. */
  readonly route?: IShownRoute;
  /** The certificate that would be served, where TLS ends here; missing where there is none, or no proxy runs. */
  readonly certificate?: IShownCertificate;
  /** The target that would be dialed first; missing where chance or a later failure decides. */
  readonly target?: { readonly host: string; readonly port: number };
  readonly steps: readonly IExplainStep[];
  /** Where no route matches: the one that lacks least. */
  readonly nearestMiss?: INearestMiss;
}

/** A certificate, for showing. */
export interface IShownCertificate {
  readonly names: readonly string[];
  readonly serial: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** What explaining takes of the guard. */
export type IExplainGuard = Pick<
  Guard,
  'explainClient' | 'explainRoute' | 'explainRates' | 'explainCredentials' | 'explainAsks' | 'mayServe'
>;

/** What explaining takes of the targets of a route. */
export type IExplainTargets = Pick<ITargetPicker, 'explain'>;

/** What is there to be explained: the parts that serve traffic. */
export interface IExplainView {
  readonly config: Pick<IResolvedConfig, 'proxyIPs' | 'listenAddress' | 'denyPrivateTargets'> & {
    readonly http?: Pick<IResolvedHttp, 'trustedProxies'>;
  };
  /** Routes that the kernel forwards, in the order in which it tries them. Default: none. */
  readonly kernelRoutes?: readonly IResolvedRoute[];
  readonly table: RouteTable;
  readonly guard: IExplainGuard;
  pickerFor(route: IResolvedRoute): IExplainTargets;
  /** The routes of a point that is open. Default: those of `table`. */
  tableAt?(point: IListeningPoint): PortTable | undefined;
  /** Whether all plain HTTP on a port goes to the HTTP engine. Default: nowhere. */
  isHttpPort?(point: IListeningPoint, port: number): boolean;
  /** What is open, with the ports that free ports became. Default: what the routes ask for. */
  readonly listening?: Iterable<{ readonly point: IListeningPoint; readonly port: number }>;
  /** What would be served for a name, or an address; null: nothing; undefined, or no such function: it is not known. */
  certificateFor?(tls: IResolvedTls, name: string | null): IShownCertificate | null | undefined;
  /** Connections at present and how many there may be. Default: as if there were none. */
  readonly live?: { readonly size: number; readonly maxConnections: number };
}
