// The one admin interface of a group of processes: it is the primary's.

import { AdminServer } from '../admin/admin-server.js';
import type { IAdminStatus } from '../admin/view.js';
import { systemClock } from '../base/clock.js';
import { limitKey } from '../codec/address.js';
import { resolveConfig } from '../config/resolve.js';
import type { IResolvedAdmin } from '../config/resolved.js';
import type { IAdminOptions } from '../config/types.js';
import { GroupView, type IGroupViewParts } from './admin-view.js';
import { RelayedEvents } from './relayed-events.js';
import type { IEventBatch } from './topics.js';
import type { WorkerProcess } from './worker-process.js';

export interface IGroupAdminParts extends Omit<IGroupViewParts, 'events' | 'state'> {
  /** null: none is asked for, as far as is known before a module was read. */
  readonly options: IAdminOptions | null;
  readonly isStopping: () => boolean;
  /** Whether the start is over. */
  readonly isStarted: () => boolean;
}

export class GroupAdmin {
  readonly #parts: IGroupAdminParts;
  readonly #events: RelayedEvents;
  readonly #view: GroupView;
  #config: IResolvedAdmin | null;
  #server: AdminServer | null = null;

  /** @throws ConfigError */
  constructor(parts: IGroupAdminParts) {
    this.#parts = parts;
    this.#config = resolveAdmin(parts.options);
    this.#events = new RelayedEvents(() => parts.asking.workers);
    this.#view = new GroupView({ ...parts, events: this.#events, state: () => this.#state });
  }

  get address(): AdminServer['address'] {
    return this.#server?.address ?? null;
  }

  /** Before anything else is opened. @throws ProxyError LISTEN_FAILED */
  async open(): Promise<void> {
    if (this.#config === null || this.#server !== null) return;
    const { host, port, hosts, token } = this.#config;
    const server = new AdminServer({
      ...{ view: this.#view, host, port, hosts, token: token?.reveal() ?? null },
      ...{ clock: systemClock, logger: this.#parts.logger, keyOf: limitKey },
    });
    await server.open();
    this.#server = server;
  }

  /** A module was read, which asks for one. What was asked for outside of it counts more. @throws ProxyError LISTEN_FAILED */
  async learn(options: IAdminOptions | null): Promise<void> {
    this.#config ??= resolveAdmin(options);
    await this.open();
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#server = null;
  }

  /** A worker serves from now on. */
  online(worker: WorkerProcess): void {
    this.#events.online(worker);
  }

  heard(batch: IEventBatch): void {
    this.#events.received(batch);
  }

  /** Other routes are in force. */
  took(): void {
    this.#view.took();
  }

  get #state(): IAdminStatus['state'] {
    const { asking, isStopping, isStarted } = this.#parts;
    if (isStopping()) return 'draining';
    // While none serves, others are about to.
    return isStarted() && asking.workers.length > 0 ? 'running' : 'starting';
  }
}

/** @throws ConfigError */
const resolveAdmin = (admin: IAdminOptions | null): IResolvedAdmin | null =>
  admin === null ? null : resolveConfig({ routes: [], admin }).admin;
