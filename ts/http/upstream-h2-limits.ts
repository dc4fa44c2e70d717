// What an HTTP/2 connection to a target may cost.

import type { IResolvedHttp } from '../config/resolved.js';
import { defaultH2Limits, type IH2Limits } from './h2-limits.js';

/** All clients share the connection: when many leave at once, whole windows of answers may be on their way to them. */
const budgets: IH2Limits['budgets'] = { ...defaultH2Limits.budgets, lateFrames: { burst: 50_000, perSecond: 10_000 } };

const known = new WeakMap<IResolvedHttp, IH2Limits>();

/** One object for all connections of a configuration. */
export function upstreamH2Limits(http: IResolvedHttp): IH2Limits {
  let limits = known.get(http);
  if (limits === undefined) {
    limits = {
      ...defaultH2Limits,
      // RFC 9113 §6.5.2 counts 32 octets for each field.
      maxHeaderBytes: http.maxHeaderBytes + 32 * http.maxHeaders,
      // `:status` is one of them.
      maxFields: http.maxHeaders + 1,
      budgets,
    };
    known.set(http, limits);
  }
  return limits;
}
