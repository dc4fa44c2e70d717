// Text that was not made by our codecs, as it may stand in a field (RFC 9110 §5.5).

/** Horizontal tab, visible ASCII, and octets above it, one character each. */
const fit = /^[\t\x20-\x7e\x80-\xff]*$/;
const unfit = /[^\t\x20-\x7e\x80-\xff]/g;
const wide = /[^\0-\xff]/;

/** The text as a field's value: controls become spaces, text that is not of octets becomes UTF-8, no space around it. */
export function fieldText(text: string): string {
  if (fit.test(text)) return text.trim();
  const octets = wide.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
  return octets.replace(unfit, ' ').trim();
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** True for what may stand as a field's name (RFC 9110 §5.1). */
export const isFieldName = (name: string): boolean => token.test(name);
