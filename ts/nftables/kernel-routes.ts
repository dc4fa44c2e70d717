// The routes of a configuration that the kernel forwards: brought into the kernel, kept up to date, watched and removed.

import { AsyncMutex } from '../base/async-utils.js';
import type { IClock, ITimer } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import type { ILogger } from '../base/logger.js';
import type { IResolvedConfig } from '../config/resolved.js';
import * as plugins from '../plugins.js';
import { requireNft } from './abilities.js';
import { atExit, notAtExit } from './at-exit.js';
import { NftResourceError } from './errors.js';
import { KeepAlive } from './keep-alive.js';
import { hasNames, type IKernelWish, type INames, inputOf, inThisProcess, Numbers, wishesOf } from './kernel-input.js';
import type { IKernelObserver } from './kernel-records.js';
import { type IKernelRoute, type IKernelTable, markOf } from './kernel-route.js';
import type { INfTablesStatus } from './kernel-status.js';
import { marksInUse } from './kernel-table.js';
import { KernelTables } from './kernel-tables.js';
import { KernelWatch, markOfAll } from './kernel-watch.js';
import { MarkPrefixes } from './mark-prefixes.js';
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
  /** Name of the table for routes that name none. Default: one of this process and manager alone. */
  readonly ownTable?: string;
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

/** One a proxy. One caller at a time calls `prepare` and then `commit`. */
export class NFTablesManager extends LifecycleComponent {
  readonly #parts: INFTablesManagerParts;
  readonly #nft: Nft;
  readonly #switches: ISwitches;
  readonly #tables: KernelTables;
  readonly #watch: KernelWatch;
  readonly #numbers = new Numbers();
  readonly #prefixes = new MarkPrefixes();
  /** Updates, refreshed names, a drain and the end, one after the other. */
  readonly #turn = new AsyncMutex();
  readonly #ending = new AbortController();
  readonly #alive = new KeepAlive();
  readonly #ownTable: string;
  #plan: IKernelPlan | null = null;
  #refresh: ITimer | null = null;
  #isDraining = false;
  readonly #grace = new AbortController();
  readonly #onExit = () => this.stopSync();

  constructor(parts: INFTablesManagerParts) {
    super();
    this.#parts = parts;
    this.#ownTable = parts.ownTable ?? `smartproxy_${plugins.process.pid}_${++made}`;
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
      const changing = new Set(wishes.filter(({ kernel }) => kernel.changeSysctls).map(({ route }) => route.key));
      const changed = await requireSwitches(routes, ({ key }) => changing.has(key), this.#switches);
      if (changed.length > 0) this.#parts.logger.info({ changed }, 'switched on what forwarding needs');
      await this.#tables.check(tables, wishes.every(fallsBack), this.#signal);
      return { config, tables, why: null };
    } catch (error) {
      this.#prefixes.keep(new Set(this.#plan?.tables.map(({ name }) => name)));
      if (!(error instanceof NftResourceError) || !wishes.every(fallsBack)) throw error;
      this.#parts.logger.warn({ why: error.message }, 'the kernel cannot forward: this process serves its routes');
      return { config: inThisProcess(config), tables: [], why: error.message };
    }
  }

  /** Puts it in force, all or nothing. @throws NftBaseError: what was in force before still is */
  async commit(plan: IKernelPlan): Promise<void> {
    await this.#turn.runExclusive(() => this.#commit(plan));
  }

