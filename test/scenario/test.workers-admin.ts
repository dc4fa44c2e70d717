// The admin interface of several processes: one for all, whatever becomes of each.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IRouteConfig } from '../../ts/index.js';
import {
  ConfigError,
  type IAdminConnection,
  type IAdminStatus,
  type IAdminWorker,
  ProxyWorkers,
} from '../../ts/index.js';
import { askAdmin, openRaw } from '../helpers/admin-world.js';
import { connectTcp, type IClient } from '../helpers/clients.js';
import { fetchThrough } from '../helpers/http-clients.js';
import { makeFolder } from '../helpers/make-folder.js';
import { startEcho } from '../helpers/origins.js';
import { type IStartedWorkers, startWorkers } from '../helpers/start-workers.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const token = 'canary-token-0123456789';
const password = 'canary-password-0123456789';

interface IShownRoute {
  readonly name: string;
  readonly security?: { readonly basicAuth: { readonly users: readonly { readonly password: unknown }[] } };
}

function asker({ workers }: IStartedWorkers, bearer: string | null = token) {
  return (method: string, path: string, body?: unknown) => {
    const headers = {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
    };
    return askAdmin(workers.adminPort ?? 0, method, path, { headers, ...(body === undefined ? {} : { body }) });
  };
}

async function openEchoes(port: number, count: number): Promise<IClient[]> {
  const clients: IClient[] = [];
  for (let i = 0; i < count; i++) {
    const client = await connectTcp(port);
    client.send('\0');
    await client.receive(1);
    clients.push(client);
  }
  return clients;
}

/** The value of a figure, all its labels added up. */
const figure = (text: string, name: string): number =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

/** Of a route that would have a program run. */
async function refusedPlaces(ask: ReturnType<typeof asker>): Promise<string[]> {
  const acme = { email: 'a@b.test', challenges: ['dns-01'], dns: { command: ['/bin/false'] } };
  const tls = { mode: 'terminate', certificate: 'auto', acme };
  const action = { type: 'respond', respond: { status: 204 }, tls };
  const routes = [{ match: { ports: 0, domains: 'a.test' }, action }];
  const { status, json } = await ask('PUT', '/api/routes', { routes, force: true });
  expect(status).toEqual(422);
  return (json.error as { faults: { path: string }[] }).faults.map(({ path }) => path);
}

