// HTTP Basic authentication (RFC 7617): whether a request has credentials that its route takes.

import { fieldValue, type TFields } from '../../codec/http-message.js';
import { isPreflight } from '../../codec/http-preflight.js';
import { basicDigest } from '../../config/resolve-basic.js';
import type { IResolvedBasic, IResolvedRoute } from '../../config/resolved.js';
import * as plugins from '../../plugins.js';

/** What the guard reads of a request. */
export interface IAskingRequest {
  readonly method: string;
  readonly fields: TFields;
}

/**
 * Whether all of the rules take the credentials in `fields`. It does the same work whoever is named and whatever is wrong:
 * what is sent is digested, and the digest compared with every one there is. Several Authorization fields are none.
 */
export function hasCredentials(rules: readonly IResolvedBasic[], fields: TFields): boolean {
  const sent = basicDigest(sentCredentials(fields));
  let refused = 0;
  for (const { digests } of rules) {
    let found = 0;
    for (const digest of digests) found |= Number(plugins.crypto.timingSafeEqual(sent, digest));
    refused |= 1 - found;
  }
  return refused === 0;
}

/** RFC 9110 §11.4, RFC 7617 §2. Several fields are joined by a comma, which base64 does not have. */
const basic = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** `name:password`, decoded; `''`, which no rule takes, if there is nothing to be understood. */
export function sentCredentials(fields: TFields): string {
  const [, token = ''] = basic.exec(fieldValue(fields, 'authorization') ?? '') ?? [];
  return Buffer.from(token, 'base64').toString('utf8');
}

/**
 * Preflights carry no credentials: where a route has CORS the proxy answers them itself, from the configuration alone.
 */
export const isExempt = ({ headers }: IResolvedRoute, { method, fields }: IAskingRequest): boolean =>
  headers !== null && headers.cors !== null && isPreflight(method, fields);

/** What the route says of a request, for people, and without secrets; null: it asks for no credentials. */
export function judgeCredentials(
  route: IResolvedRoute,
  request: IAskingRequest,
): { readonly ok: boolean; readonly why: string } | null {
  const { basic: rules } = route.security;
  if (rules === null) return null;
  const asked = `route ${route.key} asks for credentials of ${rules.map(({ realm }) => `"${realm}"`).join(' and ')}`;
  if (isExempt(route, request)) return { ok: true, why: `${asked}, not of the preflight that this is` };
  const ok = hasCredentials(rules, request.fields);
  const has = fieldValue(request.fields, 'authorization') === null ? 'has none' : 'has others';
  return { ok, why: `${asked}: the request ${ok ? 'has them' : has}` };
}
