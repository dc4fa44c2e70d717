// What joins the stages: each stage's output is the next one's input.

import type { TFields } from '../codec/http-message.js';
import type { IResolvedRoute } from '../config/resolved.js';
import type { TProtocol, TTlsVersion } from '../config/types.js';
import type { Connection, IHelloFacts } from './connection.js';

/** listen -> peek: a connection that was let in. */
export interface IAccepted {
  readonly connection: Connection;
}

/** peek -> match: what its first bytes say, where the port's routes need to know. */
export interface IPeeked extends IAccepted {
  readonly facts: IConnectionFacts;
  /** The bytes that were read for it; they have not been put back. */
  readonly bytes: Buffer | null;
}

/** match -> guard: the route. */
export interface IMatched extends IPeeked {
  readonly route: IResolvedRoute;
}

/** What routes are matched against. */
export interface IConnectionFacts {
  /** The port the client connected to. */
  readonly port: number;
  /** Normalised: IPv4-mapped IPv6 is IPv4. `''` if unknown. */
  readonly clientIp: string;
  /** null: nobody needed to look. */
  readonly protocol: TProtocol | null;
  /** Normalised server name; null: none was given, or it is not a host name. */
  readonly domain: string | null;
  readonly tlsVersion: TTlsVersion | null;
  readonly alpn: readonly string[];
  /** null where no ClientHello was read. */
  readonly hello: IHelloFacts | null;
  /** True if the peer may state who its requests are from: `clientIp` is then judged once a request. Default false. */
  readonly fromTrusted?: boolean;
}

/** What routes are matched against once a request is there: `domain` is its host then, not the connection's. */
export interface IRequestFacts extends IConnectionFacts {
  /** True inside TLS that we terminated: only routes that terminate take it; without, only those that have no TLS. */
  readonly isTls: boolean;
  /** In its normal form, without the query. `*` of OPTIONS. */
  readonly path: string;
  /** Without the question mark; `''` if none. */
  readonly query: string;
  readonly method: string;
  readonly fields: TFields;
}

/** What a connection is served by, as its own facts say. */
export type TEngine =
  /** Its bytes are forwarded, handled or blocked as they are. */
  | { readonly kind: 'bytes'; readonly route: IResolvedRoute }
  /** TLS is terminated with the certificate and the settings of this route. */
  | { readonly kind: 'tls'; readonly route: IResolvedRoute }
  /** Each of its requests finds a route of its own. */
  | { readonly kind: 'http' };

/** What a port must read before its routes can be told apart. */
export type TPeekNeed = 'nothing' | 'first-bytes' | 'client-hello';

export type { IAdmitted } from './guard/permit.js';
