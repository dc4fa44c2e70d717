// Texts that end up in the kernel's rules: whatever could have a meaning there is refused.

const keywords: ReadonlySet<string> = new Set(
  (
    'inet ip ip6 arp bridge netdev table tables chain chains rule rules set sets map maps element elements flush list add ' +
    'create delete destroy insert replace reset rename describe monitor include define undefine redefine hook type policy ' +
    'flags counter counters quota quotas limit limits meter meters log comment vmap numgen jhash meta fib ct mark accept drop'
  ).split(' '),
);

/** nft's own rule for names, and none of its words, so that what it prints can be read by it again. */
export const isTableName = (name: string): boolean =>
  /^[A-Za-z][A-Za-z0-9_]{0,30}$/.test(name) && !keywords.has(name.toLowerCase());

/** What may stand between the quotes of a comment. */
export const isLabel = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,99}$/.test(text);

/** What may stand in front of a line of the kernel's log. */
export const isLogPrefix = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,63}$/.test(text);

export const wantTableName = "a letter, then letters, digits and '_', at most 31, none of nft's own words";
export const wantLabel = 'letters, digits, spaces and . _ : / @ + -, at most 100: it stands in rules of the kernel';
export const wantLogPrefix = 'letters, digits, spaces and . _ : / @ + -, at most 64';
export const wantRate = "bits a second with their unit (bps, kbps, mbps, gbps), at most 32gbps: '10mbps'";

const units: Readonly<Record<string, number>> = { bps: 1, kbps: 1e3, mbps: 1e6, gbps: 1e9 };

/** Bytes a second; null if the text says no rate. */
export function bytesOfRate(text: string): number | null {
  const [, digits, unit = ''] = /^(\d{1,12}(?:\.\d{1,6})?) ?([kmg]?bps)$/.exec(text.toLowerCase()) ?? [];
  const bytes = Math.round((Number(digits) * (units[unit] ?? 0)) / 8);
  return bytes >= 1 && bytes <= 4_000_000_000 ? bytes : null;
}
