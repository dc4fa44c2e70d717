// The routes of a configuration that the kernel forwards: brought into the kernel, kept up to date, watched and removed.

import type { IClock, ITimer } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import type { ILogger } from '../base/logger.js';
import type { IResolvedConfig } from '../config/resolved.js';
import * as plugins from '../plugins.js';
import { requireNft } from './abilities.js';
import { NftResourceError } from './errors.js';
import { KeepAlive } from './keep-alive.js';
import { hasNames, type IKernelWish, type INames, inputOf, Numbers, wishesOf } from './kernel-input.js';
import type { IKernelObserver } from './kernel-records.js';
import { type IKernelRoute, type IKernelTable, markOf } from './kernel-route.js';
import type { INfTablesStatus } from './kernel-status.js';
import { KernelTables } from './kernel-tables.js';
import { KernelWatch } from './kernel-watch.js';
import { type INftOptions, Nft } from './nft.js';
import { ownLine } from './owner.js';
import { type ISwitches, kernelSwitches, requireSwitches, routesLoopback } from './sysctl.js';

export interface INFTablesManagerParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  /** Asked for the names of targets. */
  readonly names: INames;
  readonly observer: IKernelObserver;
  /** In front of the ids of connections. */
  readonly idPrefix?: string;
  readonly nft?: INftOptions;
  readonly switches?: ISwitches;
}

/** What a configuration becomes: checked against this machine, not yet in force. */
export interface IKernelPlan {
  /** The configuration with the engine of each route as it will be: those that fall back are no kernel routes in it. */
  readonly config: IResolvedConfig;
  readonly tables: readonly IKernelTable[];
  /** Why routes fall back; null where none does. */
  readonly why: string | null;
}

/** How often names are asked for again, and connections looked at. */
const refreshMs = 30_000;

/** Unique among the managers of this process. */
let made = 0;

/** One a proxy. `prepare` and `commit` are called by one caller at a time. */
export class NFTablesManager extends LifecycleComponent {
  readonly #parts: INFTablesManagerParts;
  readonly #nft: Nft;
  readonly #switches: ISwitches;
  readonly #tables: KernelTables;
  readonly #watch: KernelWatch;
  readonly #numbers = new Numbers();
  readonly #ending = new AbortController();
  readonly #alive = new KeepAlive();
  readonly #ownTable = `smartproxy_${plugins.process.pid}_${++made}`;
  #plan: IKernelPlan | null = null;
  #refresh: ITimer | null = null;
  #refreshing: Promise<void> = Promise.resolve();
  readonly #grace = new AbortController();
  readonly #onExit = () => this.stopSync();

  constructor(parts: INFTablesManagerParts) {
    super();
    this.#parts = parts;
    this.#nft = new Nft({ logger: parts.logger, ...parts.nft });
    this.#switches = parts.switches ?? kernelSwitches;
    this.#tables = new KernelTables(this.#nft, parts.logger);
    this.#watch = new KernelWatch({ ...parts, nft: this.#nft, tables: () => this.#plan?.tables ?? [] });
  }

