import { maxCountedRoutes, RouteCounts } from '../../ts/observe/route-counts.js';
import { makeMetricsWorld, move } from '../helpers/make-metrics-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

const nothing = { connections: 0, bytesIn: 0, bytesOut: 0, requests: [0, 0, 0, 0, 0, 0] };

tap.test('each route has sums of its own, whatever its name', () => {
  const counts = new RouteCounts();
  counts.connected('__proto__');
  counts.moved('__proto__', 3, 4);
  for (const status of [200, 299, 404, 101, 599, 42, 700]) counts.answered('b', status);
  expect([...counts.totals()]).toEqual([
    ['__proto__', { ...nothing, connections: 1, bytesIn: 3, bytesOut: 4 }],
    ['b', { ...nothing, requests: [2, 1, 2, 0, 1, 1] }],
  ]);
});

tap.test('beyond so many routes the rest is one, and those that came first keep growing', () => {
  const counts = new RouteCounts();
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < maxCountedRoutes + 50; n++) counts.connected(`r${n}`);
  }
  const totals = counts.totals();
  expect(totals.size).toEqual(maxCountedRoutes + 1);
  expect(totals.get('r0')?.connections).toEqual(2);
  expect(totals.get('other')?.connections).toEqual(100);
});

tap.test('routes that take turns, above the limit too, are not mistaken for each other', () => {
  const counts = new RouteCounts();
  for (let n = 0; n < maxCountedRoutes; n++) counts.connected(`r${n}`);
  for (let round = 0; round < 3; round++) {
    for (const route of ['r0', 'late', 'later', 'r1', 'r1', 'other', 'late']) counts.answered(route, 200);
  }
  const answered = (route: string) => counts.totals().get(route)?.requests[2];
  expect([answered('r0'), answered('r1'), answered('other'), answered('r2')]).toEqual([3, 6, 12, 0]);
});

tap.test('bytes count at the route of their connection, sampled or not, those of before its end included', () => {
  for (const config of [null, { sampleIntervalMs: 1000, retentionSeconds: 60 }]) {
    const { metrics, open, end } = makeMetricsWorld(config);
    const connection = open('192.0.2.1', 'a');
    move(connection, 10, 20);
    expect(metrics.getMetrics().byRoute().get('a')).toEqual({ ...nothing, connections: 1, bytesIn: 10, bytesOut: 20 });
    move(connection, 1, 1);
    end(connection);
    expect(metrics.getMetrics().byRoute().get('a')).toEqual({ ...nothing, connections: 1, bytesIn: 11, bytesOut: 21 });
    metrics.stop();
  }
});

tap.test('what was given out does not change any more', () => {
  const counts = new RouteCounts();
  counts.answered('a', 200);
  const before = counts.totals();
  counts.answered('a', 200);
  expect(before.get('a')?.requests).toEqual([0, 0, 1, 0, 0, 0]);
});

export default tap.start();
