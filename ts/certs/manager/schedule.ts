// When a certificate is renewed, warned about and looked at. Times are milliseconds since 1970. No I/O.

import type { IStoredRenewalWindow } from '../store/store-types.js';

export interface ILife {
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * @param window what the issuer suggests; null: it suggests nothing
 * @param spread from 0 to 1, always the same for one certificate: names that were issued together drift apart
 */
export function renewAtOf(
  { notBefore, notAfter }: ILife,
  renewBeforeDays: number | null,
  window: IStoredRenewalWindow | null,
  spread: number,
): number {
  const life = notAfter - notBefore;
  const left = life < shortLifeMs ? life / 2 : life / 3;
  const planned = window?.renewAtMs ?? notAfter - left - life * spreadShare * spread;
  // Never in the first half of a life: settings made for certificates of 90 days would renew those of 6 days without end.
  const wished =
    renewBeforeDays === null ? planned : Math.max(notAfter - renewBeforeDays * dayMs, notBefore + life / 2);
  // Whatever an issuer suggests: renewing what came a moment ago, again and again, helps nobody.
  return Math.max(Math.min(planned, wished, notAfter - life / 10), notBefore + life / 20);
}

const dayMs = 86_400_000;
const shortLifeMs = 10 * dayMs;
/** Of a life. */
const spreadShare = 0.05;

/** Which of the moments that people are told about has passed; they only go up. */
export type TExpiryStage = 0 | 1 | 2 | 3;

/** 1: a fifth of the life is left, 2: a tenth, 3: nothing. By a third the renewal has only just begun. */
export function expiryStageOf({ notBefore, notAfter }: ILife, nowMs: number): TExpiryStage {
  const life = notAfter - notBefore;
  if (nowMs >= notAfter) return 3;
  if (nowMs >= notAfter - life / 10) return 2;
  return nowMs >= notAfter - life / 5 ? 1 : 0;
}

/** When the next of these moments comes; Infinity: none does. */
export function nextStageAt({ notBefore, notAfter }: ILife, nowMs: number): number {
  const life = notAfter - notBefore;
  const moments = [notAfter - life / 5, notAfter - life / 10, notAfter];
  return moments.find((at) => at > nowMs) ?? Number.POSITIVE_INFINITY;
}

/** What an issuer suggested, with a moment chosen in it; the former choice stands while the window does. */
export function chooseInWindow(
  suggested: { startMs: number; endMs: number; explanationUrl: string | null; retryAfterMs: number | null },
  former: IStoredRenewalWindow | null,
  nowMs: number,
  random: number,
): IStoredRenewalWindow | null {
  const { startMs, endMs, explanationUrl } = suggested;
  // RFC 9773 §4.2: a window that ends before it begins is as good as none.
  if (!(endMs > startMs) || !Number.isFinite(endMs - startMs)) return null;
  const same = former !== null && former.startMs === startMs && former.endMs === endMs;
  return {
    startMs,
    endMs,
    explanationUrl,
    renewAtMs: same ? former.renewAtMs : startMs + (endMs - startMs) * random,
    askAgainAtMs: nowMs + clamp(suggested.retryAfterMs ?? ariAskMs, ariLeastMs, dayMs),
  };
}

/** RFC 9773 §4.3.2. */
export const ariAskMs = 6 * 3_600_000;
const ariLeastMs = 60_000;

/** How long to sleep: by the wall clock something falls due at `dueAtMs`, and clocks jump. */
export function tickMs(dueAtMs: number, nowMs: number, random: number): number {
  return clamp(dueAtMs - nowMs, 0, longestTickMs * (0.8 + 0.2 * random));
}

const longestTickMs = 600_000;

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));
