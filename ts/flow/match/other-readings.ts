// Paths that a target may read in another way than we do: whether that leads past the rules of a route.

import { otherReadings } from '../../codec/path-readings.js';
import type { IResolvedRoute } from '../../config/resolved.js';
import type { IRequestFacts } from '../stages.js';
import type { PortTable } from './port-table.js';
import { isStricter } from './stricter.js';

/**
 * Another route, with rules that `route` lacks, that the request would be for if its path were read as some targets read it;
 * `'unclear'`: there are too many readings to tell; null: there is none. Where it is not null the request is not to be served by
 * `route`, which takes it as we read it: the target could give out what the other route protects. Elsewhere `%2F` and its like are
 * characters as any other. Nothing is looked at on a port none of whose routes has such rules.
 */
export function guardedOtherwise(
  table: PortTable,
  facts: IRequestFacts,
  route: IResolvedRoute,
): IResolvedRoute | 'unclear' | null {
  if (!table.keepsOut) return null;
  const readings = otherReadings(facts.path);
  if (readings === null) return 'unclear';
  for (const path of readings) {
    const other = table.matchRequest({ ...facts, path });
    if (other !== null && other !== route && isStricter(other, route)) return other;
  }
  return null;
}
