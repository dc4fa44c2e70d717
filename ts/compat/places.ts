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

  /** Faults of the options themselves, by their old places, one a place. */
  faultsOf(options: ISmartProxyOptions): readonly IFault[] {
    try {
      resolveConfig(options);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const faults = error.faults.map((fault) => ({ ...fault, path: this.oldOf(fault.path) }));
      return [...new Map(faults.map((fault) => [fault.path, fault])).values()];
    }
  }
}

/** Where the last part of a place begins: at its dot or bracket. */
const cut = (place: string, end: number): number =>
  Math.max(place.lastIndexOf('.', end - 1), place.lastIndexOf('[', end - 1));
