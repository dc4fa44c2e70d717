// What one process counted, as plain data, and the sum of several.

import { endWords } from '../flow/ends.js';
import { Histogram, type IBoundCounts } from './histogram.js';
import type {
  IConnectionMetrics,
  IKernelCounters,
  IKernelMetrics,
  IMetrics,
  IRequestMetrics,
  IThroughputMetrics,
  ITotalMetrics,
  TEndCounts,
} from './metrics-types.js';
import type { IRouteCounters } from './route-counts.js';
import { type IStatistics, statisticsOf } from './statistics.js';
import type { IRate, IThroughputPoint } from './throughput.js';

type TEntries<T> = readonly (readonly [string, T])[];
type THistogramName = keyof IMetrics['percentiles'];

/** Survives a structured clone, and JSON. */
export interface IMetricsExport {
  readonly uptimeMs: number;
  readonly connections: Pick<IConnectionMetrics, 'active' | 'total' | 'refused'> & {
    readonly byRoute: TEntries<number>;
    readonly byIP: TEntries<number>;
  };
  readonly throughput:
    | (Pick<IThroughputMetrics, 'instant' | 'recent' | 'average'> & {
        readonly history: readonly IThroughputPoint[];
        readonly byRoute: TEntries<IRate>;
        readonly byIP: TEntries<IRate>;
      })
    | null;
  readonly requests: Pick<IRequestMetrics, 'total' | 'perSecond' | 'perMinute'> & {
    readonly byStatus: readonly (readonly [number, number])[];
  };
  readonly totals: ITotalMetrics;
  /** Counts of `Histogram`. */
  readonly histograms: Readonly<Record<THistogramName, readonly number[]>>;
  /** Of the values that they counted. */
  readonly sums: Readonly<Record<THistogramName, number>>;
  readonly ends: TEndCounts;
  readonly refused: TEndCounts;
  readonly kernel: IKernelCounters & { readonly active: number; readonly byRoute: TEntries<IKernelCounters> };
  readonly byRoute: TEntries<IRouteCounters>;
}

export function exportOf(
  metrics: IMetrics,
  uptimeMs: number,
  histograms: Readonly<Record<THistogramName, Histogram>>,
): IMetricsExport {
  const { connections, throughput, requests, totals, ends, refused, kernel } = metrics;
  const { active, total } = connections;
  return {
    uptimeMs,
    connections: {
      ...{ active, total, refused: connections.refused },
      ...{ byRoute: [...connections.byRoute()], byIP: [...connections.byIP()] },
    },
    throughput: throughput === null ? null : exportThroughput(throughput),
    requests: { ...requests, byStatus: [...requests.byStatus()] },
    totals,
    histograms: {
      connectionDuration: histograms.connectionDuration.counts(),
      bytesTransferred: histograms.bytesTransferred.counts(),
      requestDuration: histograms.requestDuration.counts(),
    },
    sums: {
      connectionDuration: histograms.connectionDuration.sum,
      bytesTransferred: histograms.bytesTransferred.sum,
      requestDuration: histograms.requestDuration.sum,
    },
    ends,
    refused,
    kernel: { ...kernel, byRoute: [...kernel.byRoute()] },
    byRoute: [...metrics.byRoute()],
  };
}

const exportThroughput = ({ instant, recent, average, ...of }: IThroughputMetrics) => ({
  ...{ instant, recent, average },
  history: of.history(Number.MAX_SAFE_INTEGER),
  byRoute: [...of.byRoute()],
  byIP: [...of.byIP()],
});

/**
 * What is left to count of a process that is gone: what had been, nothing that is. Connections that it left without telling
 * ended by `internal_error`.
 */
export function retired(last: IMetricsExport): IMetricsExport {
  const { connections, requests, ends, kernel } = last;
  const told = Object.values(ends).reduce((sum, count) => sum + count, 0);
  const untold = Math.max(0, connections.total - told);
  return {
    ...last,
    uptimeMs: 0,
    connections: { ...connections, active: 0, byRoute: [], byIP: [] },
    throughput: null,
    requests: { ...requests, perSecond: null, perMinute: null },
    ends: { ...ends, internal_error: ends.internal_error + untold },
    kernel: { ...kernel, active: 0, byRoute: [] },
  };
}

