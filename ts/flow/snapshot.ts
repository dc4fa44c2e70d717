// One configuration, compiled: everything that a connection which arrives now is served by.

import type { IResolvedConfig } from '../config/resolved.js';
import type { IForwardDeps } from './forward/deps.js';
import { compileRouteTable, type RouteTable } from './match/route-table.js';

/** Frozen; an update makes a new one and swaps one reference. A connection keeps the one it arrived under. */
export interface ISnapshot {
  readonly config: IResolvedConfig;
  readonly table: RouteTable;
  readonly forward: IForwardDeps;
}

/** The parts of `forward` that outlive configurations. */
export type TForwardParts = Omit<IForwardDeps, 'socket' | 'denyPrivateTargets'>;

export function takeSnapshot(config: IResolvedConfig, parts: TForwardParts): ISnapshot {
  const { clock, logger, connections, resolver, pickerFor } = parts;
  const { socket, denyPrivateTargets } = config;
  const table = compileRouteTable(config.routes);
  const forward = { clock, logger, connections, resolver, pickerFor, socket, denyPrivateTargets };
  return Object.freeze({ config, table, forward: Object.freeze(forward) });
}
