// One account's conversation with an ACME server (RFC 8555): a method for each request.

import type { IClock } from '../../base/clock.js';
import * as plugins from '../../plugins.js';
import { accountKeyOf, type IAccountKey } from './account-key.js';
import type { IAcmeAnswer } from './acme-http.js';
import { AcmeProblem } from './acme-problem.js';
import { AcmeSession } from './acme-session.js';
import type {
  IAcmeAccount,
  IAcmeAuthorization,
  IAcmeCertificate,
  IAcmeChallenge,
  IAcmeDirectory,
  IAcmeOrder,
  INewAccount,
  INewOrder,
  IRenewalInfo,
} from './acme-types.js';
import { signBinding, signRequest } from './jws.js';
import {
  readAccount,
  readAuthorization,
  readCertificate,
  readChallenge,
  readOrder,
  readRenewalInfo,
} from './read-answers.js';
import { renewalIdOf } from './renewal-id.js';

export interface IAcmeClientOptions {
  /** `https` only. */
  readonly directoryUrl: string;
  readonly accountKey: IAccountKey;
  /** PEM of the authorities that the server's own certificate may come from; Node's if left out. */
  readonly ca?: string | Uint8Array | null;
  /** Of each call, tries after refused nonces included, in milliseconds; 30 000 if left out. */
  readonly timeoutMs?: number;
  readonly clock: IClock;
  /** Of an account that was made before. */
  readonly accountUrl?: string | null;
}

/** How long `waitFor...` wait for the server to make up its mind. */
const waitLimitMs = 300_000;
const shortestPollMs = 250;
const longestPollMs = 10_000;
/** A server that wants to be asked later than that is asked then all the same: it may have changed its mind. */
const longestRetryAfterMs = 60_000;

/**
 * Every method rejects with an `AcmeProblem`, or with the reason of its signal. Only refused nonces are tried again, and
 * reads on a kept connection that the server had closed.
 */
export class AcmeClient {
  readonly #session: AcmeSession;
  readonly #clock: IClock;
  #key: IAccountKey;
  #accountUrl: string | null;

  /** @throws RangeError if the directory's address is not `https` */
  constructor(options: IAcmeClientOptions) {
    const { directoryUrl, accountKey, ca = null, timeoutMs = 30_000, clock, accountUrl = null } = options;
    this.#session = new AcmeSession({ directoryUrl, ca, timeoutMs, clock });
    this.#clock = clock;
    this.#key = accountKey;
    this.#accountUrl = accountUrl;
  }

  /** Of `newAccount` or the options; null: none yet. */
  get accountUrl(): string | null {
    return this.#accountUrl;
  }

  /** The new one, after `changeKey`. */
  get accountKey(): IAccountKey {
    return this.#key;
  }

  /** §7.1.1. */
  directory(signal?: AbortSignal): Promise<IAcmeDirectory> {
    return this.#session.within(signal, (within) => this.#session.directory(within));
  }

  /** §7.3: makes the account of this key, or finds it. It agrees to the terms of service, as the operator has to. */
  newAccount({ contact, eab = null, onlyReturnExisting = false }: INewAccount, signal?: AbortSignal) {
    return this.#session.within(signal, async (within): Promise<IAcmeAccount> => {
      const { newAccount: url } = await this.#session.directory(within);
      const wish = { contact, termsOfServiceAgreed: true };
      const binding = eab === null ? {} : { externalAccountBinding: await signBinding(this.#key, eab, url) };
      const payload = onlyReturnExisting ? { onlyReturnExisting } : { ...wish, ...binding };
      const answer = await this.#session.post({ url, payload, key: this.#key, kid: null }, within);
      const account = readAccount(answer, null);
      this.#accountUrl = account.url;
      return account;
    });
  }

  /** §7.3.2. */
  updateAccount({ contact }: { readonly contact: readonly string[] }, signal?: AbortSignal): Promise<IAcmeAccount> {
    return this.#changeAccount({ contact }, signal);
  }

