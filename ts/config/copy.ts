// The user's configuration as our own plain data: each property is read once, what is not data is a fault, and the copy
// is deeply frozen while the user's objects stay as they are.

import { messageOf } from '../base/errors.js';
import { type IPathFault, quote, type TKey } from './faults.js';

/** What may not be the name of an option anywhere: it could reach a prototype. */
export const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Whose values may be bytes: PEM texts and the body of a fixed answer. */
const holdBytes: ReadonlySet<TKey | undefined> = new Set(['cert', 'key', 'ca', 'directoryCa', 'body']);

/** A configuration has about ten levels; what contains itself has more than any limit. */
const maxDepth = 16;

/** Objects and lists in all: a few shared ones could otherwise stand for billions. */
const maxObjects = 5_000_000;

export interface ICopied {
  readonly value: unknown;
  readonly faults: readonly IPathFault[];
}

/**
 * Copies plain objects and arrays, and bytes and regular expressions where an option takes them; functions stay the
 * same. An `undefined` property counts as absent. A list that occurs twice in the source is one list in the copy too.
 * `asIs` names top-level properties that are passed through.
 */
export function copyPlain(source: unknown, asIs: readonly string[] = []): ICopied {
  const copier = new Copier(asIs);
  return { value: copier.copy(source, []), faults: copier.faults };
}

class Copier {
  readonly faults: IPathFault[] = [];
  readonly #asIs: readonly string[];
  readonly #lists = new Map<object, object>();
  #objects = 0;

  constructor(asIs: readonly string[]) {
    this.#asIs = asIs;
  }

  /** `path` is reused by the callers: it is copied where a fault keeps it. */
  copy(value: unknown, path: TKey[]): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (path.length > maxDepth) return this.#stop(path, `at most ${maxDepth} levels`);
    if (++this.#objects > maxObjects) return this.#stop(path, `at most ${maxObjects} objects and lists`);
    const copy = this.#copyObject(value, path);
    return copy instanceof Uint8Array || copy instanceof RegExp ? copy : copy && Object.freeze(copy);
  }

  /** Copying on would take for ever. */
  #stop(path: readonly TKey[], want: string): undefined {
    if (this.#objects === Number.POSITIVE_INFINITY) return undefined;
    this.#objects = Number.POSITIVE_INFINITY;
    return this.#fault(path, want, 'more');
  }

  #copyObject(value: object, path: TKey[]): object | undefined {
    const depth = path.length;
    try {
      if (Array.isArray(value)) return this.#copyList(value, path);
      const kind = Object.prototype.toString.call(value);
      if (kind === '[object RegExp]' && holdsPattern(path)) return copyPattern(value as RegExp);
      if (kind === '[object Uint8Array]' && holdBytes.has(path.findLast((key) => typeof key === 'string'))) {
        return Uint8Array.from(value as Uint8Array);
      }
      if (kind !== '[object Object]') return this.#fault(path, 'plain data', kind.slice(1, -1));
      return this.#copyRecord(value as Record<string, unknown>, path);
    } catch (error) {
      // A getter or a Proxy of the user's.
      path.length = depth;
      return this.#fault(path, 'something readable', `an error: ${quote(messageOf(error))}`);
    }
  }

  #copyList(list: readonly unknown[], path: TKey[]): object {
    const known = this.#lists.get(list);
    if (known) return known;
    const copy: unknown[] = [];
    for (let index = 0; index < list.length; index++) copy.push(this.#copyPart(list[index], index, path));
    this.#lists.set(list, copy);
    return copy;
  }

  #copyRecord(record: Record<string, unknown>, path: TKey[]): object {
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(record)) {
      if (forbiddenKeys.has(key)) {
        this.#fault([...path, key], 'another name', 'a name that is refused everywhere');
        continue;
      }
      const value = record[key];
      if (value === undefined) continue;
      copy[key] = path.length === 0 && this.#asIs.includes(key) ? value : this.#copyPart(value, key, path);
    }
    return copy;
  }

  #copyPart(value: unknown, key: TKey, path: TKey[]): unknown {
    if (typeof value !== 'object' || value === null) return value;
    path.push(key);
    const copy = this.copy(value, path);
    path.pop();
    return copy;
  }

  #fault(path: readonly TKey[], want: string, got: string): undefined {
    this.faults.push({ path: [...path], want, got });
    return undefined;
  }
}

/** What a header or a parameter of a query must be, and what `urlRewrite` looks for. */
const holdsPattern = (path: readonly TKey[]): boolean =>
  path.at(-1) === 'pattern' || (path.at(-3) === 'match' && (path.at(-2) === 'headers' || path.at(-2) === 'query'));

/** Without `y`, which would remember a place between two uses. Not frozen: that would make each use of it slow. */
const copyPattern = ({ source, flags }: RegExp): RegExp => new RegExp(source, flags.replace('y', ''));
