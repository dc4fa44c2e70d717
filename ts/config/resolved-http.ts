// What concerns HTTP alone, as the code reads it.

import type { AddressSet } from '../codec/address.js';

/** Of the HTTP engine; 0 where there is no limit. */
export interface IResolvedHttp {
  /** Plain HTTP on these goes to the engine whatever the routes ask for. */
  readonly ports: readonly number[];
  /** null: none. */
  readonly port: number | null;
  readonly trustedProxies: AddressSet | null;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly maxBodyBytes: number;
  /** Of request content as it comes, and of answers as they are taken. */
  readonly minRequestBytesPerSecond: number;
  readonly minResponseBytesPerSecond: number;
  readonly rateGraceMs: number;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxRequestsPerConnection: number;
  readonly maxConcurrentStreams: number;
  readonly h2c: boolean;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly maxUpstreamConnections: number;
  readonly maxUpstreamQueue: number;
  readonly upstreamIdleTimeoutMs: number;
  readonly upstreamMaxAgeMs: number;
  readonly upstreamMaxRequests: number;
}

/** A name and what its value must be: the whole text, or a pattern found in it. */
export interface IResolvedPair {
  readonly name: string;
  readonly want: string | RegExp;
}

/** A header rule: `template` null removes. Names in lower case. */
export interface IResolvedHeaderRule {
  readonly name: string;
  /** The text with its placeholders, in pieces: even places are literal text, odd ones names of placeholders. */
  readonly template: readonly string[] | null;
}

export interface IResolvedHeaders {
  readonly request: readonly IResolvedHeaderRule[];
  readonly response: readonly IResolvedHeaderRule[];
  readonly cors: IResolvedCors | null;
  /** The field's value; null: none. */
  readonly hsts: string | null;
}

export interface IResolvedCors {
  /** null: any. */
  readonly origins: readonly string[] | null;
  readonly methods: readonly string[];
  /** null: what is asked for. */
  readonly headers: readonly string[] | null;
  readonly exposed: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}

export interface IResolvedRewrite {
  /** `''`: none. */
  readonly stripPrefix: string;
  readonly addPrefix: string;
  readonly pattern: RegExp | null;
  readonly target: string;
}

export interface IResolvedWebSocket {
  readonly enabled: boolean;
  readonly allowedOrigins: readonly string[] | null;
  readonly subprotocols: readonly string[] | null;
  /** In pieces, as header templates. */
  readonly rewritePath: readonly string[] | null;
  readonly customHeaders: readonly IResolvedHeaderRule[];
  /** 0: none. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** 0: no limit. */
  readonly maxPayload: number;
}
