// SmartProxy: puts the parts together, starts them in order, updates them as one, stops them in reverse.

import type { Socket } from 'node:net';
import { AdminSide } from './admin-side.js';
import { AsyncMutex } from './base/async-utils.js';
import { ProxyError } from './base/errors.js';
import { refuseBadCertificates } from './certs/check-certificates.js';
import type { ICertificateStatus } from './certs/manager/manager-types.js';
import type { SmartCertManager } from './certs/manager/smart-cert-manager.js';
import { compareConfigs, type IListeningPoint } from './config/change.js';
import { resolveConfig } from './config/resolve.js';
import type { IResolvedConfig } from './config/resolved.js';
import type { IRouteConfig, ISmartProxyOptions } from './config/types.js';
import { validateOptions } from './config/validate.js';
import { explainViewOf } from './explain-view.js';
import type { IConnectionRecord } from './flow/connection.js';
import { explain, type IExplainQuery, type IExplanation } from './flow/explain.js';
import { type IPlan, type IUpdateOptions, planBetween, routeKeys } from './flow/plan.js';
import { type ISnapshot, takeSnapshot } from './flow/snapshot.js';
import type { IHostParts, IStopOptions } from './host-parts.js';
import type { IKernelPlan } from './nftables/kernel-routes.js';
import type { INfTablesStatus } from './nftables/kernel-status.js';
import type { ISmartProxyEvents } from './observe/events.js';
import type { IMetrics } from './observe/metrics-types.js';
import type { IStatistics } from './observe/statistics.js';
import * as plugins from './plugins.js';
import { type IProxyParts, limitConnections, makeProxyParts } from './proxy-parts.js';

/**
 * A proxy with its routes: construct it, `start` it, `stop` it, once each. Nothing that it meets on the network is
 * ever thrown into the host program.
 */
export class SmartProxy extends plugins.events.EventEmitter<ISmartProxyEvents> {
  /** A copy, without routes: what becomes of the user's own object changes nothing at the next update. */
  readonly #options: ISmartProxyOptions;
  readonly #parts: IProxyParts;
  readonly #updates = new AsyncMutex();
  /** Ports that `addListeningPort` opened: updates of the routes leave them alone. */
  readonly #extraPorts = new Set<number>();
  #snapshot: ISnapshot;
  /** null: none is asked for. */
  readonly #admin: AdminSide | null;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #stopping: Promise<void> | null = null;

