// What the functions of a configuration are told.

import type { TTlsVersion } from './types-tls.js';

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