  /**
   * Finds out how this configuration would be forwarded. Rules stay as they are; switches are set where routes say so.
   * @throws NftBaseError where the kernel cannot and a route does not fall back; ProxyError TARGET_UNRESOLVED
   */
  async prepare(config: IResolvedConfig): Promise<IKernelPlan> {
    const wishes = wishesOf(config);
    if (wishes.length === 0) return { config, tables: [], why: null };
    try {
      if (!this.#isInForce) await requireNft(this.#nft, this.#signal);
      const tables = await this.#tablesOf(wishes, config);
      const routes = tables.flatMap((table) => table.routes);
      const mayChange = wishes.some(({ kernel }) => kernel.changeSysctls);
      const changed = await requireSwitches(routes, mayChange, this.#switches);
      if (changed.length > 0) this.#parts.logger.info({ changed }, 'switched on what forwarding needs');
      await this.#tables.check(tables, this.#signal);
      return { config, tables, why: null };
    } catch (error) {
      if (!(error instanceof NftResourceError) || !wishes.every(({ kernel }) => kernel.fallback)) throw error;
      this.#parts.logger.warn({ why: error.message }, 'the kernel cannot forward: this process serves its routes');
      return { config: inThisProcess(config), tables: [], why: error.message };
    }
  }

  /** Puts it in force, all or nothing. @throws NftBaseError: what was in force before still is */
  async commit(plan: IKernelPlan): Promise<void> {
    if (this.isShuttingDown) return;
    await this.#refreshing;
    if (this.#plan !== null || plan.tables.length > 0) {
      // What a route has counted so far is lost with it.
      if (this.#loses(plan)) await this.#watch.look(this.#signal).catch(() => {});
      await this.#tables.apply(plan.tables, this.#signal);
      process.off('exit', this.#onExit);
      if (plan.tables.length > 0) process.on('exit', this.#onExit);
    }
    this.#plan = plan;
    const routes = plan.tables.flatMap((table) => table.routes);
    this.#numbers.keep(new Set(routes.map(({ key }) => key)));
    this.#watch.retire(routes);
    this.#armRefresh();
    this.#alive.set(routes.length > 0);
    if (routes.length > 0) this.#watch.start();
    else this.#watch.stop();
  }

  get #isInForce(): boolean {
    return this.#plan !== null && this.#plan.tables.length > 0;
  }

  /** Whether a route goes that is there. */
  #loses(next: IKernelPlan): boolean {
    const keys = new Set(next.tables.flatMap((table) => table.routes.map(({ key }) => key)));
    return (this.#plan?.tables ?? []).some((table) => table.routes.some(({ key }) => !keys.has(key)));
  }

  /** Cuts the connections of these routes, which may be gone already. */
  async cut(before: IKernelPlan | null, keys: ReadonlySet<string>): Promise<void> {
    for (const table of before?.tables ?? []) {
      for (const { key, number } of table.routes) {
        if (!keys.has(key)) continue;
        await this.#nft.forget(`${markOf(table, number)}`, this.#signal).catch((error) => {
          this.#parts.logger.warn({ route: key, why: messageOf(error) }, 'connections in the kernel were not cut');
        });
      }
    }
  }

  /** What is in force. */
  get plan(): IKernelPlan | null {
    return this.#plan;
  }

  /** Asks the kernel. @throws NftBaseError */
  async getStatus(): Promise<INfTablesStatus> {
    const tables = this.#plan?.tables ?? [];
    const why = this.#plan?.why ?? null;
    if (tables.length > 0) await this.#watch.look(this.#signal);
    const engine = tables.length > 0 ? 'nftables' : why === null ? 'none' : 'node';
    return { engine, why, tables: tables.map(({ name }) => name), ...this.#watch.status() };
  }

  /** As the last look found it. */
  get watch(): Pick<KernelWatch, 'records' | 'totals' | 'byRoute'> {
    return this.#watch;
  }

  /** New connections find no rule any more; resolves when the TCP connections that are left are over, or the time is. */
  async drain(graceMs: number): Promise<void> {
    const tables = this.#plan?.tables ?? [];
    if (tables.length === 0) return;
    this.#refresh?.cancel();
    await this.#refreshing;
    await this.#tables.apply(
      tables.map((table) => ({ ...table, isClosing: true })),
      this.#signal,
    );
    const signal = AbortSignal.any([this.#ending.signal, this.#grace.signal]);
    if (graceMs > 0) await this.#watch.whenQuiet(graceMs, { signal }).catch(() => {});
  }

  /** Ends a `drain` that waits. */
  hurry(): void {
    this.#grace.abort();
  }

  /** Removes the rules while the process exits. @deprecated everywhere else: it blocks; `cleanup` does not. */
  stopSync(): void {
    const names = (this.#plan?.tables ?? []).map(({ name }) => name);
    if (names.length > 0) this.#nft.stopSync(names);
  }

  protected override async onCleanup(): Promise<void> {
    this.#ending.abort(new DOMException('the proxy stops', 'AbortError'));
    this.#refresh?.cancel();
    this.#watch.stop();
    await this.#refreshing.catch(() => {});
    const tables = this.#plan?.tables ?? [];
    try {
      await this.#watch.look({}).catch(() => {});
      await this.#tables.apply([], {});
      for (const { markPrefix } of tables) {
        await this.#nft.forget(`${markPrefix * 65_536}/${0xffff0000}`).catch(() => {});
      }
    } finally {
      process.off('exit', this.#onExit);
      this.#alive.set(false);
      this.#watch.end();
    }
  }

  get #signal(): { readonly signal: AbortSignal } {
    return { signal: this.#ending.signal };
  }

  async #tablesOf(wishes: readonly IKernelWish[], config: IResolvedConfig): Promise<IKernelTable[]> {
    const [owner, loopback] = [await ownLine(), await routesLoopback(this.#switches)];
    const { maxConnectionsPerIP, connectionRateLimitPerMinute } = config;
    const parts = {
      config,
      names: this.#parts.names,
      numberOf: (key: string) => this.#numbers.of(key),
      ...this.#signal,
    };
    const byTable = new Map<string, Promise<IKernelRoute>[]>();
    for (const wish of wishes) {
      const name = wish.kernel.tableName ?? this.#ownTable;
      byTable.set(name, [...(byTable.get(name) ?? []), inputOf(wish, parts)]);
    }
    return await Promise.all(
      [...byTable].map(async ([name, routes]) => ({
        name,
        owner,
        markPrefix: prefixOf(`${owner} ${this.#ownTable} ${name}`),
        limits: { maxConnectionsPerIP, connectionRateLimitPerMinute },
        loopback,
        isClosing: false,
        routes: await Promise.all(routes),
      })),
    );
  }

  /** Names may lead elsewhere by now; how long an answer holds is the resolver's affair. */
  #armRefresh(): void {
    this.#refresh?.cancel();
    const plan = this.#plan;
    if (plan === null || plan.tables.length === 0 || !wishesOf(plan.config).some(hasNames)) return;
    this.#refresh = this.#parts.clock.setTimer(() => {
      this.#refreshing = this.#refreshNames(plan).catch((error) => {
        if (this.isShuttingDown) return;
        this.#parts.logger.warn({ why: messageOf(error) }, 'targets in the kernel stay as they were');
      });
    }, refreshMs);
  }

  async #refreshNames(plan: IKernelPlan): Promise<void> {
    try {
      const tables = await this.#tablesOf(wishesOf(plan.config), plan.config);
      await this.#tables.apply(tables, this.#signal);
      this.#plan = { ...plan, tables };
    } finally {
      if (!this.isShuttingDown && this.#plan?.config === plan.config) this.#armRefresh();
    }
  }
}

/** Upper half of the marks: two proxies on one machine should not have the same. */
function prefixOf(text: string): number {
  const digest = plugins.crypto.createHash('sha256').update(text).digest();
  return digest.readUInt16BE(0) || 1;
}

/** The same routes, served by this process. */
export const inThisProcess = (config: IResolvedConfig): IResolvedConfig => ({
  ...config,
  routes: config.routes.map((route) => (route.kernel === null ? route : { ...route, kernel: null })),
});

export type { INames };
