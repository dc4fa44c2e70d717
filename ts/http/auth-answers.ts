// What those are answered who do not show who they are. Without a word on what was wrong.

import { errorAnswer, type IOwnAnswer } from './error-answer.js';

/** RFC 9110 §11.6.1, RFC 7617 §2. */
export const askPassword = (realm: string): IOwnAnswer => challenge(`Basic realm="${realm}", charset="UTF-8"`);

/** RFC 6750 §3: no error where nothing was sent. */
export const askToken = (sent: boolean): IOwnAnswer => challenge(sent ? 'Bearer error="invalid_token"' : 'Bearer');

function challenge(value: string): IOwnAnswer {
  const own = errorAnswer(401);
  return { ...own, head: { ...own.head, fields: [...own.head.fields, 'WWW-Authenticate', value] } };
}
