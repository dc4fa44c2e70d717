// A proxy of several processes that serve as one: spread, updates, limits, sessions.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, type IRouteConfig, type ProxyError } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp, connectTls, type IClient } from '../helpers/clients.js';
import { fetchThrough, openRawHttp } from '../helpers/http-clients.js';
import { makeFolder } from '../helpers/make-folder.js';
import { startEcho } from '../helpers/origins.js';
import { startWorkers } from '../helpers/start-workers.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

// Each process that is started takes a starved machine many seconds.
tap.timeout(150_000);

const loopback = { listenAddress: '127.0.0.1' } as const;

const respond = (body: string, more: Partial<IRouteConfig> = {}): IRouteConfig => ({
  name: 'page',
  match: { ports: 0, domains: 'a.test' },
  action: { type: 'respond', respond: { status: 200, body } },
  ...more,
});

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const ask = async (port: number) => {
  const { status, body } = await fetchThrough(port, '/', { headers: { Host: 'a.test' } });
  return { status, body: String(body) };
};

/** Opens connections that echo, one after the other. */
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

tap.test('long connections are spread over the workers, under one port, unique ids and one sum', async () => {
  await using echo = await startEcho();
  const routes: IRouteConfig[] = [
    { match: { ports: 0 }, action: { type: 'forward', target: { host: '127.0.0.1', port: echo.port } } },
  ];
  await using group = await startWorkers({ config: { ...loopback, routes } });
  expect(group.workers.getListeningPorts().length).toEqual(1);
  const clients = await openEchoes(group.port, 60);
  const records = await group.workers.getConnections();
  expect(new Set(records.map(({ id }) => id)).size).toEqual(60);
  const statistics = await group.workers.getStatistics();
  expect(statistics.connectionsActive).toEqual(60);
  expect(statistics.bytesIn).toEqual(60);
  const each = statistics.workers.map(({ connectionsActive }) => connectionsActive);
  expect(each.length).toEqual(2);
  // However the system spreads them: nobody keeps clearly more than half.
  expect(Math.min(...each)).toBeGreaterThan(9);
  for (const client of clients) client.socket.end();
  await Promise.all(clients.map(({ closed }) => closed));
  const { ends, percentiles } = await group.workers.getMetrics();
  await until(
    () => group.workers.getWorkers().every(({ connections }) => connections === 0),
    5_000,
    () => 'no connection',
  );
  expect(percentiles.connectionDuration.count).toEqual(ends.client_closed);

  // A new port listens in all workers, one that is gone in none; and again.
  const before = group.port;
  await using holder = await startEcho();
  const free = holder.port;
  await holder[Symbol.asyncDispose]();
  for (let times = 0; times < 2; times++) {
    await group.workers.updateRoutes([respond('two', { match: { ports: free, domains: 'a.test' } })]);
    expect(group.workers.getListeningPorts()).toEqual([free]);
    expect((await ask(free)).body).toEqual('two');
    const refused: unknown = await connectTcp(before).catch((error: unknown) => error);
    expect((refused as NodeJS.ErrnoException).code).toEqual('ECONNREFUSED');
    await group.workers.updateRoutes([]);
    expect(group.workers.getListeningPorts()).toEqual([]);
  }
});

tap.test('updates fail no request, and are of all workers or of none', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'routes.mjs');
  const code = (body: string, first = '') => `
import { mkdirSync } from 'node:fs';
export default () => {
  ${first}
  return { listenAddress: '127.0.0.1', routes: [{ name: 'page', match: { ports: 0, domains: 'a.test' },
    action: { type: 'http-handler', httpHandler: () => new Response('${body}') } }] };
};`;
  await writeFile(file, code('one'));
  await using group = await startWorkers({ config: file });
  const { port } = group;
  let running = true;
  const seen: string[] = [];
  const load = Array.from({ length: 6 }, async () => {
    await using client = await openRawHttp(port);
    while (running) {
      client.send(get);
      const { status, body } = await client.readAnswer();
      seen.push(`${status} ${body}`);
    }
  });
  await until(
    () => seen.length > 20,
    5_000,
    () => 'requests',
  );
  await writeFile(file, code('two'));
  const plan = await group.workers.reload();
  expect(plan.routes.changed.map(({ key }) => key)).toEqual(['page']);
  expect((await ask(port)).body).toEqual('two');

  // One of the two workers fails: whoever makes the folder first.
  const once = `try { mkdirSync('${join(folder.path, 'mark')}'); } catch { throw new Error('not here'); }`;
  await writeFile(file, code('three', once));
  const refused: unknown = await group.workers.reload().catch((error: unknown) => error);
  expect(String(refused)).toMatch(/not here/);
  const after = await Promise.all(Array.from({ length: 12 }, () => ask(port)));
  expect(new Set(after.map(({ body }) => body))).toEqual(new Set(['two']));

  await using taken = await startEcho();
  const wanted = [respond('four', { match: { ports: taken.port, domains: 'a.test' } })];
  const busy: unknown = await group.workers.updateRoutes(wanted).catch((error: unknown) => error);
  expect((busy as ProxyError).code).toEqual('LISTEN_FAILED');
  const bad = [{ ...respond('five'), match: { ports: 'x' } }] as unknown as IRouteConfig[];
  expect(await group.workers.updateRoutes(bad).catch((error: unknown) => error)).toBeInstanceOf(ConfigError);
  expect(group.workers.getListeningPorts()).toEqual([port]);
  expect((await ask(port)).body).toEqual('two');

  await group.workers.updateRoutes([respond('six')]);
  expect((await ask(port)).body).toEqual('six');
  running = false;
  await Promise.all(load);
  expect([...new Set(seen)].sort()).toEqual(['200 one', '200 six', '200 two']);
});

