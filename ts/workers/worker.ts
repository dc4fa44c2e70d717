// One worker: a SmartProxy that does what the primary says, in a process of its own.

import type { Socket } from 'node:net';
import { ProxyError } from '../base/errors.js';
import type { IListeningPoint } from '../config/change.js';
import type { IRouteConfig, ISmartProxyOptions } from '../config/types.js';
import type { IPlan } from '../flow/plan.js';
import type { IGroupInside, IGroupParts } from '../group-parts.js';
import type { IHostParts } from '../host-parts.js';
import type { IMetricsExport } from '../observe/metrics-export.js';
import { SmartProxy } from '../smart-proxy.js';
import { type IHandle, socketOf, takeHandle } from './handles.js';
import type { ICommitted, IStarted, IStartWish, IToPrimary, IToWorker, IUpdateWish } from './topics.js';
import { Vote } from './vote.js';
import { type IWireEnd, plainError, Wire } from './wire.js';
import { adminOf, WorkerAdmin } from './worker-admin.js';
import { WorkerChallenges } from './worker-challenges.js';
import { WorkerCounts } from './worker-counts.js';
import { workerLogger } from './worker-log.js';
import type { TToPrimaryWire, TWorkerHandlers } from './worker-parts.js';

/** What a configuration module gives. */
export interface ILoaded {
  readonly options: ISmartProxyOptions;
  readonly parts: IHostParts;
}

export interface IWorkerParts {
  readonly end: IWireEnd;
  /** Reads a module; each time anew. */
  readonly load: (module: string) => Promise<ILoaded>;
}

/** Signs of life while nothing changes. */
const statusMs = 1_000;
/** How soon a change in the number of connections is told. */
const changedMs = 20;
const shareWithinMs = 30_000;
/** On their way to the primary at a time. */
const mostHandedOver = 256;

export class Worker {
  readonly wire: TToPrimaryWire;
  readonly #load: IWorkerParts['load'];
  readonly #challenges: WorkerChallenges;
  readonly #admin: WorkerAdmin;
  #proxy: SmartProxy | null = null;
  #inside: IGroupInside | null = null;
  #wish: IStartWish | null = null;
  #ticketSecret: Buffer = Buffer.alloc(0);
  #fallsBack = false;
  /** Connections beyond so many are others'. */
  #ceiling = Number.POSITIVE_INFINITY;
  /** Nobody has told it of others. */
  #isAlone = true;
  #toldLive = 0;
  #telling: NodeJS.Timeout | null = null;
  #beat: NodeJS.Timeout | null = null;
  #vote: Vote | null = null;
  #updating: Promise<IPlan> | null = null;

