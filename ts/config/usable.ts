// Which parts of a faulty configuration may still be read: the second pass judges only what the first found good.

import { type IPathFault, pathText } from './faults.js';

/** True if nothing at, above or below any of these places is at fault. Places are written as in faults: `match.ports`. */
export type TUsable = (...places: readonly string[]) => boolean;

const all: TUsable = () => true;

/** For the whole configuration. */
export function usableOptions(faults: readonly IPathFault[]): TUsable {
  return usableBeside(faults.map(({ path }) => pathText(path)));
}

/** For each route, with places relative to it. */
export function usableRoutes(faults: readonly IPathFault[]): (index: number) => TUsable {
  const byRoute = new Map<number, string[]>();
  for (const { path } of faults) {
    const [first, index, ...rest] = path;
    if (first !== 'routes' || typeof index !== 'number') continue;
    const texts = byRoute.get(index) ?? [];
    byRoute.set(index, texts);
    texts.push(pathText(rest));
  }
  return (index) => {
    const texts = byRoute.get(index);
    return texts === undefined ? all : usableBeside(texts);
  };
}

function usableBeside(faulty: readonly string[]): TUsable {
  if (faulty.length === 0) return all;
  return (...places) => !places.some((place) => faulty.some((text) => contains(text, place) || contains(place, text)));
}

/** True if `inner` is `outer` or a part of it; `''` is the whole. */
const contains = (outer: string, inner: string): boolean =>
  outer === '' || inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
