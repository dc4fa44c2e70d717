// Answers authorities over HTTP and TLS on the proxy's own ports: what stands here is looked up by the data plane.

import { challengeProtocol } from '../config/challenge-words.js';
import type { IResolvedTls } from '../config/resolved.js';
import type { IChallengeSource } from '../flow/challenge-source.js';
import type { ITlsContext } from '../flow/forward/terminate.js';
import * as plugins from '../plugins.js';
import { makeChallengeCertificate } from './challenge-certificate.js';
import type { IChallengeSolver, IChallengeToShow } from './manager/manager-types.js';
import { addressBytesOf, arpaNameOf } from './names.js';
import { TlsContext } from './tls-context.js';

export class ChallengeAnswers implements IChallengeSource {
  /** Key authorizations by token. Tokens are the authority's: 128 bits of chance, never twice the same. */
  readonly #texts = new Map<string, string>();
  /** By the name of the ClientHello; of several orders at a time the last one's. */
  readonly #contexts = new Map<string, readonly IShown[]>();

  get pending(): boolean {
    return this.#texts.size > 0 || this.#contexts.size > 0;
  }

  answerTo(token: string): string | null {
    return this.#texts.get(token) ?? null;
  }

  contextFor(name: string): ITlsContext | null {
    return this.#contexts.get(name)?.at(-1)?.context ?? null;
  }

  /** RFC 8555 §8.3. */
  readonly http: IChallengeSolver = {
    present: async ({ token, keyAuthorization }) => {
      if (!/^[\w-]+$/.test(token)) throw new Error('the token is none');
      this.#texts.set(token, keyAuthorization);
    },
    cleanup: async ({ token }) => void this.#texts.delete(token),
  };

  /** RFC 8737. */
  readonly tls: IChallengeSolver = {
    present: async (challenge, signal) => {
      const pair = await makeChallengeCertificate(challenge.name, challenge.keyAuthorization);
      signal.throwIfAborted();
      const context = new TlsContext(settings, { ...pair, ca: null, passphrase: null }, plugins.crypto.randomBytes(48));
      context.prepare();
      const name = helloName(challenge);
      this.#contexts.set(name, [...(this.#contexts.get(name) ?? []), { challenge, context }]);
    },
    cleanup: async (challenge) => {
      const name = helloName(challenge);
      const left = (this.#contexts.get(name) ?? []).filter((shown) => shown.challenge !== challenge);
      if (left.length === 0) this.#contexts.delete(name);
      else this.#contexts.set(name, left);
    },
  };
}

interface IShown {
  readonly challenge: IChallengeToShow;
  readonly context: ITlsContext;
}

const helloName = ({ name }: IChallengeToShow): string => (addressBytesOf(name) === null ? name : arpaNameOf(name));

/** One protocol, nothing to resume. */
const settings: IResolvedTls = Object.freeze({
  key: challengeProtocol,
  policyKey: challengeProtocol,
  certificate: { cert: '', key: '' },
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: null,
  honorCipherOrder: true,
  alpn: [challengeProtocol],
  alpnIsUsual: false,
  sessionTimeoutSeconds: 0,
  clientAuth: null,
});
