// The fields of a request as they go to a target, in one pass: once a request, so that it counts what it costs.

import type { TFields } from '../codec/http-message.js';
import { withMarks } from '../codec/never-indexed.js';
import { connection, edge, hop, plain, requestKind, te } from './field-kind.js';
import { addForwarded, Heard, type IForwardFacts } from './forwarded.js';
import { keepTrailers, removeNamed } from './hop-by-hop.js';

/**
 * Without what belongs to the client's connection and what only a trusted peer may say; with X-Forwarded-* and Via of ours, `via`
 * being `''` for none. The rules of the configuration come after it.
 */
export function requestFields(fields: TFields, facts: IForwardFacts, via: string): string[] {
  const out: string[] = [];
  const heard = facts.trusted ? new Heard() : null;
  let named: string | null = null;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    const kind = requestKind(name);
    if (kind === plain) {
      // CGI takes `_` for `-`: what is ours to set would be set by the client (`X_Forwarded_For`).
      if (!name.includes('_')) out.push(name, value);
    } else if (kind === connection) named = named === null ? value : `${named},${value}`;
    else if (kind === te) keepTrailers(out, value);
    else if (kind === hop || heard === null) continue;
    else if (kind === edge) out.push(name, value);
    else heard.take(kind, value);
  }
  // Before ours are added: Connection cannot remove them.
  if (named !== null) removeNamed(out, named);
  addForwarded(out, facts, heard);
  if (via !== '') out.push('Via', via);
  return withMarks(fields, out);
}
