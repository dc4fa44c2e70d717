// Fields in which the proxy tells targets and handlers who a client is. They are set after everything that a client can say,
// Connection included, and before the rules of the configuration.

import type { TFields } from '../codec/http-message.js';
import { remove } from './hop-by-hop.js';

export interface IOwnedFields {
  /** In lower case. */
  readonly names: readonly string[];
  /** Of these names, but not of all of them. */
  readonly fields: TFields;
}

export function setOwned(out: string[], { names, fields }: IOwnedFields): void {
  for (const name of names) remove(out, name);
  for (let at = 0; at < fields.length; at++) out.push(fields[at] as string);
}
