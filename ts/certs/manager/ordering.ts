// From an account to a certificate that is stored: RFC 8555 §7.4.

import { AcmeProblem } from '../acme/acme-problem.js';
import type { IAcmeCertificate, IAcmeOrder, INewOrder } from '../acme/acme-types.js';
import { identifierOf } from '../names.js';
import type { ICertificateMeta, IStoredCertificate } from '../store/store-types.js';
import type { IAccount } from './accounts.js';
import { type IAttempt, type IWorkshop, poll, thrice } from './attempt.js';
import { refusalOf } from './certificate-facts.js';
import { IssuanceError, isBrief, refusesReplaces, ValidationError } from './failure-policy.js';
import { dropOrder, type IOrderRecord, readOrder, writeOrder } from './order-record.js';
import { writeCertificate } from './slots.js';
import { solve } from './solving.js';

interface IRunning {
  readonly order: IAcmeOrder;
  readonly record: IOrderRecord;
}

/** The new certificate, which is stored by then. */
export async function obtain(shop: IWorkshop, attempt: IAttempt, account: IAccount): Promise<IStoredCertificate> {
  const { store } = shop;
  let { order, record } = (await resumed(shop, attempt, account)) ?? (await ordered(shop, attempt, account));
  try {
    if (order.status === 'pending') {
      attempt.enter('solving');
      const challenge = await solve(shop, attempt, account, order);
      record = { ...record, challenge: challenge ?? record.challenge };
    }
    order = await readied(shop, attempt, account, order);
    attempt.enter('ready');
    if (order.status === 'ready') {
      // Kept before the issuer is told: what it signs after that, and after a crash of ours, belongs to a key that we have.
      record = { ...record, key: record.key ?? (await shop.tools.makeKey(attempt.acme.keyType)) };
      await writeOrder(store, attempt, record);
    }
    attempt.enter('finalizing');
    order = await finalized(shop, attempt, account, order, record);
    const { key } = record;
    if (key === null)
      throw new IssuanceError('transient', 'lostKey', 'the order was finalized with a key that is not here');
    const { chain } = await download(shop, attempt, account, order);
    attempt.enter('downloaded');
    const stored = verified(shop, attempt, chain, key, { ...record, issuer: attempt.issuer });
    attempt.enter('verified');
    await writeCertificate(store, attempt.id, stored, attempt.lock);
    attempt.enter('stored');
    return stored;
  } catch (error) {
    if (endsOrder(error)) await dropOrder(store, attempt.id, attempt.issuer);
    throw error;
  }
}

/** True where going on with the same order leads nowhere. */
const endsOrder = (error: unknown): boolean =>
  error instanceof ValidationError ||
  (error instanceof IssuanceError && deadEnds.has(error.type)) ||
  (error instanceof AcmeProblem && !isBrief(error) && error.type !== 'rateLimited' && error.status !== 503);

const deadEnds = new Set(['authorization', 'lostKey', 'invalidOrder', 'badCertificate', 'noChallenge']);

/** The order that was under way when the last attempt ended; null: none that is of use. */
async function resumed(shop: IWorkshop, attempt: IAttempt, account: IAccount): Promise<IRunning | null> {
  const { store } = shop;
  const { id, issuer, signal, present } = attempt;
  const record = await readOrder(store, attempt);
  if (record === null) return null;
  // That one led to the certificate which is to be renewed.
  const spent = record.key !== null && record.key === present?.key;
  const ours = record.accountUrl === account.url && (record.key !== null || wantsProfile(attempt, record));
  // What fails again and again at an order that stands, such as its download, a new one may not meet.
  if (!spent && ours && attempt.tries < mostResumes) {
    try {
      const order = await thrice(shop, signal, () => account.client.order(record.url, signal));
      const useless = order.status === 'invalid' || (order.status === 'valid' && record.key === null);
      if (!useless) return { order, record };
    } catch (error) {
      if (!isForgotten(error)) throw error;
    }
  }
  await dropOrder(store, id, issuer);
  return null;
}

const mostResumes = 5;

const wantsProfile = ({ acme }: IAttempt, { profile }: IOrderRecord): boolean =>
  profile === (acme.profile?.name ?? null) || (profile === null && acme.profile?.prefer === true);

const isForgotten = (error: unknown): boolean =>
  error instanceof AcmeProblem && error.status >= 400 && error.status < 500 && error.status !== 429;

async function ordered(shop: IWorkshop, attempt: IAttempt, account: IAccount): Promise<IRunning> {
  const { issuer, names, signal } = attempt;
  await shop.budgets.reserve(issuer, signal);
  const { order, profile } = await newOrder(shop, attempt, account);
  shop.budgets.accepted(issuer);
  const record = { url: order.url, accountUrl: account.url, names, profile, key: null, challenge: null };
  await writeOrder(shop.store, attempt, record);
  attempt.enter('ordered');
  return { order, record };
}