/** Of processes that are gone: what two of them left, as if it had been one. */
export function addRetired(a: IMetricsExport, b: IMetricsExport): IMetricsExport {
  const sum = sumMetrics([a, b]);
  return exportOf(sum, 0, {
    connectionDuration: histogramOf([a, b], 'connectionDuration'),
    bytesTransferred: histogramOf([a, b], 'bytesTransferred'),
    requestDuration: histogramOf([a, b], 'requestDuration'),
  });
}

/** As if one process had counted it all; percentiles are those of all values. */
export function sumMetrics(parts: readonly IMetricsExport[]): IMetrics {
  const add = (of: (part: IMetricsExport) => number) => parts.reduce((sum, part) => sum + of(part), 0);
  const byIP = () => sumNumbers(parts.flatMap(({ connections }) => connections.byIP));
  return {
    connections: {
      active: add(({ connections }) => connections.active),
      total: add(({ connections }) => connections.total),
      refused: add(({ connections }) => connections.refused),
      byRoute: () => sumNumbers(parts.flatMap(({ connections }) => connections.byRoute)),
      byIP,
      topIPs: (n = 10) => {
        const counted = Array.from(byIP(), ([ip, count]) => ({ ip, count }));
        return counted.sort((a, b) => b.count - a.count).slice(0, Math.max(0, n));
      },
    },
    throughput: sumThroughput(parts.flatMap(({ throughput }) => throughput ?? [])),
    requests: sumRequests(parts),
    totals: {
      bytesIn: add(({ totals }) => totals.bytesIn),
      bytesOut: add(({ totals }) => totals.bytesOut),
      connections: add(({ totals }) => totals.connections),
    },
    percentiles: {
      connectionDuration: sumHistograms(parts, 'connectionDuration'),
      bytesTransferred: sumHistograms(parts, 'bytesTransferred'),
      requestDuration: sumHistograms(parts, 'requestDuration'),
    },
    ends: sumEnds(parts.map(({ ends }) => ends)),
    refused: sumEnds(parts.map(({ refused }) => refused)),
    kernel: sumKernel(parts),
    byRoute: () =>
      sumByKey(
        parts.flatMap(({ byRoute }) => byRoute),
        sumRoutes,
      ),
  };
}

/** All values, counted up to fixed bounds. */
export const sumBoundCounts = (
  parts: readonly IMetricsExport[],
  bounds: Readonly<Record<THistogramName, readonly number[]>>,
): Record<THistogramName, IBoundCounts> => ({
  connectionDuration: histogramOf(parts, 'connectionDuration').countsUpTo(bounds.connectionDuration),
  bytesTransferred: histogramOf(parts, 'bytesTransferred').countsUpTo(bounds.bytesTransferred),
  requestDuration: histogramOf(parts, 'requestDuration').countsUpTo(bounds.requestDuration),
});

/** `uptimeMs`: of all of them together. */
export const sumStatistics = (parts: readonly IMetricsExport[], uptimeMs: number): IStatistics =>
  statisticsOf(sumMetrics(parts), uptimeMs);

function sumRequests(parts: readonly IMetricsExport[]): IRequestMetrics {
  const known = (of: (requests: IMetricsExport['requests']) => number | null): number | null => {
    const values = parts.flatMap(({ requests }) => of(requests) ?? []);
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
  };
  return {
    total: parts.reduce((sum, { requests }) => sum + requests.total, 0),
    perSecond: known(({ perSecond }) => perSecond),
    perMinute: known(({ perMinute }) => perMinute),
    byStatus: () => sumNumbers(parts.flatMap(({ requests }) => requests.byStatus)),
  };
}

function sumThroughput(parts: readonly NonNullable<IMetricsExport['throughput']>[]): IThroughputMetrics | null {
  if (parts.length === 0) return null;
  return {
    instant: sumRates(parts.map(({ instant }) => instant)),
    recent: sumRates(parts.map(({ recent }) => recent)),
    average: sumRates(parts.map(({ average }) => average)),
    custom: (seconds) => sumRates(parts.map(({ history }) => meanOf(lastOf(history, seconds)))),
    history: (seconds) => sumHistories(parts.map(({ history }) => lastOf(history, seconds))),
    byRoute: () => sumRatesByKey(parts.flatMap(({ byRoute }) => byRoute)),
    byIP: () => sumRatesByKey(parts.flatMap(({ byIP }) => byIP)),
  };
}

