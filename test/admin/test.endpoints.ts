import { readFile } from 'node:fs/promises';
import { endpoints } from '../../ts/admin/endpoints.js';
import { adminEventKinds } from '../../ts/admin/view.js';
import { ConfigError, ProxyError } from '../../ts/base/errors.js';
import { openRaw, someStatus, startAdmin } from '../helpers/admin-world.js';
import { rowsOf } from '../helpers/markdown.js';
import { root } from '../helpers/source-text.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const page = await readFile(`${root}docs/admin.md`, 'utf8');

tap.test('docs/admin.md has every endpoint and every kind of event, in the order of the source', () => {
  const rows = rowsOf(page);
  const told = rows
    .filter(([method = '']) => /^[A-Z]+$/.test(method))
    .map(([method, path = '']) => [method, path.replaceAll('`', '')]);
  expect(told).toEqual(endpoints.map(({ method, path }) => [method, path]));
  const open = rows
    .filter(([, , answer = '']) => answer.endsWith('Needs no token'))
    .map(([, path = '']) => path.replaceAll('`', ''));
  expect(open).toEqual(endpoints.filter(({ isOpen }) => isOpen).map(({ path }) => path));
  const kinds = rowsOf(page.split('## Events')[1] ?? '').map(([kind]) => kind);
  expect(kinds.slice(0, -1)).toEqual([...adminEventKinds]);
});

tap.test('health is told apart from readiness', async () => {
  for (const [state, status] of [
    ['running', 200],
    ['starting', 503],
    ['draining', 503],
  ] as const) {
    await using world = await startAdmin({
      token: 'x'.repeat(20),
      view: { status: async () => ({ ...someStatus, state }) },
    });
    const ready = await world.ask('GET', '/readyz');
    expect([ready.status, ready.body]).toEqual([status, status === 200 ? 'ready\n' : `${state}\n`]);
    expect((await world.ask('GET', '/healthz')).body).toEqual('ok\n');
    expect((await world.ask('GET', '/api/status')).status).toEqual(401);
  }
});

tap.test('the view is asked for what the request says', async () => {
  await using world = await startAdmin();
  const { calls } = world.view;
  const asked = async (method: string, path: string, body?: unknown) => {
    calls.length = 0;
    const { status } = await world.ask(method, path, body === undefined ? {} : { body });
    return [status, ...calls];
  };
  const filter = { route: null, client: null, limit: 100 };
  expect(await asked('GET', '/api/connections')).toEqual([200, ['connections', filter]]);
  expect(await asked('GET', '/api/connections?route=a%20b&client=::1&limit=0')).toEqual([
    200,
    ['connections', { route: 'a b', client: '::1', limit: 0 }],
  ]);
  expect(await asked('DELETE', '/api/connections/w1-3f')).toEqual([200, ['endConnection', 'w1-3f']]);
  expect(await asked('POST', '/api/explain', { port: 1 })).toEqual([200, ['explain', { port: 1 }]]);
  const usual = { force: false, closeRemoved: false };
  expect(await asked('POST', '/api/plan', { routes: [] })).toEqual([200, ['plan', [], usual]]);
  expect(await asked('PUT', '/api/routes', { routes: [1], force: true, closeRemoved: true, keys: [] })).toEqual([
    200,
    ['updateRoutes', [1], { force: true, closeRemoved: true }],
  ]);
  expect(await asked('POST', '/api/reload')).toEqual([200, ['reload']]);
  expect(await asked('POST', '/api/stop')).toEqual([202, ['stop', null]]);
  expect(await asked('POST', '/api/stop', { graceMs: 0 })).toEqual([202, ['stop', 0]]);
});

