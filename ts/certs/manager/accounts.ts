// Our accounts with issuers: made once, kept in the store, made anew when an issuer has forgotten one.

import type { IAcmeDirectory } from '../acme/acme-types.js';
import type { ICertStore } from '../store/store-types.js';
import { IssuanceError } from './failure-policy.js';
import { type IAcmeCalls, type ICertificateTools, type IClientWish, shortHash } from './manager-ports.js';
import type { IAcmeSettings } from './manager-types.js';

export interface IAccount {
  readonly client: IAcmeCalls;
  readonly directory: IAcmeDirectory;
  /** Its address at the issuer. */
  readonly url: string;
}

interface IAccountRecord {
  readonly key: string;
  readonly url: string | null;
}

interface IAccountParts {
  readonly store: ICertStore;
  readonly tools: Pick<ICertificateTools, 'makeAccountKey'>;
  readonly makeClient: (wish: IClientWish) => Promise<IAcmeCalls>;
}

export class Accounts {
  readonly #parts: IAccountParts;
  readonly #open = new Map<string, IAccount>();

  constructor(parts: IAccountParts) {
    this.#parts = parts;
  }

  /** The account that the settings ask for; registered if it is not yet. */
  async get(issuer: string, acme: IAcmeSettings, signal: AbortSignal): Promise<IAccount> {
    return this.#open.get(openKeyOf(issuer, acme)) ?? this.#register(issuer, acme, null, signal);
  }

  /** What an issuer offers, if it was spoken to already. */
  knownDirectory(issuer: string, acme: IAcmeSettings): IAcmeDirectory | null {
    return this.#open.get(openKeyOf(issuer, acme))?.directory ?? null;
  }

  /** The issuer does not know that account: another one. */
  async replace(issuer: string, acme: IAcmeSettings, forgotten: IAccount, signal: AbortSignal): Promise<IAccount> {
    return this.#register(issuer, acme, forgotten, signal);
  }

  close(): void {
    for (const { client } of this.#open.values()) client.close();
    this.#open.clear();
  }

  async #register(issuer: string, acme: IAcmeSettings, forgotten: IAccount | null, signal: AbortSignal) {
    const { store, tools } = this.#parts;
    const key = keyOf(issuer, acme);
    const lock = await store.lock(key, signal);
    try {
      const opened = this.#open.get(openKeyOf(issuer, acme));
      if (opened !== undefined && opened !== forgotten) return opened;
      const found = readRecord(await store.readRecord(key));
      const stale = found !== null && forgotten !== null && found.url === forgotten.url;
      const kept = found === null || stale ? { key: await tools.makeAccountKey(), url: null } : found;
      // The key is kept before the issuer hears of it: after a crash it finds the same account by it (RFC 8555 §7.3.1).
      if (kept.url === null) await store.writeRecord(key, kept, lock);
      const account = await this.#opened(issuer, acme, kept, signal);
      if (kept.url === null) await store.writeRecord(key, { ...kept, url: account.url }, lock);
      if (forgotten !== null) forgotten.client.close();
      this.#open.set(openKeyOf(issuer, acme), account);
      return account;
    } finally {
      await lock.release();
    }
  }

  async #opened(issuer: string, acme: IAcmeSettings, kept: IAccountRecord, signal: AbortSignal): Promise<IAccount> {
    const wish = { directoryUrl: issuer, accountKey: kept.key, accountUrl: kept.url, ca: acme.directoryCa };
    const client = await this.#parts.makeClient(wish);
    try {
      const directory = await client.directory(signal);
      if (kept.url !== null) return { client, directory, url: kept.url };
      if (directory.externalAccountRequired && acme.eab === null)
        throw new IssuanceError('config', 'externalAccountRequired', 'the issuer wants an external account (eab)');
      const contact = acme.email === null ? [] : [`mailto:${acme.email}`];
      const { url } = await client.newAccount({ contact, eab: acme.eab }, signal);
      return { client, directory, url };
    } catch (error) {
      client.close();
      throw error;
    }
  }
}

const openKeyOf = (issuer: string, { email, eab, directoryCa }: IAcmeSettings): string =>
  `${issuer} ${email} ${eab?.kid} ${directoryCa}`;

const keyOf = (issuer: string, { email, eab }: IAcmeSettings): string =>
  `account/${shortHash(JSON.stringify([issuer, email, eab?.kid ?? null]))}`;

function readRecord(value: unknown): IAccountRecord | null {
  if (typeof value !== 'object' || value === null) return null;
  const { key, url } = value as Partial<Record<keyof IAccountRecord, unknown>>;
  return typeof key === 'string' && (typeof url === 'string' || url === null) ? { key, url } : null;
}
