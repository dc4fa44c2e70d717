// The keys that session tickets are sealed with: each set of TLS settings has its own, so that no ticket is of use elsewhere.

import type { IClock } from '../base/clock.js';
import * as plugins from '../plugins.js';

/** Changes from time to time, in all processes that share it. Whoever made it takes care that none serves for longer than a day. */
export type TTicketSecret = () => Buffer;

/** Of one set of settings. A certificate that is replaced leaves its tickets valid. */
export class TicketKeys {
  readonly #clock: IClock;
  #keys: Buffer | null = null;
  #madeMs = 0;
  readonly #scope: string;
  readonly #secret: TTicketSecret | null;
  /** What the present ones were made of. */
  #madeOf: Buffer | null = null;

  /** `scope` names the settings. `secret`: processes with the same one have the same keys; null: nobody else has them. */
  constructor(clock: IClock, scope = '', secret: TTicketSecret | null = null) {
    this.#clock = clock;
    this.#scope = scope;
    this.#secret = secret;
  }

  /** The present ones, 48 bytes as Node wants them. */
  get present(): Buffer {
    if (this.#secret !== null) return this.#shared(this.#secret());
    const nowMs = this.#clock.nowMs();
    if (this.#keys === null || nowMs - this.#madeMs >= lifetimeMs) {
      this.#keys = plugins.crypto.randomBytes(48);
      this.#madeMs = nowMs;
    }
    return this.#keys;
  }

  #shared(secret: Buffer): Buffer {
    if (this.#keys !== null && secret === this.#madeOf) return this.#keys;
    this.#madeOf = secret;
    // 48 bytes, as it happens.
    this.#keys = plugins.crypto.createHmac('sha384', secret).update(this.#scope).digest();
    return this.#keys;
  }
}

/**
 * Whoever learns a key can read what was resumed under it in TLS 1.2, so none serves for longer than a day. At each change
 * clients make one whole handshake.
 */
const lifetimeMs = 86_400_000;