tap.test('what makes no sense is told, and the view is not asked', async () => {
  await using world = await startAdmin();
  const tries: [string, string, unknown?][] = [
    ['GET', '/api/connections?limit=1001'],
    ['GET', '/api/connections?limit=-1'],
    ['GET', '/api/connections?limit='],
    ['GET', '/api/connections?limit=1.5'],
    ['GET', '/api/connections?limit=1&limit=2'],
    ['GET', '/api/connections?rout=a'],
    ['GET', '/api/status?token=x'],
    ['GET', '/api/events?kinds=nonsense'],
    ['GET', '/api/events?kinds='],
    ['PUT', '/api/routes', []],
    ['PUT', '/api/routes', { routes: {} }],
    ['PUT', '/api/routes', { routes: [], force: 'yes' }],
    ['PUT', '/api/routes', { routes: [], admin: {} }],
    ['PUT', '/api/routes', null],
    ['PUT', '/api/routes'],
    ['POST', '/api/stop', { graceMs: -1 }],
    ['POST', '/api/stop', { graceMs: '1' }],
    ['POST', '/api/stop', '{"graceMs":1e400}'],
    ['POST', '/api/stop', { grace: 1 }],
    ['POST', '/api/stop', 'x'],
  ];
  for (const [method, path, body] of tries) {
    const { status } = await world.ask(method, path, body === undefined ? {} : { body });
    expect([method, path, body, status]).toEqual([method, path, body, 400]);
  }
  expect(world.view.calls).toEqual([]);
});

tap.test('what the view fails with has its status', async () => {
  const faults = [{ path: 'routes[0]', want: 'a route', got: 'nothing' }];
  const failures: [Error, number, string][] = [
    [new ConfigError(faults), 422, 'CONFIG_INVALID'],
    [Object.assign(new Error('2 faults in a.yaml'), { faults: [{ ...faults[0], line: 3 }] }), 422, 'CONFIG_INVALID'],
    [new ProxyError('HANDLERS_LOST', 'they would be lost'), 409, 'HANDLERS_LOST'],
    [new ProxyError('NOT_RUNNING', 'it was stopped'), 409, 'NOT_RUNNING'],
    [new ProxyError('LISTEN_FAILED', 'port 80 is taken'), 409, 'LISTEN_FAILED'],
    [new ProxyError('NFT_FAILED', 'nft says no'), 500, 'NFT_FAILED'],
    [new Error('cannot read a.yaml'), 500, 'RELOAD_FAILED'],
  ];
  for (const [failure, status, code] of failures) {
    await using world = await startAdmin({ view: { reload: () => Promise.reject(failure) } });
    const answer = await world.ask('POST', '/api/reload');
    const error = answer.json.error as unknown as { code: string; message: string; faults?: object[] };
    expect([answer.status, error.code, error.message]).toEqual([status, code, failure.message]);
    if (status === 422) expect(error.faults?.[0]).toEqual((failure as ConfigError).faults[0]);
  }
  await using world = await startAdmin({ view: { reload: null, endConnection: async () => false } });
  expect((await world.ask('POST', '/api/reload')).status).toEqual(409);
  expect((await world.ask('DELETE', '/api/connections/1')).status).toEqual(404);
});

tap.test('events are told as they come, those that may be many only if asked for', async () => {
  await using world = await startAdmin();
  await using usual = await openRaw(world.port, 'GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await using requests = await openRaw(world.port, 'GET /api/events?kinds=request HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(
    () => requests.text().includes('follow') && usual.text().includes('follow'),
    5_000,
    () => 'both streams',
  );
  expect(usual.text()).toMatch(/content-type: text\/event-stream/i);
  for (const kind of adminEventKinds) world.view.tell({ kind, at: 1, data: { about: kind } });
  await until(
    () => usual.text().includes('"about":"error"'),
    5_000,
    () => 'the last one',
  );
  await until(
    () => requests.text().includes('"about":"request"'),
    5_000,
    () => 'the request',
  );
  for (const kind of adminEventKinds) {
    const isUsual = kind !== 'request' && kind !== 'connection';
    expect([kind, usual.text().includes(`{"about":"${kind}"}`)]).toEqual([kind, isUsual]);
    expect([kind, requests.text().includes(`{"about":"${kind}"}`)]).toEqual([kind, kind === 'request']);
  }
});

export default tap.start();
