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
  for (const path of otherReadings(facts.path)) {
    const other = table.matchRequest({ ...facts, path });
    if (other !== null && other !== route && keepsOut(other)) return other;
  }
  return null;
}

const keepsOut = ({ security, action }: IResolvedRoute): boolean =>
  security.lists.length > 0 || security.basic !== null || action.type === 'block';

/** What targets do to paths: C ends a text at NUL, many decode slashes before they look, some have parameters in segments. */
const habits: readonly ((path: string) => string)[] = [
  (path) => path.replace(/%00.*$/s, ''),
  (path) => path.replace(/%(?:2f|5c)/gi, '/'),
  (path) => path.replace(/;[^/]*/g, ''),
];

/** By each of these habits, by several of them together, and by that of taking two slashes for one alone. */
function otherReadings(path: string): ReadonlySet<string> {
  const readings = new Set<string>();
  for (let some = 0; some < 1 << habits.length; some++) {
    const read = habits.reduce((text, habit, at) => ((some & (1 << at)) === 0 ? text : habit(text)), path);
    // Those who decode a slash take two for one, too, and stay at the root where dots lead above it, as URLs do.
    const { pathname } = new URL(`http://a.test/${read.replace(/\/{2,}/g, '/').slice(1)}`);
    const normal = normalisePath(pathname);
    if (normal !== null && normal !== path) readings.add(normal);
  }
  return readings;
}
