// What the data plane hands to the HTTP engine. http/ implements it, smart-proxy.ts introduces it.

import type { IResolvedConfig, IResolvedTls } from '../config/resolved.js';
import type { Connection } from './connection.js';
import type { TEnd } from './ends.js';
import type { IForwardDeps } from './forward/deps.js';
import type { PortTable } from './match/port-table.js';
import type { IConnectionFacts } from './stages.js';

export interface IHttpFront {
  /** Takes over a connection that the guard let in; it ends it by `cleanupConnection`. Never throws. */
  take(visit: IHttpVisit): void;
}

/** A connection whose bytes (`connection.clear`) are HTTP. */
export interface IHttpVisit {
  readonly connection: Connection;
  /** Of the connection; behind TLS those of its ClientHello. */
  readonly facts: IConnectionFacts;
  /** Read of `connection.clear`, and not put back. */
  readonly bytes: Buffer | null;
  /** The settings that TLS was terminated with; null: plain. */
  readonly tls: IResolvedTls | null;
  /** Why nothing but an authority's challenge is answered; null: the routes decide. */
  readonly refusal: TEnd | null;
  /** What is in force now, asked once a request; null: no route is for this port any more. */
  now(): IHttpRoutes | null;
}

export interface IHttpRoutes {
  readonly config: IResolvedConfig;
  readonly table: PortTable;
  readonly forward: IForwardDeps;
  /** All plain HTTP that comes in here goes to the engine. */
  readonly plainHttp: boolean;
}
