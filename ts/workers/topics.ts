// What the primary and its workers say to each other.

import type { IAdminUpdate, TAdminEventKind } from '../admin/view.js';
import type { TOwnChallenge, TShownChallenge } from '../certs/challenge-relay.js';
import type { ICertificateEvent, ICertificateStatus } from '../certs/manager/manager-types.js';
import type { IListeningPoint } from '../config/change.js';
import type { IAdminOptions, IRouteConfig, ISmartProxyOptions } from '../config/types.js';
import type { IConnectionRecord } from '../flow/connection.js';
import type { IRateRule, IRateVerdict } from '../flow/guard/rate-store.js';
import type { IPlan, IUpdateOptions } from '../flow/plan.js';
import type { IGroupView, IRestoredRoutes } from '../group-parts.js';
import type { INfTablesStatus } from '../nftables/kernel-status.js';
import type { IMetricsExport } from '../observe/metrics-export.js';

/** Where a worker's configuration comes from. */
export type TConfigSource =
  /** Plain data. Functions do not pass from process to process. */
  | { readonly options: ISmartProxyOptions }
  /** `routes`: instead of the module's. */
  | { readonly module: string; readonly routes: readonly IRouteConfig[] | null };

export type TLogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface IStartWish {
  readonly number: number;
  readonly idPrefix: string;
  readonly source: TConfigSource;
  readonly logLevel: TLogLevel;
  readonly ticketSecret: Uint8Array;
  /** The table of the worker that brings routes into the kernel; null: another one does. */
  readonly kernelTable: string | null;
  readonly kernelFallsBack: boolean;
  /** The primary's admin interface shows routes, whatever the configuration says. */
  readonly showsRoutes: boolean;
  /** Connections at a time; null: as the configuration has it. */
  readonly quota: number | null;
}

export interface IStarted {
  /** As the options in force say; null: what descriptors allow. */
  readonly maxConnections: number | null;
  readonly gracefulShutdownTimeout: number | undefined;
  readonly kernelFallsBack: boolean;
  readonly points: readonly IListeningPoint[];
  /** The interface that a module asks for; null: none. */
  readonly admin: IAdminOptions | null;
}

export interface IUpdateWish {
  /** null: those of the module, read again. */
  readonly routes: readonly IRouteConfig[] | null;
  readonly options: IUpdateOptions;
  readonly kernelFallsBack: boolean;
}

export interface ICommitted {
  readonly plan: IPlan;
  readonly points: readonly IListeningPoint[];
}

/** What the admin interface asks of a worker as JSON: whatever it holds, it passes. */
export type TViewCall = Exclude<keyof IGroupView, 'restore' | 'subscribe'>;

export interface IEventBatch {
  /** JSON of `IAdminEvent[]`. */
  readonly events: string;
  /** Events that were lost after these, by their kinds. */
  readonly dropped: readonly (readonly [TAdminEventKind, number])[];
}

/** [operation, scope, key, limit] */
export type TCount = readonly ['enter' | 'leave' | 'arrive', string, string, number];

export interface IToWorker {
  readonly start: { readonly in: IStartWish; readonly out: IStarted };
  /** Makes ready for other routes; answered when they could come into force. */
  readonly prepare: { readonly in: IUpdateWish; readonly out: { readonly kernelFallsBack: boolean } };
  readonly commit: { readonly in: null; readonly out: ICommitted };
  readonly abort: { readonly in: null; readonly out: undefined };
  readonly stop: { readonly in: { readonly graceMs: number | null }; readonly out: IMetricsExport };
  readonly hurry: { readonly in: null; readonly out: undefined };
  readonly points: { readonly in: null; readonly out: readonly IListeningPoint[] };
  /** `history`: with the samples of throughput. */
  readonly metrics: { readonly in: { readonly history: boolean }; readonly out: IMetricsExport };
  /** `args` and the answer are JSON. */
  readonly view: { readonly in: { readonly name: TViewCall; readonly args: string }; readonly out: string };
  readonly plan: {
    readonly in: { readonly routes: readonly IRouteConfig[]; readonly options: IUpdateOptions };
    readonly out: IPlan;
  };
  readonly restore: {
    readonly in: { readonly given: unknown; readonly options: IAdminUpdate };
    readonly out: IRestoredRoutes;
  };
  /** Events of these kinds are told from now on, of others none. */
  readonly hear: { readonly in: readonly TAdminEventKind[]; readonly out: undefined };
  readonly connections: { readonly in: null; readonly out: readonly IConnectionRecord[] };
  readonly certificateStatus: { readonly in: string; readonly out: readonly ICertificateStatus[] };
  readonly orderCertificate: {
    readonly in: { readonly route: string; readonly anew: boolean };
    readonly out: undefined;
  };
  readonly refreshCertificates: { readonly in: null; readonly out: undefined };
  readonly nfTablesStatus: { readonly in: null; readonly out: INfTablesStatus };
  readonly showChallenge: {
    readonly in: { readonly kind: TOwnChallenge; readonly challenge: TShownChallenge };
    readonly out: undefined;
  };
  readonly hideChallenge: {
    readonly in: { readonly kind: TOwnChallenge; readonly challenge: TShownChallenge };
    readonly out: undefined;
  };
  readonly ticketSecret: { readonly in: Uint8Array; readonly out: undefined };
  /** Connections beyond so many are handed over. */
  readonly ceiling: { readonly in: number; readonly out: undefined };
  /** Connections at a time. Answered with what holds: no fewer than there are. */
  readonly quota: { readonly in: number; readonly out: number };
  /** A connection that another worker accepted, with its handle. */
  readonly connection: { readonly in: IListeningPoint; readonly out: undefined };
}

/** A connection, with its handle: where it came to, and how many the worker has. */
export interface IHandedOver {
  readonly point: IListeningPoint;
  readonly live: number;
}

export interface ILogLine {
  readonly level: TLogLevel;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Events of a worker that are the whole proxy's. */
export type TWorkerEvent =
  | { readonly name: 'certificate'; readonly event: ICertificateEvent }
  | { readonly name: 'target-down'; readonly target: string; readonly why: string }
  | { readonly name: 'target-up'; readonly target: string }
  | { readonly name: 'error'; readonly message: string; readonly code: string | null };

export interface IToPrimary {
  /** Sent before anything else. */
  readonly loaded: { readonly in: null; readonly out: undefined };
  readonly share: { readonly in: IListeningPoint; readonly out: number };
  readonly count: { readonly in: TCount; readonly out: boolean };
  readonly leave: { readonly in: readonly [scope: string, key: string]; readonly out: undefined };
  readonly rate: {
    readonly in: { readonly scope: string; readonly key: string; readonly rule: IRateRule };
    readonly out: IRateVerdict;
  };
  readonly showChallenge: IToWorker['showChallenge'];
  readonly hideChallenge: IToWorker['hideChallenge'];
  /** How many connections it has; also a sign of life. */
  readonly status: { readonly in: { readonly live: number }; readonly out: undefined };
  readonly handOver: { readonly in: IHandedOver; readonly out: undefined };
  readonly log: { readonly in: ILogLine; readonly out: undefined };
  readonly event: { readonly in: TWorkerEvent; readonly out: undefined };
  /** Answered when they were taken: until then the worker sends no more. */
  readonly heard: { readonly in: IEventBatch; readonly out: undefined };
}
