// What is told of those rules that take time to judge: who would be asked. Nobody is, to tell it.

import { fieldValue } from '../../codec/http-message.js';
import type { IResolvedHashedBasic, IResolvedJwt, IResolvedRoute } from '../../config/resolved.js';
import { type IAskingRequest, isExempt, sentCredentials } from './basic-auth.js';

export interface IAskVerdict {
  /** null: that shows only when a request comes. */
  readonly ok: boolean | null;
  readonly why: string;
}

/** Without secrets. `route` has the rules that hold for the request. */
export function explainAsks(route: IResolvedRoute, request: IAskingRequest): readonly IAskVerdict[] {
  const { asks } = route.security;
  if (asks === null) return [];
  const { basic, jwt, forward } = asks;
  if (basic.length + jwt.length + forward.length === 0) return [];
  const who = `route ${route.key} asks`;
  if (isExempt(route, request))
    return [{ ok: true, why: `${who} who a request is from, not of the preflight that this is` }];
  return [
    ...basic.map((rule) => judgePassword(rule, request, who)),
    ...jwt.map((rule) => judgeToken(rule, request, who)),
    ...forward.map(({ server }) => ({ ok: null, why: `${who} ${server.place}, which answers when a request comes` })),
  ];
}

function judgePassword({ realm }: IResolvedHashedBasic, { fields }: IAskingRequest, who: string): IAskVerdict {
  const what = `${who} for credentials of "${realm}"`;
  if (sentCredentials(fields) !== '') return { ok: null, why: `${what}: they are compared when a request comes` };
  return { ok: false, why: `${what}: ${missing(fields)}` };
}

function judgeToken({ algorithms, server }: IResolvedJwt, { fields }: IAskingRequest, who: string): IAskVerdict {
  const keys = server === null ? '' : `, with keys of ${server.place}`;
  const what = `${who} for a token (${algorithms.join(', ')}${keys})`;
  const isBearer = /^bearer +[^ ,]+$/i.test(fieldValue(fields, 'authorization') ?? '');
  return isBearer
    ? { ok: null, why: `${what}: it is checked when a request comes` }
    : { ok: false, why: `${what}: ${missing(fields)}` };
}

const missing = (fields: IAskingRequest['fields']): string =>
  fieldValue(fields, 'authorization') === null ? 'the request has none' : 'the request has others';
