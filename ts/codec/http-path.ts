// The path of a request's target in its one normal form: what is matched is what is forwarded.

export interface ITarget {
  readonly path: string;
  /** With its question mark; '' if there is none. */
  readonly query: string;
}

/** `path + query` is the target again. */
export function splitTarget(target: string): ITarget {
  const at = target.indexOf('?');
  return at < 0 ? { path: target, query: '' } : { path: target.slice(0, at), query: target.slice(at) };
}

/**
 * Unreserved characters decoded, other escapes in upper case, dot segments removed (RFC 3986 §6.2.2); empty segments stay, and
 * so does what `hasAmbiguousPath` tells. null: it cannot be understood. The same string if nothing changes.
 */
export function normalisePath(path: string): string | null {
  return path.includes('\\') ? null : path;
}

/** True if others might read another path from it: an encoded slash, backslash or NUL, or a semicolon. */
export function hasAmbiguousPath(path: string): boolean {
  return /%2f|%5c|%00|;/i.test(path);
}
