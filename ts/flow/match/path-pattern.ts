// One path pattern, compiled: which paths it matches, what its variable parts stand for and how specific it is.
//
// `/a/b` is that path alone. A star as the last segment (`/a/*`) stands for everything below `/a/`. `:name` stands for one
// segment that is not empty, and so does a star that is a whole segment inside; any other `*` stands for any characters but
// slashes, or for none; `**` as a whole segment for any number of segments, none included; `?` and `[a-z]` for one character.

import { normalisePathPattern } from '../../config/path-form.js';
import type { IResolvedRoute } from '../../config/resolved.js';
import { SegmentPath } from './path-segments.js';
import { type IPathMatch, type IPathPattern, inBand, pathBands } from './path-text.js';

export type { IPathMatch, IPathPattern, TPathForm } from './path-text.js';

/** `text` comes from the configuration, checked; never from a peer. */
export function compilePath(text: string): IPathPattern {
  const rooted = normalisePathPattern(text.startsWith('/') ? text : `/${text}`);
  const pattern = rooted.endsWith('/**') ? rooted.slice(0, -1) : rooted;
  if (!variable.test(pattern)) return new ExactPath(text, pattern);
  if (pattern.endsWith('/*') && !variable.test(pattern.slice(0, -1))) return new PathPrefix(text, pattern.slice(0, -1));
  return new SegmentPath(text, pattern);
}

const variable = /[*?[]|\/:[A-Za-z_]\w*(?:\/|$)/;

/** The compiled path of a route; null if it asks for none. Compiled once a route. */
export function pathOf(route: IResolvedRoute): IPathPattern | null {
  const { path } = route.match;
  if (path === null) return null;
  const known = compiled.get(route);
  if (known !== undefined) return known;
  const pattern = compilePath(path);
  compiled.set(route, pattern);
  return pattern;
}

const compiled = new WeakMap<IResolvedRoute, IPathPattern>();

/** A class, as the next one, because a configuration may have very many: one object each and no closures. */
class ExactPath implements IPathPattern {
  constructor(
    readonly text: string,
    readonly key: string,
  ) {}

  get form() {
    return 'exact' as const;
  }

  get specificity(): number {
    return pathBands.exact;
  }

  test(path: string): boolean {
    return path === this.key;
  }

  match(path: string): IPathMatch | null {
    return path === this.key ? nothingVaries : null;
  }
}

const nothingVaries: IPathMatch = Object.freeze({ params: null, remainder: null });

class PathPrefix implements IPathPattern {
  constructor(
    readonly text: string,
    readonly key: string,
  ) {}

  get form() {
    return 'prefix' as const;
  }

  get specificity(): number {
    return inBand(pathBands.prefix, this.key.length);
  }

  test(path: string): boolean {
    return path.startsWith(this.key);
  }

  match(path: string): IPathMatch | null {
    return path.startsWith(this.key) ? { params: null, remainder: path.slice(this.key.length) } : null;
  }
}
