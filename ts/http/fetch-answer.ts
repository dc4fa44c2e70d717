// The head of an answer, from the Response that an HTTP handler gave.

import type { IResponseHead, TContentLength } from '../codec/http-message.js';
import { hasNoContent } from './error-answer.js';
import { fieldText, isFieldName } from './field-text.js';

export interface IFetchAnswer {
  /** `contentLength` is what the Response states, -1 if nothing. */
  readonly head: IResponseHead;
  /** null: there is none, or none that may be sent. */
  readonly body: ReadableStream<unknown> | null;
}

/** Of Node, or of a package that brings its own: several server frameworks do. */
export const isResponse = (value: unknown): value is Response =>
  value instanceof Response || Object.prototype.toString.call(value) === '[object Response]';

/** @throws TypeError if it is not an answer that can be sent, whatever getters of it throw. */
export function answerOf(response: Response, method: string): IFetchAnswer {
  const { status } = response;
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new TypeError(`a Response of status ${status}`);
  const wasDecoded = isDecoded(response);
  const fields: string[] = [];
  let stated: TContentLength = -1;
  for (const [name, value] of response.headers) {
    const lower = name.toLowerCase();
    if (lower === 'content-length') stated = /^\d{1,15}$/.test(value) && !wasDecoded ? Number(value) : -1;
    else if (isFieldName(name) && !(wasDecoded && lower === 'content-encoding')) fields.push(name, fieldText(value));
  }
  const isEmpty = hasNoContent(status);
  const body = isEmpty || method === 'HEAD' ? null : response.body;
  if (isEmpty && status !== 304) stated = 0;
  else if (body === null && method !== 'HEAD' && status !== 304) stated = 0;
  return { head: { status, reason: fieldText(response.statusText ?? ''), fields, contentLength: stated }, body };
}

/** Codings that `fetch` undoes. */
const undone = /^(?:x-)?gzip$|^deflate$|^br$/;

/**
 * A Response that came from `fetch` still states the coding and the length that its content had on the way; the content itself is
 * decoded already.
 */
function isDecoded(response: Response): boolean {
  if (!response.url || response.body === null) return false;
  const codings = response.headers.get('content-encoding')?.toLowerCase().split(',') ?? [];
  return codings.length > 0 && codings.every((coding) => undone.test(coding.trim()));
}
