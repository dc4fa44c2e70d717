// Contexts of the certificates that the proxy got: those that were asked for last stay, the others are made again when they
// are asked for. Nothing is closed: handshakes and connections hold what they are made with.

import type { IKeyPair } from './pem.js';
import type { TlsContext } from './tls-context.js';

/** Contexts under the same settings. */
export type TContexts = WeakMap<IKeyPair, TlsContext>;

interface IPlace {
  readonly contexts: TContexts;
  readonly pair: IKeyPair;
}

/**
 * OpenSSL's part of one takes some 30 kB, and making it costs about as much as a handshake. A certificate that was replaced
 * leaves when as many others were asked for.
 */
export const mostContexts = 2_000;

export class RecentContexts {
  readonly #most: number;
  /** Those that were asked for last come last. */
  readonly #recent = new Map<TlsContext, IPlace>();

  constructor(most: number) {
    this.#most = most;
  }

  /** The one for a pair, made if it is not there. */
  get(contexts: TContexts, pair: IKeyPair, make: (pair: IKeyPair) => TlsContext): TlsContext {
    const context = contexts.get(pair) ?? make(pair);
    const place = this.#recent.get(context) ?? { contexts, pair };
    contexts.set(pair, context);
    this.#recent.delete(context);
    this.#recent.set(context, place);
    if (this.#recent.size > this.#most) this.#dropOldest();
    return context;
  }

  get size(): number {
    return this.#recent.size;
  }

  #dropOldest(): void {
    for (const [context, { contexts, pair }] of this.#recent) {
      this.#recent.delete(context);
      contexts.delete(pair);
      return;
    }
  }
}
