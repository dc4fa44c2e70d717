// One account's conversation with an ACME server (RFC 8555): a method for each request.

import type { IClock } from '../../base/clock.js';
import type { IAccountKey } from './account-key.js';
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

export interface IAcmeClientOptions {
  /** `https` only. */
  readonly directoryUrl: string;
  readonly accountKey: IAccountKey;
  /** PEM of the authorities that the server's own certificate may come from; Node's if left out. */
  readonly ca?: string | Uint8Array | null;
  /** Of each request, in milliseconds; 30 000 if left out. */
  readonly timeoutMs?: number;
  readonly clock: IClock;
  /** Of an account that was made before. */
  readonly accountUrl?: string | null;
}

export declare class AcmeClient {
  constructor(options: IAcmeClientOptions);
  readonly accountUrl: string | null;
  readonly accountKey: IAccountKey;
  directory(signal?: AbortSignal): Promise<IAcmeDirectory>;
  newAccount(wish: INewAccount, signal?: AbortSignal): Promise<IAcmeAccount>;
  updateAccount(change: { readonly contact: readonly string[] }, signal?: AbortSignal): Promise<IAcmeAccount>;
  changeKey(newKey: IAccountKey, signal?: AbortSignal): Promise<void>;
  deactivate(signal?: AbortSignal): Promise<IAcmeAccount>;
  newOrder(wish: INewOrder, signal?: AbortSignal): Promise<IAcmeOrder>;
  order(url: string, signal?: AbortSignal): Promise<IAcmeOrder>;
  authorization(url: string, signal?: AbortSignal): Promise<IAcmeAuthorization>;
  deactivateAuthorization(url: string, signal?: AbortSignal): Promise<IAcmeAuthorization>;
  answerChallenge(url: string, signal?: AbortSignal): Promise<IAcmeChallenge>;
  finalize(order: IAcmeOrder, csr: Buffer, signal?: AbortSignal): Promise<IAcmeOrder>;
  waitForOrder(order: IAcmeOrder, signal?: AbortSignal): Promise<IAcmeOrder>;
  waitForAuthorization(url: string, signal?: AbortSignal): Promise<IAcmeAuthorization>;
  certificate(url: string, signal?: AbortSignal): Promise<IAcmeCertificate>;
  revoke(certPem: string, reason?: number, signal?: AbortSignal): Promise<void>;
  revokeByKey(certPem: string, keyPem: string, reason?: number, signal?: AbortSignal): Promise<void>;
  renewalInfo(certPem: string, signal?: AbortSignal): Promise<IRenewalInfo>;
  keyAuthorization(token: string): string;
  dnsValue(token: string): string;
  close(): void;
}
