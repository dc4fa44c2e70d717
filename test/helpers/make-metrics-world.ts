// The metrics of a proxy whose connections a test opens, moves and ends by hand.

import type { Connection } from '../../ts/flow/connection.js';
import type { TEnd } from '../../ts/flow/ends.js';
import { Metrics } from '../../ts/observe/metrics.js';
import { type IFakeClock, makeFakeClock } from './fake-clock.js';
import { makeConnection } from './make-connection.js';
import { makeRoute } from './make-route.js';

export interface IMetricsWorld {
  readonly metrics: Metrics;
  readonly clock: IFakeClock;
  readonly live: Set<Connection>;
  open(clientIp?: string, routeKey?: string): Connection;
  end(connection: Connection, end?: TEnd): void;
}

/** As the table of connections does it: off the table, finished, then reported. */
export function makeMetricsWorld(
  config: { sampleIntervalMs: number; retentionSeconds: number } | null = everySecond,
): IMetricsWorld {
  const clock = makeFakeClock();
  const live = new Set<Connection>();
  const metrics = new Metrics({ config, clock, live: () => live });
  metrics.start();
  const open = (clientIp = '192.0.2.1', routeKey?: string) => {
    const routed = routeKey === undefined ? null : makeRoute({ key: routeKey });
    const connection = makeConnection({ clientIp, routed, acceptedMs: clock.nowMs() });
    live.add(connection);
    metrics.connectionOpened();
    if (routed !== null) metrics.connectionRouted(connection);
    return connection;
  };
  const end = (connection: Connection, why: TEnd = 'client_closed') => {
    live.delete(connection);
    connection.finish(why);
    metrics.connectionEnded(connection, why);
  };
  return { metrics, clock, live, open, end };
}

export const everySecond = { sampleIntervalMs: 1000, retentionSeconds: 60 };

/** The splice's counting. */
export function move(connection: Connection, bytesIn: number, bytesOut: number): void {
  connection.bytesReceived += bytesIn;
  connection.bytesSent += bytesOut;
}

export const throughputOf = (metrics: Metrics) => {
  const { throughput } = metrics.getMetrics();
  if (throughput === null) throw new Error('nothing is sampled');
  return throughput;
};
