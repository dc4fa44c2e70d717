// What the admin interface sees of a group of processes, and does with it: sums and lists of what the workers say. Those that do not
// answer in time are left out, so that one that hangs never keeps the others from being seen.

import { packageVersion } from '../admin/version.js';
import type {
  IAdminFigures,
  IAdminRoutes,
  IAdminStatus,
  IAdminUpdate,
  IAdminView,
  IConnectionFilter,
} from '../admin/view.js';
import { cpuSeconds, figuresOf } from '../admin-figures.js';
import { systemClock } from '../base/clock.js';
import { ConfigError, messageOf } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import { finishFaults } from '../config/faults.js';
import { resolveConfig } from '../config/resolve.js';
import type { IRouteConfig, ISmartProxyOptions } from '../config/types.js';
import { WrittenRoutes } from '../config/written-routes.js';
import type { IPlan, IUpdateOptions } from '../flow/plan.js';
import type { IRestoredRoutes } from '../group-parts.js';
import type { IHostControl, IStopOptions } from '../host-parts.js';
import { sumBoundCounts, sumMetrics } from '../observe/metrics-export.js';
import * as plugins from '../plugins.js';
import { joinCertificates, joinConnections, joinTargets } from './admin-sums.js';
import { type Asking, answerWithinMs, askView } from './asking.js';
import type { Crew } from './crew.js';
import type { Figures } from './figures.js';
import { type IGroupEmitter, listenToGroup } from './group-events.js';
import type { RelayedEvents } from './relayed-events.js';
import type { TConfigSource } from './topics.js';
import type { WorkerProcess } from './worker-process.js';

/** The group, as its users know it. */
export interface IGroupSubject extends IGroupEmitter {
  getListeningPorts(): number[];
  plan(routes: readonly IRouteConfig[], options?: IUpdateOptions): Promise<IPlan>;
  updateRoutes(routes: readonly IRouteConfig[], options?: IUpdateOptions): Promise<IPlan>;
  reload(): Promise<IPlan>;
  stop(options?: IStopOptions): Promise<void>;
}

export interface IGroupViewParts {
  readonly proxy: IGroupSubject;
  readonly crew: Pick<Crew, 'infos' | 'all' | 'limit'>;
  readonly asking: Asking;
  readonly figures: Figures;
  readonly events: RelayedEvents;
  readonly control: IHostControl | undefined;
  readonly logger: ILogger;
  /** What is in force. */
  readonly source: () => TConfigSource;
  readonly state: () => IAdminStatus['state'];
}

export class GroupView implements IAdminView {
  readonly reload: (() => Promise<object>) | null;
  readonly #parts: IGroupViewParts;
  readonly #shown = new WrittenRoutes();
  readonly #startedAt = systemClock.wallMs();
  readonly #startedMs = systemClock.nowMs();
  readonly #keys = new WeakMap<TConfigSource, readonly (string | null)[]>();
  #updates = 0;
  #since = systemClock.wallMs();
  #routeCount = 0;
  /** What each used, as it said last; and what those had used that are gone. */
  readonly #cpuSeconds = new Map<WorkerProcess, number>();
  #cpuSecondsOfGone = 0;

  constructor(parts: IGroupViewParts) {
    this.#parts = parts;
    const { control, proxy, source } = parts;
    const isModule = 'module' in source();
    this.reload = control?.reload?.bind(control) ?? (isModule ? () => proxy.reload() : null);
  }

  /** Other routes are in force. */
  took(): void {
    this.#updates++;
    this.#since = systemClock.wallMs();
  }