  async #commit(plan: IKernelPlan): Promise<void> {
    if (this.isShuttingDown) return;
    const before = this.#plan?.tables ?? [];
    if (before.length > 0 || plan.tables.length > 0) {
      // What a route has counted so far is lost with it.
      if (this.#loses(plan)) await this.#watch.look(this.#signal).catch(() => {});
      await this.#tables.apply(plan.tables, this.#signal);
    }
    if (plan.tables.length > 0) atExit(this.#onExit);
    else notAtExit(this.#onExit);
    this.#plan = plan;
    const routes = plan.tables.flatMap((table) => table.routes);
    this.#numbers.keep(new Set(routes.map(({ key }) => key)));
    this.#prefixes.keep(new Set(plan.tables.map(({ name }) => name)));
    this.#watch.retire(before);
    this.#armRefresh();
    this.#alive.set(routes.length > 0);
    this.#watch.start();
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
    this.#isDraining = true;
    this.#refresh?.cancel();
    const closing = tables.map((table) => ({ ...table, isClosing: true }));
    await this.#turn.runExclusive(() => this.#tables.apply(closing, this.#signal));
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
    await this.#turn.runExclusive(() => this.#end());
  }

  async #end(): Promise<void> {
    try {
      await this.#watch.look({}).catch(() => {});
      const prefixes = this.#watch.prefixes();
      await this.#tables.apply([], {});
      for (const prefix of prefixes) await this.#nft.forget(markOfAll(prefix)).catch(() => {});
    } finally {
      notAtExit(this.#onExit);
      this.#alive.set(false);
      this.#prefixes.keep(new Set());
      this.#watch.end();
    }
  }

  get #signal(): { readonly signal: AbortSignal } {
    return { signal: this.#ending.signal };
  }

  async #tablesOf(wishes: readonly IKernelWish[], config: IResolvedConfig): Promise<IKernelTable[]> {
    const loopback = await routesLoopback(this.#switches);
    const { maxConnectionsPerIP, connectionRateLimitPerMinute } = config;
    const parts = {
      config,
      names: this.#parts.names,
      numberOf: (key: string) => this.#numbers.of(key),
      ...this.#signal,
    };
    const isNew = wishes.some((wish) => !this.#prefixes.has(this.#tableOf(wish)));
    const others = isNew ? await marksInUse(this.#nft, this.#signal, this.#ownTable) : new Set<number>();
    const made = await Promise.all(wishes.map(async (wish) => ({ wish, route: await inputOf(wish, parts) })));
    const byTable = new Map(wishes.map((wish) => [this.#tableOf(wish), [] as IKernelRoute[]]));
    for (const { wish, route } of made) byTable.get(this.#tableOf(wish))?.push(route);
    const limits = { maxConnectionsPerIP, connectionRateLimitPerMinute };
    const tables: IKernelTable[] = [];
    for (const [name, routes] of byTable) {
      tables.push({ name, ...(await this.#marksOf(name, others)), limits, loopback, isClosing: false, routes });
    }
    return tables;
  }

  #tableOf({ kernel }: IKernelWish): string {
    return kernel.tableName ?? this.#ownTable;
  }

  async #marksOf(name: string, others: ReadonlySet<number>): Promise<Pick<IKernelTable, 'owner' | 'markPrefix'>> {
    const markPrefix = this.#prefixes.of(name, `${this.#ownTable} ${name}`, others);
    return { markPrefix, owner: await ownLine(markPrefix) };
  }

  /** Names may lead elsewhere by now; how long an answer holds is the resolver's affair. */
  #armRefresh(): void {
    this.#refresh?.cancel();
    const plan = this.#plan;
    if (plan === null || plan.tables.length === 0 || !wishesOf(plan.config).some(hasNames)) return;
    this.#refresh = this.#parts.clock.setTimer(() => {
      void this.#refreshNames(plan).catch((error) => {
        if (this.#isOvertaken(plan)) return;
        this.#parts.logger.warn({ why: messageOf(error) }, 'targets in the kernel stay as they were');
        this.#armRefresh();
      });
    }, refreshMs);
  }

  async #refreshNames(plan: IKernelPlan): Promise<void> {
    const tables = await this.#tablesOf(wishesOf(plan.config), plan.config);
    await this.#turn.runExclusive(async () => {
      if (this.#isOvertaken(plan)) return;
      await this.#tables.apply(tables, this.#signal);
      this.#plan = { ...plan, tables };
      this.#armRefresh();
    });
  }

  /** By an update, a drain or the end: then names that were asked for `plan` are of no use any more. */
  #isOvertaken(plan: IKernelPlan): boolean {
    return this.#plan !== plan || this.#isDraining || this.isShuttingDown;
  }
}

const fallsBack = ({ kernel }: IKernelWish): boolean => kernel.fallback;

export { type INames, inThisProcess };
