// Answers of routes that give the same to everybody.

import type { TResolvedAction } from '../config/resolved.js';
import { errorAnswer, hasNoContent, type IOwnAnswer, lengthOf } from './error-answer.js';
import { responseFields } from './response-fields.js';

type TFixedAction = Extract<TResolvedAction, { type: 'respond' | 'block' }>;

const made = new WeakMap<TFixedAction, IOwnAnswer>();

/** The answer of a route that always gives the same, made once for each route. */
export function fixedAnswer(action: TFixedAction): IOwnAnswer {
  let answer = made.get(action);
  if (answer === undefined) {
    answer = action.type === 'block' ? errorAnswer(action.status, action.message) : responded(action);
    made.set(action, answer);
  }
  return answer;
}

function responded({ status, headers, body: given }: Extract<TFixedAction, { type: 'respond' }>): IOwnAnswer {
  const body = Buffer.from(hasNoContent(status) ? new Uint8Array(0) : given);
  return {
    head: { status, reason: '', fields: responseFields(headers, null), contentLength: lengthOf(status, body.length) },
    body,
    isError: false,
  };
}
