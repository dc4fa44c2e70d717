// What an answer says of the limits on requests: the three fields of draft-ietf-httpapi-ratelimit-headers up to -06.

import type { IRateVerdict } from '../flow/guard/rate-store.js';
import { setField } from './header-rules.js';

/** Sets them in place of those that a target sent: of two limits a client could not tell which is meant. */
export function rateFields(fields: string[], { limit, remaining, resetMs }: IRateVerdict): void {
  setField(fields, 'ratelimit-limit', String(limit));
  setField(fields, 'ratelimit-remaining', String(remaining));
  setField(fields, 'ratelimit-reset', seconds(resetMs));
}

/** Whole seconds, none too few: whoever waits so long is let pass. */
export const seconds = (ms: number): string => String(Math.ceil(ms / 1000));