tap.test('one interface shows and does what all workers are and do, also while one is gone or hangs', async () => {
  await using echo = await startEcho();
  const routes: IRouteConfig[] = [
    {
      name: 'echo',
      match: { ports: 0, protocol: 'other' },
      action: { type: 'forward', target: { host: '127.0.0.1', port: echo.port } },
    },
    {
      name: 'page',
      match: { ports: 0, domains: 'a.test' },
      action: { type: 'respond', respond: { status: 200, body: 'page' } },
      security: { basicAuth: { users: [{ username: 'ann', password }] } },
    },
  ];
  const config = { listenAddress: '127.0.0.1', maxConnections: 400, routes, admin: { port: 0, token } };
  await using group = await startWorkers({ config });
  const { workers } = group;
  const ask = asker(group);
  const seen: string[] = [];
  const json = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await ask(method, path, body);
    seen.push(answer.body);
    return answer.json as T;
  };

  // Status.
  expect((await asker(group, null)('GET', '/api/status')).status).toEqual(401);
  expect((await asker(group, null)('GET', '/readyz')).status).toEqual(200);
  const status = await json<IAdminStatus>('GET', '/api/status');
  expect([status.state as string, status.pid, status.routes]).toEqual(['running', process.pid, 2]);
  expect([status.maxConnections, status.config.reloadable]).toEqual([400, false]);
  expect([...status.ports]).toEqual(workers.getListeningPorts());
  const listed = status.workers as readonly IAdminWorker[];
  expect(listed.map(({ pid }) => pid)).toEqual([...group.pids]);
  expect(listed.every(({ isReady, memory }) => isReady && memory !== null)).toEqual(true);
  const sum = listed.reduce((all, { memory }) => all + (memory?.rss ?? 0), 0);
  expect(status.memory.rss).toBeGreaterThan(sum);

  // Connections, of all and of some; and figures.
  const clients = await openEchoes(group.port, 40);
  type TList = { total: number; matched: number; connections: IAdminConnection[] };
  const all = await json<TList>('GET', '/api/connections?limit=1000');
  expect([all.total, all.matched, new Set(all.connections.map(({ id }) => id)).size]).toEqual([40, 40, 40]);
  expect(new Set(all.connections.map(({ id }) => id.slice(0, 3)))).toEqual(new Set(['w1.', 'w2.']));
  const some = await json<TList>('GET', '/api/connections?limit=5&route=echo');
  expect([some.total, some.matched, some.connections.length]).toEqual([40, 40, 5]);
  expect(some.connections.map(({ id }) => id)).toEqual(all.connections.slice(0, 5).map(({ id }) => id));
  expect((await json<TList>('GET', '/api/connections?route=page')).matched).toEqual(0);
  const metrics = async () => (await ask('GET', '/metrics')).body;
  expect(figure(await metrics(), 'smartproxy_active_connections')).toEqual(40);
  type TTargets = { targets: { target: string; up: boolean; active: number }[] };
  const { targets } = await json<TTargets>('GET', '/api/targets');
  expect(targets.map(({ target, up, active }) => [target, up, active])).toEqual([[`127.0.0.1:${echo.port}`, true, 40]]);

  // Events of workers and of the primary; a connection of each worker is ended.
  await using listener = await openRaw(
    workers.adminPort ?? 0,
    `GET /api/events?kinds=connection-end,connection,route-update HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  // It is heard of once a connection is.
  let early = 0;
  while (!listener.text().includes('"kind":"connection"')) {
    for (const client of await openEchoes(group.port, 4)) client.socket.destroy();
    if (++early > 500) throw new Error('nothing is told');
  }
  const ended = ['w1.', 'w2.'].map((of) => all.connections.find(({ id }) => id.startsWith(of))?.id ?? '');
  for (const id of ended) {
    expect((await ask('DELETE', `/api/connections/${id}`)).status).toEqual(200);
    expect((await ask('DELETE', `/api/connections/${id}`)).status).toEqual(404);
  }
  for (const id of ['w9.1-1', 'w1', 'x', '1-1', 'w0.1-1']) {
    expect((await ask('DELETE', `/api/connections/${id}`)).status).toEqual(404);
  }
  const told = () => ended.every((id) => new RegExp(`"connection-end".*"id":"${id}"`).test(listener.text()));
  await until(told, 10_000, () => `both of ${ended} in ${listener.text()}`);
  expect(clients.filter(({ socket }) => !socket.destroyed).length >= 38).toEqual(true);

  // Routes there and back, secrets included, without being shown.
  const shown = await json<{ routes: IShownRoute[]; keys: string[] }>('GET', '/api/routes');
  expect(shown.keys).toEqual(['echo', 'page']);
  expect(JSON.stringify(shown.routes[1]?.security).includes('$kept')).toEqual(true);
  const [echoRoute, page] = shown.routes;
  const changed = {
    routes: [echoRoute, { ...page, priority: 5 }, { ...page, name: 'third', match: { ports: 0, domains: 'c.test' } }],
  };
  const plan = await json<{ routes: unknown; connections: { stay: number }; lost: string[] }>(
    'POST',
    '/api/plan',
    changed,
  );
  expect([plan.routes, plan.lost]).toEqual([
    { added: ['third'], changed: [{ key: 'page', parts: ['priority'] }], removed: [] },
    [],
  ]);
  expect(plan.connections.stay >= 38).toEqual(true);
  expect((await ask('PUT', '/api/routes', changed)).status).toEqual(200);
  const credentials = Buffer.from(`ann:${password}`).toString('base64');
  const answers = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const headers = { Host: 'c.test', Authorization: `Basic ${credentials}` };
      return (await fetchThrough(group.port, '/', { headers })).status;
    }),
  );
  expect(new Set(answers)).toEqual(new Set([200]));
  const after = await json<IAdminStatus>('GET', '/api/status');
  expect([after.routes, after.config.updates]).toEqual([3, 1]);
  await until(
    () => listener.text().includes('"kind":"route-update"'),
    10_000,
    () => listener.text(),
  );
  const wrong = await ask('PUT', '/api/routes', { routes: [{ match: {}, action: { type: 'respond' } }] });
  expect([wrong.status, (wrong.json.error as { code: string }).code]).toEqual([422, 'CONFIG_INVALID']);
  expect(await refusedPlaces(ask)).toEqual(['routes[0].action.tls.acme.dns.command']);
  expect((await ask('POST', '/api/reload', {})).status).toEqual(409);

  // Explanations, of the interface and of the program.
  const why = await json<{ outcome: string; text: string }>('POST', '/api/explain', {
    port: group.port,
    clientIp: '10.0.0.1',
  });
  expect([why.outcome, why.text.length > 0]).toEqual(['forward', true]);
  const own = await workers.explain({ port: group.port, clientIp: '10.0.0.1' });
  expect([own.outcome as string, 'text' in own]).toEqual(['forward', false]);
  await expect(workers.explain({ port: 'x' as unknown as number })).rejects.toThrow(ConfigError);
  const dropped = await workers.plan(routes.slice(0, 1), { closeRemoved: true });
  expect([...dropped.routes.removed]).toEqual(['page', 'third']);
  await expect(workers.plan([{ match: { ports: 0 }, action: { type: 'x' as 'block' } }])).rejects.toThrow(ConfigError);

  // A worker dies: nothing that was counted is lost, and its successor is heard of too.
  const before = await metrics();
  const [victim = 0] = group.pids;
  const back = once(workers, 'worker-online');
  process.kill(victim, 'SIGKILL');
  await once(workers, 'worker-exit');
  const without = await ask('GET', '/api/status');
  expect(without.status).toEqual(200);
  await back;
  const restarted = await json<IAdminStatus>('GET', '/api/status');
  expect(restarted.workers?.map(({ restarts }) => restarts)).toEqual([1, 0]);
  const later = await metrics();
  for (const name of ['smartproxy_connections_accepted_total', 'smartproxy_process_cpu_seconds_total']) {
    expect(figure(before, name)).toBeGreaterThan(0);
    expect(figure(later, name) >= figure(before, name)).toEqual(true);
  }
  let tries = 0;
  while (!/"kind":"connection","at":\d+,"data":\{[^\n]*"id":"w1\.2-/.test(listener.text())) {
    for (const client of await openEchoes(group.port, 8)) client.socket.destroy();
    if (++tries > 500) throw new Error('the new worker tells nothing');
  }

  // A worker hangs: the others are shown.
  const hanging = group.pids[1] ?? 0;
  process.kill(hanging, 'SIGSTOP');
  try {
    const answering = async () =>
      (await json<IAdminStatus>('GET', '/api/status')).workers?.map(({ memory }) => memory !== null);
    let answers = await answering();
    // The other one may be slow, too, where the machine is.
    for (let more = 0; more < 3 && answers?.[0] === false; more++) answers = await answering();
    expect(answers).toEqual([true, false]);
  } finally {
    process.kill(hanging, 'SIGCONT');
  }
  for (const path of ['statistics', 'certificates', 'nftables', 'routes']) {
    const answer = await ask('GET', `/api/${path}`);
    expect([path, answer.status]).toEqual([path, 200]);
    seen.push(answer.body);
  }
  for (const text of [...seen, listener.text(), JSON.stringify(group.log), later]) {
    expect(text.includes(token) || text.includes(password)).toEqual(false);
  }

  // A stop.
  expect((await ask('POST', '/api/stop', { graceMs: 0 })).status).toEqual(202);
  await listener.closed;
  await workers.stop();
  expect([workers.adminPort, workers.adminAddress]).toEqual([null, null]);
});

const code = (body: string) => `export default () => ({
  listenAddress: '127.0.0.1',
  admin: { port: 0, token: '${token}' },
  routes: [{ name: 'page', match: { ports: 0, domains: 'a.test' },
    action: { type: 'http-handler', httpHandler: () => new Response('${body}') },
    security: { basicAuth: { users: [{ username: 'ann', password: '${password}' }] } } }],
});`;

tap.test('a module says that there is one: it can be read again, and its functions stay its own', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'proxy.mjs');
  await writeFile(file, code('one'));
  await using group = await startWorkers({ config: file });
  const ask = asker(group);
  const status = (await ask('GET', '/api/status')).json as unknown as IAdminStatus;
  expect([status.routes, status.config.reloadable, status.workers?.length]).toEqual([1, true, 2]);
  const shown = (await ask('GET', '/api/routes')).json;
  expect(JSON.stringify(shown)).toMatch(/"is":"a function"/);
  expect(JSON.stringify(shown).includes(password)).toEqual(false);

  // What stands for a function cannot be put into force, but asked about.
  const [page] = shown.routes as [Record<string, unknown>];
  const moved = { routes: [{ ...page, priority: 7 }] };
  const planned = await ask('POST', '/api/plan', moved);
  expect([planned.status, planned.json.lost]).toEqual([200, []]);
  const refused = await ask('PUT', '/api/routes', moved);
  const { code: why, faults } = refused.json.error as { code: string; faults: { path: string }[] };
  expect([refused.status, why, faults[0]?.path]).toEqual([422, 'CONFIG_INVALID', 'routes[0].action.httpHandler']);
  expect(await refusedPlaces(ask)).toEqual(['routes[0].action.tls.acme.dns.command']);
  const plain = { routes: [{ ...page, action: { type: 'respond', respond: { status: 200, body: 'plain' } } }] };
  const lost = await ask('PUT', '/api/routes', plain);
  expect([lost.status, (lost.json.error as { code: string }).code]).toEqual([409, 'HANDLERS_LOST']);
  expect(((await ask('POST', '/api/plan', plain)).json.lost as string[])[0]).toEqual('routes[0].action.httpHandler');
  expect((await ask('PUT', '/api/routes', { ...plain, force: true })).status).toEqual(200);
  const credentials = Buffer.from(`ann:${password}`).toString('base64');
  const get = async () => {
    const headers = { Host: 'a.test', Authorization: `Basic ${credentials}` };
    return String((await fetchThrough(group.port, '/', { headers })).body);
  };
  expect(new Set(await Promise.all(Array.from({ length: 6 }, get)))).toEqual(new Set(['plain']));

  await writeFile(file, code('two'));
  const reloaded = await ask('POST', '/api/reload', {});
  expect([reloaded.status, (reloaded.json.routes as { changed: { key: string }[] }).changed[0]?.key]).toEqual([
    200,
    'page',
  ]);
  expect(new Set(await Promise.all(Array.from({ length: 6 }, get)))).toEqual(new Set(['two']));
  await writeFile(file, 'export default 1;');
  expect((await ask('POST', '/api/reload', {})).status).toEqual(422);
});

tap.test('an interface that cannot be is told before any process is started', async () => {
  await using other = await takenPort();
  const routes: IRouteConfig[] = [{ match: { ports: 0 }, action: { type: 'block' } }];
  const open = { host: '0.0.0.0', port: 0 };
  expect(() => new ProxyWorkers({ config: { routes, admin: open } })).toThrow(/token/);
  expect(() => new ProxyWorkers({ config: 'some.mjs', admin: open })).toThrow(/token/);
  const config = { listenAddress: '127.0.0.1', routes };
  let online = 0;
  const workers = new ProxyWorkers({ config, workers: 1, admin: { port: other.port } });
  workers.on('worker-online', () => online++);
  await expect(workers.start()).rejects.toThrow(/cannot listen on 127\.0\.0\.1:\d+ for the admin interface/);
  expect([online, workers.getWorkers().length]).toEqual([0, 0]);
});

/** A port that is taken. */
async function takenPort(): Promise<AsyncDisposable & { readonly port: number }> {
  const echo = await startEcho();
  return { port: echo.port, [Symbol.asyncDispose]: () => echo[Symbol.asyncDispose]() };
}

export default tap.start();
