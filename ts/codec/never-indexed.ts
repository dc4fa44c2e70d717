// Fields that their sender never wants in a table of compression, whatever we think of their names (RFC 7541 §6.2.3): whoever passes
// them on must write them so too. The marks stand beside the lists, by identity: few lists have any, and those cost nothing.

import type { TFields } from './http-message.js';

/** By name in lower case: of several fields with one name all are meant. */
const marks = new WeakMap<TFields, Set<string>>();
/** Somebody has ever marked a field. */
let areThere = false;

/** The names of the list that are never to be indexed; null as a rule. */
export const neverIndexed = (fields: TFields): ReadonlySet<string> | null =>
  areThere ? (marks.get(fields) ?? null) : null;

/** The list gets a mark; `name` is in lower case. */
export function markNeverIndexed(fields: TFields, name: string): void {
  areThere = true;
  const names = marks.get(fields);
  if (names === undefined) marks.set(fields, new Set([name]));
  else names.add(name);
}

/** To a list that was made of another. Gives that back. */
export function withMarks<T extends TFields>(from: TFields, to: T): T {
  if (!areThere) return to;
  const names = marks.get(from);
  if (names !== undefined) marks.set(to, names);
  return to;
}
