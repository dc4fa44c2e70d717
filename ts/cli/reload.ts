// Puts the routes of a changed configuration file into force, or leaves everything as it is and says why.

import type { IPlan, ISmartProxyOptions, SmartProxy } from '../index.js';
import { debounceAsync } from '../utils.js';
import { type IConfigFile, readConfigFile, stateOf } from './config-file.js';
import { withPlaces } from './faults.js';
import type { Report } from './report.js';

export interface IReloaderOptions {
  readonly proxy: SmartProxy;
  /** As it was when the proxy was made. */
  readonly config: IConfigFile;
  readonly report: Report;
}

/** Looking costs one `stat`. */
const lookMs = 200;

/** Signals and changes that come together are one. */
const quietMs = 50;

export class Reloader {
  readonly #proxy: SmartProxy;
  readonly #config: IConfigFile;
  readonly #report: Report;
  readonly #reload = debounceAsync(() => this.#reloadNow(), quietMs);
  /** The state of the file that was last read or tried. */
  #seen: string | null;
  #looking: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ proxy, config, report }: IReloaderOptions) {
    this.#proxy = proxy;
    this.#config = config;
    this.#report = report;
    this.#seen = config.state;
  }

  /** Soon; several calls in a row are one. */
  reload(): void {
    // A burst that `close` drops is told to nobody.
    this.#reload().catch(() => {});
  }

  /**
   * Reloads whenever the file changes, until `close`. It is looked at by its path: a file put in its place by rename,
   * by a symbolic link or by a mount counts as a change, which events of the file system do not tell everywhere.
   */
  watch(): void {
    this.#looking = setInterval(() => void this.#look(), lookMs);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#looking);
    this.#reload.cancel();
  }

  async #look(): Promise<void> {
    const state = await stateOf(this.#config.file);
    // A file that is not there is about to be replaced, or its removal is no wish for other routes.
    if (this.#closed || state === null || state === this.#seen) return;
    this.#seen = state;
    this.reload();
  }

  /** At once, for somebody who wants to know what comes of it. @throws ConfigFileError and others, which are reported too */
  async reloadAndTell(): Promise<IPlan> {
    try {
      const next = await readConfigFile(this.#config.file);
      const plan = await this.#update(next);
      this.#report.reloaded(plan, this.#proxy.getListeningPorts(), changedBeside(this.#config.options, next.options));
      return plan;
    } catch (error) {
      if (!this.#closed) this.#report.reloadFailed(error);
      throw error;
    }
  }

  async #reloadNow(): Promise<void> {
    // What failed is reported, and told to nobody else.
    if (!this.#closed) await this.reloadAndTell().catch(() => {});
  }

  /** The file is good by itself, but its routes may need other options of it that are not in force. */
  async #update({ file, options, placeOf }: IConfigFile): Promise<IPlan> {
    try {
      return await this.#proxy.updateRoutes(options.routes);
    } catch (error) {
      throw withPlaces(file, placeOf, error);
    }
  }
}

/** The options other than the routes that are not what they were. Functions are left out: code makes them anew. */
export function changedBeside(before: ISmartProxyOptions, after: ISmartProxyOptions): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof ISmartProxyOptions>;
  return [...names].filter(
    (name) => name !== 'routes' && name !== 'logger' && JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
}
