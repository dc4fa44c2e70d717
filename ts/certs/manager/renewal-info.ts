// When an issuer would like a certificate to be renewed: asked again and again, and only a hint (RFC 9773).

import type { IStoredRenewalWindow } from '../store/store-types.js';
import type { IWorkshop } from './attempt.js';
import type { IKept } from './kept.js';
import { ariAskMs, chooseInWindow } from './schedule.js';
import { windowKeyOf } from './slots.js';

/** Kept in the store: a moment is chosen once for a window, whoever restarts. */
interface IWindowRecord {
  /** Of the certificate that the window is about. */
  readonly serial: string;
  readonly window: IStoredRenewalWindow | null;
  readonly askAgainAtMs: number;
}

/** What was kept of the present certificate's window, by us or by another process. True: nobody has to be asked now. */
export async function recallWindow({ store, clock }: IWorkshop, kept: IKept): Promise<boolean> {
  const { stored } = kept;
  if (stored === null) return true;
  const record = readWindow(await store.readRecord(windowKeyOf(kept.id, stored.meta.issuer)));
  if (record === null || record.serial !== stored.meta.serial || kept.stored !== stored) return false;
  kept.window = record.window;
  const leftMs = record.askAgainAtMs - clock.wallMs();
  // Longer than anybody waits: a clock that ran ahead wrote it.
  if (leftMs <= 0 || leftMs > 2 * dayMs) return false;
  kept.askAgainAtMs = record.askAgainAtMs;
  return true;
}

const dayMs = 86_400_000;

/** Asks the issuer. Never rejects: without an answer the rule by length of life stands. */
export async function askWindow(shop: IWorkshop, kept: IKept, signal: AbortSignal): Promise<void> {
  const { clock, store, random } = shop;
  const { stored, need } = kept;
  if (stored === null) return;
  const { issuer, serial } = stored.meta;
  const nowMs = clock.wallMs();
  kept.askAgainAtMs = nowMs + ariAskMs * (1 + random() / 10);
  // The host program's own certificates, and those of issuers that are not to be asked any more, have no window.
  if (!need.acme.directoryUrls.includes(issuer)) return;
  if (shop.accounts.knownDirectory(issuer, need.acme)?.renewalInfo === null) {
    kept.askAgainAtMs = nowMs + dayMs * (1 + random() / 10);
    return;
  }
  try {
    if (await recallWindow(shop, kept)) return;
    if ((await shop.budgets.blockedUntil(issuer)) > 0) return;
    const account = await shop.accounts.get(issuer, need.acme, signal);
    if (account.directory.renewalInfo === null) {
      kept.askAgainAtMs = nowMs + dayMs * (1 + random() / 10);
      return;
    }
    const suggested = await account.client.renewalInfo(stored.cert, signal);
    const window = chooseInWindow(suggested, kept.window, nowMs, random());
    if (window === null || kept.stored !== stored) return;
    kept.window = window;
    kept.askAgainAtMs = window.askAgainAtMs;
    const record: IWindowRecord = { serial, window, askAgainAtMs: window.askAgainAtMs };
    await store.writeRecord(windowKeyOf(kept.id, issuer), record, null);
  } catch (error) {
    shop.logger.debug({ err: error, names: need.names }, 'no renewal window');
  }
}

function readWindow(value: unknown): IWindowRecord | null {
  if (typeof value !== 'object' || value === null) return null;
  const { serial, window, askAgainAtMs } = value as Partial<Record<keyof IWindowRecord, unknown>>;
  if (typeof serial !== 'string' || typeof askAgainAtMs !== 'number') return null;
  const { renewAtMs, startMs, endMs } = (window ?? {}) as Partial<Record<keyof IStoredRenewalWindow, unknown>>;
  const known = [renewAtMs, startMs, endMs].every((at) => typeof at === 'number');
  return { serial, askAgainAtMs, window: known ? (window as IStoredRenewalWindow) : null };
}
