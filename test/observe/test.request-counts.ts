import { RequestCounts } from '../../ts/observe/request-counts.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('requests are counted in all and by the status of their answer', async () => {
  const counts = new RequestCounts(1_000);
  counts.ended(200, 5);
  counts.ended(200, 7);
  counts.ended(499, 1);
  counts.refused(400);
  const metrics = counts.metrics();
  expect(metrics.total).toEqual(4);
  expect([...metrics.byStatus()]).toEqual([
    [200, 2],
    [499, 1],
    [400, 1],
  ]);
  // What was no request has no duration.
  expect(counts.durations.percentiles().count).toEqual(3);
});

tap.test('the rate of requests is that of the last sample, and of the last minute', async () => {
  const counts = new RequestCounts(1_000);
  for (let second = 1; second <= 120; second++) {
    for (let i = 0; i < (second <= 60 ? 10 : 20); i++) counts.ended(200, 1);
    counts.sample(second * 1_000, 1_000);
  }
  const { perSecond, perMinute } = counts.metrics();
  expect([perSecond, perMinute]).toEqual([20, 1_200]);
});

tap.test('without samples there are no rates', async () => {
  const counts = new RequestCounts(null);
  counts.ended(200, 1);
  counts.sample(1_000, 1_000);
  expect([counts.metrics().perSecond, counts.metrics().perMinute]).toEqual([null, null]);
});

export default tap.start();
