// The keys that session tickets are sealed with: each set of TLS settings has its own, so that no ticket is of use elsewhere.

import type { IClock } from '../base/clock.js';
import * as plugins from '../plugins.js';

/** Of one set of settings. A certificate that is replaced leaves its tickets valid. */
export class TicketKeys {
  readonly #clock: IClock;
  #keys: Buffer | null = null;
  #madeMs = 0;

  constructor(clock: IClock) {
    this.#clock = clock;
  }

  /** The present ones, 48 bytes as Node wants them. */
  get present(): Buffer {
    const nowMs = this.#clock.nowMs();
    if (this.#keys === null || nowMs - this.#madeMs >= lifetimeMs) {
      this.#keys = plugins.crypto.randomBytes(48);
      this.#madeMs = nowMs;
    }
    return this.#keys;
  }
}

/**
 * Whoever learns a key can read what was resumed under it in TLS 1.2, so none serves for longer than a day. At each change
 * clients make one whole handshake.
 */
const lifetimeMs = 86_400_000;
