// What others may take a path for: each way in which some server or framework reads it, and several of them together.

import { normalisePathAtRoot } from './http-path.js';

/**
 * All other paths that some reader might take `path` for, which is in its normal form; none for nearly every path, which costs one
 * look at each character. null: there are too many to tell.
 */
export function otherReadings(path: string): ReadonlySet<string> | null {
  const odd = oddities(path);
  if (odd === 0) return none;
  const texts = textsOf(path, odd);
  if (texts === null) return null;
  const found = new Set<string>();
  for (const text of texts) {
    // Those who decode a slash take two for one, too, and stay at the root where dots lead above it, as URLs do.
    const normal = normalisePathAtRoot(text.replace(/\/{2,}/g, '/'));
    if (normal !== null && normal !== path) found.add(normal);
  }
  return found;
}

/** Whether some reader might find segments of dots in `path`, which has none that we see. */
export function mayClimb(path: string): boolean {
  const odd = oddities(path);
  if ((odd & ~doubled) === 0) return false;
  return textsOf(path, odd)?.some(hasDots) ?? true;
}

/** `path`: without a query. */
export const hasDots = (path: string): boolean => /\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path);

const none: ReadonlySet<string> = new Set();

/** What is odd about a path, in bits: its text may end early; slashes; parameters; ends that are cut off; ... */
const [cut, slashes, parameters, ends, again, overlong, doubled] = [1, 2, 4, 8, 16, 32, 64] as const;

function oddities(path: string): number {
  if (isPlain(path)) return 0;
  let bits = 0;
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code === percent) bits |= oddEscape(path, at);
    else if (code === semicolon) bits |= parameters;
    else if (code === slash) {
      if (path.charCodeAt(at + 1) === slash) bits |= doubled;
    } else if (code === dot && mayEnd(path.charCodeAt(at + 1))) bits |= ends;
  }
  return bits;
}

/** True of nearly every path: found out by searches that the engine has in machine code. */
const isPlain = (path: string): boolean =>
  !path.includes('%') &&
  !path.includes(';') &&
  !path.includes('//') &&
  !path.includes('./') &&
  path.charCodeAt(path.length - 1) !== dot;

const [percent, slash, semicolon, dot] = [0x25, 0x2f, 0x3b, 0x2e] as const;

/** What stands behind a segment's last character, or behind one that may be cut off with it. NaN: nothing. */
const mayEnd = (next: number): boolean =>
  next === slash || next === percent || next === semicolon || next === dot || Number.isNaN(next);

function oddEscape(path: string, at: number): number {
  const code = hexValue(path.charCodeAt(at + 1)) * 16 + hexValue(path.charCodeAt(at + 2));
  switch (code) {
    case 0x00:
    case 0x23:
    case 0x3f:
      return cut;
    case 0x2f:
    case 0x5c:
      return slashes;
    case semicolon:
      return parameters;
    case percent:
      return again;
    case space:
    case dot:
      return mayEnd(path.charCodeAt(at + 3)) ? ends : 0;
    case 0xc0:
    case 0xc1:
      return overlong;
    case 0xe0:
    case 0xf0:
      return /^%(?:e0|f0%80)%8[01]/i.test(path.slice(at, at + 9)) ? overlong : 0;
    default:
      return code >= 0x09 && code <= 0x0d && mayEnd(path.charCodeAt(at + 3)) ? ends : 0;
  }
}

const space = 0x20;

/** NaN: no digit. */
function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : Number.NaN;
}

/** Characters of all texts of a path together: a path of one oddity may be as long as a head, one of all 512. */
const maxCharacters = 65_536;

/** `path` as it stands behind each set of habits; null: that would be too much. */
function textsOf(path: string, odd: number): readonly string[] | null {
  const bases = Array.from(basesOf(path, odd), (text) => ({ text, habits: habitsFor(oddities(text)) }));
  const count = bases.reduce((sum, { habits }) => sum + 2 ** habits.length, 0);
  if (count * path.length > maxCharacters) return null;
  const texts: string[] = [];
  for (const { text, habits } of bases) {
    const from = texts.push(text) - 1;
    for (const habit of habits) texts.push(...texts.slice(from).map(habit));
  }
  return texts;
}

/** Few decode more than once, or take more bytes than needed for a character (RFC 3629 §3): before they look at anything else. */
function basesOf(path: string, odd: number): ReadonlySet<string> {
  const bases = new Set([path]);
  if ((odd & again) !== 0) bases.add(path.replace(/%(?:25)+(?=[0-9a-f]{2})/gi, '%'));
  for (const text of [...bases]) if ((oddities(text) & overlong) !== 0) bases.add(shortened(text));
  return bases;
}

/** Overlong forms of ASCII as what they stand for. */
const shortened = (path: string): string =>
  path.replace(/%(?:c|e0%8|f0%80%8)([01])%([89a-d][0-9a-f])/gi, (_, high: string, low: string) => {
    const code = (Number(high) << 6) | (Number.parseInt(low, 16) & 0x3f);
    // Of a backslash the first byte is forgotten by some.
    return `%${(code === 0x1c ? 0x5c : code).toString(16).padStart(2, '0')}`;
  });

type THabit = (path: string) => string;

/** In the order in which they are had. */
function habitsFor(odd: number): readonly THabit[] {
  const habits: THabit[] = [];
  if ((odd & cut) !== 0) habits.push(endEarly);
  if ((odd & slashes) !== 0 && (odd & parameters) !== 0) habits.push(dropParameters);
  if ((odd & slashes) !== 0) habits.push(decodeSlashes);
  if ((odd & parameters) !== 0) habits.push(dropAllParameters);
  if ((odd & ends) !== 0) habits.push(cutEnds);
  return habits;
}

/** C ends a text at NUL; who decodes too early ends a path at a question mark or a hash. */
const endEarly: THabit = (path) => path.replace(/%(?:00|23|3f).*$/is, '');
const dropParameters: THabit = (path) => path.replace(/;[^/]*/g, '');
const decodeSlashes: THabit = (path) => path.replace(/%(?:2f|5c)/gi, '/');
const dropAllParameters: THabit = (path) => path.replace(/(?:;|%3b)[^/]*/gi, '');

/** Windows opens `admin` for `admin.` and `admin `; others trim what is white. */
const cutEnds: THabit = (path) => path.split('/').map(withoutEnd).join('/');

function withoutEnd(segment: string): string {
  let end = segment.length;
  for (;;) {
    if (segment.charCodeAt(end - 1) === dot) end -= 1;
    else if (end >= 3 && /^%(?:0[9a-d]|2[0e])$/i.test(segment.slice(end - 3, end))) end -= 3;
    else break;
  }
  if (end > 0 || segment === '') return segment.slice(0, end);
  // Nothing but dots and white space: who cuts off the latter alone may be left with a segment of dots.
  const [dots = ''] = /^(?:\.|%2e)*/i.exec(segment) ?? [];
  const count = dots.replace(/%2e/gi, '.').length;
  return count <= 2 ? '.'.repeat(count) : '';
}
