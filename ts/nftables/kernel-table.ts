// One table of ours in the kernel: made, changed, verified and removed as a whole.

import { messageOf } from '../base/errors.js';
import type { ILogger } from '../base/logger.js';
import { diagnose } from './abilities.js';
import { NftExecutionError, NftResourceError } from './errors.js';
import type { IKernelTable } from './kernel-route.js';
import { type IRunOptions, isMissing, type Nft } from './nft.js';
import { family, type TCommand } from './nft-json.js';
import type { IListing } from './nft-listing.js';
import { isAlive, readOwner } from './owner.js';
import { makeTable } from './ruleset.js';
import { commandsToChange, commandsToCreate, commandsToRemove } from './ruleset-diff.js';
import type { ITableModel } from './ruleset-model.js';

export class KernelTable {
  readonly name: string;
  readonly #nft: Nft;
  readonly #logger: ILogger;
  /** What is in force; null: we have no table. */
  #model: ITableModel | null = null;

  constructor(name: string, nft: Nft, logger: ILogger) {
    this.name = name;
    this.#nft = nft;
    this.#logger = logger;
  }

  get exists(): boolean {
    return this.#model !== null;
  }

  /**
   * Takes the name: what a process that is gone left under it will be replaced.
   * @throws NftResourceError where it belongs to somebody else; with `force` to nobody but a running proxy
   */
  async claim(force: boolean, options: IRunOptions = {}): Promise<void> {
    if (this.#model !== null) return;
    const listing = await this.#nft.list(this.name, options);
    if (listing === null) return;
    const owner = ownerOf(listing);
    if (owner !== null && (await isAlive(owner))) {
      const whose = `the table ${this.name} belongs to the running process ${owner.pid}`;
      throw new NftResourceError('table', `${whose}: choose another tableName`);
    }
    if (owner === null && !force) {
      const whose = `the table ${this.name} was made by somebody else`;
      throw new NftResourceError('table', `${whose}: choose another tableName, or remove it by forceCleanSlate`);
    }
  }

  /**
   * Puts these rules in force, all at once, and reads back whether they are.
   * @throws NftValidationError, NftExecutionError, NftResourceError: the rules in force are then those of before
   */
  async apply(table: IKernelTable, options: IRunOptions = {}): Promise<void> {
    const next = makeTable(table);
    const before = this.#model;
    if (before === null || !(await this.#change(before, next, options))) await this.#create(before, next, options);
    this.#model = next;
  }

  /** What the kernel has counted; null if the table is gone. @throws NftExecutionError, NftResourceError */
  async read(options: IRunOptions = {}): Promise<IListing | null> {
    return await this.#nft.list(this.name, options);
  }

  /** @throws NftExecutionError, NftResourceError */
  async remove(options: IRunOptions = {}): Promise<void> {
    if (this.#model === null) return;
    await this.#nft.apply(commandsToRemove(this.name), options);
    this.#model = null;
  }

  /** False if what is in the kernel is not what we put there: somebody changed it. */
  async #change(before: ITableModel, next: ITableModel, options: IRunOptions): Promise<boolean> {
    try {
      await this.#nft.apply(commandsToChange(before, next), options);
    } catch (error) {
      if (!(error instanceof NftExecutionError)) throw error;
      if (await this.#isIntact(before, options)) throw await diagnose(this.#nft, error);
    }
    if (await this.#verified(next, options, () => commandsToChange(next, before))) return true;
    this.#logger.warn({ table: this.name }, 'somebody changed our rules in the kernel: they are written anew');
    return false;
  }

  async #create(before: ITableModel | null, next: ITableModel, options: IRunOptions): Promise<void> {
    const undo = () => (before === null ? commandsToRemove(this.name) : commandsToCreate(before));
    try {
      await this.#nft.apply(commandsToCreate(next), options);
    } catch (error) {
      throw error instanceof NftExecutionError ? await diagnose(this.#nft, error) : error;
    }
    if (await this.#verified(next, options, undo)) return;
    await this.#nft.apply(undo(), options);
    throw new NftExecutionError(
      `nft list table ${this.name}`,
      0,
      'the kernel does not have the rules that it accepted',
    );
  }

  /** `isIntact`; where that cannot be known, what was done is undone and the failure is told. */
  async #verified(next: ITableModel, options: IRunOptions, undo: () => TCommand[]): Promise<boolean> {
    try {
      return await this.#isIntact(next, options);
    } catch (error) {
      await this.#nft.apply(undo()).catch((why) => {
        this.#logger.error({ table: this.name, why: messageOf(why) }, 'rules in the kernel could not be put back');
      });
      throw error;
    }
  }

  async #isIntact(model: ITableModel, options: IRunOptions): Promise<boolean> {
    const listing = await this.#nft.list(this.name, options);
    return listing !== null && difference(model, listing) === null;
  }
}

/** The first thing in which the kernel's table is another one; null: none. */
export function difference(model: ITableModel, listing: IListing): string | null {
  const rules = new Map<string, number>();
  for (const [name, list] of model.chains) rules.set(name, list.length);
  for (const [name, hook] of model.hooks) rules.set(name, hook.rules.length);
  for (const [name, count] of rules) if (listing.chains.get(name) !== count) return name;
  for (const name of listing.chains.keys()) if (!rules.has(name)) return name;
  for (const name of model.sets.keys()) if (!listing.sets.has(name)) return name;
  for (const name of model.counters) if (!listing.counters.has(name)) return name;
  for (const [name, { elements }] of model.dictionaries) {
    if (listing.sets.get(name) !== elements.size) return name;
  }
  const [comment] = model.chains.get('owner') ?? [];
  return listing.comments.get('owner')?.[0] === comment?.comment ? null : 'owner';
}

const ownerOf = (listing: IListing) => readOwner(listing.comments.get('owner')?.[0] ?? '');

/**
 * The marks that are not ours to take: of tables of proxies. `heir`: a table of which whoever had it and is gone leaves them, as its
 * connections live on. @throws NftExecutionError, NftResourceError
 */
export async function marksInUse(
  nft: Nft,
  options: IRunOptions = {},
  heir: string | null = null,
): Promise<ReadonlySet<number>> {
  const others = (await ownTables(nft, options)).filter(({ name, isRunning }) => isRunning || name !== heir);
  return new Set(others.map(({ mark }) => mark));
}

/** Removes the tables that processes which are gone have left, but for those that are about to be replaced; gives their names. @throws NftExecutionError, NftResourceError */
export async function removeLeftovers(
  nft: Nft,
  options: IRunOptions = {},
  replaced: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const gone: string[] = [];
  for (const { name, isRunning, listing } of await ownTables(nft, options)) {
    if (isRunning || listing.handle === null || replaced.has(name)) continue;
    if (await removed(listing.handle, nft, options)) gone.push(name);
  }
  return gone;
}

/** By its handle: under its name there may be the table of a proxy that started meanwhile. False: it is gone already. */
async function removed(handle: number, nft: Nft, options: IRunOptions): Promise<boolean> {
  try {
    await nft.apply([{ delete: { table: { family, handle } } }], options);
    return true;
  } catch (error) {
    if (error instanceof NftExecutionError && isMissing(error.stderr)) return false;
    throw error;
  }
}

export interface IOwnTable {
  readonly name: string;
  readonly pid: number;
  /** Upper half of the marks of its connections. */
  readonly mark: number;
  /** Whether the process that made it still runs. */
  readonly isRunning: boolean;
  readonly listing: IListing;
}

/** All tables that a proxy made. @throws NftExecutionError, NftResourceError */
export async function ownTables(nft: Nft, options: IRunOptions = {}): Promise<IOwnTable[]> {
  const found: IOwnTable[] = [];
  for (const name of await nft.tables(options)) {
    // nft takes names that were not made by it; we ask for none that could be an option.
    if (!/^[A-Za-z]\w{0,30}$/.test(name)) continue;
    const listing = await nft.list(name, options);
    const owner = listing === null ? null : ownerOf(listing);
    if (listing === null || owner === null) continue;
    found.push({ name, pid: owner.pid, mark: owner.mark, isRunning: await isAlive(owner), listing });
  }
  return found;
}
