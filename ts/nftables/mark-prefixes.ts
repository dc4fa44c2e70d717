// Upper halves of the marks of connections, one a table: two tables with the same would send each other's connections to
// their own targets.

import * as plugins from '../plugins.js';
import { NftResourceError } from './errors.js';

/** Those of all tables of this process. */
const taken = new Set<number>();

/**
 * One that no table of this process has, nor any of `others`; the same one for the same text, if it is free. It is kept
 * until `releasePrefix`.
 * @throws NftResourceError where all are taken
 */
export function takePrefix(text: string, others: ReadonlySet<number>): number {
  const start = plugins.crypto.createHash('sha256').update(text).digest().readUInt16BE(0);
  for (let step = 0; step < 65_536; step++) {
    const prefix = (start + step) % 65_536;
    if (prefix === 0 || taken.has(prefix) || others.has(prefix)) continue;
    taken.add(prefix);
    return prefix;
  }
  throw new NftResourceError('table', 'the tables of proxies on this machine have all marks that there are');
}

export function releasePrefix(prefix: number): void {
  taken.delete(prefix);
}

/** The prefixes of one proxy's tables. */
export class MarkPrefixes {
  readonly #byTable = new Map<string, number>();

  has(table: string): boolean {
    return this.#byTable.has(table);
  }

  /** The table's, from now on until `keep` comes without it. @throws NftResourceError where all are taken */
  of(table: string, text: string, others: ReadonlySet<number>): number {
    const known = this.#byTable.get(table);
    if (known !== undefined) return known;
    const prefix = takePrefix(text, others);
    this.#byTable.set(table, prefix);
    return prefix;
  }

  /** Forgets those of all other tables. */
  keep(tables: ReadonlySet<string>): void {
    for (const [table, prefix] of this.#byTable) {
      if (tables.has(table)) continue;
      releasePrefix(prefix);
      this.#byTable.delete(table);
    }
  }
}