  constructor({ end, load }: IWorkerParts) {
    this.#load = load;
    this.wire = new Wire<IToPrimary, IToWorker>(end, this.#handlers());
    this.#challenges = new WorkerChallenges(this.wire);
    this.#admin = new WorkerAdmin(this.wire);
  }

  /** Tells the primary that this process is there. */
  begin(): void {
    this.#beat = setInterval(() => this.#tellStatus(), statusMs);
    this.#beat.unref();
    this.wire.tell('loaded', null);
  }

  /** The primary is gone, or has said so: connections end by themselves, within the grace of the configuration. */
  async stop(graceMs: number | null): Promise<void> {
    this.#vote?.decide(false);
    await this.#proxy?.stop(graceMs === null ? {} : { graceMs });
    if (this.#beat !== null) clearInterval(this.#beat);
    if (this.#telling !== null) clearTimeout(this.#telling);
  }

  #handlers(): TWorkerHandlers {
    const running = () => this.#running;
    return {
      start: (wish) => this.#start(wish),
      prepare: (wish) => this.#prepare(wish),
      commit: () => this.#commit(),
      abort: () => this.#abort(),
      stop: async ({ graceMs }) => {
        await this.stop(graceMs);
        return withoutHistory(this.#insides.metrics(), false);
      },
      hurry: () => void this.#proxy?.stop({ graceMs: 0 }),
      points: () => this.#insides.points(),
      metrics: ({ history }) => withoutHistory(this.#insides.metrics(), history),
      view: (call) => this.#admin.answer(call),
      restore: ({ given, options }) => this.#admin.restore(given, options),
      hear: (kinds) => this.#admin.hear(kinds),
      plan: ({ routes, options }) => running().plan(routes, options),
      connections: () => running().getConnections(),
      certificateStatus: (route) => running().getCertificateStatus(route),
      orderCertificate: async ({ route, anew }) => {
        await (anew ? running().renewCertificate(route) : running().provisionCertificate(route));
        return undefined;
      },
      refreshCertificates: async () => {
        await running()
          .certificates.refresh()
          .catch(() => {});
        return undefined;
      },
      nfTablesStatus: () => running().getNfTablesStatus(),
      showChallenge: async ({ kind, challenge }) => void (await this.#challenges.showHere(kind, challenge)),
      hideChallenge: async ({ kind, challenge }) => void (await this.#challenges.hideHere(kind, challenge)),
      ticketSecret: (secret) => {
        this.#ticketSecret = Buffer.from(secret);
        return undefined;
      },
      ceiling: (ceiling) => {
        this.#ceiling = ceiling;
        this.#isAlone = !Number.isFinite(ceiling);
        return undefined;
      },
      quota: (quota) => this.#limit(quota),
      connection: (point, handle) => {
        if (handle !== null) this.#serve(handle, point);
        return undefined;
      },
    };
  }

  async #start(wish: IStartWish): Promise<IStarted> {
    this.#wish = wish;
    this.#ticketSecret = Buffer.from(wish.ticketSecret);
    this.#fallsBack = wish.kernelFallsBack;
    const { options, parts } = await this.#configuration(wish);
    const counts = new WorkerCounts(this.wire);
    const logger = options.logger ?? workerLogger(this.wire, wish.logLevel);
    const host: IHostParts = {
      rateLimits: counts,
      ...parts,
      idPrefix: wish.idPrefix,
      group: this.#group(counts, wish, options),
    };
    const proxy = new SmartProxy({ ...options, logger }, host);
    this.#proxy = proxy;
    this.#forwardEvents(proxy);
    await proxy.start();
    if (wish.quota !== null) this.#limit(wish.quota);
    const { maxConnections = null, gracefulShutdownTimeout } = options;
    const { points, fallsBack } = this.#insides;
    const kernelFallsBack = fallsBack();
    const admin = 'module' in wish.source ? adminOf(options) : null;
    return { maxConnections, gracefulShutdownTimeout, points: points(), kernelFallsBack, admin };
  }

  async #configuration({ source }: IStartWish): Promise<ILoaded> {
    if ('options' in source) return { options: source.options, parts: {} };
    const loaded = await this.#load(source.module);
    return source.routes === null ? loaded : { ...loaded, options: { ...loaded.options, routes: [...source.routes] } };
  }

  #group(
    counts: WorkerCounts,
    { kernelTable, showsRoutes, source }: IStartWish,
    options: ISmartProxyOptions,
  ): IGroupParts {
    return {
      share: async (address, port) => {
        const { data, handle } = await this.wire.askForHandle('share', { address, port }, shareWithinMs);
        if (handle === null) throw new ProxyError('LISTEN_FAILED', 'the primary gave no port');
        return { handle, port: data };
      },
      handOver: (socket, address, port) => this.#handOver(socket, { address, port }),
      ticketSecret: () => this.#ticketSecret,
      challenges: this.#challenges,
      counts,
      kernel: kernelTable === null ? { fallsBack: () => this.#fallsBack } : { table: kernelTable },
      agreed: async () => await this.#vote?.agreed(),
      attach: (inside) => {
        this.#inside = inside;
      },
      admin: {
        // What is data the primary has.
        keepsWritten: 'module' in source && (showsRoutes || options.admin !== undefined),
        attach: (view) => this.#admin.attach(view),
      },
    };
  }

  /** Whoever has clearly more than the others leaves what comes to them. */
  #handOver(socket: Socket, point: IListeningPoint): boolean {
    const { live: count, maxConnections } = this.#insides;
    const live = count();
    const most = maxConnections();
    // Where it gets tight each one counts.
    const isTight = (live + 1) * 8 >= most * 7 && live !== this.#toldLive;
    if (isTight || Math.abs(live + 1 - this.#toldLive) > Math.max(4, this.#toldLive / 10)) {
      this.#telling ??= setTimeout(() => this.#tellStatus(), changedMs);
    }
    if (live < Math.min(this.#ceiling, this.#isAlone ? Number.POSITIVE_INFINITY : most)) return false;
    // A primary that does not keep up would only keep clients waiting.
    if (this.wire.unsent >= mostHandedOver && live < most) return false;
    const handle = takeHandle(socket);
    if (handle !== null) this.wire.tell('handOver', { point, live }, handle, () => handle.close());
    return true;
  }

  #serve(handle: IHandle, { address, port }: IListeningPoint): void {
    const socket = socketOf(handle);
    if (this.#inside === null || !this.#inside.serve(socket, address, port)) socket.on('error', () => {}).destroy();
  }

  #tellStatus(): void {
    if (this.#telling !== null) clearTimeout(this.#telling);
    this.#telling = null;
    const live = this.#inside?.live() ?? 0;
    this.#toldLive = live;
    this.wire.tell('status', { live });
  }

  #limit(quota: number): number {
    const { live, limit } = this.#insides;
    const kept = Math.max(quota, live(), 1);
    limit(kept);
    return kept;
  }

  /** The update goes as far as it can fail, and waits there. */
  async #prepare({ routes, options, kernelFallsBack }: IUpdateWish): Promise<{ readonly kernelFallsBack: boolean }> {
    this.#fallsBack = kernelFallsBack;
    const wanted = routes ?? (await this.#routesOfModule());
    const vote = new Vote();
    this.#vote = vote;
    const updating = this.#running.updateRoutes(wanted, options);
    this.#updating = updating;
    try {
      await Promise.race([vote.ready, updating]);
    } catch (error) {
      this.#vote = null;
      this.#updating = null;
      throw error;
    }
    return { kernelFallsBack: this.#insides.fallsBack() };
  }

  async #routesOfModule(): Promise<readonly IRouteConfig[]> {
    const source = this.#wish?.source;
    if (source === undefined || !('module' in source))
      throw new ProxyError('NOT_RUNNING', 'there is no module to read');
    return (await this.#load(source.module)).options.routes;
  }

  async #commit(): Promise<ICommitted> {
    const updating = this.#updating;
    if (updating === null) throw new ProxyError('NOT_RUNNING', 'no update was prepared');
    try {
      this.#vote?.decide(true);
      return { plan: await updating, points: this.#insides.points() };
    } finally {
      this.#vote = null;
      this.#updating = null;
    }
  }

  async #abort(): Promise<undefined> {
    this.#vote?.decide(false);
    await this.#updating?.catch(() => {});
    this.#vote = null;
    this.#updating = null;
    return undefined;
  }

  #forwardEvents(proxy: SmartProxy): void {
    proxy.on('certificate', (event) => this.wire.tell('event', { name: 'certificate', event }));
    proxy.on('target-down', (target, why) => this.wire.tell('event', { name: 'target-down', target, why }));
    proxy.on('target-up', (target) => this.wire.tell('event', { name: 'target-up', target }));
    proxy.on('error', (error) => {
      const { message, code } = plainError(error);
      this.wire.tell('event', { name: 'error', message, code });
    });
  }

  get #running(): SmartProxy {
    if (this.#proxy === null) throw new ProxyError('NOT_RUNNING', 'the worker has not started');
    return this.#proxy;
  }

  get #insides(): IGroupInside {
    if (this.#inside === null) throw new ProxyError('NOT_RUNNING', 'the worker has not started');
    return this.#inside;
  }
}

const withoutHistory = (metrics: IMetricsExport, history: boolean): IMetricsExport =>
  history || metrics.throughput === null ? metrics : { ...metrics, throughput: { ...metrics.throughput, history: [] } };
