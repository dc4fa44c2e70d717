// Where the parts of made options came from, so that a fault of what was made is told by the place that users wrote.

import { ConfigError, type IFault } from '../base/errors.js';
import { resolveConfig } from '../config/resolve.js';
import type { ISmartProxyOptions } from '../config/types.js';

export class Places {
  readonly #old = new Map<string, string>();

  /** `made`, and what is below it, was made of what stands at `old`. */
  from(made: string, old: string): void {
    this.#old.set(made, old);
  }

  /** The same for each element of a list that was put together from several. */
  fromEach(made: string, olds: readonly string[]): void {
    for (const [index, old] of olds.entries()) this.from(`${made}[${index}]`, old);
  }

  /** The place that users wrote; what came from nowhere keeps its own. */
  oldOf(made: string): string {
    for (let end = made.length; end > 0; end = cut(made, end)) {
      const old = this.#old.get(made.slice(0, end));
      if (old !== undefined) return `${old}${made.slice(end)}`;
    }
    return made;
  }

  /**
   * Checks what was made. What reading it has found goes first; of a place only the first fault is told.
   * @throws ConfigError with all of them, by their old places
   */
  check(options: ISmartProxyOptions, found: readonly IFault[]): void {
    const faults = new Map<string, IFault>();
    for (const fault of [...found, ...this.#faultsOf(options)]) {
      if (!faults.has(fault.path)) faults.set(fault.path, fault);
    }
    if (faults.size > 0) throw new ConfigError([...faults.values()]);
  }

  #faultsOf(options: ISmartProxyOptions): readonly IFault[] {
    try {
      resolveConfig(options);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.faults.map((fault) => ({ ...fault, path: this.oldOf(fault.path) }));
    }
  }
}

/** Where the last part of a place begins: at its dot or bracket. */
const cut = (place: string, end: number): number =>
  Math.max(place.lastIndexOf('.', end - 1), place.lastIndexOf('[', end - 1));
