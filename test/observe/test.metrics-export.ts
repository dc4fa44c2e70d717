// What several processes counted, added up.

import { Metrics } from '../../ts/observe/metrics.js';
import {
  addRetired,
  type IMetricsExport,
  retired,
  sumBoundCounts,
  sumMetrics,
  sumStatistics,
} from '../../ts/observe/metrics-export.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { fetchThrough } from '../helpers/http-clients.js';
import { makeConnection } from '../helpers/make-connection.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const exported = (
  requests: readonly (readonly [status: number, durationMs: number])[],
  open: number,
): IMetricsExport => {
  const live = Array.from({ length: open }, () => makeConnection());
  const metrics = new Metrics({ config: null, clock: makeFakeClock(), live: () => live });
  for (let i = 0; i < open; i++) metrics.connectionOpened();
  for (const [status, durationMs] of requests) {
    metrics.requestEnded({ status, durationMs } as Parameters<Metrics['requestEnded']>[0]);
  }
  return structuredClone(metrics.exportMetrics());
};

tap.test('numbers are sums, percentiles are those of all values', () => {
  const slow = exported(
    Array.from({ length: 90 }, () => [200, 1_000] as const),
    2,
  );
  const quick = exported(
    Array.from({ length: 10 }, () => [503, 10] as const),
    3,
  );
  const sum = sumMetrics([slow, quick]);
  expect([sum.connections.active, sum.connections.total, sum.requests.total]).toEqual([5, 5, 100]);
  expect([...sum.requests.byStatus()]).toEqual([
    [200, 90],
    [503, 10],
  ]);
  const { p50, p90, count } = sum.percentiles.requestDuration;
  expect([count, p50 >= 1_000, p90 >= 1_000]).toEqual([100, true, true]);
  expect(sumMetrics([quick, quick]).percentiles.requestDuration.p99).toBeLessThan(12);
  expect(sum.throughput).toBe(null);
  expect(sum.requests.perSecond).toBe(null);
});

tap.test('of one process the sum is what it says itself', async () => {
  await using started = await startProxy({
    routes: [{ match: { ports: 0, domains: '*' }, action: { type: 'respond', respond: { status: 200, body: 'ok' } } }],
  });
  for (let i = 0; i < 3; i++) await fetchThrough(started.port, '/', { headers: { Host: 'a.test' } });
  await started.ends(3);
  const own = started.proxy.getStatistics();
  const { ends, requestsByStatus } = own;
  expect([requestsByStatus, Object.values(ends)]).toEqual([{ 200: 3 }, [3]]);
  const inside = exported([[200, 5]], 0);
  const { uptimeMs, ...rest } = sumStatistics([inside], 7);
  expect(uptimeMs).toEqual(7);
  expect(Object.keys(rest).sort()).toEqual(
    Object.keys(own)
      .filter((name) => name !== 'uptimeMs')
      .sort(),
  );
});

tap.test('a process that is gone leaves what it counted, and nothing live; what it left untold ended somehow', () => {
  const left = retired(exported([[200, 5]], 4));
  const { connections, ends, requests } = sumMetrics([left]);
  expect([connections.active, connections.total, ends.internal_error, requests.total]).toEqual([0, 4, 4, 1]);
  const both = addRetired(left, retired(exported([[404, 5]], 1)));
  const sum = sumMetrics([both]);
  expect([sum.connections.total, sum.requests.total, sum.percentiles.requestDuration.count]).toEqual([5, 2, 2]);
  expect(sum.ends.internal_error).toEqual(5);
});

tap.test('rates of a moment and of seconds are added; samples join those nearest in time', () => {
  const base = exported([], 0);
  const throughput = (history: readonly number[]): IMetricsExport => ({
    ...base,
    throughput: {
      instant: { in: 1, out: 2 },
      recent: { in: 3, out: 4 },
      average: { in: 5, out: 6 },
      history: history.map((rate, at) => ({ at: at * 1_000, in: rate, out: 0 })),
      byRoute: [['web', { in: 1, out: 1 }]],
      byIP: [],
    },
  });
  const sum = sumMetrics([throughput([1, 2, 3]), throughput([10, 20])]).throughput;
  expect([sum?.instant, sum?.recent, sum?.average]).toEqual([
    { in: 2, out: 4 },
    { in: 6, out: 8 },
    { in: 10, out: 12 },
  ]);
  expect(sum?.history(60).map((point) => point.in)).toEqual([1, 12, 23]);
  expect(sum?.custom(2)).toEqual({ in: 17.5, out: 0 });
  expect([...(sum?.byRoute() ?? [])]).toEqual([['web', { in: 2, out: 2 }]]);
});

tap.test('values are counted up to bounds, and added up, over processes and those that are gone', () => {
  const one = exported(
    [
      [200, 3],
      [200, 1_000],
    ],
    1,
  );
  const gone = addRetired(retired(exported([[200, 3]], 0)), retired(exported([[500, 100]], 0)));
  const bounds = { connectionDuration: [1], bytesTransferred: [1], requestDuration: [3, 127] };
  const { requestDuration } = sumBoundCounts([one, gone], bounds);
  expect(requestDuration).toEqual({ bounds: [3, 127], counts: [2, 3], count: 4, sum: 1_106 });
  expect(sumBoundCounts([], bounds).connectionDuration).toEqual({ bounds: [1], counts: [0], count: 0, sum: 0 });
});

export default tap.start();
