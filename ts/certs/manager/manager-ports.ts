// What an issuance needs from outside: an authority's answers, and the making and reading of keys and certificates.

import type { IClock } from '../../base/clock.js';
import * as plugins from '../../plugins.js';
import { exportAccountKey, importAccountKey, makeAccountKey } from '../acme/account-key.js';
import { AcmeClient } from '../acme/acme-client.js';
import { makeCsr } from '../csr.js';
import { makeKeyPem, type TKeyType } from '../keys.js';
import { factsOf, type ICertificateFacts, signersOf } from './certificate-facts.js';

/** The part of the client that issuances use. */
export type IAcmeCalls = Pick<
  AcmeClient,
  | 'accountUrl'
  | 'directory'
  | 'newAccount'
  | 'updateAccount'
  | 'newOrder'
  | 'order'
  | 'authorization'
  | 'answerChallenge'
  | 'finalize'
  | 'certificate'
  | 'revoke'
  | 'renewalInfo'
  | 'keyAuthorization'
  | 'dnsValue'
  | 'close'
>;

export interface ICertificateTools {
  makeKey(type: TKeyType): Promise<string>;
  makeCsr(names: readonly string[], keyPem: string): Promise<Buffer>;
  /** A new key, as `IClientWish.accountKey` wants it. */
  makeAccountKey(): Promise<string>;
  /** @throws Error where the chain or the key cannot be read */
  facts(chainPem: string, keyPem: string): ICertificateFacts;
  /** Common names of those who signed the certificates of a chain, in its order. @throws Error where it cannot be read */
  signers(chainPem: string): readonly string[];
}

export const realTools: ICertificateTools = {
  makeKey: makeKeyPem,
  makeCsr,
  makeAccountKey: async () => exportAccountKey(await makeAccountKey()),
  facts: factsOf,
  signers: signersOf,
};

/** An account with an issuer, or one that is about to be. */
export interface IClientWish {
  readonly directoryUrl: string;
  /** As `exportAccountKey` gives it. */
  readonly accountKey: string;
  /** null: not registered yet. */
  readonly accountUrl: string | null;
  /** PEM of the authority behind the directory's own HTTPS; null: those that Node knows. */
  readonly ca: string | null;
}

export async function makeRealClient(wish: IClientWish, clock: IClock): Promise<IAcmeCalls> {
  const accountKey = await importAccountKey(wish.accountKey);
  return new AcmeClient({ ...wish, accountKey, clock });
}

/** Short, and the same for the same text: names of records hold no addresses. */
export const shortHash = (text: string): string =>
  plugins.crypto.createHash('sha256').update(text).digest('hex').slice(0, 32);