/** Leaves out what the issuer refuses: first the word of what it replaces, then a profile that is only preferred. */
async function newOrder(shop: IWorkshop, attempt: IAttempt, { client, directory }: IAccount) {
  const { acme, names, signal } = attempt;
  const known = acme.profile !== null && directory.profiles.has(acme.profile.name);
  if (acme.profile !== null && !known && !acme.profile.prefer)
    throw new IssuanceError('config', 'invalidProfile', `the issuer has no profile ${acme.profile.name}`);
  const identifiers = names.map(identifierOf);
  let profile = known ? (acme.profile?.name ?? null) : null;
  let replaces = directory.renewalInfo === null ? null : replacedBy(shop, attempt);
  for (;;) {
    const wish: INewOrder = {
      identifiers,
      ...(profile === null ? {} : { profile }),
      ...(replaces === null ? {} : { replaces }),
    };
    try {
      return { order: await thrice(shop, signal, () => client.newOrder(wish, signal)), profile };
    } catch (error) {
      const refusesProfile = error instanceof AcmeProblem && error.type === 'invalidProfile';
      if (refusesProfile && profile !== null && acme.profile?.prefer) profile = null;
      else if (replaces !== null && refusesReplaces(error)) replaces = null;
      else throw error;
    }
  }
}

/** By its RFC 9773 name: issuers take renewals out of their limits. */
function replacedBy({ tools }: IWorkshop, { present, issuer }: IAttempt): string | null {
  if (present === null || present.meta.issuer !== issuer) return null;
  try {
    return tools.facts(present.cert, present.key).renewalId;
  } catch {
    return null;
  }
}

async function readied(shop: IWorkshop, { signal }: IAttempt, { client }: IAccount, order: IAcmeOrder) {
  if (order.status !== 'pending') return order;
  const read = () => thrice(shop, signal, () => client.order(order.url, signal));
  const late = () => new IssuanceError('transient', 'timeout', 'the order is not ready, though all names are proven');
  const settled = await poll(
    shop,
    signal,
    readyLimitMs,
    late,
    await read(),
    ({ status }) => status !== 'pending',
    read,
  );
  return refuseInvalid(settled);
}

function refuseInvalid(order: IAcmeOrder): IAcmeOrder {
  if (order.status !== 'invalid') return order;
  throw order.error ?? new IssuanceError('transient', 'invalidOrder', 'the issuer gave the order up');
}

/** A lost answer does not say whether the issuer signed: the order itself does (RFC 8555 §7.4). */
async function finalized(
  shop: IWorkshop,
  attempt: IAttempt,
  { client }: IAccount,
  first: IAcmeOrder,
  record: IOrderRecord,
) {
  const { signal } = attempt;
  const read = () => thrice(shop, signal, () => client.order(first.url, signal));
  let order = first;
  for (let tries = 1; order.status === 'ready' && record.key !== null; tries++) {
    if (attempt.lock.lost) throw new IssuanceError('store', 'STORE_LOCK_LOST', 'another process may hold the order');
    const csr = await shop.tools.makeCsr(attempt.names, record.key);
    try {
      order = await client.finalize(order, csr, signal);
    } catch (error) {
      signal.throwIfAborted();
      const unclear = isBrief(error) || (error instanceof AcmeProblem && error.type === 'orderNotReady');
      if (!unclear) throw error;
      order = await read();
      if (order.status === 'ready' && tries === mostFinalizings) throw error;
    }
    if (order.status === 'ready' && tries === mostFinalizings)
      throw new IssuanceError('transient', 'notFinalized', 'the issuer leaves the order as it was, and says nothing');
  }
  const late = () => new IssuanceError('transient', 'timeout', 'the issuer has not signed in time');
  const done = ({ status }: IAcmeOrder) => status !== 'processing' && status !== 'pending';
  return refuseInvalid(await poll(shop, signal, signLimitMs, late, order, done, read));
}

const mostFinalizings = 3;

/** With the chain that is preferred, where the issuer has it. */
async function download(shop: IWorkshop, { acme, signal }: IAttempt, { client }: IAccount, order: IAcmeOrder) {
  const { certificate } = order;
  if (certificate === null)
    throw new AcmeProblem({ type: 'malformedAnswer', detail: 'a valid order without a certificate' });
  const read = (url: string): Promise<IAcmeCertificate> => thrice(shop, signal, () => client.certificate(url, signal));
  const first = await read(certificate);
  if (acme.preferredChain === null || endsAt(shop, first, acme.preferredChain)) return first;
  for (const url of first.alternates.slice(0, mostAlternates)) {
    const other = await read(url);
    if (endsAt(shop, other, acme.preferredChain)) return other;
  }
  return first;
}

const endsAt = ({ tools }: IWorkshop, { chain }: IAcmeCertificate, name: string): boolean => {
  try {
    return tools.signers(chain).at(-1) === name;
  } catch {
    return false;
  }
};

const mostAlternates = 5;

/** What is written down of a certificate that is good. @throws IssuanceError where it is not */
export function verified(
  { tools, clock }: IWorkshop,
  { names, present }: IAttempt,
  chain: string,
  key: string,
  { issuer, profile, challenge }: Pick<ICertificateMeta, 'issuer' | 'profile' | 'challenge'>,
): IStoredCertificate {
  const nowMs = clock.wallMs();
  const wrong = (problem: string) => new IssuanceError('certificate', 'badCertificate', problem);
  let facts: ReturnType<typeof tools.facts>;
  try {
    facts = tools.facts(chain, key);
  } catch (error) {
    throw wrong(`the certificate cannot be read: ${error}`);
  }
  const refusal = refusalOf(facts, names, nowMs, present?.meta ?? null);
  if (refusal !== null) throw wrong(refusal);
  const { notBefore, notAfter, serial } = facts;
  const known = { names, issuer, notBefore, notAfter, serial, profile };
  return { cert: chain, key, meta: { ...known, challenge, issuedAt: nowMs, ari: null, generation: 0 } };
}

const readyLimitMs = 120_000;
const signLimitMs = 300_000;
