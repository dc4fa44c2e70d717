import { Socket } from 'node:net';
import fc from 'fast-check';
import type { Connection } from '../../ts/flow/connection.js';
import type { TEnd } from '../../ts/flow/ends.js';
import { Metrics } from '../../ts/observe/metrics.js';
import { type IFakeClock, makeFakeClock } from '../helpers/fake-clock.js';
import { makeConnection } from '../helpers/make-connection.js';
import { makeRoute } from '../helpers/make-route.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

interface IWorld {
  readonly metrics: Metrics;
  readonly clock: IFakeClock;
  readonly live: Set<Connection>;
  open(clientIp?: string, routeKey?: string): Connection;
  end(connection: Connection, end?: TEnd): void;
}

/** As the table of connections does it: off the table, finished, then reported. */
function makeWorld(config: { sampleIntervalMs: number; retentionSeconds: number } | null = everySecond): IWorld {
  const clock = makeFakeClock();
  const live = new Set<Connection>();
  const metrics = new Metrics({ config, clock, live: () => live });
  metrics.start();
  const open = (clientIp = '192.0.2.1', routeKey?: string) => {
    const routed = routeKey === undefined ? null : makeRoute({ key: routeKey });
    const connection = makeConnection({ clientIp, routed, acceptedMs: clock.nowMs() });
    live.add(connection);
    metrics.connectionOpened();
    if (routed !== null) metrics.connectionRouted();
    return connection;
  };
  const end = (connection: Connection, why: TEnd = 'client_closed') => {
    live.delete(connection);
    connection.finish(why);
    metrics.connectionEnded(connection, why);
  };
  return { metrics, clock, live, open, end };
}

const everySecond = { sampleIntervalMs: 1000, retentionSeconds: 60 };

function move(connection: Connection, bytesIn: number, bytesOut: number): void {
  connection.bytesReceived += bytesIn;
  connection.bytesSent += bytesOut;
}

const throughputOf = (metrics: Metrics) => {
  const { throughput } = metrics.getMetrics();
  if (throughput === null) throw new Error('nothing is sampled');
  return throughput;
};

tap.test('connections are counted as they come, end and are refused', async () => {
  const { metrics, open, end } = makeWorld();
  const first = open();
  open();
  end(first, 'target_refused');
  metrics.connectionRefused('192.0.2.9', 'connection_limit');
  const { connections, totals, ends, refused } = metrics.getMetrics();
  expect([connections.active, connections.total, connections.refused, totals.connections]).toEqual([1, 2, 1, 2]);
  expect(Object.entries(ends).filter(([, count]) => count > 0)).toEqual([['target_refused', 1]]);
  expect(Object.entries(refused).filter(([, count]) => count > 0)).toEqual([['connection_limit', 1]]);
  expect(ends.client_closed).toEqual(0);
});

tap.test('live connections are told by route and by address', async () => {
  const { metrics, open, end, live } = makeWorld();
  for (const [ip, route] of [
    ['10.0.0.1', 'web'],
    ['10.0.0.2', 'web'],
    ['10.0.0.2', 'mail'],
    ['10.0.0.2'],
    ['10.0.0.3', 'web'],
  ] as const) {
    open(ip, route);
  }
  const { connections } = metrics.getMetrics();
  expect(connections.byRoute()).toEqual(
    new Map([
      ['web', 3],
      ['mail', 1],
    ]),
  );
  expect(connections.byIP()).toEqual(
    new Map([
      ['10.0.0.1', 1],
      ['10.0.0.2', 3],
      ['10.0.0.3', 1],
    ]),
  );
  expect(connections.topIPs(1)).toEqual([{ ip: '10.0.0.2', count: 3 }]);
  expect(connections.topIPs()).toHaveLength(3);
  expect(connections.topIPs(0)).toEqual([]);
  for (const connection of [...live]) end(connection);
  expect([connections.byRoute().size, connections.byIP().size, connections.topIPs().length]).toEqual([0, 0, 0]);
});

tap.test('totals hold at every moment, between samples too', async () => {
  const { metrics, clock, open, end } = makeWorld();
  const totals = () => {
    const { bytesIn, bytesOut } = metrics.getMetrics().totals;
    return [bytesIn, bytesOut];
  };
  const connection = open();
  move(connection, 10, 20);
  expect(totals()).toEqual([10, 20]);
  expect(totals()).toEqual([10, 20]);
  clock.advance(1000);
  move(connection, 1, 2);
  end(connection);
  expect(totals()).toEqual([11, 22]);
});

