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
 * RFC 3986 §6.2.2: unreserved characters decoded, other escapes in upper case, dot segments removed. Empty segments stay, and so
 * does what others may read in another way (`path-readings.ts`). The same string if nothing changes; `*` and `''` (of CONNECT) are as they are. null: an
 * escape that is none, a way above the root, a backslash, or a second slash at the beginning.
 */
export function normalisePath(path: string): string | null {
  if (path.charCodeAt(0) !== slash) return path === '' || path === '*' ? path : null;
  if (path.charCodeAt(1) === slash || path.includes('\\')) return null;
  const decoded = path.includes('%') ? decodeUnreserved(path) : path;
  if (decoded === null || !decoded.includes('/.')) return decoded;
  return removeDots(decoded, false);
}

/** The same of a path as those read it who stay at the root where dots lead above it. */
export function normalisePathAtRoot(path: string): string | null {
  const decoded = decodeUnreserved(path);
  return decoded === null ? null : removeDots(decoded, true);
}

const slash = 47;
const unreserved = /^[\w.~-]$/;

function decodeUnreserved(path: string): string | null {
  let text = '';
  let kept = 0;
  for (let at = path.indexOf('%'); at >= 0; at = path.indexOf('%', at + 3)) {
    const high = hexDigit(path.charCodeAt(at + 1));
    const low = hexDigit(path.charCodeAt(at + 2));
    if (high < 0 || low < 0) return null;
    const character = String.fromCharCode(high * 16 + low);
    const written = path.slice(at, at + 3);
    const normal = unreserved.test(character) ? character : written.toUpperCase();
    if (normal === written) continue;
    text += path.slice(kept, at) + normal;
    kept = at + 3;
  }
  return kept === 0 ? path : text + path.slice(kept);
}

/** -1: none. Of what is behind the end, too, where the code is NaN. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** RFC 3986 §5.2.4, but what leads above the root is nobody's honest path; `stays`: it leads to the root. */
function removeDots(path: string, stays: boolean): string | null {
  const segments = path.split('/');
  const kept: string[] = [];
  let changed = false;
  for (let at = 1; at < segments.length; at++) {
    const segment = segments[at] as string;
    const isUp = segment === '..';
    if (!isUp && segment !== '.') {
      kept.push(segment);
      continue;
    }
    changed = true;
    if (isUp && kept.pop() === undefined && !stays) return null;
    // A dot segment at the end stands for the folder itself.
    if (at === segments.length - 1) kept.push('');
  }
  if (!changed) return path;
  const normal = `/${kept.join('/')}`;
  return normal.charCodeAt(1) === slash ? null : normal;
}
