// Names of requests: for templates, contexts and logs, made only where one is asked for.

import { fieldValue, type TFields } from '../codec/http-message.js';
import * as plugins from '../plugins.js';

/** Unique in this process by a counter, elsewhere by chance; no secret. */
const prefix = plugins.crypto.randomBytes(8).toString('hex');
let count = 0;

/** What a trusted peer calls the request, else a name of ours. */
export function makeRequestId(fields: TFields, trusted: boolean): string {
  const stated = trusted ? fieldValue(fields, 'x-request-id') : null;
  if (stated !== null && usable.test(stated)) return stated;
  count += 1;
  return `${prefix}-${count.toString(36)}`;
}

/** Longer ones, and what could not stand in a log as it is, are not taken over. */
const usable = /^[\x21-\x7e]{1,128}$/;
