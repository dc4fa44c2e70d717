import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endWords } from '../../ts/flow/ends.js';
import { Metrics } from '../../ts/observe/metrics.js';
import { statisticTable } from '../../ts/observe/statistics.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeConnection } from '../helpers/make-connection.js';
import { makeRoute } from '../helpers/make-route.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

interface IRow {
  readonly name: string;
  readonly unit: string;
}

/** The rows of the table below a heading of docs/metrics.md. */
async function documented(heading: string): Promise<IRow[]> {
  const text = await readFile(join(root, 'docs/metrics.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  const rows = section.matchAll(/^\| `([^`]+)` \| ([^|]+) \| [^|]*\S[^|]* \|$/gm);
  return [...rows].map(([, name = '', unit = '']) => ({ name, unit: unit.trim() }));
}

/** Every number and function, as it is reached: `a.b`, `a.b()`; the words for ends as one. */
function pathsOf(value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = `${prefix}${key}`;
    if (typeof inner === 'function') return [`${path}()`];
    if (typeof inner !== 'object' || inner === null) return [path];
    return key === 'ends' || key === 'refused' ? [`${path}.<end>`] : pathsOf(inner, `${path}.`);
  });
}

function makeMetrics(config: { sampleIntervalMs: number; retentionSeconds: number } | null) {
  const clock = makeFakeClock();
  const connection = makeConnection({ routed: makeRoute({ key: '__proto__' }) });
  const metrics = new Metrics({ config, clock, live: () => [connection] });
  metrics.start();
  metrics.connectionOpened();
  return { metrics, clock, connection };
}

const everySecond = { sampleIntervalMs: 1000, retentionSeconds: 60 };

tap.test('docs/metrics.md names everything that getMetrics gives, and nothing else', async () => {
  const rows = await documented('getMetrics()');
  expect(rows.map(({ name }) => name)).toEqual(pathsOf(makeMetrics(everySecond).metrics.getMetrics()));
});

tap.test('docs/metrics.md names everything that getStatistics gives, with its unit, and nothing else', async () => {
  const rows = await documented('getStatistics()');
  const statistics = makeMetrics(everySecond).metrics.getStatistics();
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(statistics));
  const inTable = rows.filter(({ name }) => Object.hasOwn(statisticTable, name));
  const inSource = Object.entries(statisticTable).map(([name, { unit }]) => ({ name, unit: unit as string }));
  expect(inTable).toEqual(inSource);
});

tap.test('statistics are the metrics as plain data, which JSON keeps whole', async () => {
  const { metrics, clock, connection } = makeMetrics(everySecond);
  connection.bytesReceived = 4000;
  connection.bytesSent = 8000;
  clock.advance(1000);
  clock.advance(1000);
  metrics.connectionRefused('10.0.0.1', 'connection_limit');
  const statistics = metrics.getStatistics();
  expect(JSON.parse(JSON.stringify(statistics))).toEqual(statistics);
  expect(statistics.uptimeMs).toEqual(2000);
  expect([statistics.connectionsActive, statistics.connectionsRefused]).toEqual([1, 1]);
  expect([statistics.bytesIn, statistics.bytesOut]).toEqual([4000, 8000]);
  expect([statistics.bytesInPerSecond, statistics.recentBytesInPerSecond]).toEqual([0, 2000]);
  expect(statistics.averageBytesOutPerSecond).toEqual(4000);
  expect(statistics.refused).toEqual({ connection_limit: 1 });
  expect(statistics.ends).toEqual({});
  expect(statistics.topIPs).toEqual([{ ip: '192.0.2.1', count: 1 }]);
});

tap.test('a route may have any name', async () => {
  const { connectionsByRoute } = makeMetrics(null).metrics.getStatistics();
  expect(Object.entries(connectionsByRoute)).toEqual([['__proto__', 1]]);
  expect(Object.getPrototypeOf(connectionsByRoute)).toBe(Object.prototype);
});

tap.test('rates are null, not 0, where nothing is sampled', async () => {
  const statistics = makeMetrics(null).metrics.getStatistics();
  const missing = Object.entries(statistics).flatMap(([name, value]) => (value === null ? [name] : []));
  expect(missing).toEqual(Object.keys(statisticTable).filter((name) => /Per(Second|Minute)$/.test(name)));
});

tap.test('every word for an end is counted under its name', async () => {
  const { metrics, connection } = makeMetrics(null);
  for (const word of endWords) metrics.connectionEnded(connection, word);
  expect(metrics.getStatistics().ends).toEqual(Object.fromEntries(endWords.map((word) => [word, 1])));
});

export default tap.start();
