// Our accounts with issuers, one with each: made once, kept in the store, told of another e-mail address, made anew when an
// issuer has forgotten one.

import type { IClock } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { ILogger } from '../../base/logger.js';
import type { IAcmeDirectory } from '../acme/acme-types.js';
import type { ICertLock, ICertStore } from '../store/store-types.js';
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
  /** That the issuer was told; null: none. */
  readonly email: string | null;
  /** When it took the place of one that was forgotten, in milliseconds since 1970; 0: it is the first. */
  readonly replacedAt: number;
}

interface IAccountParts {
  readonly store: ICertStore;
  readonly clock: IClock;
  readonly logger: ILogger;
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

  /** Lets go of those that no settings ask for: when they do again, their e-mail address counts again. */
  keep(settings: Iterable<IAcmeSettings>): void {
    const wanted = new Set<string>();
    for (const acme of settings) for (const issuer of acme.directoryUrls) wanted.add(openKeyOf(issuer, acme));
    for (const [key, { client }] of this.#open) {
      if (wanted.has(key)) continue;
      client.close();
      this.#open.delete(key);
    }
  }

  /** The issuer does not know that account: another one. @throws IssuanceError where that one took another's place just now */
  async replace(issuer: string, acme: IAcmeSettings, forgotten: IAccount, signal: AbortSignal): Promise<IAccount> {
    return this.#register(issuer, acme, forgotten, signal);
  }

  close(): void {
    for (const { client } of this.#open.values()) client.close();
    this.#open.clear();
  }

  async #register(issuer: string, acme: IAcmeSettings, forgotten: IAccount | null, signal: AbortSignal) {
    const { store } = this.#parts;
    const key = keyOf(issuer, acme);
    const lock = await store.lock(key, signal);
    try {
      const opened = this.#open.get(openKeyOf(issuer, acme));
      if (opened !== undefined && opened !== forgotten) return opened;
      const own = readRecord(await store.readRecord(key), acme.email);
      const kept = await this.#recordOf(issuer, acme, own, forgotten);
      // The key is kept before the issuer hears of it: after a crash it finds the same account by it (RFC 8555 §7.3.1).
      if (kept !== own) await store.writeRecord(key, kept, lock);
      const account = await this.#opened(issuer, acme, kept, signal);
      if (kept.url === null) await store.writeRecord(key, { ...kept, url: account.url }, lock);
      if (kept.email !== acme.email) await this.#tellEmail(issuer, acme, account, { lock, kept, signal });
      if (forgotten !== null) forgotten.client.close();
      this.#open.set(openKeyOf(issuer, acme), account);
      return account;
    } finally {
      await lock.release();
    }
  }

  /** @param own what is kept of it; null: nothing */
  async #recordOf(
    issuer: string,
    acme: IAcmeSettings,
    own: IAccountRecord | null,
    forgotten: IAccount | null,
  ): Promise<IAccountRecord> {
    const { store, tools, clock } = this.#parts;
    const { email } = acme;
    const found = own ?? readRecord(await store.readRecord(formerKeyOf(issuer, acme)), email);
    const isStale = found !== null && forgotten !== null && found.url === forgotten.url;
    if (found !== null && !isStale) return found;
    if (!isStale) return { key: await tools.makeAccountKey(), url: null, email, replacedAt: 0 };
    const replacedAt = clock.wallMs();
    const agoMs = replacedAt - found.replacedAt;
    // An issuer that forgets each account at once would be given one for every name.
    if (agoMs >= 0 && agoMs < replacingPauseMs) {
      const detail = 'the issuer has forgotten the account that took the place of another just now';
      throw new IssuanceError('account', 'accountDoesNotExist', detail);
    }
    return { key: await tools.makeAccountKey(), url: null, email, replacedAt };
  }

  /** RFC 8555 §7.3.2. Orders do not depend on it: where the issuer refuses it they go on, and the next start tries again. */
  async #tellEmail(
    issuer: string,
    acme: IAcmeSettings,
    { client, url }: IAccount,
    { lock, kept, signal }: { readonly lock: ICertLock; readonly kept: IAccountRecord; readonly signal: AbortSignal },
  ): Promise<void> {
    const { store, logger } = this.#parts;
    const { email } = acme;
    try {
      await client.updateAccount({ contact: contactOf(acme) }, signal);
      await store.writeRecord(keyOf(issuer, acme), { ...kept, url, email }, lock);
      logger.info({ issuer, account: url, email }, 'the account has another e-mail address');
    } catch (error) {
      signal.throwIfAborted();
      logger.warn(
        { issuer, account: url, email, why: messageOf(error) },
        'the account keeps its former e-mail address',
      );
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
      const { url } = await client.newAccount({ contact: contactOf(acme), eab: acme.eab }, signal);
      return { client, directory, url };
    } catch (error) {
      client.close();
      throw error;
    }
  }
}

const replacingPauseMs = 600_000;

const contactOf = ({ email }: IAcmeSettings): string[] => (email === null ? [] : [`mailto:${email}`]);

const openKeyOf = (issuer: string, { email, eab, directoryCa }: IAcmeSettings): string =>
  `${issuer} ${email} ${eab?.kid} ${directoryCa}`;

const keyOf = (issuer: string, { eab }: IAcmeSettings): string =>
  `account/${shortHash(JSON.stringify([issuer, eab?.kid ?? null]))}`;

/** Version 0.3 had an account for each address. */
const formerKeyOf = (issuer: string, { email, eab }: IAcmeSettings): string =>
  `account/${shortHash(JSON.stringify([issuer, email, eab?.kid ?? null]))}`;

/** @param formerEmail of a record that version 0.3 wrote */
function readRecord(value: unknown, formerEmail: string | null): IAccountRecord | null {
  if (typeof value !== 'object' || value === null) return null;
  const { key, url, email = formerEmail, replacedAt = 0 } = value as Partial<Record<keyof IAccountRecord, unknown>>;
  if (typeof key !== 'string' || (typeof url !== 'string' && url !== null)) return null;
  const known = typeof email === 'string' || email === null ? email : formerEmail;
  return { key, url, email: known, replacedAt: typeof replacedAt === 'number' ? replacedAt : 0 };
}
