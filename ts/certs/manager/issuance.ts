// One attempt at a certificate under the lock of its need: another process may have been faster.

import { identifierOf } from '../names.js';
import type { ICertLock, IStoredCertificate } from '../store/store-types.js';
import type { IAccount } from './accounts.js';
import { type IAttempt, type IWorkshop, thrice } from './attempt.js';
import { classify, IssuanceError } from './failure-policy.js';
import { Deferred } from './issuer-budgets.js';
import type { ICertManagerParts } from './manager-types.js';
import { obtain, verified } from './ordering.js';
import { functionIssuer, lockNameOf, writeCertificate } from './slots.js';
import { solve } from './solving.js';
import { within } from './waiting.js';

/** Calls `work` under the lock of a need with one issuer, once nobody else has it. @throws Deferred while another keeps it */
export async function locked<T>(
  { store, clock }: Pick<IWorkshop, 'store' | 'clock'>,
  id: string,
  issuer: string,
  signal: AbortSignal,
  work: (lock: ICertLock) => Promise<T>,
): Promise<T> {
  const late = () => new Deferred(clock.wallMs() + lockPauseMs, 'another process is at it', true);
  const lock = await within(clock, lockLimitMs, signal, late, async (inner) => {
    const held = await store.lock(lockNameOf(id, issuer), inner);
    // It came after all, when nobody waited for it any more.
    if (inner.aborted) await held.release();
    return held;
  });
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

const lockLimitMs = 60_000;
const lockPauseMs = 30_000;

/** @param stagingUrl where to try first, since a validation failed; null: nowhere */
export async function order(
  shop: IWorkshop,
  attempt: IAttempt,
  stagingUrl: string | null,
): Promise<IStoredCertificate> {
  await shop.store.check();
  await shop.budgets.refuseBlocked(attempt.issuer);
  if (stagingUrl !== null) await probe(shop, attempt, stagingUrl);
  return withAccount(shop, attempt.issuer, attempt, (account) => obtain(shop, attempt, account));
}

/** With an account that the issuer knows: one that it has forgotten is replaced, once. */
async function withAccount<T>(
  shop: IWorkshop,
  issuer: string,
  attempt: IAttempt,
  work: (account: IAccount) => Promise<T>,
): Promise<T> {
  const { acme, signal } = attempt;
  attempt.enter('account');
  const account = await thrice(shop, signal, () => shop.accounts.get(issuer, acme, signal));
  try {
    return await work(account);
  } catch (error) {
    if (classify(error, attempt.state).class !== 'account') throw error;
  }
  attempt.enter('account');
  return work(await shop.accounts.replace(issuer, acme, account, signal));
}

/** Whether the names can be proven again, asked where failures are cheap; nothing is bought. @throws ProbeError */
async function probe(shop: IWorkshop, attempt: IAttempt, stagingUrl: string): Promise<void> {
  const { signal, names } = attempt;
  try {
    await withAccount(shop, stagingUrl, attempt, async (account) => {
      const trial = await account.client.newOrder({ identifiers: names.map(identifierOf) }, signal);
      attempt.enter('solving');
      await solve(shop, attempt, account, trial);
    });
  } catch (error) {
    signal.throwIfAborted();
    const { class: judged, type, detail } = classify(error, attempt.state);
    // Anything else says something about that place, not about the names.
    if (judged === 'validation') throw new ProbeError(judged, type, `on staging: ${detail}`, { cause: error });
  }
}

/** A validation that failed where the issuer does not count it. */
export class ProbeError extends IssuanceError {}

/** The certificate that the host program has for a name; null: it leaves that to the issuers. */
export async function provide(
  shop: IWorkshop,
  attempt: IAttempt,
  provision: NonNullable<ICertManagerParts['provision']>,
): Promise<IStoredCertificate | null> {
  const { store, clock } = shop;
  await store.check();
  const [name = ''] = attempt.names;
  const late = () => new IssuanceError('transient', 'timeout', 'certProvisionFunction has not answered in time');
  const given = await within(clock, provisionLimitMs, attempt.signal, late, () => provision(name));
  if (given === 'http01') return null;
  if (typeof given?.cert !== 'string' || typeof given.key !== 'string')
    throw new IssuanceError('certificate', 'badCertificate', "certProvisionFunction gives neither PEM nor 'http01'");
  attempt.enter('downloaded');
  const how = { issuer: functionIssuer, profile: null, challenge: null };
  const stored = verified(shop, attempt, given.cert, given.key, how);
  if (stored.meta.serial === attempt.present?.meta.serial)
    throw new IssuanceError(
      'certificate',
      'sameCertificate',
      'certProvisionFunction gives the certificate that is to be renewed',
    );
  attempt.enter('verified');
  await writeCertificate(store, attempt.id, stored, attempt.lock);
  attempt.enter('stored');
  return stored;
}

const provisionLimitMs = 300_000;
