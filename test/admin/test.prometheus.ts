import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { families, histogramFamilies, type IScrape, maxListed } from '../../ts/admin/metric-families.js';
import { prometheusText } from '../../ts/admin/prometheus.js';
import type { IAdminCertificate, IAdminTarget } from '../../ts/admin/view.js';
import { someFigures, someStatus } from '../helpers/admin-world.js';
import { needs } from '../helpers/debian.js';
import { rowsOf } from '../helpers/markdown.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';

const certificate = (names: string[], notAfter: number | null): IAdminCertificate => ({
  ...{ id: names.join(), names, routes: [], source: 'acme', issuer: null, serial: null, state: 'idle' },
  ...{ notAfter, renewAt: null, lastError: null },
});
const target = (name: string, up = true, active = 1): IAdminTarget => ({ target: name, up, why: null, active });

const scrape = (own: Partial<IScrape> = {}): IScrape => ({
  status: someStatus,
  figures: someFigures,
  targets: [target('a.test:80')],
  certificates: [certificate(['a.test'], 1_700_000_000_500)],
  admin: { eventsDropped: 7, authenticationFailures: 8 },
  ...own,
});

const hostile = [
  '"',
  '\\',
  '\\"',
  'a\nb',
  '{}',
  ',le="1"} 5',
  '\u2028',
  '\ud800',
  '  ',
  '#',
  '日本',
  '__proto__',
  '\\n',
];

const samplesOf = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

interface IParsed {
  readonly name: string;
  readonly type: string;
  readonly samples: readonly (readonly [name: string, labels: Record<string, string>, value: number])[];
}

/** The parser of Prometheus' own client for Python. */
function parse(text: string): Promise<readonly IParsed[]> {
  const program = [
    'import json, sys',
    'from prometheus_client.parser import text_string_to_metric_families as read',
    'told = [{"name": f.name, "type": f.type, "samples": [[s.name, s.labels, s.value] for s in f.samples]} for f in read(sys.stdin.read())]',
    'print(json.dumps(told))',
  ].join('\n');
  return new Promise((resolve, reject) => {
    const child = execFile('/usr/bin/python3', ['-c', program], { maxBuffer: 1 << 26 }, (error, out) => {
      if (error) reject(error);
      else resolve(JSON.parse(out) as IParsed[]);
    });
    child.stdin?.end(text);
  });
}

