// Counts what the data plane reports. Bytes are read off the connections once a sample, never per chunk.

import type { IClock, ITimer } from '../base/clock.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import type { IResolvedConfig } from '../config/resolved.js';
import type { Connection } from '../flow/connection.js';
import { endWords, type TEnd } from '../flow/ends.js';
import type { IFlowObserver, IRequestObserver, IRequestRecord } from '../flow/observer.js';
import { Histogram, type IBoundCounts } from './histogram.js';
import { KeyedRates } from './keyed-rates.js';
import type { IConnectionMetrics, IKernelCounters, IMetrics, IThroughputMetrics, ITopIP } from './metrics-types.js';
import { RequestCounts } from './request-counts.js';
import { RouteCounts } from './route-counts.js';
import { type IStatistics, statisticsOf } from './statistics.js';
import { Throughput } from './throughput.js';

export interface IMetricsParts {
  /** null: no samples, no rates; everything else is counted all the same. */
  readonly config: IResolvedConfig['metrics'];
  readonly clock: IClock;
  /** The live connections. */
  readonly live: () => Iterable<Connection>;
  /** What the kernel forwards. Default: nothing. */
  readonly kernel?: IKernelSource;
}

/** What is counted of the routes in the kernel. */
export interface IKernelSource {
  totals(): IKernelCounters;
  byRoute(): Map<string, IKernelCounters>;
  connections(): Iterable<{ readonly route: string; readonly clientIp: string }> & { readonly size: number };
}

const nothingInKernel: IKernelSource = {
  totals: () => ({
    connections: 0,
    refused: 0,
    limited: 0,
    dropped: 0,
    packetsIn: 0,
    bytesIn: 0,
    packetsOut: 0,
    bytesOut: 0,
  }),
  byRoute: () => new Map(),
  connections: () => new Set(),
};

/** As `Histogram.countsUpTo` takes them: milliseconds, or bytes. */
export type THistogramBounds = { readonly [K in keyof IMetrics['percentiles']]: readonly number[] };
export type THistograms = { readonly [K in keyof IMetrics['percentiles']]: IBoundCounts };

/** Samples only between `start` and `stop`; counts always. */
export class Metrics extends LifecycleComponent implements IFlowObserver, IRequestObserver {
  readonly #config: IResolvedConfig['metrics'];
  readonly #clock: IClock;
  readonly #live: () => Iterable<Connection>;
  readonly #kernel: IKernelSource;
  readonly #startedMs: number;

  readonly #ends = noEnds();
  readonly #refused = noEnds();
  readonly #durations = new Histogram();
  readonly #transfers = new Histogram();
  readonly #requests: RequestCounts;
  readonly #routes = new RouteCounts();
  #opened = 0;
  #ended = 0;
  #turnedAway = 0;
  #bytesIn = 0;
  #bytesOut = 0;

  readonly #throughput: Throughput;
  readonly #byRoute = new KeyedRates();
  readonly #byIP = new KeyedRates();
  #sampledMs = 0;
  #sampledIn = 0;
  #sampledOut = 0;
  #dueMs = 0;
  #timer: ITimer | null = null;

  constructor({ config, clock, live, kernel = nothingInKernel }: IMetricsParts) {
    super();
    this.#config = config;
    this.#clock = clock;
    this.#live = live;
    this.#kernel = kernel;
    this.#startedMs = clock.nowMs();
    const samples = config === null ? 0 : Math.ceil((config.retentionSeconds * 1000) / config.sampleIntervalMs);
    this.#throughput = new Throughput(samples);
    this.#requests = new RequestCounts(config?.sampleIntervalMs ?? null);
  }

