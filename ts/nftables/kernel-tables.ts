// All tables of one proxy, changed together: where one cannot be, those before it are put back.

import { messageOf } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import { diagnose } from './abilities.js';
import { NftExecutionError } from './errors.js';
import type { IKernelTable } from './kernel-route.js';
import { KernelTable, removeLeftovers } from './kernel-table.js';
import type { IRunOptions, Nft } from './nft.js';
import { makeTable } from './ruleset.js';
import { commandsToCreate } from './ruleset-diff.js';

export class KernelTables {
  readonly #nft: Nft;
  readonly #logger: ILogger;
  readonly #byName = new Map<string, { readonly table: KernelTable; readonly state: IKernelTable }>();
  #cleaned = false;

  constructor(nft: Nft, logger: ILogger) {
    this.#nft = nft;
    this.#logger = logger;
  }

  /**
   * Whether the kernel would take them. `all`: those too that are there already, whose changes are checked anyhow when they
   * are made.
   * @throws NftBaseError
   */
  async check(wanted: readonly IKernelTable[], all: boolean, options: IRunOptions): Promise<void> {
    for (const state of wanted) {
      const model = makeTable(state);
      if (!this.#byName.has(state.name))
        await new KernelTable(state.name, this.#nft, this.#logger).claim(false, options);
      else if (!all) continue;
      try {
        await this.#nft.check(commandsToCreate(model), options);
      } catch (error) {
        throw error instanceof NftExecutionError ? await diagnose(this.#nft, error) : error;
      }
    }
  }

  /** These and no others. @throws NftBaseError: the rules in force are then those of before */
  async apply(wanted: readonly IKernelTable[], options: IRunOptions): Promise<void> {
    const names = new Set(wanted.map(({ name }) => name));
    if (!this.#cleaned && wanted.length > 0) {
      // What is left under the same name is replaced in one step, so that no packet comes between.
      const removed = await removeLeftovers(this.#nft, options, names);
      if (removed.length > 0) this.#logger.info({ tables: removed }, 'removed the rules of proxies that are gone');
      this.#cleaned = true;
    }
    const undo: (() => Promise<void>)[] = [];
    try {
      for (const state of wanted) undo.push(await this.#put(state, options));
      for (const name of [...this.#byName.keys()]) if (!names.has(name)) undo.push(await this.#drop(name, options));
    } catch (error) {
      for (const back of undo.reverse()) await back().catch((why) => this.#lost(why));
      throw error;
    }
  }

  /** Gives what takes it back. */
  async #drop(name: string, options: IRunOptions): Promise<() => Promise<void>> {
    const before = this.#byName.get(name);
    await before?.table.remove(options);
    this.#byName.delete(name);
    return async () => {
      if (before === undefined) return;
      await before.table.apply(before.state, options);
      this.#byName.set(name, before);
    };
  }

  /** Gives what takes it back. */
  async #put(state: IKernelTable, options: IRunOptions): Promise<() => Promise<void>> {
    const before = this.#byName.get(state.name);
    const table = before?.table ?? new KernelTable(state.name, this.#nft, this.#logger);
    await table.claim(false, options);
    await table.apply(state, options);
    this.#byName.set(state.name, { table, state });
    return async () => {
      if (before === undefined) {
        await table.remove(options);
        this.#byName.delete(state.name);
      } else {
        await table.apply(before.state, options);
        this.#byName.set(state.name, before);
      }
    };
  }

  #lost(error: unknown): void {
    this.#logger.error({ why: messageOf(error) }, 'rules in the kernel could not be put back');
  }
}
