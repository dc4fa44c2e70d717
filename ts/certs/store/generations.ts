// Named sets of files that change as a whole: each write makes a new folder beside the former one.
//
// Whoever writes learns the next number first, then makes the folder under a passing name, then looks whether its lock
// is still held, and only then gives the folder its number, which fails if there is such a folder. So a writer that
// stood still after its last look meets the number of the one that came after it, or finds its folder gone.

import { parallelLimit } from '../../base/async-utils.js';
import { ProxyError } from '../../base/errors.js';
import { AsyncFileSystem } from '../../base/fs-utils.js';
import * as plugins from '../../plugins.js';
import {
  createFile,
  folderMode,
  makeLeftover,
  placeFolder,
  readPlainFile,
  removeFolder,
  removeLeftovers,
  systemCodeOf,
} from './plain-files.js';

/** Whether the writer's lock is held, by looking. */
export type TIsHeld = () => Promise<boolean>;

export interface IGenerationFiles {
  readonly generation: number;
  /** Content by the name of the file. */
  readonly files: ReadonlyMap<string, string>;
}

export interface IGenerationsOptions {
  readonly folder: string;
  /** Names of the files that each generation has. */
  readonly fileNames: readonly string[];
  /** Is told of what is there and cannot be trusted. */
  readonly skipped: (path: string, why: unknown) => void;
  /** Milliseconds since 1970, as the file system's own. */
  readonly wallMs: () => number;
}

export class Generations {
  readonly folder: string;
  readonly #fileNames: readonly string[];
  readonly #skipped: (path: string, why: unknown) => void;
  readonly #wallMs: () => number;

  constructor({ folder, fileNames, skipped, wallMs }: IGenerationsOptions) {
    this.folder = folder;
    this.#fileNames = fileNames;
    this.#skipped = skipped;
    this.#wallMs = wallMs;
  }

  /** Names of all sets, also of those of which nothing can be read. */
  async names(): Promise<string[]> {
    return (await AsyncFileSystem.listNames(this.folder)).filter((name) => setName.test(name));
  }

  /**
   * What `judge` makes of the newest generation that it does not throw at; null: there is none. Rejects if there might
   * be one, but the file system fails.
   * @param fileNames those that `judge` needs, if not all
   */
  async read<T>(name: string, judge: (found: IGenerationFiles) => T, fileNames = this.#fileNames): Promise<T | null> {
    const home = this.#home(name);
    const tried = new Set<number>();
    const failures: unknown[] = [];
    // Those who write remove what is old: what was gone when it was to be read has a successor.
    for (;;) {
      const untried = (await numbersIn(home)).filter((generation) => !tried.has(generation));
      const [generation] = untried;
      if (generation === undefined) break;
      tried.add(generation);
      const path = plugins.path.join(home, nameOf(generation));
      try {
        const files = await readFiles(path, fileNames).catch((error) => {
          if (!provesBad.includes(systemCodeOf(error))) failures.push(error);
          throw error;
        });
        return judge({ generation, files });
      } catch (error) {
        if ((await numbersIn(home)).includes(generation)) this.#skipped(path, error);
      }
    }
    // It may be well, and only out of reach for now: that nothing is there would be an untruth.
    if (failures.length > 0) throw failures[0];
    return null;
  }

  /** @throws ProxyError STORE_LOCK_LOST */
  async write(
    name: string,
    filesOf: (generation: number) => ReadonlyMap<string, string>,
    isHeld: TIsHeld | null,
  ): Promise<void> {
    const home = this.#home(name);
    for (let attempt = 1; ; attempt++) {
      await AsyncFileSystem.ensureDir(home, { mode: folderMode });
      const generation = Math.max(0, ...(await numbersIn(home))) + 1;
      if (await placeGeneration(home, generation, filesOf(generation), isHeld)) break;
      if (attempt === attempts) throw new Error(`${home}: others write without end`);
    }
    // Under a lock nobody else is writing here, but for those who lost it.
    await this.#tidy(home, isHeld === null ? this.#longAgoMs() : Number.POSITIVE_INFINITY).catch(() => {});
  }

  /** @throws ProxyError STORE_LOCK_LOST */
  async remove(name: string, isHeld: TIsHeld | null): Promise<void> {
    await refuseLost(isHeld);
    await removeFolder(this.#home(name));
  }

  /** Removes what was left behind by processes that died while they wrote, or removed. */
  async removeLeftovers(): Promise<void> {
    const longAgoMs = this.#longAgoMs();
    await removeLeftovers(this.folder, longAgoMs);
    await parallelLimit(await this.names(), atOnce, (name) => removeLeftovers(this.#home(name), longAgoMs));
  }

  /** Keeps the generation before; what cannot be removed stays for the next time. */
  async #tidy(home: string, leftoversBeforeMs: number): Promise<void> {
    const old = (await numbersIn(home)).slice(2);
    await Promise.all(old.map((number) => removeFolder(plugins.path.join(home, nameOf(number)))));
    await removeLeftovers(home, leftoversBeforeMs);
  }

  /** Before this nothing that is still going on can have begun. */
  #longAgoMs(): number {
    return this.#wallMs() - 3_600_000;
  }

  #home(name: string): string {
    return plugins.path.join(this.folder, name);
  }
}

/** False if that number is taken. */
async function placeGeneration(
  home: string,
  generation: number,
  files: ReadonlyMap<string, string>,
  isHeld: TIsHeld | null,
): Promise<boolean> {
  const passing = plugins.path.join(home, makeLeftover());
  const place = plugins.path.join(home, nameOf(generation));
  try {
    await AsyncFileSystem.ensureDir(passing, { mode: folderMode });
    await Promise.all(
      [...files].map(([name, text]) => createFile(plugins.path.join(passing, name), text, { durable: true })),
    );
    await refuseLost(isHeld);
    if (!(await placeFolder(passing, place))) {
      await AsyncFileSystem.removeDir(passing);
      return false;
    }
  } catch (error) {
    await AsyncFileSystem.removeDir(passing).catch(() => {});
    // It was removed meanwhile, as a whole.
    if (systemCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
  // A successor may have begun between the look and the placing, and have read what was there before.
  await refuseLost(isHeld).catch(async (error) => {
    await removeFolder(place);
    throw error;
  });
  return true;
}

async function refuseLost(isHeld: TIsHeld | null): Promise<void> {
  if (isHeld === null || (await isHeld())) return;
  throw new ProxyError('STORE_LOCK_LOST', 'the lock under which this was to be written is no longer held');
}

/** Newest first. */
async function numbersIn(home: string): Promise<number[]> {
  const names = await AsyncFileSystem.listNames(home);
  return names.flatMap((name) => (generationName.test(name) ? Number(name) : [])).reverse();
}

/** Nine digits, of which nobody has come to the last ones: what is there was put there, and would be followed by ten. */
const generationName = /^(?!99)\d{9}$/;

const nameOf = (generation: number): string => String(generation).padStart(9, '0');

async function readFiles(path: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const texts = await Promise.all(names.map((name) => readPlainFile(plugins.path.join(path, name), limitBytes)));
  return new Map(names.map((name, i) => [name, texts[i] ?? '']));
}

/** Files that are missing or none of ours. */
const provesBad = ['', 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EISDIR'];
const attempts = 100;
/** As many as Node has threads for files, some times over. */
export const atOnce = 32;
/** A chain of RSA certificates takes about 10 kB. */
const limitBytes = 1_048_576;
const setName = /^[0-9a-f]{64}$/;
