// A name or pattern of `match.domains` in its normal form.

import { isIpLiteral, normaliseHost } from '../codec/host.js';

export type TDomainPattern = { readonly value: string; readonly want: null } | { readonly want: string };

/** Patterns with `?` or classes are searched, not looked up: more stars would make a long hostile name expensive. */
const maxStars = 3;
const maxPatternLength = 253;

/** Labels of letters, digits, `-`, `_`, `*`, `?` and character classes, joined by dots. */
const patternShape = /^(?:[a-z0-9_*?-]|\[[!^]?[a-z0-9_-]+\])+(?:\.(?:[a-z0-9_*?-]|\[[!^]?[a-z0-9_-]+\])+)*$/;

/**
 * Lower case, IDNA applied, no final dot, runs of `*` made one: `{ value }`, or what is wanted instead. Braces, extended
 * globs and negation are refused: a list says the same and can be read by the compiled matcher.
 */
export function normaliseDomainPattern(text: string): TDomainPattern {
  if (/[{}]/.test(text)) return { want: 'a pattern without braces: write a list' };
  if (/[()|+@]/.test(text)) return { want: 'a host name or a plain pattern such as *.example.com' };
  if (text.startsWith('!')) return { want: 'a pattern without negation' };
  return /[*?[\]]/.test(text) ? normalisePattern(text) : normaliseName(text);
}

function normaliseName(text: string): TDomainPattern {
  const value = normaliseHost(text);
  if (value !== null) return { value, want: null };
  if (isIpLiteral(text)) {
    return { want: 'a host name: a connection to an address names no host (for client addresses use clientIp)' };
  }
  return { want: 'a host name or a pattern such as *.example.com' };
}

function normalisePattern(text: string): TDomainPattern {
  const labels = text.replace(/\.$/, '').split('.').map(normaliseLabel);
  const value = labels.join('.').replace(/\*{2,}/g, '*');
  const wellFormed = value.length <= maxPatternLength && patternShape.test(value);
  if (!wellFormed) return { want: 'a host name or a pattern such as *.example.com' };
  const stars = value.split('*').length - 1;
  if (/[?[]/.test(value) && stars > maxStars) return { want: `at most ${maxStars} stars beside ? and [...]` };
  return { value, want: null };
}

/** A whole label may be written in any script; parts of one cannot be translated. */
function normaliseLabel(label: string): string {
  const lower = label.toLowerCase();
  if (/[*?[\]]/.test(lower) || /^[\x20-\x7e]*$/.test(lower)) return lower;
  return normaliseHost(lower) ?? '(';
}
