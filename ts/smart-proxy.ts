// SmartProxy: puts the parts together, starts them in order, updates them as one, stops them in reverse.

import type { Socket } from 'node:net';
import { AsyncMutex } from './base/async-utils.js';
import { type IClock, systemClock } from './base/clock.js';
import { connectionsWithin, descriptorLimit } from './base/descriptor-limit.js';
import { ProxyError } from './base/errors.js';
import { guardLogger, type ILogger, silentLogger } from './base/logger.js';
import { refuseBadCertificates } from './certs/check-certificates.js';
import { ContextSource } from './certs/context-source.js';
import { ManagedCertificates } from './certs/managed-certificates.js';
import { compareConfigs } from './config/change.js';
import { resolveConfig } from './config/resolve.js';
import type { IResolvedConfig } from './config/resolved.js';
import type { IRouteConfig, ISmartProxyOptions } from './config/types.js';
import { validateOptions } from './config/validate.js';
import type { IConnectionRecord } from './flow/connection.js';
import { ConnectionManager } from './flow/connection-manager.js';
import { explain, type IExplainQuery, type IExplanation } from './flow/explain.js';
import { makeProbe } from './flow/forward/health-check.js';
import { guardResolver } from './flow/forward/host-resolver.js';
import { Resolver } from './flow/forward/resolver.js';
import { TargetRegistry } from './flow/forward/target-registry.js';
import type { IResolver } from './flow/forward/target-types.js';
import { Guard } from './flow/guard/guard.js';
import { Ports } from './flow/listen/ports.js';
import { compilePath } from './flow/match/path-pattern.js';
import { observersOf } from './flow/observer.js';
import { Pipeline } from './flow/pipeline.js';
import { type IPlan, type IUpdateOptions, planUpdate } from './flow/plan.js';
import { type ISnapshot, type TForwardParts, takeSnapshot } from './flow/snapshot.js';
import { HttpFront } from './http/front.js';
import { EventReporter, type ISmartProxyEvents } from './observe/events.js';
import { Metrics } from './observe/metrics.js';
import type { IMetrics } from './observe/metrics-types.js';
import type { IStatistics } from './observe/statistics.js';
import * as plugins from './plugins.js';

/** What a host program may replace: the second argument of `new SmartProxy`. */
export interface IHostParts {
  /** Default: the machine's time. */
  readonly clock?: IClock;
  /** Asked for the names of targets, not for addresses. Default: the hosts file and DNS, cached by TTL. */
  readonly resolver?: IResolver;
  /** Put in front of connection ids, so that several processes never share one. Default none. */
  readonly idPrefix?: string;
}

export interface IStopOptions {
  /** Milliseconds that connections are given to end by themselves. Default `gracefulShutdownTimeout`. */
  readonly graceMs?: number;
}

/**
 * A proxy with its routes: construct it, `start` it, `stop` it, once each. Nothing that it meets on the network is
 * ever thrown into the host program.
 */
export class SmartProxy extends plugins.events.EventEmitter<ISmartProxyEvents> {
  /** A copy, without routes: what becomes of the user's own object changes nothing at the next update. */
  readonly #options: ISmartProxyOptions;
  readonly #logger: ILogger;
  readonly #reporter: EventReporter;
  readonly #metrics: Metrics;
  readonly #connections: ConnectionManager;
  readonly #guard: Guard;
  readonly #registry: TargetRegistry;
  readonly #resolver: IResolver;
  readonly #ownResolver: Resolver | null;
  readonly #managed: ManagedCertificates;
  readonly #contexts: ContextSource;
  readonly #http: HttpFront;
  readonly #pipeline: Pipeline;
  readonly #ports: Ports;
  readonly #updates = new AsyncMutex();
  /** Ports that `addListeningPort` opened: updates of the routes leave them alone. */
  readonly #extraPorts = new Set<number>();
  #snapshot: ISnapshot;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #stopping: Promise<void> | null = null;

