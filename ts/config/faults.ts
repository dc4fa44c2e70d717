// How faults are written: where, as JavaScript would say it; what was found, short and printable.

import type { IFault } from '../base/errors.js';

export type TKey = string | number;

/** A fault whose place is still a list of keys. */
export interface IPathFault {
  readonly path: readonly TKey[];
  readonly want: string;
  readonly got: string;
}

/** At most this much of a text is shown. */
const maxShown = 60;

/** The faults for people: one a place, those of one route together. */
export function finishFaults(faults: readonly IPathFault[]): IFault[] {
  const seen = new Set<string>();
  const finished: { fault: IFault; route: number }[] = [];
  for (const { path, want, got } of faults) {
    const text = pathText(path);
    // A later fault at the same place follows from the first.
    if (seen.has(text)) continue;
    seen.add(text);
    finished.push({ fault: { path: text, want, got }, route: routeOf(path) });
  }
  return finished.sort((a, b) => a.route - b.route).map(({ fault }) => fault);
}

const routeOf = (path: readonly TKey[]): number =>
  path[0] === 'routes' && typeof path[1] === 'number' ? path[1] : Number.NEGATIVE_INFINITY;

/** `routes[3].match.ports`; names that JavaScript would not take after a dot are quoted. */
export function pathText(path: readonly TKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${quote(key)}]`;
  }
  return text;
}

/** What stands there, without what it holds if it is not a single value. */
export function gotText(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return value === '' ? 'an empty string' : quote(withoutUserinfo(value));
    case 'number':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
      return 'an object';
    default:
      return `a ${typeof value}`;
  }
}

/** What stands at `path` in `root`. */
export function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** In double quotes, shortened, with everything escaped that could disturb a terminal or a log line. */
export function quote(text: string): string {
  const shown = text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
  const escaped = JSON.stringify(shown).replace(
    /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return escaped;
}

/** `user:password@host`: a password does not belong into a message. */
const withoutUserinfo = (text: string): string => (text.includes('@') ? `…${text.slice(text.lastIndexOf('@'))}` : text);
