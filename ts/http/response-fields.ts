// The fields of an answer as they go to the client: first what the origin said, then what the route adds to it.

import type { TFields } from '../codec/http-message.js';
import { isPreflight } from '../codec/http-preflight.js';
import { withMarks } from '../codec/never-indexed.js';
import type { IResolvedHeaders } from '../config/resolved.js';
import type { IRateVerdict } from '../flow/guard/rate-store.js';
import { corsFields } from './cors.js';
import { connection, date, hop, plain, responseKind } from './field-kind.js';
import { applyRules, setField } from './header-rules.js';
import { remove, removeNamed } from './hop-by-hop.js';
import type { HttpDate } from './http-date.js';
import { rateFields } from './rate-fields.js';
import type { ITemplateValues } from './template-values.js';

/** The exchange that is answered. */
interface IAnswered {
  readonly visitor: { readonly services: { readonly date: HttpDate } };
  readonly request: ITemplateValues & {
    readonly fields: TFields;
    readonly isTls: boolean;
    /** null: nothing is to be said of limits. */
    readonly rate: IRateVerdict | null;
    /** null: nobody who let it pass had anything to say. */
    readonly toClient: TFields | null;
  };
  /** null: none was found. */
  readonly route: { readonly headers: IResolvedHeaders | null } | null;
}

/** All of it; `cookie` ties the client to the target that answered, null: nothing has to. */
export function fieldsForClient(exchange: IAnswered, fields: TFields, cookie: string | null): string[] {
  const { visitor, route, request } = exchange;
  const out = responseFields(fields, visitor.services.date);
  if (request.rate !== null) rateFields(out, request.rate);
  if (request.toClient !== null) addTold(out, request.toClient);
  if (cookie !== null) out.push('Set-Cookie', cookie);
  if (route !== null && route.headers !== null) routeFields(out, route.headers, request.fields, request.isTls, request);
  return out;
}

/** In the place of what the answer has; but cookies are many, and of one name the last counts (RFC 6265 §5.3). */
function addTold(out: string[], told: TFields): void {
  for (let at = 0; at < told.length; at += 2) {
    const name = (told[at] as string).toLowerCase();
    if (name !== 'set-cookie') remove(out, name);
  }
  for (const text of told) out.push(text);
}

/** Without what concerns the target's connection; with a Date, which whoever passes an answer on must add (RFC 9110 §6.6.1). */
export function responseFields(fields: TFields, clock: HttpDate | null): string[] {
  const out: string[] = [];
  let named: string | null = null;
  let dated = clock === null;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    const value = fields[at + 1] as string;
    const kind = responseKind(name);
    if (kind === plain) out.push(name, value);
    else if (kind === connection) named = named === null ? value : `${named},${value}`;
    else if (kind !== hop) {
      dated ||= kind === date;
      out.push(name, value);
    }
  }
  if (named !== null) removeNamed(out, named);
  if (!dated && clock !== null) out.push('Date', clock.now());
  return withMarks(fields, out);
}

/**
 * CORS (which the answer to a preflight has said already), then HSTS, then the response rules, which may change those. Changes
 * `out` and gives it back; `request` are the fields that the client sent.
 */
export function routeFields(
  out: string[],
  headers: IResolvedHeaders,
  request: TFields,
  isTls: boolean,
  values: ITemplateValues,
): string[] {
  if (headers.cors !== null && !isPreflight(values.get('method'), request)) corsFields(out, request, headers.cors);
  // RFC 6797 §7.2: never without TLS; §8.1: only the first one counts.
  if (headers.hsts !== null && isTls) setField(out, 'strict-transport-security', headers.hsts);
  return applyRules(out, headers.response, values);
}
