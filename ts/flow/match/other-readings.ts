// Paths that a target may read in another way than we do: whether that leads past the rules of a route.

import { hasAmbiguousPath, normalisePath } from '../../codec/http-path.js';
import type { IResolvedRoute } from '../../config/resolved.js';
import type { IRequestFacts } from '../stages.js';
import type { PortTable } from './port-table.js';

/**
 * Another route, with rules that keep clients out, that the request would be for if its path were read as some targets read
 * it; null if there is none. Where there is one the request is not to be served by `route`, which takes it as we read it: the
 * target could give out what the other route protects. Elsewhere `%2F` and its like are characters as any other.
 */
export function guardedOtherwise(table: PortTable, facts: IRequestFacts, route: IResolvedRoute): IResolvedRoute | null {
  if (!hasAmbiguousPath(facts.path) && !facts.path.includes('//')) return null;
  for (const path of readings(facts.path, habits)) {
    const other = table.matchRequest({ ...facts, path });
    if (other !== null && other !== route && keepsOut(other)) return other;
  }
  return null;
}

const keepsOut = ({ security, action }: IResolvedRoute): boolean =>
  security.lists.length > 0 || security.basic !== null || security.asks !== null || action.type === 'block';

/** What targets do to paths: C ends a text at NUL, many decode slashes before they look, some have parameters in segments. */
const habits: readonly ((path: string) => string)[] = [
  (path) => path.replace(/%00.*$/s, ''),
  (path) => path.replace(/%(?:2f|5c)/gi, '/'),
  (path) => path.replace(/;[^/]*/g, ''),
];

/** What fewer do: to decode more than once, and to take more bytes than needed for a character (RFC 3629 §3). */
const rareHabits: readonly ((path: string) => string)[] = [
  (path) => path.replace(/%(?:25)+(?=[0-9a-f]{2})/gi, '%'),
  (path) => path.replace(/%(?:c0|e0%80|f0%80%80)%(ae|af|9c|dc)/gi, (_, last: string) => (/ae/i.test(last) ? '.' : '/')),
  (path) => path.replace(/%c1%9c/gi, '/'),
];

/**
 * All other paths that some target might take `path` for; none for nearly every path. For rules that a client can only gain by: who
 * is let off them must be so in every reading. null: it is too long to tell.
 */
export function otherReadings(path: string): ReadonlySet<string> | null {
  const odd = path.includes('%') && /%(?:25|c[01]|e0|f0)/i.test(path);
  if (!odd && !hasAmbiguousPath(path) && !path.includes('//')) return none;
  if (path.length > maxOdd) return null;
  return readings(path, [...rareHabits, ...habits]);
}

const none: ReadonlySet<string> = new Set();

/** Characters: there are 64 ways to read each. */
const maxOdd = 1024;

/** By each of these habits, by several of them together, and by that of taking two slashes for one alone. */
function readings(path: string, habits: readonly ((path: string) => string)[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (let some = 0; some < 1 << habits.length; some++) {
    const read = habits.reduce((text, habit, at) => ((some & (1 << at)) === 0 ? text : habit(text)), path);
    // Those who decode a slash take two for one, too, and stay at the root where dots lead above it, as URLs do.
    const { pathname } = new URL(`http://a.test/${read.replace(/\/{2,}/g, '/').slice(1)}`);
    const normal = normalisePath(pathname);
    if (normal !== null && normal !== path) found.add(normal);
  }
  return found;
}
