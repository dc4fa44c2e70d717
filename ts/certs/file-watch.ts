// Tells when files may have changed: by the system's word for their folders, and by a look now and then where that fails.

import type { FSWatcher } from 'node:fs';
import type { IClock, ITimer } from '../base/clock.js';
import * as plugins from '../plugins.js';

export interface IFileWatchOptions {
  readonly clock: IClock;
  /** Files that may have changed. What is told again although nothing changed is the caller's to notice. */
  readonly changed: (paths: readonly string[]) => void;
}

/** Watches folders, not files: a file that is replaced by renaming another over it is a new file. */
export class FileWatch {
  readonly #clock: IClock;
  readonly #changed: (paths: readonly string[]) => void;
  readonly #folders = new Map<string, Folder>();
  #look: ITimer | null = null;

  constructor({ clock, changed }: IFileWatchOptions) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Watches exactly these from now on. */
  watch(paths: Iterable<string>): void {
    const byFolder = new Map<string, string[]>();
    for (const path of new Set(paths)) {
      const folder = plugins.path.dirname(path);
      byFolder.set(folder, [...(byFolder.get(folder) ?? []), path]);
    }
    for (const [path, folder] of this.#folders) {
      if (byFolder.has(path)) continue;
      folder.close();
      this.#folders.delete(path);
    }
    for (const [path, files] of byFolder) {
      const folder = this.#folders.get(path) ?? new Folder(path, this.#clock, this.#changed);
      this.#folders.set(path, folder);
      folder.files = files;
    }
    this.#schedule();
  }

  close(): void {
    this.watch([]);
  }

  #schedule(): void {
    this.#look?.cancel();
    this.#look = this.#folders.size === 0 ? null : this.#clock.setTimer(() => this.#lookAll(), lookEveryMs);
  }

  /** Network file systems tell nothing, and a folder that was replaced as a whole is no longer the one that is watched. */
  #lookAll(): void {
    for (const folder of this.#folders.values()) void folder.look();
    this.#schedule();
  }
}

class Folder {
  files: readonly string[] = [];
  readonly #path: string;
  readonly #clock: IClock;
  readonly #changed: (paths: readonly string[]) => void;
  #watcher: FSWatcher | null = null;
  #settling: ITimer | null = null;
  #closed = false;
  readonly #seen = new Map<string, string>();

  constructor(path: string, clock: IClock, changed: (paths: readonly string[]) => void) {
    this.#path = path;
    this.#clock = clock;
    this.#changed = changed;
    this.#begin();
  }

  /** The first look finds every file changed. */
  async look(): Promise<void> {
    this.#watcher?.close();
    this.#begin();
    const changed: string[] = [];
    for (const path of this.files) {
      const seen = await appearanceOf(path);
      if (this.#seen.get(path) !== seen) changed.push(path);
      this.#seen.set(path, seen);
    }
    if (changed.length > 0 && !this.#closed) this.#changed(changed);
  }

  close(): void {
    this.#closed = true;
    this.#watcher?.close();
    this.#settling?.cancel();
  }

  #begin(): void {
    if (this.#closed) return;
    try {
      const watcher = plugins.fs.watch(this.#path, { persistent: false }, () => this.#stirred());
      watcher.on('error', () => watcher.close());
      this.#watcher = watcher;
    } catch {
      // It is not there, or the system watches no more folders: the look now and then has to do.
      this.#watcher = null;
    }
  }

  /** A certificate and its key change together, or nearly so. */
  #stirred(): void {
    this.#settling?.cancel();
    this.#settling = this.#clock.setTimer(() => this.#changed(this.files), settleMs);
  }
}

/** What tells two versions of a file apart; `''` if it cannot be looked at. */
async function appearanceOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await plugins.fs.promises.stat(path);
    return [ino, size, mtimeMs, ctimeMs].join();
  } catch {
    return '';
  }
}

const settleMs = 200;
const lookEveryMs = 60_000;