tap.test('limits are those of the whole proxy', async () => {
  await using echo = await startEcho();
  const target = { host: '127.0.0.1', port: echo.port };
  const routes: IRouteConfig[] = [
    respond('ok', { security: { rateLimit: { maxRequests: 5, window: 600, keyBy: 'ip' } } }),
    {
      name: 'few',
      match: { ports: 0, protocol: 'other' },
      action: { type: 'forward', target },
      security: { maxConnections: 6 },
    },
  ];
  await using group = await startWorkers({
    config: { ...loopback, routes, maxConnectionsPerIP: 8 },
    workers: 3,
  });
  const statuses: number[] = [];
  for (let i = 0; i < 9; i++) statuses.push((await ask(group.port)).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429, 429]);

  const clients = await openEchoes(group.port, 6);
  await using seventh = await connectTcp(group.port);
  seventh.send('\0');
  await seventh.closed;
  expect(seventh.received.length).toEqual(0);
  // Idle ones, which have no route yet, count by address.
  const idle = [await connectTcp(group.port), await connectTcp(group.port)];
  await until(
    () => group.workers.getWorkers().reduce((sum, { connections }) => sum + connections, 0) >= 8,
    5_000,
    () => 'eight connections',
  );
  await using ninth = await connectTcp(group.port);
  await ninth.closed;
  const { ends } = await group.workers.getStatistics();
  expect([ends.route_connection_limit, ends.connection_limit]).toEqual([1, 1]);

  clients[0]?.socket.end();
  await clients[0]?.closed;
  await until(
    () => group.workers.getWorkers().reduce((sum, { connections }) => sum + connections, 0) <= 7,
    5_000,
    () => 'one less',
  );
  const [again] = await openEchoes(group.port, 1);
  for (const client of [...clients, ...idle, again]) client?.socket.destroy();
});

tap.test('maxConnections is never exceeded by all workers together, and all of it can be used', async () => {
  await using echo = await startEcho();
  const routes: IRouteConfig[] = [
    { match: { ports: 0 }, action: { type: 'forward', target: { host: '127.0.0.1', port: echo.port } } },
  ];
  await using group = await startWorkers({ config: { ...loopback, routes, maxConnections: 20 } });
  const clients: IClient[] = [];
  let most = 0;
  // Moments in which places move from worker to worker may refuse somebody: who comes again, gets one.
  for (let tries = 0; clients.length < 20 && tries < 500; tries++) {
    const client = await connectTcp(group.port).catch(() => null);
    client?.send('\0');
    if (
      client !== null &&
      (await Promise.race([client.receive(1).then(() => true), client.closed.then(() => false)]))
    ) {
      clients.push(client);
    }
    if (tries % 10 === 0) most = Math.max(most, (await group.workers.getStatistics()).connectionsActive);
  }
  expect(clients.length).toEqual(20);
  for (let i = 0; i < 5; i++) {
    const client = await connectTcp(group.port).catch(() => null);
    client?.send('\0');
    await client?.closed;
    expect(client?.received.length ?? 0).toEqual(0);
  }
  expect(Math.max(most, (await group.workers.getStatistics()).connectionsActive)).toEqual(20);
  for (const client of clients) client.socket.destroy();
});

tap.test('a session that one worker began is resumed by any other', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  const { cert, key } = certificate;
  const routes = [
    respond('ok', {
      action: {
        type: 'respond',
        respond: { status: 200, body: 'ok' },
        tls: { mode: 'terminate', certificate: { cert, key }, versions: ['TLSv1.2'] },
      },
    }),
  ];
  await using group = await startWorkers({ config: { ...loopback, routes }, workers: 3 });
  const options = { servername: 'a.test', maxVersion: 'TLSv1.2' } as const;
  await using first = await connectTls(group.port, options);
  const session = (first.socket as import('node:tls').TLSSocket).getSession();
  if (session === undefined) throw new Error('there is no session');
  const clients = [first];
  let resumed = 0;
  // They stay open, so that every worker gets some.
  for (let i = 0; i < 45; i++) {
    const client = await connectTls(group.port, { ...options, session });
    if ((client.socket as import('node:tls').TLSSocket).isSessionReused()) resumed++;
    clients.push(client);
  }
  const { workers } = await group.workers.getStatistics();
  expect(workers.every(({ connectionsTotal }) => connectionsTotal > 0)).toBeTrue();
  expect(resumed).toEqual(45);
  for (const client of clients) client.socket.destroy();
});

export default tap.start();
