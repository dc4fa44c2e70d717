// The last resort of a request for which not even the route's rules for answers can be applied.

import type { IOwnAnswer } from './error-answer.js';
import type { IClientSide } from './exchange-types.js';

/** The client gets the answer as it is; null: it has a part of another, and must see that there is no more. */
export function sendPlain(side: IClientSide, answer: IOwnAnswer | null): void {
  if (answer === null) return side.cut('internal_error');
  side.head(answer.head);
  side.data(answer.body);
  side.end(null);
}
