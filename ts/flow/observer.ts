// What the data plane reports. Implemented by observe/ and by SmartProxy's events; a report must neither throw nor block.

import type { Connection } from './connection.js';
import type { TEnd } from './ends.js';

/** One request and its answer, when it is over. */
export interface IRequestRecord {
  readonly connection: Connection;
  /** Of HTTP, as the client speaks it. */
  readonly version: '1.0' | '1.1' | '2';
  readonly method: string;
  /** As the client named it. */
  readonly authority: string;
  /** In its normal form, without the query. */
  readonly path: string;
  /** What the client got, or would have: 499 where it left before. */
  readonly status: number;
  /** Key of the route; null where none was found. */
  readonly route: string | null;
  readonly target: { readonly host: string; readonly port: number } | null;
  /** How often it was sent to a target. */
  readonly attempts: number;
  readonly durationMs: number;
  /** Why it has no proper answer; null if it has one. */
  readonly error: Error | null;
}

/** Hears of requests. Reports must neither throw nor block, and nobody keeps the record. */
export interface IRequestObserver {
  requestEnded(record: IRequestRecord): void;
  /** Something that was no proper request was answered with `status`. */
  requestRefused(connection: Connection, status: number, why: string): void;
}

export interface IFlowObserver {
  /** A record was made; the address is the peer's, a PROXY header may still change it. */
  connectionOpened(connection: Connection): void;
  /** Its route is known and the guard let it in. */
  connectionRouted(connection: Connection): void;
  /** It ended; counters and `connection.end` are final. */
  connectionEnded(connection: Connection, end: TEnd): void;
  /** It was closed on arrival, before a record was made. */
  connectionRefused(clientIp: string, end: TEnd): void;
}

/** One that tells several, in order. */
export const observersOf = (...observers: readonly IRequestObserver[]): IRequestObserver => ({
  requestEnded(record) {
    for (const observer of observers) observer.requestEnded(record);
  },
  requestRefused(connection, status, why) {
    for (const observer of observers) observer.requestRefused(connection, status, why);
  },
});
