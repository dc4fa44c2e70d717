// Names of requests: for templates, contexts and logs, made only where one is asked for.

import { fieldValue, type TFields } from '../codec/http-message.js';
import * as plugins from '../plugins.js';

/** Unique in this process by a counter, elsewhere by chance; no secret. */
export class RequestIds {
  readonly #prefix = plugins.crypto.randomBytes(8).toString('hex');
  #count = 0;

  next(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}`;
  }

  /** What a trusted peer calls the request, else a name of ours. */
  of(fields: TFields, trusted: boolean): string {
    return (trusted ? statedId(fields) : null) ?? this.next();
  }
}

/** Longer ones, and what could not stand in a log as it is, are not taken over. */
const usable = /^[\x21-\x7e]{1,128}$/;

function statedId(fields: TFields): string | null {
  const id = fieldValue(fields, 'x-request-id');
  return id !== null && usable.test(id) ? id : null;
}
