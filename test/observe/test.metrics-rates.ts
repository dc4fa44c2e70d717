// Rates and sampling; what metrics.ts counts besides is in test.metrics.ts.

import { Metrics } from '../../ts/observe/metrics.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeConnection } from '../helpers/make-connection.js';
import { everySecond, makeMetricsWorld, move, throughputOf } from '../helpers/make-metrics-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('a byte is in exactly one sample, whoever asks in between and whenever its connection ends', async () => {
  const { metrics, clock, open, end } = makeMetricsWorld();
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
  const { metrics, clock, open } = makeMetricsWorld();
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
  const { metrics, clock, open } = makeMetricsWorld({ sampleIntervalMs: 1000, retentionSeconds: 3600 });
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
  const { metrics, clock } = makeMetricsWorld({ sampleIntervalMs: 500, retentionSeconds: 10 });
  clock.advance(60_000);
  const history = throughputOf(metrics).history(3600);
  expect(history).toHaveLength(20);
  expect(history.at(-1)?.at).toEqual(clock.wallMs());
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

export default tap.start();
