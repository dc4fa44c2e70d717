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
  /** Where the HTTP engine listens for all routes (`httpProxyPort`); null: nowhere. */
  readonly httpPoint: IListeningPoint | null;
  /** Where only authorities' challenges are answered: the proxy runs without these too. */
  readonly provingPoints: readonly IListeningPoint[];
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
  const provers = challengePorts(config);
  const listened = new Set(table.points.map(({ port }) => port));
  const provingPoints = [...provers].filter((port) => !listened.has(port)).map((port) => ({ address: null, port }));
  const isProving = ({ address, port }: IListeningPoint) =>
    address === null && provingPoints.some((point) => point.port === port);
  const own: IListeningPoint | null = http.port === null ? null : { address: loopback, port: http.port };
  const isOwn = ({ address, port }: IListeningPoint) => own !== null && address === own.address && port === own.port;
  return Object.freeze({
    config,
    table,
    forward: Object.freeze(forward),
    points: own === null ? table.points : [...table.points, own],
    httpPoint: own,
    provingPoints,
    tableAt: (point: IListeningPoint) => {
      if (isProving(point)) return noRoutes;
      return isOwn(point) ? table.whole : table.portTable(point.address, point.port);
    },
    isHttpPort: (point: IListeningPoint, port: number) =>
      isOwn(point) || provers.has(point.port) || http.ports.includes(port) || http.ports.includes(point.port),
  });
}

/** Nothing but challenges is served there. */
const noRoutes = compileRouteTable([]).whole;

/** Where authorities look for HTTP-01: as long as a certificate is got by itself, not only while one is ordered. */
function challengePorts({ routes }: IResolvedConfig): ReadonlySet<number> {
  const ports = routes.flatMap(({ tls }) => {
    if (tls === null || !('managed' in tls.certificate) || tls.certificate.acme === null) return [];
    const { challenges, challengePort } = tls.certificate.acme;
    return challenges.includes('http-01') ? [challengePort] : [];
  });
  return new Set(ports);
}
