// The metrics as one flat object of plain data, for JSON and for whoever scrapes it.

import type { IMetrics, ITopIP, TEndCounts } from './metrics-types.js';

interface IStatisticFacts {
  readonly unit: 'connections' | 'requests' | 'requests/s' | 'bytes' | 'bytes/s' | 'ms';
  /** null: not known, because nothing is sampled. */
  readonly of: (metrics: IMetrics, uptimeMs: number) => number | null;
}

/** Every number by its name; docs/metrics.md says what each means. */
export const statisticTable = {
  uptimeMs: { unit: 'ms', of: (_, uptimeMs) => Math.round(uptimeMs) },
  connectionsActive: { unit: 'connections', of: ({ connections }) => connections.active },
  connectionsTotal: { unit: 'connections', of: ({ connections }) => connections.total },
  connectionsRefused: { unit: 'connections', of: ({ connections }) => connections.refused },
  bytesIn: { unit: 'bytes', of: ({ totals }) => totals.bytesIn },
  bytesOut: { unit: 'bytes', of: ({ totals }) => totals.bytesOut },
  bytesInPerSecond: { unit: 'bytes/s', of: ({ throughput }) => throughput?.instant.in ?? null },
  bytesOutPerSecond: { unit: 'bytes/s', of: ({ throughput }) => throughput?.instant.out ?? null },
  recentBytesInPerSecond: { unit: 'bytes/s', of: ({ throughput }) => throughput?.recent.in ?? null },
  recentBytesOutPerSecond: { unit: 'bytes/s', of: ({ throughput }) => throughput?.recent.out ?? null },
  averageBytesInPerSecond: { unit: 'bytes/s', of: ({ throughput }) => throughput?.average.in ?? null },
  averageBytesOutPerSecond: { unit: 'bytes/s', of: ({ throughput }) => throughput?.average.out ?? null },
  requestsTotal: { unit: 'requests', of: ({ requests }) => requests.total },
  requestsPerSecond: { unit: 'requests/s', of: ({ requests }) => requests.perSecond },
  requestsPerMinute: { unit: 'requests', of: ({ requests }) => requests.perMinute },
  requestDurationP50: { unit: 'ms', of: ({ percentiles }) => percentiles.requestDuration.p50 },
  requestDurationP90: { unit: 'ms', of: ({ percentiles }) => percentiles.requestDuration.p90 },
  requestDurationP95: { unit: 'ms', of: ({ percentiles }) => percentiles.requestDuration.p95 },
  requestDurationP99: { unit: 'ms', of: ({ percentiles }) => percentiles.requestDuration.p99 },
  connectionDurationP50: { unit: 'ms', of: ({ percentiles }) => percentiles.connectionDuration.p50 },
  connectionDurationP90: { unit: 'ms', of: ({ percentiles }) => percentiles.connectionDuration.p90 },
  connectionDurationP95: { unit: 'ms', of: ({ percentiles }) => percentiles.connectionDuration.p95 },
  connectionDurationP99: { unit: 'ms', of: ({ percentiles }) => percentiles.connectionDuration.p99 },
  bytesTransferredP50: { unit: 'bytes', of: ({ percentiles }) => percentiles.bytesTransferred.p50 },
  bytesTransferredP90: { unit: 'bytes', of: ({ percentiles }) => percentiles.bytesTransferred.p90 },
  bytesTransferredP95: { unit: 'bytes', of: ({ percentiles }) => percentiles.bytesTransferred.p95 },
  bytesTransferredP99: { unit: 'bytes', of: ({ percentiles }) => percentiles.bytesTransferred.p99 },
  kernelConnectionsActive: { unit: 'connections', of: ({ kernel }) => kernel.active },
  kernelConnectionsTotal: { unit: 'connections', of: ({ kernel }) => kernel.connections },
  kernelBytesIn: { unit: 'bytes', of: ({ kernel }) => kernel.bytesIn },
  kernelBytesOut: { unit: 'bytes', of: ({ kernel }) => kernel.bytesOut },
} as const satisfies Record<string, IStatisticFacts>;

export type TStatistic = keyof typeof statisticTable;

type TNumbers = { readonly [K in TStatistic]: ReturnType<(typeof statisticTable)[K]['of']> };

/** What `getStatistics()` gives. Rates are null where nothing is sampled (`metrics: false`). */
export interface IStatistics extends TNumbers {
  /** Ended connections by the reason; only reasons that occurred. */
  readonly ends: Readonly<Record<string, number>>;
  /** Clients closed on arrival by the reason; only reasons that occurred. */
  readonly refused: Readonly<Record<string, number>>;
  /** Requests by the status of their answer; only statuses that occurred. */
  readonly requestsByStatus: Readonly<Record<string, number>>;
  /** Active connections by the key of their route. */
  readonly connectionsByRoute: Readonly<Record<string, number>>;
  /** The ten client addresses with the most active connections. */
  readonly topIPs: readonly ITopIP[];
}

export function statisticsOf(metrics: IMetrics, uptimeMs: number): IStatistics {
  const numbers = Object.entries(statisticTable).map(([name, { of }]) => [name, of(metrics, uptimeMs)] as const);
  return {
    ...(Object.fromEntries(numbers) as unknown as TNumbers),
    ends: occurred(metrics.ends),
    refused: occurred(metrics.refused),
    requestsByStatus: Object.fromEntries(metrics.requests.byStatus()),
    connectionsByRoute: Object.fromEntries(metrics.connections.byRoute()),
    topIPs: metrics.connections.topIPs(),
  };
}

const occurred = (counts: TEndCounts): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
