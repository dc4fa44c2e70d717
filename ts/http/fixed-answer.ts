// An origin that answers at once with what was made before, whatever the request holds.

import type { IRequestHead, IResponseHead } from '../codec/http-message.js';
import type { TResolvedAction } from '../config/resolved.js';
import { errorAnswer, hasNoContent, type IOwnAnswer, lengthOf } from './error-answer.js';
import type { IAnswerListener, IOrigin } from './exchange-types.js';
import { responseFields } from './response-fields.js';

/** Keeps nothing of a request: one can serve all requests that get the same answer. It never asks for their content. */
export class FixedOrigin implements IOrigin {
  readonly #head: IResponseHead;
  readonly #body: Buffer;

  constructor(answer: IOwnAnswer) {
    this.#head = answer.head;
    this.#body = answer.body;
  }

  send(head: IRequestHead, listener: IAnswerListener): void {
    listener.answerHead(this.#head);
    if (this.#body.length > 0 && head.method !== 'HEAD') listener.answerData(this.#body);
    listener.answerEnd(null);
  }

  data(): boolean {
    return true;
  }

  end(): void {}
  flush(): void {}
  cancel(): void {}
  hold(): void {}
  pull(): void {}
}

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
  };
}