tap.test('docs/metrics.md has every name that Prometheus is told, with its type and labels, and no other', async () => {
  const page = await readFile(`${root}docs/metrics.md`, 'utf8');
  const section = page.split(/^## /m).find((part) => part.startsWith('Prometheus')) ?? '';
  const told = rowsOf(section).map(([name, type, labels = '']) => [name, type, labels.replaceAll('`', '')]);
  const given = scrape();
  const labelsOf = (samples: Iterable<readonly [number, object?]>) =>
    [...new Set([...samples].flatMap(([, labels = {}]) => Object.keys(labels)))].join(', ');
  const real = [
    ...families.map(({ name, of }) => [name, name.endsWith('_total') ? 'counter' : 'gauge', labelsOf(of(given))]),
    ...histogramFamilies.map(({ name }) => [name, 'histogram', 'le']),
  ];
  expect(told).toEqual(real);
});

tap.test('names follow the conventions: a prefix, a unit at the end, and _total for what only grows', () => {
  const names = [...families, ...histogramFamilies].map(({ name }) => name);
  expect(new Set(names).size).toEqual(names.length);
  for (const name of names) expect([name, /^smartproxy_[a-z]+(_[a-z]+)*$/.test(name)]).toEqual([name, true]);
  expect(names.filter((name) => /_(ms|milliseconds|kb|minutes)\b|_total_/.test(name))).toEqual([]);
  // What OpenMetrics would take for one family with two types.
  const bases = names.map((name) => name.replace(/_total$/, ''));
  expect(new Set(bases).size).toEqual(bases.length);
});

tap.test('buckets are cumulative, in the unit of the name, and end with all', () => {
  const lines = samplesOf(prometheusText(scrape())).filter((line) => line.startsWith('smartproxy_request_duration'));
  expect(lines).toEqual([
    'smartproxy_request_duration_seconds_bucket{le="0.001"} 1',
    'smartproxy_request_duration_seconds_bucket{le="0.003"} 2',
    'smartproxy_request_duration_seconds_bucket{le="+Inf"} 3',
    'smartproxy_request_duration_seconds_sum 0.012',
    'smartproxy_request_duration_seconds_count 3',
  ]);
});

tap.test('targets and certificates of one name are one sample, which tells the worst', () => {
  const text = prometheusText(
    scrape({
      targets: [target('a:1', true, 2), target('a:1', false, 3), target('b:1')],
      certificates: [certificate(['a.test', 'b.test'], 5_000), certificate(['a.test'], null), certificate([], 9_000)],
    }),
  );
  const lines = samplesOf(text);
  expect(lines.filter((line) => /_target_|_certificate_/.test(line))).toEqual([
    'smartproxy_target_up{target="a:1"} 0',
    'smartproxy_target_up{target="b:1"} 1',
    'smartproxy_target_active_connections{target="a:1"} 5',
    'smartproxy_target_active_connections{target="b:1"} 1',
    'smartproxy_certificate_expiry_timestamp_seconds{certificate="a.test"} 0',
    'smartproxy_certificate_expiry_timestamp_seconds{certificate=""} 9',
  ]);
});

tap.test('however many names there are, the text stays bounded', () => {
  const targets = Array.from({ length: 3 * maxListed }, (_, n) => target(`t${n}:80`));
  const certificates = Array.from({ length: 3 * maxListed }, (_, n) => certificate([`${'x'.repeat(5_000)}${n}`], n));
  const text = prometheusText(scrape({ targets, certificates }));
  expect(samplesOf(text).filter((line) => line.startsWith('smartproxy_target_up'))).toHaveLength(maxListed);
  expect(text.length).toBeLessThan(1_000_000);
});

tap.test('no name adds a line or ends its label', () => {
  const routes = Object.fromEntries(hostile.map((name) => [name, someFigures.routes.shop]));
  const figures = { ...someFigures, routes };
  const lines = samplesOf(prometheusText(scrape({ figures })));
  for (const line of lines)
    expect([line, /^\w+(\{(\w+="([^"\\\n]|\\["\\n])*",?)+\})? [\d.e+-]+$/.test(line)]).toEqual([line, true]);
  expect(lines.filter((line) => line.startsWith('smartproxy_route_connections_total'))).toHaveLength(hostile.length);
});

tap.test('names that cannot be written as they are stay different ones', () => {
  const long = 'x'.repeat(10_000);
  const names = ['\ud800', '\ud801', '\u2028', '?', `${long}1`, `${long}2`, long.slice(0, 256), long.slice(0, 257)];
  const routes = Object.fromEntries(names.map((name) => [name, someFigures.routes.shop]));
  const text = prometheusText(scrape({ figures: { ...someFigures, routes } }));
  const lines = samplesOf(text).filter((line) => line.startsWith('smartproxy_route_connections_total'));
  expect(new Set(Buffer.from(lines.join('\n')).toString().split('\n')).size).toEqual(names.length);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(350);
});

needs('python3-prometheus')('the parser of Prometheus reads every sample with its labels and value', async () => {
  const routes = Object.fromEntries(hostile.map((name, n) => [name, { ...someFigures.routes.shop, connections: n }]));
  const read = await parse(prometheusText(scrape({ figures: { ...someFigures, routes } })));
  const names = [...families, ...histogramFamilies].map(({ name }) => name.replace(/_total$/, ''));
  expect(read.map(({ name }) => name)).toEqual(names);
  const byName = new Map(read.map((family) => [family.name, family]));
  const connections = byName.get('smartproxy_route_connections');
  expect(connections?.type).toEqual('counter');
  expect(connections?.samples.map(([, labels, value]) => [labels.route?.replace(/~[0-9a-f]{12}$/, ''), value])).toEqual(
    hostile.map((name, n) => [name.replace(/[\u2028\ud800]/g, '?'), n]),
  );
  expect(byName.get('smartproxy_connection_bytes')?.type).toEqual('histogram');
  expect(byName.get('smartproxy_requests')?.samples).toEqual([
    ['smartproxy_requests_total', { code: '200' }, 4],
    ['smartproxy_requests_total', { code: '404' }, 1],
  ]);
  expect(byName.get('smartproxy_start_time_seconds')?.samples[0]?.[2]).toEqual(1_700_000_000);
});

export default tap.start();
