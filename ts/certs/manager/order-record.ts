// What is kept of an order under way, so that whoever comes after a crash goes on with it and buys nothing twice.

import type { ICertStore } from '../store/store-types.js';
import type { IAttempt } from './attempt.js';
import { shortHash } from './manager-ports.js';
import { isAuthority } from './slots.js';

export interface IOrderRecord {
  readonly url: string;
  /** The account that made it: no other may go on with it. */
  readonly accountUrl: string;
  readonly names: readonly string[];
  readonly profile: string | null;
  /** Of the certificate, in PEM: kept before the order is finalized; null: it was not yet. */
  readonly key: string | null;
  readonly challenge: string | null;
}

/** An order with one issuer for one need. */
export const orderKeyOf = (id: string, issuer: string): string => `order/${id}/${shortHash(issuer)}`;

export async function readOrder(store: ICertStore, { id, issuer, names }: IAttempt): Promise<IOrderRecord | null> {
  const value = await store.readRecord(orderKeyOf(id, issuer));
  if (typeof value !== 'object' || value === null) return null;
  const record = value as Partial<Record<keyof IOrderRecord, unknown>>;
  const { url, accountUrl, profile, key, challenge } = record;
  if (typeof url !== 'string' || !isAuthority(url) || typeof accountUrl !== 'string' || !isTextOrNull(profile))
    return null;
  if (!isTextOrNull(key) || !isTextOrNull(challenge) || String(record.names) !== String(names)) return null;
  return { url, accountUrl, names, profile, key, challenge };
}

const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string';

/** A lock that is lost refuses it: another process has gone on with the order. */
export const writeOrder = (store: ICertStore, { id, issuer, lock }: IAttempt, record: IOrderRecord): Promise<void> =>
  store.writeRecord(orderKeyOf(id, issuer), record, lock);

export const dropOrder = (store: ICertStore, id: string, issuer: string): Promise<void> =>
  store.removeRecord(orderKeyOf(id, issuer));