  async status(): Promise<IAdminStatus> {
    const { asking, crew, proxy, state } = this.#parts;
    const answers = await asking.each((worker) => askView(worker, 'status'));
    const said = answers.map(({ answer }) => answer);
    const add = (of: (status: IAdminStatus) => number) => said.reduce((sum, status) => sum + of(status), 0);
    const { rss, heapUsed } = plugins.process.memoryUsage();
    this.#routeCount = said[0]?.routes ?? this.#routeCount;
    const memories = new Map(answers.map(({ worker, answer }) => [worker.number, answer.memory]));
    return {
      version: await packageVersion(),
      pid: plugins.process.pid,
      node: plugins.process.versions.node,
      state: state(),
      startedAt: this.#startedAt,
      uptimeMs: Math.round(systemClock.nowMs() - this.#startedMs),
      ports: proxy.getListeningPorts(),
      routes: this.#routeCount,
      connections: add(({ connections }) => connections),
      maxConnections: crew.limit ?? add(({ maxConnections }) => maxConnections),
      config: { updates: this.#updates, since: this.#since, reloadable: this.reload !== null },
      memory: {
        rss: rss + add(({ memory }) => memory.rss),
        heapUsed: heapUsed + add(({ memory }) => memory.heapUsed),
      },
      cpuSeconds: this.#addCpu(new Map(answers.map(({ worker, answer }) => [worker, answer.cpuSeconds]))),
      workers: crew.infos.map((info) => ({ ...info, memory: memories.get(info.number) ?? null })),
    };
  }

  async routes(): Promise<IAdminRoutes> {
    const source = this.#parts.source();
    if ('module' in source) return (await this.#parts.asking.first((worker) => askView(worker, 'routes'))).answer;
    const { routes } = source.options;
    const keys = this.#keys.get(source) ?? keysOf(source.options);
    this.#keys.set(source, keys);
    return { routes: this.#shown.show(routes), keys };
  }

  async connections(filter: IConnectionFilter) {
    return joinConnections(await this.#each((worker) => askView(worker, 'connections', filter)), filter.limit);
  }

  async statistics(): Promise<object> {
    return await this.#parts.figures.statistics(answerWithinMs);
  }

  async figures(): Promise<IAdminFigures> {
    const [{ all }, status] = await Promise.all([this.#parts.figures.collect(false, answerWithinMs), this.status()]);
    const getMetrics = () => sumMetrics(all);
    const figures = figuresOf(
      { getMetrics, histograms: (bounds) => sumBoundCounts(all, bounds) },
      status.maxConnections,
    );
    const { memory, cpuSeconds: used } = status;
    return { ...figures, process: { cpuSeconds: used, residentBytes: memory.rss, heapBytes: memory.heapUsed } };
  }

  async certificates() {
    return joinCertificates(await this.#each((worker) => askView(worker, 'certificates')));
  }

  async targets() {
    return joinTargets(await this.#each((worker) => askView(worker, 'targets')));
  }

  /** The first worker has them. */
  async nftables(): Promise<object> {
    return await this.#parts.asking.of(1, (worker) => askView(worker, 'nftables'));
  }

  async explain(query: unknown): Promise<object> {
    const { answer } = await this.#parts.asking.first((worker) => askView(worker, 'explain', query));
    return answer;
  }

  async plan(given: unknown, options: IAdminUpdate): Promise<object> {
    const { asking, proxy, source } = this.#parts;
    const { closeRemoved } = options;
    if (!('module' in source())) return { ...(await proxy.plan(this.#restore(given), { closeRemoved })), lost: [] };
    return await asking.plan(async (worker) => (await askView(worker, 'plan', given, options)) as IPlan, options);
  }

  async updateRoutes(given: unknown, options: IAdminUpdate): Promise<object> {
    const { closeRemoved } = options;
    const { routes, lost } = await this.#forAll(given, options);
    return { ...(await this.#parts.proxy.updateRoutes(routes, { closeRemoved })), lost };
  }

  /** Its worker stands in its id. */
  async endConnection(id: string): Promise<boolean> {
    const number = Number(/^w(\d{1,3})\./.exec(id)?.[1] ?? 0);
    const { asking } = this.#parts;
    if (!asking.workers.some((worker) => worker.number === number)) return false;
    return await asking.of(number, (worker) => askView(worker, 'endConnection', id));
  }

  async stop(graceMs: number | null): Promise<void> {
    const { control, proxy, logger } = this.#parts;
    const begin = async () => {
      if (control?.stop) control.stop(graceMs);
      else await proxy.stop(graceMs === null ? {} : { graceMs });
    };
    // Whoever asked is answered first.
    setImmediate(() => {
      begin().catch((error) => logger.error({ why: messageOf(error) }, 'the stop that was asked for failed'));
    });
  }

  async subscribe(...[kinds, hear]: Parameters<IAdminView['subscribe']>): Promise<() => void> {
    const { proxy, events } = this.#parts;
    const stops = Array.from(kinds, (kind) => listenToGroup(proxy, kind, hear) ?? events.listen(kind, hear));
    return () => {
      for (const stop of stops) stop();
    };
  }

  async #each<T>(ask: (worker: WorkerProcess) => Promise<T>): Promise<readonly T[]> {
    return (await this.#parts.asking.each(ask)).map(({ answer }) => answer);
  }

  /** Functions are where the module was loaded: what stands for one can be put back there alone. */
  async #forAll(given: unknown, options: IAdminUpdate): Promise<IRestoredRoutes> {
    const { asking, source } = this.#parts;
    if (!('module' in source())) return { routes: this.#restore(given, true), lost: [] };
    return (await asking.first(({ wire }) => wire.ask('restore', { given, options }, answerWithinMs))).answer;
  }

  /**
   * Of what is data. `forUse`: whoever may change routes may not run what he likes.
   * @throws ConfigError where something is referred to that is not there, or a program is named that was not
   */
  #restore(given: unknown, forUse = false): readonly IRouteConfig[] {
    const source = this.#parts.source();
    const present = 'options' in source ? source.options.routes : [];
    const { routes, faults, programs } = this.#shown.restore(given, present);
    if (faults.length > 0) throw new ConfigError(finishFaults(faults));
    if (forUse && programs.length > 0) throw new ConfigError(finishFaults(programs));
    return routes as readonly IRouteConfig[];
  }

  /** Of all processes, those included that are gone: a sum must not shrink. */
  #addCpu(said: ReadonlyMap<WorkerProcess, number>): number {
    for (const [worker, seconds] of said) this.#cpuSeconds.set(worker, seconds);
    const { all } = this.#parts.crew;
    for (const [worker, seconds] of this.#cpuSeconds) {
      if (all.includes(worker)) continue;
      this.#cpuSecondsOfGone += seconds;
      this.#cpuSeconds.delete(worker);
    }
    return [...this.#cpuSeconds.values()].reduce((sum, each) => sum + each, cpuSeconds() + this.#cpuSecondsOfGone);
  }
}

function keysOf(options: ISmartProxyOptions): readonly (string | null)[] {
  const keys = new Map(resolveConfig(options).routes.map(({ index, key }) => [index, key]));
  return options.routes.map((_, index) => keys.get(index) ?? null);
}
