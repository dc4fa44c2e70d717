// How processes that share a folder of certificates tell each other that they have written: each replaces a file of its
// own, so that a folder with a few files is all that has to be watched.

import type { IClock } from '../../base/clock.js';
import { AsyncFileSystem } from '../../base/fs-utils.js';
import * as plugins from '../../plugins.js';
import { FileWatch } from '../file-watch.js';
import { createFile, folderMode, makeLeftover } from './plain-files.js';

export interface IChangeMarksOptions {
  readonly folder: string;
  readonly clock: IClock;
}

const fs = plugins.fs.promises;

export class ChangeMarks {
  readonly #options: IChangeMarksOptions;
  /** Of this process, and of this store in it. */
  readonly #own = plugins.crypto.randomBytes(8).toString('hex');
  #marking: Promise<void> = Promise.resolve();

  constructor(options: IChangeMarksOptions) {
    this.#options = options;
  }

  /** Tells the others. Never rejects: what they do not hear of now they find when they look by themselves. */
  mark(): Promise<void> {
    this.#marking = this.#marking.then(() => this.#mark().catch(() => {}));
    return this.#marking;
  }

  /** @param changed called once others have written, some time after it, maybe several times */
  watch(changed: () => void): { close(): void } {
    const { folder, clock } = this.#options;
    // What was marked before may have been written after the caller looked: that is told too.
    let known = Promise.resolve('');
    const look = async (former: Promise<string>): Promise<string> => {
      const [before, now] = [await former, await this.#othersIn(folder)];
      if (before !== now && !closed) changed();
      return now;
    };
    let closed = false;
    // The folder itself: it changes with every file that takes the place of another.
    const stirred = () => {
      known = look(known);
    };
    const watch = new FileWatch({ clock, changed: stirred });
    const begin = () => {
      if (closed) return;
      watch.watch([`${folder}/.`]);
      stirred();
    };
    AsyncFileSystem.ensureDir(folder, { mode: folderMode }).then(begin, begin);
    return {
      close: () => {
        closed = true;
        watch.close();
      },
    };
  }

  async #mark(): Promise<void> {
    const { folder, clock } = this.#options;
    await AsyncFileSystem.ensureDir(folder, { mode: folderMode });
    const passing = plugins.path.join(folder, makeLeftover());
    await createFile(passing, '', { durable: false });
    await fs.rename(passing, plugins.path.join(folder, this.#own));
    await this.#removeOld(clock.wallMs() - keptMs);
  }

  /** Of processes that are gone. */
  async #removeOld(beforeMs: number): Promise<void> {
    const { folder } = this.#options;
    for (const name of await AsyncFileSystem.listNames(folder)) {
      const path = plugins.path.join(folder, name);
      const found = await fs.lstat(path).catch(() => null);
      if (found !== null && found.mtimeMs < beforeMs) await fs.rm(path, { force: true });
    }
  }

  /** What all others have marked, in a form that changes with it. Never rejects. */
  async #othersIn(folder: string): Promise<string> {
    const names = (await AsyncFileSystem.listNames(folder).catch(() => [])).filter(
      (name) => markName.test(name) && name !== this.#own,
    );
    const seen = await Promise.all(
      names.sort().map(async (name) => {
        const found = await fs.lstat(plugins.path.join(folder, name)).catch(() => null);
        return found === null || !found.isFile() ? '' : `${name} ${found.ino} ${found.mtimeMs}`;
      }),
    );
    return seen.filter((mark) => mark !== '').join('\n');
  }
}

const markName = /^[0-9a-f]{16}$/;
/** A mark that goes is taken for a change: one look too many. */
const keptMs = 86_400_000;
