// One configuration, compiled: everything that a connection which arrives now is served by.

import type { IListeningPoint } from '../config/change.js';
import type { IResolvedConfig } from '../config/resolved.js';
import type { IForwardDeps } from './forward/deps.js';
import type { PortTable } from './match/port-table.js';
import { compileRouteTable, type RouteTable } from './match/route-table.js';

/** Frozen; an update makes a new one and swaps one reference. A connection keeps the one it arrived under. */
export interface ISnapshot {
  readonly config: IResolvedConfig;
  readonly table: RouteTable;
  readonly forward: IForwardDeps;
  /** Everywhere to listen. */
  readonly points: readonly IListeningPoint[];
  /** The routes of a point; undefined where none listens. */
  tableAt(point: IListeningPoint): PortTable | undefined;
  /** Whether all plain HTTP on it goes to the HTTP engine. */
  isHttpPort(point: IListeningPoint, port: number): boolean;
}

/** The parts of `forward` that outlive configurations. */
export type TForwardParts = Omit<IForwardDeps, 'socket' | 'denyPrivateTargets'>;

/** Where `httpProxyPort` listens. */
const loopback = '127.0.0.1';

export function takeSnapshot(config: IResolvedConfig, parts: TForwardParts): ISnapshot {
  const { clock, logger, connections, resolver, pickerFor } = parts;
  const { socket, denyPrivateTargets, http } = config;
  // What the kernel forwards never gets here.
  const table = compileRouteTable(config.routes.filter(({ kernel }) => kernel === null));
  const forward = { clock, logger, connections, resolver, pickerFor, socket, denyPrivateTargets };
  const own: IListeningPoint | null = http.port === null ? null : { address: loopback, port: http.port };
  const isOwn = ({ address, port }: IListeningPoint) => own !== null && address === own.address && port === own.port;
  return Object.freeze({
    config,
    table,
    forward: Object.freeze(forward),
    points: own === null ? table.points : [...table.points, own],
    tableAt: (point: IListeningPoint) => (isOwn(point) ? table.whole : table.portTable(point.address, point.port)),
    isHttpPort: (point: IListeningPoint, port: number) =>
      isOwn(point) || http.ports.includes(port) || http.ports.includes(point.port),
  });
}
