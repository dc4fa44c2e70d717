// A table as it should be: named parts, of which an update compares names. What may change in place has a fixed name
// (hooks, dictionaries, counters); the name of everything else ends in a digest of its content.

import * as plugins from '../plugins.js';
import type { IRule, TStatement } from './nft-json.js';

/** A chain that the kernel calls. */
export interface IHook {
  readonly type: 'filter' | 'nat';
  readonly hook: 'prerouting' | 'input' | 'output' | 'postrouting';
  readonly prio: number;
  readonly rules: readonly IRule[];
}

/** A map from marks to verdicts, or a set of marks, whose elements come and go with routes. */
export interface IDictionary {
  readonly body: TStatement;
  /** By mark. */
  readonly elements: ReadonlyMap<number, unknown>;
}

export interface ITableModel {
  readonly name: string;
  readonly counters: ReadonlySet<string>;
  /** Named sets and maps of fixed content. */
  readonly sets: ReadonlyMap<string, TStatement>;
  /** Chains that other rules lead to. */
  readonly chains: ReadonlyMap<string, readonly IRule[]>;
  readonly hooks: ReadonlyMap<string, IHook>;
  readonly dictionaries: ReadonlyMap<string, IDictionary>;
}

/** Gathers the parts while rules are made. */
export class ModelParts {
  readonly counters = new Set<string>();
  readonly sets = new Map<string, TStatement>();
  readonly chains = new Map<string, readonly IRule[]>();

  /** The name of the counter, which is there from now on. */
  counter(name: string): string {
    this.counters.add(name);
    return name;
  }

  /** The name of a chain with these rules. */
  chain(prefix: string, rules: readonly IRule[]): string {
    const name = `${prefix}_${digestOf(rules)}`;
    this.chains.set(name, rules);
    return name;
  }

  /** The name of a set or map with this body. */
  set(prefix: string, body: TStatement): string {
    const name = `${prefix}_${digestOf(body)}`;
    this.sets.set(name, body);
    return name;
  }
}

const digestOf = (content: unknown): string =>
  plugins.crypto.createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12);
