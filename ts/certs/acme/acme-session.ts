// Signed requests to one ACME server: its directory, its nonces, and trying again when a nonce is refused.

import type { IClock } from '../../base/clock.js';
import type { IAccountKey } from './account-key.js';
import { AcmeHttp, type IAcmeAnswer, type IAcmeRequest } from './acme-http.js';
import { AcmeProblem } from './acme-problem.js';
import type { IAcmeDirectory } from './acme-types.js';
import { signRequest } from './jws.js';
import { NoncePool } from './nonce-pool.js';
import { readDirectory } from './read-answers.js';
import { problemOf } from './read-problem.js';

export interface IAcmeSessionOptions {
  readonly directoryUrl: string;
  readonly ca: string | Uint8Array | null;
  readonly timeoutMs: number;
  readonly clock: IClock;
}

export interface ISignedPost {
  readonly url: string;
  /** null: a POST-as-GET. */
  readonly payload: object | null;
  readonly key: IAccountKey;
  /** The account's address; null: the key itself says who asks. */
  readonly kid: string | null;
  readonly accept?: string;
}

/** Tries after a refused nonce that cost nothing but themselves. */
const quickRetries = 20;
/** Tries in all: a server that refuses nine of ten is served too. The call's time limit ends them as well. */
const maxRetries = 100;
const pauseMs = 50;
/** A server may change where things are. */
const directoryLifeMs = 3_600_000;

export class AcmeSession {
  readonly #options: IAcmeSessionOptions;
  readonly #http: AcmeHttp;
  readonly #nonces = new NoncePool();
  #directory: { readonly value: IAcmeDirectory; readonly atMs: number } | null = null;

  constructor(options: IAcmeSessionOptions) {
    if (!URL.canParse(options.directoryUrl) || new URL(options.directoryUrl).protocol !== 'https:') {
      throw new RangeError(`a directory's address is an https address, not ${options.directoryUrl}`);
    }
    this.#options = options;
    this.#http = new AcmeHttp(options.ca);
  }

  get wallMs(): number {
    return this.#options.clock.wallMs();
  }

  /**
   * Runs `call` with a signal that fires when its time is up or when `signal` does. All that a call sends, tries after
   * refused nonces included, is one call.
   */
  async within<T>(signal: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const { clock, timeoutMs, directoryUrl } = this.#options;
    const controller = new AbortController();
    const detail = `no answer within ${timeoutMs} ms from ${new URL(directoryUrl).host}`;
    const timer = clock.setTimer(() => controller.abort(new AcmeProblem({ type: 'timeout', detail })), timeoutMs);
    const onAbort = () => controller.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort);
    try {
      return await call(controller.signal);
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** RFC 8555 §7.1.1. Asked for once an hour. */
  async directory(signal: AbortSignal): Promise<IAcmeDirectory> {
    const nowMs = this.#options.clock.nowMs();
    if (this.#directory !== null && nowMs - this.#directory.atMs < directoryLifeMs) return this.#directory.value;
    const value = readDirectory(await this.get(this.#options.directoryUrl, signal));
    this.#directory = { value, atMs: nowMs };
    return value;
  }

  /** Without a signature: the directory and renewal information. */
  get(url: string, signal: AbortSignal): Promise<IAcmeAnswer> {
    return this.#ask({ method: 'GET', url, body: null, accept: 'application/json', isSafe: true }, signal);
  }

  /** RFC 8555 §6.2 and §6.5. Every try has a nonce and a signature of its own. */
  async post({ url, payload, key, kid, accept = 'application/json' }: ISignedPost, signal: AbortSignal) {
    for (let retries = 0; ; retries++) {
      const nonce = this.#nonces.take() ?? (await this.#freshNonce(signal));
      const body = JSON.stringify(await signRequest({ key, url, nonce, kid, payload }));
      try {
        return await this.#ask({ method: 'POST', url, body, accept, isSafe: payload === null }, signal);
      } catch (error) {
        if (!(error instanceof AcmeProblem) || error.type !== 'badNonce' || retries === maxRetries) throw error;
        if (retries >= quickRetries) await this.pause(pauseMs, signal);
      }
    }
  }

  /** Rejects with the signal's reason. */
  pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const done = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const timer = this.#options.clock.setTimer(done, delayMs);
      const onAbort = () => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort);
    });
  }

  close(): void {
    this.#http.close();
  }

  /** RFC 8555 §7.2. */
  async #freshNonce(signal: AbortSignal): Promise<string> {
    const { newNonce } = await this.directory(signal);
    await this.#ask({ method: 'HEAD', url: newNonce, body: null, accept: '*/*', isSafe: true }, signal);
    const nonce = this.#nonces.take();
    if (nonce === undefined) throw new AcmeProblem({ type: 'malformedAnswer', detail: 'newNonce gave no nonce' });
    return nonce;
  }

  /** Errors bring nonces too. */
  async #ask(request: IAcmeRequest, signal: AbortSignal): Promise<IAcmeAnswer> {
    const answer = await this.#http.exchange(request, signal);
    this.#nonces.add(answer.headers['replay-nonce']);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw problemOf(answer, this.wallMs);
  }
}
