// Sends the client elsewhere.

import { statusPhrase } from '../codec/http-status.js';
import { locationOf } from '../flow/location.js';
import { errorAnswer, type IOwnAnswer } from './error-answer.js';
import type { ITemplateValues } from './template-values.js';

/** The answer of a redirect; `{path}` of the template is the value `target`: the path as asked for, with its query. */
export function redirectAnswer(template: readonly string[], status: number, values: ITemplateValues): IOwnAnswer {
  const location = locationOf(template, values);
  if (location === null) return errorAnswer(400, 'The request names no host.');
  const body = Buffer.from(`${status} ${statusPhrase(status)}\n`);
  const fields = ['Location', location, 'Content-Type', 'text/plain; charset=utf-8'];
  return { head: { status, reason: '', fields, contentLength: body.length }, body, isError: false };
}
