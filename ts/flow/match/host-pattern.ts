// One domain pattern, compiled: which hosts it matches and how specific it is.
//
// A `*` that is a whole label (`*.a.com`, `a.*`, `*.a.*`) stands for one or more labels; any other `*` stands for any
// run of characters, dots included, or for none. `?` and `[a-z]` stand for one character.

import * as plugins from '../../plugins.js';

/** How a pattern is found: by a look at a map (`exact`, `suffix`), or by trying it. */
export type THostForm = 'exact' | 'suffix' | 'glob' | 'any';

export interface IHostPattern {
  /** As configured, normalised. */
  readonly text: string;
  readonly form: THostForm;
  /** Of `exact` the host, of `suffix` what follows the star, with its dot; else `''`. */
  readonly key: string;
  /** Greater is more specific: exact > longer suffix > other glob by literal length > `*` > 0, no pattern at all. */
  readonly specificity: number;
  /** `host` is normalised: lower case, A-labels, no trailing dot, no port. */
  test(host: string): boolean;
}

/** RFC 1035 §2.3.4, less the length octet and the root label. No pattern matches what is longer. */
export const maxHostLength = 253;

// Each form has a band of its own; within a band the length decides, and no length reaches the next band.
const anyBand = 1;
const globBand = 1_000;
const suffixBand = 2_000;
const exactBand = 3_000;

/** `text` comes from the configuration, normalised; never from a peer. */
export function compileHostPattern(text: string): IHostPattern {
  if (!/[*?[]/.test(text)) return new ExactHost(text);
  const pattern = text.replace(/\*+/g, '*');
  if (pattern === '*') return { text, form: 'any', key: '', specificity: anyBand, test: isHost };
  const rest = pattern.slice(1);
  if (pattern.startsWith('*.') && !/[*?[]/.test(rest)) return new HostSuffix(text, rest);
  const test = /[?[]/.test(pattern) ? oddGlob(pattern) : starGlob(pattern);
  const specificity = globBand + Math.min(literalLength(pattern), maxHostLength);
  return { text, form: 'glob', key: '', specificity, test: (host) => isHost(host) && test(host) };
}

const isHost = (host: string): boolean => host.length > 0 && host.length <= maxHostLength;

/** A class, as the next one, because a configuration may have very many: one object each and no closures. */
class ExactHost implements IHostPattern {
  constructor(readonly text: string) {}

  get form() {
    return 'exact' as const;
  }

  get key(): string {
    return this.text;
  }

  get specificity(): number {
    return exactBand;
  }

  test(host: string): boolean {
    return host === this.text && isHost(host);
  }
}

class HostSuffix implements IHostPattern {
  constructor(
    readonly text: string,
    readonly key: string,
  ) {}

  get form() {
    return 'suffix' as const;
  }

  get specificity(): number {
    return suffixBand + Math.min(this.key.length, maxHostLength);
  }

  test(host: string): boolean {
    return host.length > this.key.length && host.endsWith(this.key) && isHost(host);
  }
}

/** A glob without other magic than `*`: its literal parts are looked for from left to right, so time is linear. */
function starGlob(pattern: string): (host: string) => boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  const inner = parts.slice(1, -1);
  // What the star behind each part must at least take: something where it is a whole label.
  const gaps = parts.map((part, i) => (isLabelStar(part, parts[i + 1], i === 0, i + 2 === parts.length) ? 1 : 0));

  return (host) => {
    if (!host.startsWith(first)) return false;
    let at = first.length + (gaps[0] ?? 0);
    for (let i = 0; i < inner.length; i++) {
      const part = inner[i] ?? '';
      const found = host.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length + (gaps[i + 1] ?? 0);
    }
    return host.length - last.length >= at && host.endsWith(last);
  };
}

/** True if a star has a dot or the pattern's edge on both sides. */
function isLabelStar(before: string, after: string | undefined, isFirst: boolean, isLast: boolean): boolean {
  if (after === undefined) return false;
  const opens = before.endsWith('.') || (isFirst && before === '');
  const closes = after.startsWith('.') || (isLast && after === '');
  return opens && closes;
}

/** A glob with `?` or `[...]`. A host has no slash, so minimatch's `*` crosses dots; its matcher does not backtrack. */
function oddGlob(pattern: string): (host: string) => boolean {
  const matcher = new plugins.minimatch.Minimatch(pattern, {
    dot: true,
    nobrace: true,
    nocomment: true,
    noext: true,
    noglobstar: true,
    nonegate: true,
  });
  return (host) => matcher.match(host);
}

/** The characters that must be there literally; of `[...]` none counts. */
const literalLength = (pattern: string): number => pattern.replace(/\[[^\]]*\]?|[*?]/g, '').length;

/** null of none. */
export const mostSpecific = (patterns: readonly IHostPattern[]): IHostPattern | null =>
  patterns.reduce<IHostPattern | null>((a, b) => (a !== null && a.specificity >= b.specificity ? a : b), null);
