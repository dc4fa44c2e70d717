// Nonces that an ACME server gave and that were not used yet (RFC 8555 §6.5).

/** Calls that run at a time are few; what is older than that many answers is better forgotten. */
const maxNonces = 32;

export class NoncePool {
  readonly #nonces: string[] = [];

  /** Keeps what a `Replay-Nonce` field holds; what is no base64url is ignored (§6.5.1). */
  add(nonce: unknown): void {
    if (typeof nonce !== 'string' || !/^[\w-]{1,512}$/.test(nonce)) return;
    if (this.#nonces.length >= maxNonces) this.#nonces.shift();
    this.#nonces.push(nonce);
  }

  /** The newest, which the server most likely still knows; undefined: there is none. */
  take(): string | undefined {
    return this.#nonces.pop();
  }

  get size(): number {
    return this.#nonces.length;
  }
}
