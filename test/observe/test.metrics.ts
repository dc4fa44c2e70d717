import { Socket } from 'node:net';
import fc from 'fast-check';
import type { TEnd } from '../../ts/flow/ends.js';
import { makeConnection } from '../helpers/make-connection.js';
import { makeMetricsWorld, move, throughputOf } from '../helpers/make-metrics-world.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('connections are counted as they come, end and are refused', async () => {
  const { metrics, open, end } = makeMetricsWorld();
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
  const { metrics, open, end, live } = makeMetricsWorld();
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
  const { metrics, clock, open, end } = makeMetricsWorld();
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

tap.test('bytes of a socket handler are read off its socket', async () => {
  const { metrics, live, clock, end } = makeMetricsWorld();
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
  const { metrics, clock, open, end } = makeMetricsWorld();
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
  const { metrics, clock, open, end } = makeMetricsWorld(null);
  expect(clock.pending).toEqual(0);
  const connection = open('10.0.0.1', 'web');
  move(connection, 5, 6);
  expect(metrics.getMetrics().throughput).toEqual(null);
  expect(metrics.getMetrics().totals).toEqual({ bytesIn: 5, bytesOut: 6, connections: 1 });
  end(connection, 'shutdown');
  expect(metrics.getMetrics().ends.shutdown).toEqual(1);
  expect(metrics.getMetrics().connections.active).toEqual(0);
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
      const { metrics, clock, live, open, end } = makeMetricsWorld({ sampleIntervalMs: 1000, retentionSeconds: 3600 });
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
