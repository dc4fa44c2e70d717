// What an update of the routes would do, for people and for the update itself.

import { certificatesAdded, compareConfigs, type IConfigChange, type IListeningPoint } from '../config/change.js';
import { kernelRoutesOf } from '../config/kernel-order.js';
import type { IResolvedConfig } from '../config/resolved.js';
import type { TRouteKeys } from './connection.js';
import { type IOnRoute, losesBy } from './removed.js';

export interface IUpdateOptions {
  /**
   * Cut what is under way for routes that are gone, by this update or an earlier one: connections, or of HTTP/2 the streams alone.
   * Default false: it lives on until it ends by itself.
   */
  readonly closeRemoved?: boolean | undefined;
}

export interface IPlan {
  /** Keys of routes. */
  readonly routes: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly { readonly key: string; readonly parts: readonly string[] }[];
  };
  /** Where listening starts and stops. Port 0 is the free port that routes share. */
  readonly ports: { readonly added: readonly IListeningPoint[]; readonly removed: readonly IListeningPoint[] };
  /** Keys of the routes that the kernel is to forward. */
  readonly kernel: readonly string[];
  /** Certificates that the proxy would get by itself and that no present route wants: the names of each. */
  readonly certificates: readonly (readonly string[])[];
  /** Live connections: those that the update leaves alone, and those that it ends or that lose streams by it (`closeRemoved`). */
  readonly connections: { readonly stay: number; readonly cut: number };
}

interface ILive extends Pick<IOnRoute, 'route'> {
  /** Those of the kernel have none. */
  readonly drainable?: IOnRoute['drainable'];
}

/** The kernel knows the connections of the routes that it has, not of those that it had. */
function isCut({ route, drainable }: ILive, keep: TRouteKeys, gone: TRouteKeys): boolean {
  return drainable === undefined ? route !== null && gone.has(route) : losesBy({ route, drainable }, keep);
}

/** The keys of a configuration's routes. */
export const routeKeys = ({ routes }: IResolvedConfig): TRouteKeys => new Set(routes.map(({ key }) => key));

/** What would become of these connections, and the rest, if one configuration took the place of the other. */
export function planBetween(
  before: IResolvedConfig,
  after: IResolvedConfig,
  live: Iterable<ILive>,
  options: IUpdateOptions,
): IPlan {
  const kernel = kernelRoutesOf(after).map(({ key }) => key);
  const keep = options.closeRemoved ? routeKeys(after) : null;
  return planUpdate(compareConfigs(before, after), live, kernel, certificatesAdded(before, after), keep);
}

/** `keep`: the routes of which nothing is cut; null: all. */
export function planUpdate(
  change: IConfigChange,
  live: Iterable<ILive>,
  kernel: readonly string[],
  certificates: IPlan['certificates'],
  keep: TRouteKeys | null = null,
): IPlan {
  const { added, removed, changed } = change.routes;
  let stay = 0;
  let cut = 0;
  const gone = new Set(removed);
  for (const connection of live) {
    if (keep !== null && isCut(connection, keep, gone)) cut += 1;
    else stay += 1;
  }
  return {
    routes: { added, removed, changed },
    ports: change.points,
    kernel,
    certificates,
    connections: { stay, cut },
  };
}
