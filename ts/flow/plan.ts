// What an update of the routes would do, for people and for the update itself.

import { certificatesAdded, compareConfigs, type IConfigChange, type IListeningPoint } from '../config/change.js';
import { kernelRoutesOf } from '../config/kernel-order.js';
import type { IResolvedConfig } from '../config/resolved.js';
import type { Connection } from './connection.js';

export interface IUpdateOptions {
  /** Cut the connections of routes that are gone. Default false: they live on until they end by themselves. */
  readonly closeRemoved?: boolean;
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
  /** Live connections: those that the update leaves alone and those that it ends (`closeRemoved`). */
  readonly connections: { readonly stay: number; readonly cut: number };
}

/** What would become of these connections, and the rest, if one configuration took the place of the other. */
export function planBetween(
  before: IResolvedConfig,
  after: IResolvedConfig,
  live: Iterable<Pick<Connection, 'route'>>,
  options: IUpdateOptions,
): IPlan {
  const kernel = kernelRoutesOf(after).map(({ key }) => key);
  return planUpdate(compareConfigs(before, after), live, kernel, certificatesAdded(before, after), options);
}

export function planUpdate(
  change: IConfigChange,
  live: Iterable<Pick<Connection, 'route'>>,
  kernel: readonly string[],
  certificates: IPlan['certificates'],
  options: IUpdateOptions = {},
): IPlan {
  const { added, removed, changed } = change.routes;
  let stay = 0;
  let cut = 0;
  const gone = new Set(removed);
  for (const connection of live) {
    if (options.closeRemoved && connection.route !== null && gone.has(connection.route)) cut += 1;
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