tap.test('a byte is in exactly one sample, whoever asks in between and whenever its connection ends', async () => {
  const { metrics, clock, open, end } = makeWorld();
  const staying = open('10.0.0.1', 'web');
  const leaving = open('10.0.0.2', 'mail');
  move(staying, 1000, 0);
  metrics.getMetrics();
  move(staying, 500, 0);
  move(leaving, 0, 300);
  end(leaving);
  clock.advance(1000);
  move(staying, 40, 0);
  clock.advance(1000);
  expect(
    throughputOf(metrics)
      .history(60)
      .map((point) => [point.in, point.out]),
  ).toEqual([
    [1500, 300],
    [40, 0],
  ]);
  expect(throughputOf(metrics).instant).toEqual({ in: 40, out: 0 });
  expect(throughputOf(metrics).recent).toEqual({ in: 770, out: 150 });
  expect(throughputOf(metrics).custom(2)).toEqual({ in: 770, out: 150 });
});

tap.test('rates by route and address add up to that of the proxy', async () => {
  const { metrics, clock, open } = makeWorld();
  for (let i = 0; i < 20; i++) move(open(`10.0.0.${i % 5}`, `route-${i % 3}`), i, 2 * i);
  clock.advance(1000);
  const { instant, byRoute, byIP } = throughputOf(metrics);
  const sum = (rates: Map<string, { in: number; out: number }>) => ({
    in: [...rates.values()].reduce((total, rate) => total + rate.in, 0),
    out: [...rates.values()].reduce((total, rate) => total + rate.out, 0),
  });
  expect(instant).toEqual({ in: 190, out: 380 });
  expect([sum(byRoute()), sum(byIP())]).toEqual([instant, instant]);
  expect(byIP().get('10.0.0.4')).toEqual({ in: 4 + 9 + 14 + 19, out: 2 * (4 + 9 + 14 + 19) });
  clock.advance(1000);
  expect([byRoute().size, byIP().size]).toEqual([0, 0]);
});

tap.test('the average is that of the last minute, and of what there is before', async () => {
  const { metrics, clock, open } = makeWorld({ sampleIntervalMs: 1000, retentionSeconds: 3600 });
  const connection = open();
  for (let second = 1; second <= 120; second++) {
    move(connection, second <= 60 ? 6000 : 600, 0);
    clock.advance(1000);
    if (second === 3) expect(throughputOf(metrics).average.in).toEqual(6000);
  }
  expect(throughputOf(metrics).average.in).toEqual(600);
  expect(throughputOf(metrics).custom(120).in).toEqual(3300);
  expect(throughputOf(metrics).history(1e9)).toHaveLength(120);
});

tap.test('no more samples are kept than the retention asks for', async () => {
  const { metrics, clock } = makeWorld({ sampleIntervalMs: 500, retentionSeconds: 10 });
  clock.advance(60_000);
  const history = throughputOf(metrics).history(3600);
  expect(history).toHaveLength(20);
  expect(history.at(-1)?.at).toEqual(clock.wallMs());
});

tap.test('bytes of a socket handler are read off its socket', async () => {
  const { metrics, live, clock, end } = makeWorld();
  const incoming = new Socket();
  const seen = { read: 0, written: 0 };
  Object.defineProperty(incoming, 'bytesRead', { get: () => seen.read });
  Object.defineProperty(incoming, 'bytesWritten', { get: () => seen.written });
  const connection = makeConnection({ incoming });
  connection.handled = true;
  live.add(connection);
  metrics.connectionOpened();
  Object.assign(seen, { read: 70, written: 7 });
  clock.advance(1000);
  expect(throughputOf(metrics).instant).toEqual({ in: 70, out: 7 });
  Object.assign(seen, { read: 100, written: 10 });
  end(connection, 'normal');
  expect(metrics.getMetrics().totals).toEqual({ bytesIn: 100, bytesOut: 10, connections: 1 });
});

tap.test('percentiles speak of ended connections', async () => {
  const { metrics, clock, open, end } = makeWorld();
  const short = open();
  const long = open();
  move(short, 3, 4);
  move(long, 1 << 20, 0);
  end(short);
  clock.advance(16_000);
  end(long);
  const { connectionDuration, bytesTransferred } = metrics.getMetrics().percentiles;
  expect([connectionDuration.count, connectionDuration.p50]).toEqual([2, 0]);
  expect(connectionDuration.p99).toBeGreaterThan(15_999);
  expect(connectionDuration.p99).not.toBeGreaterThan(17_000);
  expect(bytesTransferred.p50).toEqual(7);
});

