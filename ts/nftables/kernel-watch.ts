// Looks at what the kernel counts and at the connections it tracks, now and then and when somebody asks.

import { delay } from '../base/async-utils.js';
import type { IClock, ITimer } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import { type IFlow, readFlows } from './conntrack.js';
import { type IKernelObserver, KernelRecords } from './kernel-records.js';
import { type IKernelTable, markOf } from './kernel-route.js';
import { countsOf, type IKernelCounts, type INfTablesStatus, noCounts, routeStatus, sumOf } from './kernel-status.js';
import type { IRunOptions, Nft } from './nft.js';

export interface IKernelWatchParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly nft: Nft;
  readonly observer: IKernelObserver;
  readonly idPrefix?: string;
  /** What is in force. */
  readonly tables: () => readonly IKernelTable[];
}

/** Between two looks. */
const lookMs = 5000;
/** While the end of the last connections is waited for. */
const quietMs = 100;

export class KernelWatch {
  readonly records: KernelRecords;
  readonly #parts: IKernelWatchParts;
  /** By the key of the route. */
  readonly #counts = new Map<string, IKernelCounts>();
  /** Of routes that are gone. */
  #retired: IKernelCounts = noCounts;
  /** Upper halves of marks of tables that are gone, as long as connections of them go on. */
  readonly #lingering = new Set<number>();
  /** Tables that somebody removed, as was told. */
  readonly #gone = new Set<string>();
  #clientsLimited = 0;
  #unknown: string | null = null;
  #timer: ITimer | null = null;
  #looking: Promise<void> | null = null;

  constructor(parts: IKernelWatchParts) {
    this.#parts = parts;
    this.records = new KernelRecords(parts.observer, parts.idPrefix ?? '');
  }

  /** Looks from now on, as long as there is something to see. */
  start(): void {
    if (this.#timer === null && this.prefixes().size > 0) this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Releases the records. */
  end(): void {
    this.stop();
    this.records.clear();
  }

  /** Of all routes since the start, those included that are gone. */
  totals(): IKernelCounts {
    return sumOf([this.#retired, ...this.#counts.values()]);
  }

  /** By the key of the route. */
  byRoute(): Map<string, IKernelCounts> {
    return new Map(this.#counts);
  }

  /** Upper halves of the marks of all connections that there can be. */
  prefixes(): Set<number> {
    return new Set([...this.#parts.tables().map(({ markPrefix }) => markPrefix), ...this.#lingering]);
  }

  /** After a change: keeps the sum of what routes have counted that are gone, and an eye on their connections. */
  retire(before: readonly IKernelTable[]): void {
    for (const { markPrefix } of before) this.#lingering.add(markPrefix);
    for (const { markPrefix } of this.#parts.tables()) this.#lingering.delete(markPrefix);
    const keys = keysOf(this.#parts.tables());
    for (const [key, counts] of this.#counts) {
      if (keys.has(key)) continue;
      this.#retired = sumOf([this.#retired, counts]);
      this.#counts.delete(key);
    }
  }

  status(): Omit<INfTablesStatus, 'engine' | 'why' | 'tables'> {
    const routes = this.#parts
      .tables()
      .flatMap((table) =>
        table.routes.map((route) => routeStatus(route, table, this.#counts.get(route.key) ?? noCounts)),
      );
    const connectionsUnknown = routes.length === 0 ? null : this.#unknown;
    const connections = connectionsUnknown === null ? [...this.records] : null;
    return { routes, clientsLimited: this.#clientsLimited, connections, connectionsUnknown };
  }

  /** Asks the kernel now. Those who ask at the same time get the same answer. @throws NftBaseError */
  async look(options: IRunOptions): Promise<void> {
    this.#looking ??= this.#look(options).finally(() => {
      this.#looking = null;
    });
    await this.#looking;
  }

  /** Resolves when no TCP connection is open any more, or after `graceMs`. */
  async whenQuiet(graceMs: number, options: IRunOptions): Promise<void> {
    const { clock } = this.#parts;
    const untilMs = clock.nowMs() + graceMs;
    for (;;) {
      const flows = await this.#flows(options).catch(() => null);
      if (flows === null || !flows.some(({ transport, isOpen }) => transport === 'tcp' && isOpen)) return;
      if (clock.nowMs() + quietMs > untilMs) return;
      await delay(quietMs, options);
    }
  }

  async #look(options: IRunOptions): Promise<void> {
    const { nft, tables, clock } = this.#parts;
    const all = tables();
    let limited = 0;
    for (const table of all) {
      const listing = await nft.list(table.name, options);
      this.#tellIfGone(table.name, listing === null);
      if (listing === null) continue;
      limited += listing.counters.get('clients_limited')?.packets ?? 0;
      // What went meanwhile has its sum already.
      const there = keysOf(tables());
      for (const { key, number } of table.routes) if (there.has(key)) this.#counts.set(key, countsOf(number, listing));
    }
    this.#clientsLimited = limited;
    try {
      const flows = await this.#flows(options);
      const keys = new Map(all.flatMap((table) => table.routes.map(({ key, number }) => [markOf(table, number), key])));
      this.records.update(flows, (mark) => keys.get(mark) ?? null, clock.wallMs());
      this.#unknown = null;
    } catch (error) {
      options.signal?.throwIfAborted();
      this.#unknown = messageOf(error);
    }
  }

  /** Once each time: others' tools flush all rules, and nothing forwards any more. */
  #tellIfGone(table: string, isGone: boolean): void {
    if (!isGone) this.#gone.delete(table);
    // One that an update has removed meanwhile is nobody's loss.
    if (!isGone || this.#gone.has(table) || !this.#parts.tables().some(({ name }) => name === table)) return;
    this.#gone.add(table);
    this.#parts.logger.error({ table }, 'somebody removed our rules from the kernel: the next update writes them anew');
  }

  async #flows(options: IRunOptions): Promise<IFlow[]> {
    const all: IFlow[][] = [];
    for (const prefix of this.prefixes()) {
      const flows = await readFlows(await this.#parts.nft.connections(markOfAll(prefix), options));
      if (flows.length === 0) this.#lingering.delete(prefix);
      all.push(flows);
    }
    return all.flat();
  }

  #arm(): void {
    this.#timer = this.#parts.clock.setTimer(() => {
      this.#timer = null;
      this.start();
      this.look({}).catch((error) => {
        this.#parts.logger.warn({ why: messageOf(error) }, 'the counters of the kernel could not be read');
      });
    }, lookMs);
  }
}

const keysOf = (tables: readonly IKernelTable[]): ReadonlySet<string> =>
  new Set(tables.flatMap(({ routes }) => routes.map(({ key }) => key)));

/** As conntrack takes it. */
export const markOfAll = (prefix: number): string => `${prefix * 65_536}/${0xffff0000}`;
