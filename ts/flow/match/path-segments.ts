// Path patterns with variable parts, matched segment by segment without making strings. Time is linear in the length of the
// path for each part of the pattern: a failed try goes back to the last star alone, because where a path matches at all, the
// first place that fits what stands between two stars is as good as a later one.

import { type IPathMatch, type IPathPattern, inBand, pathBands } from './path-text.js';

/** One segment of a pattern. */
interface ISegment {
  readonly kind: 'literal' | 'param' | 'any' | 'deep' | 'glob';
  /** Of `literal` its text, of `param` its name; else `''`. */
  readonly text: string;
  /** Of `glob`. */
  readonly tokens: readonly TToken[];
}

/** A character's code, a star, any character, or a class of characters. */
type TToken = number | RegExp;
const star = -1;
const anyChar = -2;

export class SegmentPath implements IPathPattern {
  readonly form: 'params' | 'prefix' | 'glob';
  readonly key: string;
  readonly specificity: number;
  readonly #segments: readonly ISegment[];
  /** True if it ends in a star of its own, which takes everything below. */
  readonly #open: boolean;
  readonly #hasParams: boolean;
  /** What every path must end in: found out at once where many patterns begin alike. */
  readonly #tail: string;

  /** `pattern` is the normal form of `text`. */
  constructor(
    readonly text: string,
    pattern: string,
  ) {
    this.#open = pattern.endsWith('/*');
    const parts = (this.#open ? pattern.slice(0, -2) : pattern).split('/').slice(1);
    this.#segments = parts.map(readSegment);
    const kinds = new Set(this.#segments.map(({ kind }) => kind));
    this.#hasParams = kinds.has('param');
    this.form = kinds.has('glob') || kinds.has('deep') || kinds.has('any') ? 'glob' : this.#open ? 'prefix' : 'params';
    const fixed = this.#segments.findIndex(({ kind }) => kind !== 'literal');
    this.key = `/${this.#segments
      .slice(0, fixed)
      .map(({ text }) => `${text}/`)
      .join('')}`;
    this.#tail = this.#open ? '' : tailOf(parts.at(-1) ?? '');
    this.specificity = inBand(pathBands[this.form], literalLength(this.#segments));
  }

  test(path: string): boolean {
    return path.endsWith(this.#tail) && this.#walk(path, null) >= 0;
  }

  match(path: string): IPathMatch | null {
    const values: string[] | null = this.#hasParams ? [] : null;
    const end = this.#walk(path, values);
    if (end < 0) return null;
    const remainder = this.#open ? path.slice(end) : null;
    return { params: values === null ? null : Object.fromEntries(this.#named(values)), remainder };
  }

  *#named(values: readonly string[]): Iterable<[string, string]> {
    let at = 0;
    for (const { kind, text } of this.#segments) {
      if (kind === 'param') yield [text, decoded(values[at++] ?? '')];
    }
  }

  /** Where the part that the pattern describes ends, behind its slash if it is open; -1: no match. */
  #walk(path: string, values: string[] | null): number {
    const segments = this.#segments;
    let place = 0;
    let at = 1;
    // Where to go on after a failure: the `**` last seen, and the segment of the path that it takes next.
    let deepPlace = -1;
    let deepAt = 0;
    let deepValues = 0;
    if (path.charCodeAt(0) !== slash) return -1;
    for (;;) {
      const segment = segments[place];
      if (segment?.kind === 'deep') {
        deepPlace = place++;
        deepAt = at;
        deepValues = values?.length ?? 0;
        continue;
      }
      const end = endOfSegment(path, at);
      if (segment === undefined) {
        if (this.#open ? at <= path.length : at === path.length + 1) return at;
      } else if (at <= path.length && fits(segment, path, at, end)) {
        if (segment.kind === 'param') values?.push(path.slice(at, end));
        place++;
        at = end + 1;
        continue;
      }
      if (deepPlace < 0 || deepAt > path.length) return -1;
      place = deepPlace + 1;
      deepAt = endOfSegment(path, deepAt) + 1;
      at = deepAt;
      if (values !== null) values.length = deepValues;
    }
  }
}

const slash = '/'.charCodeAt(0);

/** Of the last segment what is literal behind everything else. */
function tailOf(part: string): string {
  const { kind, text } = readSegment(part);
  if (kind === 'literal') return `/${text}`;
  return kind === 'glob' ? (/[^*?\]]*$/.exec(part)?.[0] ?? '') : '';
}

function endOfSegment(path: string, from: number): number {
  const end = path.indexOf('/', from);
  return end < 0 ? path.length : end;
}

function fits({ kind, text, tokens }: ISegment, path: string, from: number, to: number): boolean {
  if (kind === 'literal') return to - from === text.length && path.startsWith(text, from);
  if (kind === 'glob') return fitsGlob(tokens, path, from, to);
  return to > from;
}

/** Goes back to the last star only, so that time is at most tokens times characters. */
function fitsGlob(tokens: readonly TToken[], path: string, from: number, to: number): boolean {
  let at = from;
  let place = 0;
  let starPlace = -1;
  let starAt = from;
  while (at < to) {
    const token = tokens[place];
    if (token === star) {
      starPlace = place++;
      starAt = at;
    } else if (token !== undefined && takes(token, path, at)) {
      place++;
      at++;
    } else if (starPlace >= 0) {
      place = starPlace + 1;
      at = ++starAt;
    } else return false;
  }
  while (tokens[place] === star) place++;
  return place === tokens.length;
}

function takes(token: TToken, path: string, at: number): boolean {
  if (typeof token === 'number') return token === anyChar || token === path.charCodeAt(at);
  return token.test(path.charAt(at));
}

function readSegment(text: string): ISegment {
  if (/^:[A-Za-z_]\w*$/.test(text)) return { kind: 'param', text: text.slice(1), tokens: [] };
  if (text === '**') return { kind: 'deep', text: '', tokens: [] };
  if (text === '*') return { kind: 'any', text: '', tokens: [] };
  if (/[*?[]/.test(text)) return { kind: 'glob', text: '', tokens: readGlob(text) };
  return { kind: 'literal', text: text, tokens: [] };
}

function readGlob(text: string): TToken[] {
  const tokens: TToken[] = [];
  for (const [piece] of text.matchAll(/\*+|\?|\[[!^]?\]?[^\]]*\]|[^*?[]+|\[/g)) {
    if (piece.startsWith('*')) tokens.push(star);
    else if (piece === '?') tokens.push(anyChar);
    else if (piece.length > 1 && piece.startsWith('[')) tokens.push(classOf(piece.slice(1, -1)));
    else for (const char of piece) tokens.push(char.charCodeAt(0));
  }
  return tokens;
}

/** `a-z_` or, for all others, `!a-z_` or `^a-z_`. Nothing in it is special but the range. */
function classOf(inside: string): RegExp {
  const negated = /^[!^]/.test(inside);
  const set = (negated ? inside.slice(1) : inside).replace(/[\\\]^[]/g, '\\$&');
  try {
    return new RegExp(`[${negated ? '^' : ''}${set}]`);
  } catch {
    // A range that runs backwards holds no character.
    return /(?!)/;
  }
}

const literalLength = (segments: readonly ISegment[]): number =>
  segments.reduce((sum, { kind, text, tokens }) => {
    if (kind === 'glob') return sum + 1 + tokens.filter((token) => typeof token === 'number' && token >= 0).length;
    return sum + 1 + (kind === 'literal' ? text.length : 0);
  }, 0);

/** As it was meant by whoever wrote the URL; as it stands where it is not UTF-8. */
function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
