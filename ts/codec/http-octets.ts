// Which octets may stand where in HTTP, as tables: an octet looks itself up.

const tableOf = (allowed: (octet: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, octet) => (allowed(octet) ? 1 : 0));

const delimiters = '"(),/:;<=>?@[\\]{}';

/** RFC 9110 §5.6.2: names of fields, methods, protocols, codings. */
export const tokenOctets = tableOf(
  (octet) => octet > 32 && octet < 127 && !delimiters.includes(String.fromCharCode(octet)),
);

/** RFC 9110 §5.5: HTAB, SP, VCHAR, obs-text. No other control, and no DEL. */
export const valueOctets = tableOf((octet) => octet === 9 || (octet >= 32 && octet !== 127));

/** What clients put into queries unescaped is more than RFC 3986 §3.4 has; never a fragment, white space or non-ASCII. */
export const queryOctets = tableOf((octet) => octet > 32 && octet < 127 && octet !== 35);

/** Likewise, up to the question mark; no backslash, which some read as a slash. */
export const pathOctets = tableOf((octet) => queryOctets[octet] === 1 && octet !== 63 && octet !== 92);

export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (tokenOctets[text.charCodeAt(at)] !== 1) return false;
  }
  return text.length > 0;
}
