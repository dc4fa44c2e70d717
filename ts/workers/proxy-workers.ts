// The same proxy on several cores: one process opens the ports and minds the others, which do the work.

import { AsyncMutex } from '../base/async-utils.js';
import { systemClock } from '../base/clock.js';
import { messageOf, ProxyError } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import type { IRouteConfig } from '../config/types.js';
import type { IPlan, IUpdateOptions } from '../flow/plan.js';
import type { IStopOptions } from '../host-parts.js';
import type { IMetrics } from '../observe/metrics-types.js';
import * as plugins from '../plugins.js';
import { AskedWorkers } from './asked-workers.js';
import { Asking, answerWithinMs } from './asking.js';
import { Crew, setQuota } from './crew.js';
import { programOf } from './exec-argv.js';
import { Figures } from './figures.js';
import { GroupAdmin } from './group-admin.js';
import { PrimaryChallenges } from './primary-challenges.js';
import { PrimaryCounts } from './primary-counts.js';
import { type IPrimary, primaryHandlers } from './primary-handlers.js';
import { WorkersReporter } from './reporter.js';
import { SharedPorts } from './shared-ports.js';
import { adminOf, loggerOf, sourceOf, withRoutes, workersOf } from './source.js';
import { partsOf } from './spread.js';
import { TicketSecret } from './ticket-secret.js';
import type { TConfigSource, TWorkerEvent } from './topics.js';
import type { IProxyWorkersOptions, IWorkerInfo, IWorkersStatistics } from './types.js';
import { pointsOf, updateAll } from './update.js';
import type { WorkerProcess } from './worker-process.js';

const defaults = { hangTimeout: 30_000, startTimeout: 60_000, maxRestarts: 10 } as const;

/** Unique among those of this process. */
let made = 0;

/**
 * A proxy on several cores: construct it, `start` it, `stop` it, once each. Its methods are those of SmartProxy, by promises. Workers
 * are processes; if this one dies, they let their connections end and go.
 */
