// What HTTP probes ask, of whichever version, and what of the answers is well.

import type { IRequestHead } from '../../codec/http-message.js';
import type { IResolvedHttpProbe } from '../../config/resolved.js';
import { placeName } from './target-state.js';

/** `more`: the answer goes on, and what comes decides. */
export type TVerdict = 'more' | 'well' | { readonly why: string };

/** Of the content, as far as it is looked at; the text that is expected must be in it. */
const maxContentBytes = 65_535;

/** The request, on a connection of its own. */
export function probeHead(
  probe: IResolvedHttpProbe,
  place: { readonly host: string; readonly port: number },
): IRequestHead {
  const authority = probe.host ?? placeName(place.host, place.port);
  return {
    version: '1.1',
    method: 'GET',
    target: probe.path,
    authority,
    host: authority,
    fields: ['User-Agent', 'smartproxy-health', 'Accept', '*/*'],
    contentLength: 0,
    expectsContinue: false,
    upgrade: null,
    close: true,
  };
}

/** Of the final answer. Who wants no text needs no content. */
export function judgeStatus({ statuses, body }: IResolvedHttpProbe, status: number): TVerdict {
  const isExpected = statuses === null ? status >= 200 && status <= 399 : statuses.includes(status);
  if (!isExpected) return { why: `it answered ${status}` };
  return body === null ? 'well' : 'more';
}

/** `isAll`: nothing comes behind this content. */
export function judgeContent({ body }: IResolvedHttpProbe, content: Buffer, isAll: boolean): TVerdict {
  if (content.subarray(0, maxContentBytes).includes(Buffer.from(body ?? ''))) return 'well';
  if (!isAll && content.length < maxContentBytes) return 'more';
  return { why: 'its answer lacks the expected text' };
}
