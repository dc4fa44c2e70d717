// What a proxy that is one process of several shares with the others. workers/ gives it; nobody else needs it.

import type { Socket } from 'node:net';
import type { IAdminUpdate, IAdminView } from './admin/view.js';
import type { IChallengeRelay } from './certs/challenge-relay.js';
import type { IListeningPoint } from './config/change.js';
import type { IRouteConfig } from './config/types.js';
import type { ISharedCounts } from './flow/guard/shared-counts.js';
import type { THandOver, TSharePort } from './flow/listen/listener.js';
import type { TKernelPart } from './kernel-side.js';
import type { IMetricsExport } from './observe/metrics-export.js';

export interface IGroupParts {
  /** Where ports come from. */
  readonly share: TSharePort;
  /** Asked of each accepted socket. */
  readonly handOver: THandOver;
  /** What the keys of session tickets are made of; another one from time to time. */
  readonly ticketSecret: () => Buffer;
  readonly challenges: IChallengeRelay;
  readonly counts: ISharedCounts;
  readonly kernel: TKernelPart;
  /** An update that could come into force now waits for this; where it rejects, nothing has changed. */
  readonly agreed: () => Promise<void>;
  /** Called once, as the proxy is made. */
  readonly attach: (inside: IGroupInside) => void;
  readonly admin: IGroupAdmin;
}

/** The admin interface of a group is the primary's, which asks each proxy. */
export interface IGroupAdmin {
  /** Whether routes are kept as they were written, for `routes` and `restore`. */
  readonly keepsWritten: boolean;
  /** Called once, as the proxy is made. */
  readonly attach: (view: IGroupView) => void;
}

/** What this process alone knows and does. */
export interface IGroupView extends Omit<IAdminView, 'reload' | 'stop' | 'updateRoutes'> {
  /**
   * Routes for all processes: puts back what `given` refers to.
   * @throws ConfigError also for functions, which cannot pass; ProxyError HANDLERS_LOST
   */
  restore(given: unknown, options: IAdminUpdate): Promise<IRestoredRoutes>;
}

export interface IRestoredRoutes {
  readonly routes: readonly IRouteConfig[];
  /** Functions that are not among them, by their places. */
  readonly lost: readonly string[];
}

/** What others of the group may ask of this proxy. */
export interface IGroupInside {
  /** Live connections of this process. */
  readonly live: () => number;
  /** Connections at a time, as they are limited now. */
  readonly maxConnections: () => number;
  /** Connections at a time, from now on. */
  readonly limit: (maxConnections: number) => void;
  readonly metrics: () => IMetricsExport;
  /** Whether the routes of the kernel, as they were prepared last, are served by processes. */
  readonly fallsBack: () => boolean;
  /** Where it listens, as `share` was asked for it. */
  readonly points: () => readonly IListeningPoint[];
  /** Serves an unread socket that another process accepted at this point; false where nothing listens any more. */
  readonly serve: (socket: Socket, address: string | null, port: number) => boolean;
}
