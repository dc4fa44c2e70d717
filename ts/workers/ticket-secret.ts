// What all workers make the keys of session tickets of: one resumes what another began.

import * as plugins from '../plugins.js';

/** Whoever learns a secret can read what was resumed under it in TLS 1.2, so none serves for longer than a day. */
const lifetimeMs = 86_400_000;

export class TicketSecret {
  #present: Buffer = plugins.crypto.randomBytes(32);
  readonly #timer: NodeJS.Timeout;

  /** `changed` hears of each new one. */
  constructor(changed: (secret: Buffer) => void) {
    this.#timer = setInterval(() => {
      this.#present = plugins.crypto.randomBytes(32);
      changed(this.#present);
    }, lifetimeMs);
    this.#timer.unref();
  }

  get present(): Buffer {
    return this.#present;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