const sumRates = (rates: readonly IRate[]): IRate =>
  rates.reduce((sum, rate) => ({ in: sum.in + rate.in, out: sum.out + rate.out }), { in: 0, out: 0 });

/** Samples are of about the same length. */
function meanOf(points: readonly IThroughputPoint[]): IRate {
  const sum = sumRates(points);
  return points.length === 0 ? sum : { in: sum.in / points.length, out: sum.out / points.length };
}

function lastOf(points: readonly IThroughputPoint[], seconds: number): readonly IThroughputPoint[] {
  const last = points.at(-1);
  return last === undefined ? [] : points.filter(({ at }) => at > last.at - seconds * 1000);
}

/** Each process samples at moments of its own: a sample joins those of the others that are nearest, counted from the newest. */
function sumHistories(histories: readonly (readonly IThroughputPoint[])[]): IThroughputPoint[] {
  const longest = histories.reduce((longer, one) => (one.length > longer.length ? one : longer), []);
  return longest.map(({ at }, place) => {
    const back = longest.length - place;
    return { at, ...sumRates(histories.flatMap((history) => history.at(-back) ?? [])) };
  });
}

const sumHistograms = (parts: readonly IMetricsExport[], name: THistogramName) =>
  histogramOf(parts, name).percentiles();

function histogramOf(parts: readonly IMetricsExport[], name: THistogramName): Histogram {
  const sum = new Histogram();
  for (const { histograms, sums } of parts) sum.add(histograms[name], sums[name]);
  return sum;
}

function sumEnds(parts: readonly TEndCounts[]): TEndCounts {
  const counts = endWords.map((word) => [word, parts.reduce((sum, ends) => sum + ends[word], 0)] as const);
  return Object.fromEntries(counts) as unknown as TEndCounts;
}

const counterNames = [
  ...(['connections', 'refused', 'limited', 'dropped'] as const),
  ...(['packetsIn', 'bytesIn', 'packetsOut', 'bytesOut'] as const),
] as const satisfies readonly (keyof IKernelCounters)[];

const sumCounters = (parts: readonly IKernelCounters[]): IKernelCounters =>
  Object.fromEntries(
    counterNames.map((name) => [name, parts.reduce((sum, counters) => sum + counters[name], 0)]),
  ) as unknown as IKernelCounters;

function sumKernel(parts: readonly IMetricsExport[]): IKernelMetrics {
  return {
    active: parts.reduce((sum, { kernel }) => sum + kernel.active, 0),
    ...sumCounters(parts.map(({ kernel }) => kernel)),
    byRoute: () =>
      sumByKey(
        parts.flatMap(({ kernel }) => kernel.byRoute),
        sumCounters,
      ),
  };
}

const sumRoutes = (parts: readonly IRouteCounters[]): IRouteCounters => ({
  connections: parts.reduce((sum, { connections }) => sum + connections, 0),
  bytesIn: parts.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
  bytesOut: parts.reduce((sum, { bytesOut }) => sum + bytesOut, 0),
  requests: [0, 1, 2, 3, 4, 5].map((kind) => parts.reduce((sum, { requests }) => sum + (requests[kind] ?? 0), 0)),
});

const sumRatesByKey = (entries: TEntries<IRate>): Map<string, IRate> => sumByKey(entries, sumRates);

const sumNumbers = <K>(entries: readonly (readonly [K, number])[]): Map<K, number> =>
  sumByKey(entries, (values) => values.reduce((sum, value) => sum + value, 0));

function sumByKey<K, T>(entries: readonly (readonly [K, T])[], sum: (values: readonly T[]) => T): Map<K, T> {
  const byKey = new Map<K, T[]>();
  for (const [key, value] of entries) byKey.set(key, [...(byKey.get(key) ?? []), value]);
  return new Map(Array.from(byKey, ([key, values]) => [key, sum(values)]));
}
