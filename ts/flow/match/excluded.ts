// Paths that rules of a route do not hold for: what is left of its security for one of them.

import { mayClimb, otherReadings } from '../../codec/path-readings.js';
import type { IResolvedRoute } from '../../config/resolved.js';
import { compilePath } from './path-pattern.js';
import type { IPathPattern } from './path-text.js';

/**
 * The route with those rules alone that hold for `path`, which is in its normal form: for the guard; itself for most. null: some
 * target may read another path, for which more of them hold, and the request is not to be served. Nor is it where a server is asked, who
 * may judge by how a path begins or ends, and some target climbs by that path or reads no more than its beginning. An encoded slash
 * or a parameter alone is what honest paths have (`/api/projects/group%2Fname`).
 */
export function guardedRoute(route: IResolvedRoute, path: string): IResolvedRoute | null {
  const { asks } = route.security;
  if (asks === null) return route;
  if (asks.forward.length > 0 && (path.includes('%00') || mayClimb(path))) return null;
  if (!asks.excludes) return route;
  const rules = compiled(route);
  const left = rules.leftOut(path);
  if (left === 0) return route;
  const readings = otherReadings(path);
  if (readings === null) return null;
  for (const reading of readings) if ((left & ~rules.leftOut(reading)) !== 0) return null;
  return rules.without(left);
}

function compiled(route: IResolvedRoute): Rules {
  let rules = known.get(route);
  if (rules === undefined) {
    rules = new Rules(route);
    known.set(route, rules);
  }
  return rules;
}

const known = new WeakMap<IResolvedRoute, Rules>();

/** The rules of one route that may leave paths out, each with a bit: those of plain passwords, of hashed ones, of tokens. */
class Rules {
  readonly #route: IResolvedRoute;
  readonly #patterns: readonly (readonly IPathPattern[])[];
  /** By the bits of what is left out. */
  readonly #routes = new Map<number, IResolvedRoute>();

  constructor(route: IResolvedRoute) {
    const { basic, asks } = route.security;
    const all = [...(basic ?? []), ...(asks?.basic ?? []), ...(asks?.jwt ?? [])];
    this.#route = route;
    this.#patterns = all.map(({ excluded }) => (excluded ?? []).map(compilePath));
  }

  leftOut(path: string): number {
    let bits = 0;
    this.#patterns.forEach((patterns, place) => {
      if (patterns.some((pattern) => pattern.test(path))) bits |= 1 << place;
    });
    return bits;
  }

  without(bits: number): IResolvedRoute {
    let route = this.#routes.get(bits);
    if (route === undefined) {
      route = this.#make(bits);
      this.#routes.set(bits, route);
    }
    return route;
  }

  #make(bits: number): IResolvedRoute {
    const { security } = this.#route;
    const { asks } = security;
    if (asks === null) return this.#route;
    let place = 0;
    const holds = () => (bits & (1 << place++)) === 0;
    const basic = (security.basic ?? []).filter(holds);
    const hashed = asks.basic.filter(holds);
    const jwt = asks.jwt.filter(holds);
    return Object.freeze({
      ...this.#route,
      security: Object.freeze({
        ...security,
        basic: basic.length === 0 ? null : basic,
        asks: Object.freeze({ ...asks, basic: hashed, jwt, excludes: false }),
      }),
    });
  }
}
