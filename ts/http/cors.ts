// Cross-origin requests: the proxy speaks the Fetch standard's CORS protocol in the target's place.

import { fieldValue, type IRequestHead, type IResponseHead, type TFields } from '../codec/http-message.js';
import { isPreflight } from '../codec/http-preflight.js';
import type { IResolvedCors } from '../config/resolved.js';
import { isFieldName } from './field-text.js';
import { remove } from './hop-by-hop.js';

const ofTargets = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
];

/** The answer to a preflight; null if the request is none. One from an origin that is not allowed gets no permission. */
export function preflightAnswer(head: IRequestHead, cors: IResolvedCors): IResponseHead | null {
  if (!isPreflight(head.method, head.fields)) return null;
  const origin = fieldValue(head.fields, 'origin') ?? '';
  const fields = ['Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'];
  const allowed = allowedOrigin(origin, cors);
  if (allowed !== null) {
    fields.push('Access-Control-Allow-Origin', allowed, 'Access-Control-Allow-Methods', cors.methods.join(', '));
    const names = cors.headers?.join(', ') ?? askedNames(head.fields);
    if (names !== '') fields.push('Access-Control-Allow-Headers', names);
    if (cors.credentials) fields.push('Access-Control-Allow-Credentials', 'true');
    fields.push('Access-Control-Max-Age', String(cors.maxAgeSeconds));
  }
  return { status: 204, reason: '', fields, contentLength: 0 };
}

/** Replaces what a target says of CORS in an answer that is no preflight's. `request` are the fields that the client sent. */
export function corsFields(out: string[], request: TFields, cors: IResolvedCors): void {
  for (const name of ofTargets) remove(out, name);
  // Caches must not give one origin what was allowed to another, nor to one what was given to none.
  if (cors.origins !== null) addVary(out, 'Origin');
  const origin = fieldValue(request, 'origin');
  const allowed = origin === null ? allowedWithout(cors) : allowedOrigin(origin, cors);
  if (allowed === null) return;
  out.push('Access-Control-Allow-Origin', allowed);
  if (cors.credentials) out.push('Access-Control-Allow-Credentials', 'true');
  if (cors.exposed.length > 0) out.push('Access-Control-Expose-Headers', cors.exposed.join(', '));
}

/** What a request without Origin is told, because a cache may give its answer to one that has it. */
const allowedWithout = (cors: IResolvedCors): string | null => (cors.origins === null ? '*' : null);

/** Origins are compared as they are written: browsers write them in one way (RFC 6454 §6.2). */
function allowedOrigin(origin: string, cors: IResolvedCors): string | null {
  if (cors.origins === null) return '*';
  return cors.origins.includes(origin) ? origin : null;
}

/** The names that a preflight asks for, if they are names. */
function askedNames(fields: TFields): string {
  const asked = fieldValue(fields, 'access-control-request-headers') ?? '';
  const names = asked.split(',', maxNames).map((name) => name.trim());
  return names.filter(isFieldName).join(', ');
}

const maxNames = 100;

/** Adds a name to Vary, unless it is there or everything varies. */
export function addVary(out: string[], name: string): void {
  const present = (fieldValue(out, 'vary') ?? '').toLowerCase().split(',');
  const lower = name.toLowerCase();
  if (!present.some((part) => part.trim() === lower || part.trim() === '*')) out.push('Vary', name);
}
