// How far a client's HTTP/1.1 connection has come, and how much it reads of what nobody needs.

import type { IRequestHead } from '../codec/http-message.js';

/**
 * `idle`: nothing of the next request is there. `discard`: the answer is complete, the rest of the request's content is read
 * and thrown away. `full`: the client must take answers before it is heard again. `closing`: our side is ended. `gone`: the
 * socket is no longer ours.
 */
export type TPhase = 'idle' | 'head' | 'exchange' | 'discard' | 'full' | 'closing' | 'gone';

/** Content that nobody wanted is read to the end, to keep the connection, if it is no more than this. */
export const discardBytes = 65_536;

/** What a client sent behind the opening of a WebSocket or a tunnel was meant for that, not as requests (RFC 9931). */
export const refusesSwitch = ({ upgrade, method }: IRequestHead, status: number): boolean =>
  status !== 101 && (upgrade === 'websocket' || method === 'CONNECT');

/** What waits for 100 may never come, or be taken for the next request (RFC 9110 §10.1.1); too much is not waited for. */
export function isUnsettled(
  { expectsContinue }: IRequestHead,
  { contentDone, contentLeft }: { readonly contentDone: boolean; readonly contentLeft: number },
  continued: boolean,
  pulling: boolean,
): boolean {
  if (contentDone) return false;
  return (expectsContinue && !continued) || (!pulling && contentLeft > discardBytes);
}
