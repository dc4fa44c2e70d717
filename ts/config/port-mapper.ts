// The functions that add to a port: equal ones are identical, and what they add can be told.

import type { IRouteContext } from './types.js';

/** Chooses a target's port for a connection; synchronous. */
export type TPortMapper = (context: IRouteContext) => number;

/** One function an offset; there are at most 131 069 offsets that fit. */
const mappers = new Map<number, TPortMapper>();
const offsets = new WeakMap<TPortMapper, number>();

export function mapperOf(offset: number): TPortMapper {
  const known = mappers.get(offset);
  if (known) return known;
  const mapper: TPortMapper = ({ port }) => port + offset;
  mappers.set(offset, mapper);
  offsets.set(mapper, offset);
  return mapper;
}

/** What a function of ours adds; undefined for any other. */
export const offsetOf = (mapper: TPortMapper): number | undefined => offsets.get(mapper);