export class ProxyWorkers extends AskedWorkers {
  readonly #options: IProxyWorkersOptions;
  readonly #logger: ILogger;
  readonly #reporter: WorkersReporter;
  readonly #crew: Crew;
  readonly #ports = new SharedPorts();
  readonly #counts = new PrimaryCounts(systemClock);
  readonly #primary: IPrimary;
  /** Starts of workers, updates and the stop, one after the other. */
  readonly #turn = new AsyncMutex();
  readonly #kernelTable = `smartproxy_${plugins.process.pid}_${10_000 + ++made}`;
  readonly #startWithinMs: number;
  #source: TConfigSource;
  #count: number;
  #state: 'new' | 'running' | 'stopped' = 'new';
  #stopping: Promise<void> | null = null;
  #graceMs = 30_000;
  #kernelFallsBack = false;
  readonly #tickets = new TicketSecret((secret) => {
    for (const { wire } of this.#crew.ready) wire.tell('ticketSecret', secret);
  });
  readonly #figures: Figures;
  protected readonly asking = new Asking(() => this.#crew.all.filter(({ isReady }) => isReady));
  readonly #admin: GroupAdmin;

  /** @throws ConfigError with every fault of a configuration that is data; that of a module shows at `start`. */
  constructor(options: IProxyWorkersOptions) {
    super();
    this.#options = options;
    this.#source = sourceOf(options.config);
    const admin = adminOf(options);
    this.#count = workersOf(options.workers);
    this.#startWithinMs = options.startTimeout ?? defaults.startTimeout;
    this.#logger = loggerOf(options);
    this.#reporter = new WorkersReporter(this, this.#logger);
    this.#primary = {
      ports: this.#ports,
      counts: this.#counts,
      challenges: new PrimaryChallenges(() => this.#crew.ready),
      logger: this.#logger,
      status: (worker, live) => this.#crew.told(worker, live),
      handOver: (worker, handed, handle) => this.#crew.place(worker, handed, handle),
      event: (worker, event) => this.#event(worker, event),
      heard: (batch) => this.#admin.heard(batch),
    };
    this.#crew = new Crew({
      ...programOf(options),
      logger: this.#logger,
      hangMs: options.hangTimeout ?? defaults.hangTimeout,
      mostInARow: options.maxRestarts ?? defaults.maxRestarts,
      handlers: (worker) => primaryHandlers(worker, this.#primary),
      refill: (number) => void this.#turn.runExclusive(() => this.#refill(number)),
      onExit: (worker, how) => {
        this.#counts.forget(worker.pid);
        this.#primary.challenges.ended(worker);
        this.#figures.ended(worker);
        this.#reporter.emit('worker-exit', this.#crew.infoOf(worker), how, worker.isStopping);
      },
      onGaveUp: (info) => this.#reporter.gaveUp(info),
    });
    this.#figures = new Figures(() => this.#crew.ready);
    this.#admin = new GroupAdmin({
      ...{ proxy: this, crew: this.#crew, asking: this.asking, figures: this.#figures, logger: this.#logger },
      ...{ options: admin, control: options.control, source: () => this.#source },
      isStopping: () => this.#stopping !== null,
      isStarted: () => this.#crew.replaces,
    });
  }

  /** Resolves when all workers serve. @throws ConfigError, ProxyError LISTEN_FAILED and others; no process is left then */
  async start(): Promise<void> {
    await this.#turn.runExclusive(async () => {
      if (this.#state !== 'new') throw new ProxyError('NOT_RUNNING', 'workers are started once; make new ones');
      this.#state = 'running';
      try {
        await this.#startAll();
      } catch (error) {
        this.#state = 'stopped';
        await this.#end(0);
        throw error;
      }
      this.#crew.replace();
      this.#reporter.emit('listening', this.getListeningPorts());
    });
  }

  /** As `SmartProxy.stop`: every worker lets its connections end, within the grace. No process is left afterwards. */
  async stop({ graceMs }: IStopOptions = {}): Promise<void> {
    this.#crew.close();
    this.#stopping ??= this.#turn.runExclusive(async () => {
      this.#state = 'stopped';
      await this.#end(graceMs ?? this.#graceMs);
    });
    if (graceMs !== undefined && graceMs <= 0) for (const { wire } of this.#crew.all) wire.tell('hurry', null);
    await this.#stopping;
  }

  /** `stop()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Replaces the routes in all workers, or in none.
   * @throws ConfigError, also for what is not plain data; ProxyError as `SmartProxy.updateRoutes`: nothing has changed then
   */
  async updateRoutes(routes: readonly IRouteConfig[], options: IUpdateOptions = {}): Promise<IPlan> {
    const wanted = withRoutes(this.#source, routes);
    return await this.#update(wanted.source, wanted.routes, options);
  }

  /** Reads the module again, in all workers, and puts its routes in force. @throws ProxyError NOT_RUNNING without a module; others as `updateRoutes` */
  async reload(options: IUpdateOptions = {}): Promise<IPlan> {
    const source = this.#source;
    if (!('module' in source)) throw new ProxyError('NOT_RUNNING', 'the configuration is no module');
    return await this.#update({ ...source, routes: null }, null, options);
  }

  /** The ports that are listened on, ascending; free ports as they turned out. */
  getListeningPorts(): number[] {
    return this.#ports.numbers;
  }

  getWorkers(): IWorkerInfo[] {
    return this.#crew.infos;
  }

  /** Where the admin interface of all workers listens; null while it does not. */
  get adminAddress(): { readonly address: string; readonly port: number } | null {
    return this.#admin.address;
  }

  /** Its port, a free one as it turned out; null while there is none. */
  get adminPort(): number | null {
    return this.adminAddress?.port ?? null;
  }

  /** What `updateRoutes` would do now, without doing it. @throws ConfigError as it; ProxyError NOT_RUNNING */
  async plan(routes: readonly IRouteConfig[], options: IUpdateOptions = {}): Promise<IPlan> {
    const wish = { routes: withRoutes(this.#source, routes).routes, options };
    return await this.asking.plan(({ wire }) => wire.ask('plan', wish, answerWithinMs), options);
  }

  /** The sums of all workers; of those that are gone, what was known last. */
  async getMetrics(): Promise<IMetrics> {
    return await this.#figures.metrics();
  }

  /** The same as flat, JSON-able data, and that of each worker. */
  async getStatistics(): Promise<IWorkersStatistics> {
    return await this.#figures.statistics();
  }

  async #startAll(): Promise<void> {
    await this.#admin.open();
    const first = this.#crew.spawn(1);
    const started = await first.start(this.#wish(1, null), this.#startWithinMs);
    await this.#admin.learn(started.admin);
    this.#kernelFallsBack = started.kernelFallsBack;
    this.#graceMs = started.gracefulShutdownTimeout ?? this.#graceMs;
    this.#crew.limit = started.maxConnections;
    this.#count = Math.min(this.#count, started.maxConnections ?? this.#count);
    const quotas = this.#crew.limit === null ? [] : partsOf(this.#crew.limit, new Array<number>(this.#count).fill(0));
    if (quotas[0] !== undefined) await setQuota(first, quotas[0]);
    this.#online(first);
    const numbers = Array.from({ length: this.#count - 1 }, (_, at) => at + 2);
    const begun = numbers.map((number) => this.#startOne(this.#crew.spawn(number), quotas[number - 1] ?? null));
    for (const one of await Promise.allSettled(begun)) if (one.status === 'rejected') throw one.reason;
    this.#ports.keep(started.points);
  }

  async #startOne(worker: WorkerProcess, quota: number | null): Promise<void> {
    worker.quota = quota;
    const started = await worker.start(this.#wish(worker.number, quota), this.#startWithinMs);
    if (worker.number === 1) this.#kernelFallsBack = started.kernelFallsBack;
    await this.#primary.challenges.showTo(worker);
    // What changed while it started, it may have read before.
    worker.wire.tell('ticketSecret', this.#tickets.present);
    worker.wire.tell('refreshCertificates', null);
    this.#online(worker);
  }

  #online(worker: WorkerProcess): void {
    this.#crew.spread();
    this.#admin.online(worker);
    this.#reporter.emit('worker-online', this.#crew.infoOf(worker));
  }

  /** Under the lock of updates: it begins with what is in force. */
  async #refill(number: number): Promise<void> {
    if (this.#state !== 'running' || !this.#crew.replaces) return;
    const quota = this.#crew.freeQuota;
    const worker = this.#crew.spawn(number);
    try {
      await this.#startOne(worker, quota);
      if (quota !== null) await this.#crew.shareLimit();
    } catch (error) {
      this.#reporter.failed(`worker ${number} does not start: ${messageOf(error)}`, error, number);
      worker.kill();
      await worker.gone;
    }
  }

  #wish(number: number, quota: number | null) {
    return {
      ...{ number, quota, source: this.#source, ticketSecret: this.#tickets.present },
      idPrefix: `w${number}.${this.#crew.startsOf(number)}-`,
      logLevel: this.#options.logLevel ?? 'info',
      kernelTable: number === 1 ? this.#kernelTable : null,
      kernelFallsBack: this.#kernelFallsBack,
      showsRoutes: adminOf(this.#options) !== null,
    };
  }

  async #update(source: TConfigSource, routes: readonly IRouteConfig[] | null, options: IUpdateOptions) {
    return await this.#turn.runExclusive(async () => {
      if (this.#state !== 'running') throw new ProxyError('NOT_RUNNING', 'the workers do not run');
      const parts = { workers: this.#crew.ready, logger: this.#logger, withinMs: this.#startWithinMs };
      try {
        const { plan, points, kernelFallsBack } = await updateAll(
          { routes, options, kernelFallsBack: this.#kernelFallsBack },
          parts,
        );
        this.#source = source;
        this.#kernelFallsBack = kernelFallsBack;
        this.#admin.took();
        this.#ports.keep(points);
        this.#reporter.emit('route-update', plan);
        return plan;
      } catch (error) {
        // What was bound for the update, nobody listens on.
        const points = await pointsOf(this.#crew.ready);
        if (points !== null) this.#ports.keep(points);
        throw error;
      }
    });
  }

  async #end(graceMs: number): Promise<void> {
    for (const part of [this.#crew, this.#figures, this.#tickets]) part.close();
    this.#ports.keep([]);
    await this.#crew.stop(graceMs, (worker, metrics) => this.#figures.last(worker, metrics));
    await this.#admin.close();
  }

  #event(worker: WorkerProcess, event: TWorkerEvent): void {
    const kind = event.name === 'certificate' ? event.event.kind : null;
    if (kind === 'issued' || kind === 'renewed') {
      for (const other of this.#crew.ready) if (other !== worker) other.wire.tell('refreshCertificates', null);
    }
    this.#reporter.workerEvent(worker.number, event);
  }
}