  /** @throws ConfigError with every fault. */
  constructor(options: ISmartProxyOptions, parts: IHostParts = {}) {
    super();
    const config = resolveConfig(options);
    refuseBadCertificates(config);
    this.#options = validateOptions({ ...options, routes: [] }).options;
    const snapshot = () => this.#snapshot;
    this.#parts = makeProxyParts({ config, logger: options.logger, host: parts, emitter: this, snapshot });
    this.#snapshot = takeSnapshot(config, this.#parts.forward);
    const { control, group } = parts;
    const own = { proxy: this, parts: this.#parts, snapshot, state: () => this.#state, control, group };
    this.#admin = group || config.admin ? new AdminSide({ ...own, config: config.admin }) : null;
    this.#admin?.took(this.#admin.copy(options.routes));
  }

  /**
   * Resolves when every port listens and the kernel has its rules.
   * @throws ProxyError LISTEN_FAILED, NFT_UNAVAILABLE and others; nothing is left open then, and nothing runs.
   */
  async start(): Promise<void> {
    await this.#updates.runExclusive(async () => {
      if (this.#state !== 'new') throw new ProxyError('NOT_RUNNING', 'a proxy is started once; make a new one');
      const { config } = this.#snapshot;
      await limitConnections(this.#parts, config.maxConnections);
      const plan = await this.#parts.kernel.prepare(config);
      if (plan.config !== config) this.#snapshot = takeSnapshot(plan.config, this.#snapshot.forward);
      const open = () => this.#open(this.#snapshot, plan, { ...config, routes: [] });
      await (this.#admin?.openAround(open) ?? open());
      this.#parts.metrics.start();
      this.#state = 'running';
      this.#parts.certificates.provision(this.#snapshot.config);
      this.#parts.reporter.emit('listening', this.getListeningPorts());
    });
  }

  /**
   * Stops accepting, lets connections end by themselves, ends those that are left, with reason `shutdown`. Every call
   * waits for the same stop; one with `graceMs: 0` cuts a grace short that another gave.
   */
  async stop({ graceMs = this.#snapshot.config.gracefulShutdownTimeoutMs }: IStopOptions = {}): Promise<void> {
    this.#stopping ??= this.#updates.runExclusive(() => this.#stopOnce(graceMs));
    if (graceMs <= 0) {
      this.#parts.kernel.hurry();
      await this.#parts.connections.cleanup();
    }
    await this.#stopping;
  }

  /** `stop()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Replaces the routes, all or nothing. New ports listen before old ones stop; connections keep the route that they
   * were matched against. Updates wait for each other.
   * @throws ConfigError, ProxyError LISTEN_FAILED, NFT_FAILED and others: the routes in force are then unchanged.
   */
  async updateRoutes(routes: readonly IRouteConfig[], options: IUpdateOptions = {}): Promise<IPlan> {
    return await this.#updates.runExclusive(async () => {
      if (this.#state === 'stopped') throw new ProxyError('NOT_RUNNING', 'the proxy was stopped');
      const asked = this.#snapshotOf(routes);
      const written = this.#admin?.copy(routes);
      const before = this.#parts.kernel.plan;
      const kernel = this.#state === 'running' ? await this.#parts.kernel.prepare(asked.config) : null;
      const config = kernel?.config ?? asked.config;
      const next = config === asked.config ? asked : takeSnapshot(config, asked.forward);
      const change = compareConfigs(this.#snapshot.config, config);
      const plan = this.#planOf(config, options);
      if (kernel !== null) await this.#open(next, kernel, this.#snapshot.config);
      this.#parts.guard.update(next.config);
      this.#snapshot = next;
      if (written !== undefined) this.#admin?.took(written);
      if (kernel !== null) this.#parts.certificates.provision(next.config);
      if (options.closeRemoved) this.#parts.pipeline.keepOnly(routeKeys(config));
      this.#parts.http.reconsider();
      if (options.closeRemoved) await this.#parts.kernel.cut(before, new Set(change.routes.removed));
      await this.#closeUnwanted();
      this.#parts.reporter.emit('route-update', plan);
      return plan;
    });
  }

  /** What `updateRoutes` would do now, without doing it. @throws ConfigError with every fault. */
  plan(routes: readonly IRouteConfig[], options: IUpdateOptions = {}): IPlan {
    return this.#planOf(this.#parts.kernel.expected(this.#snapshotOf(routes).config), options);
  }

  /**
   * Why a connection would be treated as it would, step by step, by the code that decides. Changes nothing.
   * @throws ConfigError with every fault of the query.
   */
  explain(query: IExplainQuery): IExplanation {
    return explain(query, explainViewOf(this.#snapshot, this.#parts, this.#state === 'running'));
  }

  /**
   * Listens on a port whatever the routes say, until `removeListeningPort`. Connections find their route as usual.
   * @throws ProxyError LISTEN_FAILED, NOT_RUNNING
   */
  async addListeningPort(port: number): Promise<void> {
    await this.#updates.runExclusive(async () => {
      if (this.#state !== 'running') throw new ProxyError('NOT_RUNNING', 'the proxy does not run');
      await this.#parts.ports.open([{ address: null, port }]);
      this.#extraPorts.add(port);
    });
  }

  /** Stops listening on a port, its routes notwithstanding, until they are updated. Its connections live on. */
  async removeListeningPort(port: number): Promise<void> {
    await this.#updates.runExclusive(async () => {
      this.#extraPorts.delete(port);
      const closing = this.#parts.ports.listening.filter((open) => open.port === port || open.point.port === port);
      await this.#parts.ports.close(closing.map(({ point }) => point));
    });
  }

  /** Serves an unread socket that others accepted as if `port`, or the first of ours, had; closes it if none is open. */
  handleConnection(socket: Socket, port?: number): void {
    if (socket.destroyed || this.#parts.ports.pass(socket, port)) return;
    socket.on('error', () => {}).destroy();
  }

  /** The ports that are listened on, ascending; free ports as they turned out. */
  getListeningPorts(): number[] {
    return this.#parts.ports.numbers;
  }

  /** The lowest port that is listened on for the route of this name or id; a free port as it turned out. null: there is none. */
  getPortOf(routeName: string): number | null {
    const { routes } = this.#snapshot.config;
    const route = routes.find(({ key, name }) => key === routeName || name === routeName);
    return route === undefined ? null : this.#parts.ports.portFor(route.match);
  }

  /** Where `httpProxyPort` listens, a free port as it turned out; null while it does not. */
  get httpProxyPort(): number | null {
    const point = this.#snapshot.httpPoint;
    return point === null ? null : this.#parts.ports.portAt(point);
  }

  /** Where the admin interface listens; null while it does not. */
  get adminAddress(): { readonly address: string; readonly port: number } | null {
    return this.#admin?.server?.address ?? null;
  }

  /** Its port, a free one as it turned out; null while there is none. */
  get adminPort(): number | null {
    return this.adminAddress?.port ?? null;
  }

  /** Snapshots of the live connections, in no order; of those in the kernel, as they were some seconds ago. */
  getConnections(): IConnectionRecord[] {
    return [...Array.from(this.#parts.connections, (each) => each.snapshot()), ...this.#parts.kernel.connections()];
  }

  /**
   * Ends one live connection, as `closed_by_operator`, with all requests and WebSockets that it carries. `id`: of its record. False
   * where none lives by that; those in the kernel are not ended.
   */
  closeConnection(id: string): boolean {
    return this.#parts.connections.closeConnection(id);
  }

  /** The figures of this moment, and functions for what is looked up when asked. docs/metrics.md has every name. */
  getMetrics(): IMetrics {
    return this.#parts.metrics.getMetrics();
  }

  /** The figures of `getMetrics` as flat, JSON-able data. */
  getStatistics(): IStatistics {
    return this.#parts.metrics.getStatistics();
  }

  /** Keeps the certificates of routes with `certificate: 'auto'`; where there are none it does nothing. */
  get certificates(): SmartCertManager {
    return this.#parts.certificates.manager;
  }

  /** What is known of a route's certificates, one entry each. @throws ProxyError CERTIFICATE_UNKNOWN: no such route */
  async getCertificateStatus(routeName: string): Promise<readonly ICertificateStatus[]> {
    return this.#parts.certificates.status(this.#snapshot.config, routeName);
  }

  /** Orders what a route lacks, now. @throws ProxyError CERTIFICATE_UNKNOWN, CERTIFICATE_FAILED, NOT_RUNNING */
  async provisionCertificate(routeName: string): Promise<void> {
    await this.#parts.certificates.complete(this.#snapshot.config, routeName);
  }

  /** Orders all certificates of a route anew, now. @throws ProxyError as `provisionCertificate` */
  async renewCertificate(routeName: string): Promise<void> {
    await this.#parts.certificates.renew(this.#snapshot.config, routeName);
  }

  /** What the kernel forwards, asked just now. @throws ProxyError NFT_FAILED, NFT_UNAVAILABLE */
  getNfTablesStatus(): Promise<INfTablesStatus> {
    return this.#parts.kernel.status();
  }

  /** Certificates first: a port that listens must be able to serve. Whatever fails, `before` stays in force. */
  async #open(
    { config, points, provingPoints }: ISnapshot,
    kernel: IKernelPlan,
    before: IResolvedConfig,
  ): Promise<void> {
    try {
      await this.#parts.certificates.attach(config);
      await this.#parts.ports.open(points);
      await this.#parts.agreed();
      await this.#parts.kernel.commit(kernel);
    } catch (error) {
      await this.#parts.certificates.attach(before);
      this.#parts.certificates.giveUp();
      if (this.#state === 'new') await this.#parts.ports.close();
      else await this.#closeUnwanted();
      throw error;
    }
    await this.#parts.ports.tryOpen(provingPoints);
    this.#parts.registry.attach(config.routes.filter((route) => route.kernel === null));
  }

  async #stopOnce(graceMs: number): Promise<void> {
    this.#state = 'stopped';
    await this.#parts.ports.close();
    const orders = this.#parts.certificates.stop();
    if (graceMs > 0) this.#parts.http.drain(graceMs);
    await Promise.all([this.#parts.connections.whenEmpty(graceMs), this.#parts.kernel.drain(graceMs)]);
    await this.#parts.connections.cleanup();
    await this.#parts.kernel.cleanup();
    this.#parts.metrics.stop();
    await this.#parts.http.cleanup();
    await orders;
    await this.#parts.certificates.contexts.cleanup();
    await this.#parts.registry.cleanup();
    await this.#parts.ownResolver?.cleanup();
    await this.#admin?.server?.close();
  }

  #snapshotOf(routes: readonly IRouteConfig[]): ISnapshot {
    const config = resolveConfig({ ...this.#options, routes });
    refuseBadCertificates(config, (key) => this.#parts.certificates.contexts.has(key));
    return takeSnapshot(config, this.#snapshot.forward);
  }

  #planOf(config: IResolvedConfig, options: IUpdateOptions): IPlan {
    const live = [...this.#parts.connections, ...this.#parts.kernel.connections()];
    return planBetween(this.#snapshot.config, config, live, options);
  }

  async #closeUnwanted(): Promise<void> {
    const { ports } = this.#parts;
    const isExtra = ({ address, port }: IListeningPoint) => address === null && this.#extraPorts.has(port);
    await ports.close(ports.points.filter((point) => !isExtra(point) && this.#snapshot.tableAt(point) === undefined));
  }
}
