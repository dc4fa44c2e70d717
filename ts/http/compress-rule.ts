// Which answers may be compressed, and what their head says then.

import { fieldValue, type IRequestHead, type IResponseHead } from '../codec/http-message.js';
import type { ICompression } from '../config/types.js';
import type { TComplete } from '../config/with-defaults.js';
import type { TCoding } from './compress-accept.js';
import { addVary } from './cors.js';
import { setField } from './header-rules.js';
import { remove } from './hop-by-hop.js';

/** Our own, not yet given to anybody. */
export interface IOpenHead extends IResponseHead {
  readonly fields: string[];
}

/** True if the answer to a GET of this would be worth it, whatever the client takes. */
export function isCompressible(head: IResponseHead, request: IRequestHead, rule: TComplete<ICompression>): boolean {
  const { status, fields, contentLength } = head;
  if (status < 200 || status === 204 || status === 205 || status === 206 || status === 304) return false;
  if (contentLength >= 0 && contentLength < rule.minBytes) return false;
  if (!matcherOf(rule.types)(fieldValue(fields, 'content-type') ?? '')) return false;
  // Content that is encoded, or whose digest was stated, is not ours to change; RFC 9110 §7.7: nor what must not be.
  for (const name of unchangeable) if (fieldValue(fields, name) !== null) return false;
  return !forbids(fieldValue(fields, 'cache-control')) && !forbids(fieldValue(request.fields, 'cache-control'));
}

const unchangeable = ['content-encoding', 'content-range', 'content-md5', 'content-digest', 'repr-digest', 'digest'];

const forbids = (cacheControl: string | null): boolean =>
  cacheControl !== null && /(?:^|,)[ \t]*no-transform[ \t]*(?:,|$)/i.test(cacheControl);

/** Says that the answer depends on Accept-Encoding. */
export const varies = (head: IOpenHead): void => addVary(head.fields, 'Accept-Encoding');

/** The head of the compressed answer. */
export function compressedHead(head: IOpenHead, coding: TCoding): IResponseHead {
  const { status, reason, fields } = head;
  fields.push('Content-Encoding', coding);
  const tag = fieldValue(fields, 'etag');
  // RFC 9110 §8.8.3.3: other bytes, so that the strong one of the target's would be a lie.
  if (tag?.startsWith('"')) setField(fields, 'etag', `W/${tag}`);
  // Ranges would be of the content that the target has.
  remove(fields, 'accept-ranges');
  return { status, reason, fields, contentLength: -1 };
}

type TMatcher = (contentType: string) => boolean;

const matchers = new WeakMap<readonly string[], TMatcher>();

/** Types as they are written in the configuration, one star each. */
function matcherOf(types: readonly string[]): TMatcher {
  let matcher = matchers.get(types);
  if (matcher === undefined) {
    const parts = types.map((type) => type.toLowerCase().split('*', 2));
    const fits = (type: string) =>
      parts.some(([start = '', end]) => {
        if (end === undefined) return type === start;
        return type.length >= start.length + end.length && type.startsWith(start) && type.endsWith(end);
      });
    matcher = (contentType) => fits((contentType.split(';', 1)[0] ?? '').trim().toLowerCase());
    matchers.set(types, matcher);
  }
  return matcher;
}
