// What the dialer knows about choosing targets. Made by TargetRegistry, implemented by target-picker.ts.

import type { TFields } from '../../codec/http-message.js';
import type { IResolvedHttpProbe, IResolvedTarget, IResolvedUpstreamTls } from '../../config/resolved.js';
import type { IRouteContext, TBackendProtocol } from '../../config/types.js';

/** What a choice depends on. `IConnectionFacts` fits. */
export interface IPickFacts {
  /** The port the client connected to. */
  readonly port: number;
  readonly clientIp: string;
  /** The request, where one is there: for targets that match requests, for keys made of them, for sticky cookies. */
  readonly request?: IPickRequest;
}

/** `IRequestFacts` fits. */
export interface IPickRequest {
  /** In its normal form, without the query. */
  readonly path: string;
  readonly method: string;
  readonly fields: TFields;
  readonly isTls: boolean;
}

/** One connection's, or one attempt's, share of a target. */
export interface ITargetLease {
  /** The target accepted the connection: a streak of failures ends. The lease stays held. */
  connected(): void;
  /**
   * HTTP: the target answered the request, `ok` unless by 5xx. Any answer ends a streak of failures; those that are not
   * `ok` count for the circuit breaker. Once a request, and not before the answer's final head.
   */
  answered(ok: boolean): void;
  /** The dial failed, or no answer came; gives the lease back. What is not the target's fault (client left, no descriptors) is not held against it. */
  failed(error: unknown): void;
  /** Gives the lease back. Later calls of any method do nothing. */
  release(): void;
}

/** A chosen target. Whoever got it must end its lease. */
export interface ITargetPick {
  /** A name or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly target: IResolvedTarget;
  readonly lease: ITargetLease;
}

/** The choices of one connection. */
export interface IPickSession {
  /**
   * The next target to try; never the same twice. null: there is none (left). The first call asks target functions.
   * Throws ProxyError `TARGET_FUNCTION_FAILED`; `CIRCUIT_OPEN` where circuit breakers alone keep the rest from being tried.
   */
  next(): ITargetPick | null;
  /**
   * The value of a Set-Cookie field that ties the client to this target; null: the route has no sticky cookie, or the
   * client's says so already.
   */
  stickyCookie(pick: ITargetPick): string | null;
}

/** What `explain` says about one candidate. */
export interface ITargetVerdict {
  readonly host: string;
  /** null where the port's function failed. */
  readonly port: number | null;
  /** True for the one that would be dialed first; at most one. False for all where chance decides. */
  readonly chosen: boolean;
  /** For people: `would be chosen`, `ejected for another 4.2 s`, `backup`, `other port`. */
  readonly why: string;
  /** For people: how a request would be put to the one that is chosen, `HTTP/2 over TLS`. */
  readonly speaks?: string;
}

/** Chooses among the targets of one route. */
export interface ITargetPicker {
  /** `contextOf` is called only if the route has target functions, once. */
  session(facts: IPickFacts, contextOf: () => IRouteContext): IPickSession;
  /** Judges every candidate. Calls target functions with the hypothetical context; advances nothing. Never throws. */
  explain(facts: IPickFacts, contextOf: () => IRouteContext): readonly ITargetVerdict[];
}

/** Turns names into addresses. */
export interface IResolver {
  /**
   * Addresses in the order to try them, at least one; without a promise where the answer is at hand. Rejects with
   * ProxyError `TARGET_UNRESOLVED`, or with the signal's reason.
   */
  resolve(host: string, signal?: AbortSignal): readonly string[] | Promise<readonly string[]>;
}

/** One question to a target: does it accept connections, and does it answer? */
export interface IProbeRequest {
  readonly host: string;
  readonly port: number;
  /** Version of the PROXY header that the target expects; 0: none. A probe announces itself as local. */
  readonly proxyHeader: 0 | 1 | 2;
  /** null: to accept is enough. */
  readonly http: IResolvedHttpProbe | null;
  /** What the HTTP probe goes through; null: plain. */
  readonly tls: IResolvedUpstreamTls | null;
  /** What the HTTP probe speaks; `auto`: what the target chooses by ALPN, without TLS HTTP/1.1. */
  readonly backendProtocol: TBackendProtocol;
  readonly signal: AbortSignal;
}

/** Resolves if the target is well, rejects with the reason if not; when `signal` aborts at the latest. */
export type TProbe = (request: IProbeRequest) => Promise<void>;
