// What joins the stages: each stage's output is the next one's input.

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
}

/** What a port must read before its routes can be told apart. */
export type TPeekNeed = 'nothing' | 'first-bytes' | 'client-hello';

export type { IAdmitted } from './guard/permit.js';