  /** Begins to sample. */
  start(): void {
    if (this.#config === null || this.#timer !== null || this.isShuttingDown) return;
    this.#collect();
    this.#beginInterval(this.#clock.nowMs());
    this.#dueMs = this.#sampledMs;
    this.#arm(this.#config.sampleIntervalMs);
  }

  /** Takes no more samples. What was counted can still be read. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  protected override onCleanup(): void {
    this.stop();
  }

  connectionOpened(): void {
    this.#opened++;
  }

  /** Who is on which route now is read off the live connections when somebody asks. */
  connectionRouted({ route }: Connection): void {
    if (route !== null) this.#routes.connected(route);
  }

  connectionEnded(connection: Connection, end: TEnd): void {
    this.#ended++;
    this.#ends[end]++;
    this.#read(connection);
    this.#durations.record(this.#clock.nowMs() - connection.acceptedMs);
    this.#transfers.record(connection.bytesReceived + connection.bytesSent);
  }

  /** A connection that the kernel forwards was found, or is gone. */
  kernelOpened(): void {
    this.#opened++;
  }

  kernelClosed(): void {
    this.#ended++;
    this.#ends.nftables_closed++;
  }

  connectionRefused(_clientIp: string, end: TEnd): void {
    this.#turnedAway++;
    this.#refused[end]++;
  }

  requestEnded({ status, durationMs, route }: IRequestRecord): void {
    this.#requests.ended(status, durationMs);
    if (route !== null) this.#routes.answered(route, status);
  }

  requestRefused(_connection: Connection, status: number): void {
    this.#requests.refused(status);
  }

  getMetrics(): IMetrics {
    this.#collect();
    return {
      connections: this.#connections(),
      throughput: this.#config === null ? null : this.#rates(),
      requests: this.#requests.metrics(),
      totals: { bytesIn: this.#bytesIn, bytesOut: this.#bytesOut, connections: this.#opened },
      percentiles: {
        connectionDuration: this.#durations.percentiles(),
        bytesTransferred: this.#transfers.percentiles(),
        requestDuration: this.#requests.durations.percentiles(),
      },
      ends: { ...this.#ends },
      refused: { ...this.#refused },
      kernel: {
        active: this.#kernel.connections().size,
        ...this.#kernel.totals(),
        byRoute: () => this.#kernel.byRoute(),
      },
      byRoute: () => this.#routes.totals(),
    };
  }

  /** The spreads behind the percentiles, as counts up to fixed bounds. */
  histograms(bounds: THistogramBounds): THistograms {
    return {
      connectionDuration: this.#durations.countsUpTo(bounds.connectionDuration),
      bytesTransferred: this.#transfers.countsUpTo(bounds.bytesTransferred),
      requestDuration: this.#requests.durations.countsUpTo(bounds.requestDuration),
    };
  }

  /** The same as plain data, without nesting but for what has names of its own. */
  getStatistics(): IStatistics {
    return statisticsOf(this.getMetrics(), this.#clock.nowMs() - this.#startedMs);
  }

  #connections(): IConnectionMetrics {
    const all = () => [...this.#live(), ...this.#kernel.connections()];
    const byIP = () => countBy(all(), (connection) => connection.clientIp);
    return {
      active: this.#opened - this.#ended,
      total: this.#opened,
      refused: this.#turnedAway,
      byRoute: () => countBy(all(), (connection) => connection.route),
      byIP,
      topIPs: (n = 10) => mostFrequent(byIP(), n),
    };
  }

  #rates(): IThroughputMetrics {
    const throughput = this.#throughput;
    return {
      instant: throughput.instant(),
      recent: throughput.over(10),
      average: throughput.over(60),
      custom: (seconds) => throughput.over(seconds),
      history: (seconds) => throughput.history(seconds),
      byRoute: () => this.#byRoute.rates(),
      byIP: () => this.#byIP.rates(),
    };
  }

  #collect(): void {
    for (const connection of this.#live()) this.#read(connection);
  }

  /** Counts what the connection moved since it was read last. */
  #read(connection: Connection): void {
    connection.countHandled();
    const bytesIn = connection.bytesReceived - connection.sampledIn;
    const bytesOut = connection.bytesSent - connection.sampledOut;
    if (bytesIn === 0 && bytesOut === 0) return;
    connection.sampledIn = connection.bytesReceived;
    connection.sampledOut = connection.bytesSent;
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
    const { route } = connection;
    if (route !== null) this.#routes.moved(route, bytesIn, bytesOut);
    if (this.#timer === null) return;
    this.#byIP.add(connection.clientIp, bytesIn, bytesOut);
    if (route !== null) this.#byRoute.add(route, bytesIn, bytesOut);
  }

  #sample(): void {
    this.#collect();
    const nowMs = this.#clock.nowMs();
    const durationMs = nowMs - this.#sampledMs;
    const bytesIn = this.#bytesIn - this.#sampledIn;
    const bytesOut = this.#bytesOut - this.#sampledOut;
    this.#throughput.add({ wallMs: this.#clock.wallMs(), durationMs, bytesIn, bytesOut });
    this.#requests.sample(this.#clock.wallMs(), durationMs);
    this.#byRoute.turn(durationMs);
    this.#byIP.turn(durationMs);
    this.#beginInterval(nowMs);
  }

  #beginInterval(nowMs: number): void {
    this.#sampledMs = nowMs;
    this.#sampledIn = this.#bytesIn;
    this.#sampledOut = this.#bytesOut;
  }

  /** Due times do not drift; one that was missed by a whole interval is not made up for. */
  #arm(intervalMs: number): void {
    const nowMs = this.#clock.nowMs();
    this.#dueMs += intervalMs;
    if (this.#dueMs <= nowMs) this.#dueMs = nowMs + intervalMs;
    this.#timer = this.#clock.setTimer(() => {
      this.#sample();
      this.#arm(intervalMs);
    }, this.#dueMs - nowMs);
  }
}

const noEnds = () => Object.fromEntries(endWords.map((word) => [word, 0])) as Record<TEnd, number>;

function countBy<T>(connections: Iterable<T>, keyOf: (connection: T) => string | null) {
  const counts = new Map<string, number>();
  for (const connection of connections) {
    const key = keyOf(connection);
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

const mostFrequent = (counts: ReadonlyMap<string, number>, n: number): ITopIP[] =>
  Array.from(counts, ([ip, count]) => ({ ip, count }))
    .sort((a, b) => b.count - a.count)
    .slice(0, Math.max(0, n));