  /** @throws ConfigError with every fault. */
  constructor(options: ISmartProxyOptions, parts: IHostParts = {}) {
    super();
    const config = resolveConfig(options);
    refuseBadCertificates(config);
    const clock = parts.clock ?? systemClock;
    this.#options = validateOptions({ ...options, routes: [] }).options;
    this.#logger = options.logger === undefined ? silentLogger : guardLogger(options.logger);
    this.#reporter = new EventReporter(this, this.#logger);
    this.#metrics = new Metrics({ config: config.metrics, clock, live: () => this.#connections });
    this.#connections = new ConnectionManager({
      clock,
      logger: this.#logger,
      maxConnections: config.maxConnections ?? connectionsWithin(Number.MAX_SAFE_INTEGER),
      initialDataTimeoutMs: config.initialDataTimeoutMs,
      idPrefix: parts.idPrefix ?? '',
      observers: [this.#metrics, this.#reporter],
    });
    this.#guard = new Guard({ config, clock, live: () => this.#connections });
    this.#ownResolver = parts.resolver === undefined ? new Resolver({ clock }) : null;
    this.#resolver = this.#ownResolver ?? guardResolver(parts.resolver as IResolver);
    this.#registry = new TargetRegistry({
      clock,
      logger: this.#logger,
      probe: makeProbe({ resolver: this.#resolver, denyPrivateTargets: config.denyPrivateTargets }),
      onDown: (target, why) => this.#reporter.emit('target-down', target, why),
      onUp: (target) => this.#reporter.emit('target-up', target),
      compilePath,
    });
    this.#snapshot = takeSnapshot(config, this.#forwardParts(clock));
    const onError = (error: ProxyError) => this.#reporter.emit('error', error);
    this.#managed = new ManagedCertificates({
      ...{ config: config.certificates, clock, logger: this.#logger, onError },
      onEvent: (event) => this.#reporter.emit('certificate', event),
    });
    this.#contexts = new ContextSource({ clock, logger: this.#logger, onError, managed: this.#managed });
    const requests = observersOf(this.#metrics, this.#reporter);
    const shared = { connections: this.#connections, guard: this.#guard, logger: this.#logger };
    const { challenges } = this.#managed;
    this.#http = new HttpFront({ ...shared, clock, requests, challenges });
    this.#pipeline = new Pipeline({
      ...shared,
      http: this.#http,
      contexts: this.#contexts,
      challenges,
      snapshot: () => this.#snapshot,
    });
    this.#ports = new Ports({
      listenAddress: config.listenAddress,
      socket: config.socket,
      logger: this.#logger,
      onSocket: (socket, point, port) => this.#pipeline.take(socket, point, port),
      onError,
    });
  }

  /**
   * Resolves when every port listens.
   * @throws ProxyError LISTEN_FAILED; nothing is left open then, and nothing runs.
   */
  async start(): Promise<void> {
    await this.#updates.runExclusive(async () => {
      if (this.#state !== 'new') throw new ProxyError('NOT_RUNNING', 'a proxy is started once; make a new one');
      const { config } = this.#snapshot;
      if (config.maxConnections === null) {
        this.#connections.maxConnections = connectionsWithin(await descriptorLimit());
      }
      await this.#open(this.#snapshot, { ...config, routes: [] });
      this.#managed.provision();
      this.#metrics.start();
      this.#state = 'running';
      this.#reporter.emit('listening', this.getListeningPorts());
    });
  }

  /**
   * Stops accepting, lets connections end by themselves, ends those that are left, with reason `shutdown`. Every call
   * waits for the same stop; one with `graceMs: 0` cuts a grace short that another gave.
   */
  async stop({ graceMs = this.#snapshot.config.gracefulShutdownTimeoutMs }: IStopOptions = {}): Promise<void> {
    this.#stopping ??= this.#updates.runExclusive(() => this.#stopOnce(graceMs));
    if (graceMs <= 0) await this.#connections.cleanup();
    await this.#stopping;
  }

  /** `stop()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Replaces the routes, all or nothing. New ports listen before old ones stop; connections keep the route that they
   * were matched against. Updates wait for each other.
   * @throws ConfigError, ProxyError LISTEN_FAILED: the routes in force are then unchanged.
   */
  async updateRoutes(routes: readonly IRouteConfig[], options: IUpdateOptions = {}): Promise<IPlan> {
    return await this.#updates.runExclusive(async () => {
      if (this.#state === 'stopped') throw new ProxyError('NOT_RUNNING', 'the proxy was stopped');
      const next = this.#snapshotOf(routes);
      const change = compareConfigs(this.#snapshot.config, next.config);
      const plan = planUpdate(change, this.#connections, options);
      if (this.#state === 'running') await this.#open(next, this.#snapshot.config);
      this.#guard.update(next.config);
      this.#snapshot = next;
      if (this.#state === 'running') this.#managed.provision();
      this.#http.reconsider();
      if (options.closeRemoved) this.#pipeline.cut(new Set(change.routes.removed));
      await this.#ports.close(this.#ports.points.filter((point) => !this.#isWanted(point.address, point.port)));
      this.#reporter.emit('route-update', plan);
      return plan;
    });
  }

  /** What `updateRoutes` would do now, without doing it. @throws ConfigError with every fault. */
  plan(routes: readonly IRouteConfig[], options: IUpdateOptions = {}): IPlan {
    const { config } = this.#snapshotOf(routes);
    return planUpdate(compareConfigs(this.#snapshot.config, config), this.#connections, options);
  }

  /**
   * Why a connection would be treated as it would, step by step, by the code that decides. Changes nothing.
   * @throws ConfigError with every fault of the query.
   */
  explain(query: IExplainQuery): IExplanation {
    const { config, table, tableAt, isHttpPort } = this.#snapshot;
    return explain(query, {
      config,
      table,
      tableAt,
      isHttpPort,
      guard: this.#guard,
      live: this.#connections,
      pickerFor: (route) => this.#registry.pickerFor(route),
      ...(this.#state === 'running' ? { listening: this.#ports.listening } : {}),
    });
  }

  /**
   * Listens on a port whatever the routes say, until `removeListeningPort`. Connections find their route as usual.
   * @throws ProxyError LISTEN_FAILED, NOT_RUNNING
   */
  async addListeningPort(port: number): Promise<void> {
    await this.#updates.runExclusive(async () => {
      if (this.#state !== 'running') throw new ProxyError('NOT_RUNNING', 'the proxy does not run');
      await this.#ports.open([{ address: null, port }]);
      this.#extraPorts.add(port);
    });
  }

  /** Stops listening on a port, its routes notwithstanding, until they are updated. Its connections live on. */
  async removeListeningPort(port: number): Promise<void> {
    await this.#updates.runExclusive(async () => {
      this.#extraPorts.delete(port);
      const closing = this.#ports.listening.filter((open) => open.port === port || open.point.port === port);
      await this.#ports.close(closing.map(({ point }) => point));
    });
  }

  /** Serves an unread socket that others accepted as if `port`, or the first of ours, had; closes it if none is open. */
  handleConnection(socket: Socket, port?: number): void {
    if (socket.destroyed || this.#ports.pass(socket, port)) return;
    socket.on('error', () => {}).destroy();
  }

  /** The ports that are listened on, ascending; free ports as they turned out. */
  getListeningPorts(): number[] {
    return this.#ports.numbers;
  }

  /** Snapshots of the live connections, in no order. */
  getConnections(): IConnectionRecord[] {
    return [...this.#connections].map((connection) => connection.snapshot());
  }

  /** The figures of this moment, and functions for what is looked up when asked. docs/metrics.md has every name. */
  getMetrics(): IMetrics {
    return this.#metrics.getMetrics();
  }

  /** The figures of `getMetrics` as flat, JSON-able data. */
  getStatistics(): IStatistics {
    return this.#metrics.getStatistics();
  }

  /** Certificates first: a port that listens must be able to serve. Without the ports those of `before` stay in use. */
  async #open({ config, points, provingPoints }: ISnapshot, before: IResolvedConfig): Promise<void> {
    try {
      await this.#contexts.attach(config);
      await this.#ports.open(points);
    } catch (error) {
      await this.#contexts.attach(before);
      throw error;
    }
    for (const point of provingPoints) {
      await this.#ports.open([point]).catch((error: ProxyError) => this.#reporter.emit('error', error));
    }
    this.#registry.attach(config.routes);
  }

  async #stopOnce(graceMs: number): Promise<void> {
    this.#state = 'stopped';
    await this.#ports.close();
    const managed = this.#managed.cleanup();
    if (graceMs > 0) this.#http.drain(graceMs);
    await this.#connections.whenEmpty(graceMs);
    await this.#connections.cleanup();
    this.#metrics.stop();
    await this.#http.cleanup();
    await managed;
    await this.#contexts.cleanup();
    await this.#registry.cleanup();
    await this.#ownResolver?.cleanup();
  }

  #snapshotOf(routes: readonly IRouteConfig[]): ISnapshot {
    const config = resolveConfig({ ...this.#options, routes });
    refuseBadCertificates(config, (key) => this.#contexts.has(key));
    return takeSnapshot(config, this.#snapshot.forward);
  }

  #forwardParts(clock: IClock): TForwardParts {
    return {
      clock,
      logger: this.#logger,
      connections: this.#connections,
      resolver: this.#resolver,
      pickerFor: (route) => this.#registry.pickerFor(route),
    };
  }

  #isWanted(address: string | null, port: number): boolean {
    if (address === null && this.#extraPorts.has(port)) return true;
    return this.#snapshot.tableAt({ address, port }) !== undefined;
  }
}