tap.test('switched off, it sets no timer and knows no rate, but counts', async () => {
  const { metrics, clock, open, end } = makeWorld(null);
  expect(clock.pending).toEqual(0);
  const connection = open('10.0.0.1', 'web');
  move(connection, 5, 6);
  expect(metrics.getMetrics().throughput).toEqual(null);
  expect(metrics.getMetrics().totals).toEqual({ bytesIn: 5, bytesOut: 6, connections: 1 });
  end(connection, 'shutdown');
  expect(metrics.getMetrics().ends.shutdown).toEqual(1);
  expect(metrics.getMetrics().connections.active).toEqual(0);
});

tap.test('it samples from start to stop with one timer, on time, and not after its cleanup', async () => {
  const clock = makeFakeClock();
  let asked = 0;
  const live = () => {
    asked++;
    return [];
  };
  const metrics = new Metrics({ config: everySecond, clock, live });
  expect(clock.pending).toEqual(0);
  metrics.start();
  metrics.start();
  expect(clock.pending).toEqual(1);
  asked = 0;
  clock.advance(10_000);
  expect(asked).toEqual(10);
  metrics.stop();
  clock.advance(10_000);
  expect([asked, clock.pending]).toEqual([10, 0]);
  metrics.start();
  clock.advance(1000);
  expect(throughputOf(metrics).history(60)).toHaveLength(11);
  await metrics.cleanup();
  metrics.start();
  expect(clock.pending).toEqual(0);
});

tap.test('after a pause of the process sampling goes on, without making up for what it missed', async () => {
  const fake = makeFakeClock();
  let aheadMs = 0;
  const clock = { ...fake, nowMs: () => fake.nowMs() + aheadMs };
  let asked = 0;
  const live = () => {
    asked++;
    return [];
  };
  const metrics = new Metrics({ config: everySecond, clock, live });
  metrics.start();
  aheadMs = 30_000;
  asked = 0;
  fake.advance(3000);
  expect(asked).toEqual(3);
  expect(throughputOf(metrics).history(600)).toHaveLength(3);
});

tap.test('what was moved before the start is in the totals and in no sample', async () => {
  const clock = makeFakeClock();
  const connection = makeConnection();
  const metrics = new Metrics({ config: everySecond, clock, live: () => [connection] });
  move(connection, 1_000_000, 0);
  clock.advance(5000);
  metrics.start();
  move(connection, 10, 0);
  clock.advance(1000);
  expect(
    throughputOf(metrics)
      .history(60)
      .map((point) => point.in),
  ).toEqual([10]);
  expect(metrics.getMetrics().totals.bytesIn).toEqual(1_000_010);
});

tap.test('whatever happens in whatever order: totals are the sum of all samples, ends of all ended', async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('open' as const),
      ip: fc.constantFrom('10.0.0.1', '10.0.0.2'),
      route: fc.constantFrom('web', undefined),
    }),
    fc.record({ kind: fc.constant('move' as const), nth: fc.nat(5), in: fc.nat(1000), out: fc.nat(1000) }),
    fc.record({
      kind: fc.constant('end' as const),
      nth: fc.nat(5),
      why: fc.constantFrom<TEnd>('client_closed', 'shutdown'),
    }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(2500) }),
    fc.record({ kind: fc.constant('ask' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (script) => {
      const { metrics, clock, live, open, end } = makeWorld({ sampleIntervalMs: 1000, retentionSeconds: 3600 });
      const sum = { in: 0, out: 0 };
      for (const one of script) {
        const nth = 'nth' in one ? [...live][one.nth] : undefined;
        if (one.kind === 'open') open(one.ip, one.route);
        if (one.kind === 'pass') clock.advance(one.ms);
        if (one.kind === 'ask') metrics.getMetrics();
        if (one.kind === 'end' && nth) end(nth, one.why);
        if (one.kind === 'move' && nth) {
          move(nth, one.in, one.out);
          sum.in += one.in;
          sum.out += one.out;
        }
      }
      clock.advance(1000);
      const { totals, connections, ends, throughput } = metrics.getMetrics();
      expect([totals.bytesIn, totals.bytesOut]).toEqual([sum.in, sum.out]);
      const points = throughput?.history(3600) ?? [];
      expect(points.reduce((total, point) => total + point.in, 0)).toEqual(sum.in);
      expect(points.reduce((total, point) => total + point.out, 0)).toEqual(sum.out);
      const ended = Object.values(ends).reduce((total, count) => total + count, 0);
      expect([connections.active, ended]).toEqual([live.size, connections.total - live.size]);
    }),
    { seed: 12, numRuns: numRuns(300) },
  );
});

export default tap.start();
