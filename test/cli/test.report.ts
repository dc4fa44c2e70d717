import { ConfigFileError } from '../../ts/cli/faults.js';
import { countOf, portsText, Report } from '../../ts/cli/report.js';
import type { IPlan } from '../../ts/index.js';
import { fakeHost } from '../helpers/fake-host.js';
import { expect, tap } from '../helpers/tapbundle.js';

const plan: IPlan = {
  routes: { added: ['a', 'b'], removed: [], changed: [{ key: 'c', parts: ['match'] }] },
  ports: { added: [], removed: [] },
  kernel: [],
  certificates: [],
  connections: { stay: 1, cut: 0 },
};
const fault = { path: 'routes[0]', want: 'x', got: 'y', line: 3, column: 4 };

function tell(json: boolean) {
  const host = fakeHost();
  const report = new Report({ host, json });
  report.listening([443, 8000, 8001, 8002], '2 routes of f');
  report.reloaded(plan, [443], ['proxyIPs']);
  report.reloadFailed(new ConfigFileError('f', [fault]));
  report.stopping(2);
  report.stopped();
  return host;
}

tap.test('people are told in sentences', async () => {
  const { lines, errors } = tell(false);
  expect(lines).toEqual([
    'listening on port 443, 8000-8002: 2 routes of f',
    'reloaded: routes: 2 added, 1 changed, 0 removed; listening on 443; 1 connection kept',
    'smartproxy: only routes are reloaded; changed, and used after a restart: proxyIPs',
    'smartproxy: not reloaded, the routes in force stay: 1 fault in f:\n  f:3:4: routes[0]: want x, got y',
    'stopping: 2 connections may finish; a second signal ends everything at once',
    'stopped',
  ]);
  expect(errors).toEqual([lines[2], lines[3]] as string[]);
});

tap.test('programs are told by one line of JSON for each event', async () => {
  const { lines, errors } = tell(true);
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(errors).toEqual([]);
  expect(events).toEqual([
    { event: 'listening', ports: [443, 8000, 8001, 8002], pid: process.pid, admin: null },
    { event: 'reloaded', routes: plan.routes, connections: plan.connections, ports: [443], unused: ['proxyIPs'] },
    { event: 'reload-failed', message: new ConfigFileError('f', [fault]).message, faults: [fault] },
    { event: 'stopping', connections: 2 },
    { event: 'stopped' },
  ]);
});

tap.test('ports in a row are written as a span', async () => {
  expect(portsText([])).toEqual('');
  expect(portsText([1, 2, 4, 6, 7, 8])).toEqual('1-2, 4, 6-8');
});

tap.test('one thing is counted without an s', async () => {
  expect([0, 1, 2].map((count) => countOf(count, 'route'))).toEqual(['0 routes', '1 route', '2 routes']);
});

export default tap.start();
