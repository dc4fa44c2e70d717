// What users write about which connections and requests a route takes.

import type { TTlsVersion } from './types-tls.js';

/** `443`, `{ from: 8000, to: 8010 }` or a mixed list. Port 0 takes a free port; all routes with port 0 share it. */
export type TPortRange = number | IPortSpan | readonly (number | IPortSpan)[];

/** Ports `from` to `to`, both included. */
export interface IPortSpan {
  readonly from: number;
  readonly to: number;
}

/** What the first bytes of a connection turned out to be. */
export type TProtocol = 'tls' | 'http' | 'other';

/** What a connection must look like for a route to take it. Everything given must hold. */
export interface IRouteMatch {
  /** The ports it listens on. */
  ports: TPortRange;
  /** Where to listen for this route instead of the global `listenAddress`. */
  listenAddress?: string | undefined;
  /** Always TCP in this version. */
  transport?: 'tcp' | undefined;
  /**
   * Names asked for, by SNI or by the Host of a request: `a.com`, `*.a.com` (one or more labels in front, not `a.com` itself), `a.*`, `*.a.*`,
   * `*.a*`, `*` (any name). Case and a trailing dot do not matter; IDNA is applied. A connection that names no host
   * never matches.
   */
  domains?: string | readonly string[] | undefined;
  /** Client addresses: exact, CIDR, range (`10.0.0.1-10.0.0.9`) or glob (`192.168.*`, `10.?.?.1`). */
  clientIp?: readonly string[] | undefined;
  /** The version that will be negotiated: the highest that the client offers. */
  tlsVersion?: readonly TTlsVersion[] | undefined;
  /** Any of these is offered by the client. */
  alpn?: readonly string[] | undefined;
  /** JA4 fingerprints of the ClientHello. */
  ja4?: readonly string[] | undefined;
  /**
   * What the first bytes are; where the route terminates TLS, those inside it. `'http'` makes it a route of the HTTP engine; `'other'` is
   * needed for what is neither TLS nor HTTP where another route of the port is for HTTP alone.
   */
  protocol?: TProtocol | undefined;
  /**
   * Of a request: `/exact`, `/prefix/*` (everything below `/prefix/`, not `/prefix` itself), `/users/:id/files`; with other
   * magic a glob. Case matters. Judged in its normal form: unreserved characters decoded, dot segments removed.
   */
  path?: string | undefined;
  /** Of a request; upper case. */
  method?: string | readonly string[] | undefined;
  /** Fields that a request must have: the whole value, or a pattern that is found in it. Names without case. */
  headers?: Readonly<Record<string, string | RegExp>> | undefined;
  /** Parameters that its query must have, likewise. */
  query?: Readonly<Record<string, string | RegExp>> | undefined;
}
