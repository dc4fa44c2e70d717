// What an authority asks for when it looks whether a name is ours (RFC 8555 §8.3, RFC 8737). certs/ implements it.

import type { ITlsContext } from './forward/terminate.js';

export interface IChallengeSource {
  /** False: nothing is asked for at this moment, and nobody needs to look. */
  readonly pending: boolean;
  /** What to answer to a request for this token; null: it is none of ours, and the routes decide. */
  answerTo(token: string): string | null;
  /** What to show to a ClientHello that offers `acme-tls/1` alone; null: it is none of ours. */
  contextFor(name: string): ITlsContext | null;
}

/** Where nothing is ordered. */
export const noChallenges: IChallengeSource = Object.freeze({
  pending: false,
  answerTo: () => null,
  contextFor: () => null,
});