  /** §7.3.6. There is no way back. */
  deactivate(signal?: AbortSignal): Promise<IAcmeAccount> {
    return this.#changeAccount({ status: 'deactivated' }, signal);
  }

  /**
   * §7.3.5. If the answer is lost, either key may be the account's: `newAccount` with `onlyReturnExisting` tells. Store
   * the new key before.
   */
  changeKey(newKey: IAccountKey, signal?: AbortSignal): Promise<void> {
    return this.#session.within(signal, async (within) => {
      const { keyChange: url } = await this.#session.directory(within);
      const payload = { account: this.#kid(), oldKey: this.#key.jwk };
      const inner = await signRequest({ key: newKey, url, nonce: null, kid: null, payload });
      await this.#post(url, inner, within);
      this.#key = newKey;
    });
  }

  /** §7.4; `replaces`: RFC 9773 §5. */
  newOrder({ identifiers, profile = null, replaces = null }: INewOrder, signal?: AbortSignal): Promise<IAcmeOrder> {
    return this.#session.within(signal, async (within) => {
      const { newOrder } = await this.#session.directory(within);
      const wishes = { ...(profile === null ? {} : { profile }), ...(replaces === null ? {} : { replaces }) };
      const answer = await this.#post(newOrder, { identifiers, ...wishes }, within);
      return readOrder(answer, null, this.#clock.wallMs());
    });
  }

  /** §7.1.3. */
  order(url: string, signal?: AbortSignal): Promise<IAcmeOrder> {
    return this.#session.within(signal, async (within) =>
      readOrder(await this.#post(url, null, within), url, this.#clock.wallMs()),
    );
  }

  /** §7.5. */
  authorization(url: string, signal?: AbortSignal): Promise<IAcmeAuthorization> {
    return this.#session.within(signal, async (within) =>
      readAuthorization(await this.#post(url, null, within), this.#clock.wallMs()),
    );
  }

  /** §7.5.2: gives up what an order left behind. */
  deactivateAuthorization(url: string, signal?: AbortSignal): Promise<IAcmeAuthorization> {
    return this.#session.within(signal, async (within) =>
      readAuthorization(await this.#post(url, { status: 'deactivated' }, within), this.#clock.wallMs()),
    );
  }

  /** §7.5.1: says that the challenge can be looked at. */
  answerChallenge(url: string, signal?: AbortSignal): Promise<IAcmeChallenge> {
    return this.#session.within(signal, async (within) =>
      readChallenge(await this.#post(url, {}, within), this.#clock.wallMs()),
    );
  }

  /** §7.4. If the answer is lost, ask for the order: the server may have taken it. @param csr in DER */
  finalize({ url, finalize }: IAcmeOrder, csr: Buffer, signal?: AbortSignal): Promise<IAcmeOrder> {
    return this.#session.within(signal, async (within) => {
      const answer = await this.#post(finalize, { csr: csr.toString('base64url') }, within);
      return readOrder(answer, url, this.#clock.wallMs());
    });
  }

  /** Asks until the order is neither `pending` nor `processing`; it may be `invalid`. `timeout` after five minutes. */
  waitForOrder(order: IAcmeOrder, signal?: AbortSignal): Promise<IAcmeOrder> {
    const isOpen = ({ status }: IAcmeOrder) => status === 'pending' || status === 'processing';
    return this.#poll(order, () => this.order(order.url, signal), isOpen, signal);
  }

  /** Asks until the authorization is not `pending`; it may be `invalid`. `timeout` after five minutes. */
  async waitForAuthorization(url: string, signal?: AbortSignal): Promise<IAcmeAuthorization> {
    const ask = () => this.authorization(url, signal);
    return this.#poll(await ask(), ask, ({ status }) => status === 'pending', signal);
  }

  /** §7.4.2. */
  certificate(url: string, signal?: AbortSignal): Promise<IAcmeCertificate> {
    return this.#session.within(signal, async (within) =>
      readCertificate(await this.#post(url, null, within, 'application/pem-certificate-chain')),
    );
  }

  /** §7.6, by the account that ordered it. @param reason of RFC 5280 §5.3.1; left out: none */
  revoke(certPem: string, reason?: number, signal?: AbortSignal): Promise<void> {
    return this.#revoke(certPem, reason, this.#key, this.#kid(), signal);
  }

  /** §7.6, by whoever has the certificate's key; needs no account. */
  async revokeByKey(certPem: string, keyPem: string, reason?: number, signal?: AbortSignal): Promise<void> {
    const key = await accountKeyOf(plugins.crypto.createPrivateKey(keyPem));
    return this.#revoke(certPem, reason, key, null, signal);
  }

  /** RFC 9773 §4. `unsupported` if the server or the certificate has none. */
  renewalInfo(certPem: string, signal?: AbortSignal): Promise<IRenewalInfo> {
    return this.#session.within(signal, async (within) => {
      const { renewalInfo } = await this.#session.directory(within);
      const id = renewalIdOf(certPem);
      if (renewalInfo === null || id === null) {
        throw new AcmeProblem({ type: 'unsupported', detail: 'no renewal information for this certificate' });
      }
      const answer = await this.#session.get(`${renewalInfo.replace(/\/$/, '')}/${id}`, within);
      return readRenewalInfo(answer, this.#clock.wallMs());
    });
  }

  /** §8.1: what HTTP-01 is answered with. */
  keyAuthorization(token: string): string {
    return `${token}.${this.#key.thumbprint}`;
  }

  /** §8.4: what the TXT record of DNS-01 holds. */
  dnsValue(token: string): string {
    return plugins.crypto.createHash('sha256').update(this.keyAuthorization(token)).digest('base64url');
  }

  /** Closes the connections that are kept. The client can still be used. */
  close(): void {
    this.#session.close();
  }

  #post(url: string, payload: object | null, signal: AbortSignal, accept?: string): Promise<IAcmeAnswer> {
    const how = accept === undefined ? {} : { accept };
    return this.#session.post({ url, payload, key: this.#key, kid: this.#kid(), ...how }, signal);
  }

  #kid(): string {
    if (this.#accountUrl !== null) return this.#accountUrl;
    throw new AcmeProblem({ type: 'accountDoesNotExist', detail: 'no account was made or found yet' });
  }

  #changeAccount(change: object, signal: AbortSignal | undefined): Promise<IAcmeAccount> {
    return this.#session.within(signal, async (within) => {
      const url = this.#kid();
      return readAccount(await this.#post(url, change, within), url);
    });
  }

  #revoke(certPem: string, reason: number | undefined, key: IAccountKey, kid: string | null, signal?: AbortSignal) {
    return this.#session.within(signal, async (within): Promise<void> => {
      const { revokeCert: url } = await this.#session.directory(within);
      const certificate = new plugins.crypto.X509Certificate(certPem).raw.toString('base64url');
      const payload = { certificate, ...(reason === undefined ? {} : { reason }) };
      await this.#session.post({ url, payload, key, kid }, within);
    });
  }

  async #poll<T extends { readonly retryAfterMs: number | null }>(
    first: T,
    ask: () => Promise<T>,
    isOpen: (state: T) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const untilMs = this.#clock.nowMs() + waitLimitMs;
    let state = first;
    for (let waitMs = shortestPollMs; isOpen(state); waitMs = Math.min(waitMs * 2, longestPollMs)) {
      const delayMs = Math.min(state.retryAfterMs ?? waitMs, longestRetryAfterMs);
      if (this.#clock.nowMs() + delayMs > untilMs) {
        throw new AcmeProblem({ type: 'timeout', detail: `not decided within ${waitLimitMs} ms` });
      }
      await this.#session.pause(Math.max(delayMs, shortestPollMs), signal);
      state = await ask();
    }
    return state;
  }
}
