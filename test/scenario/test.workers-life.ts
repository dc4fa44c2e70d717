// Workers that die, hang, cannot start, are told to stop, or lose their primary.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IRouteConfig, type IWorkerInfo, ProxyWorkers } from '../../ts/index.js';
import { connectTcp, type IClient } from '../helpers/clients.js';
import { makeFolder } from '../helpers/make-folder.js';
import { startEcho } from '../helpers/origins.js';
import { isRunning, startWorkers, workerRun } from '../helpers/start-workers.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { moduleUrl, nodeArgs } from '../helpers/this-run.js';
import { until } from '../helpers/until.js';

// Each process that is started takes a starved machine many seconds.
tap.timeout(150_000);

const echoRoutes = (port: number): IRouteConfig[] => [
  { name: 'echo', match: { ports: 0 }, action: { type: 'forward', target: { host: '127.0.0.1', port } } },
];

async function open(port: number): Promise<IClient> {
  const client = await connectTcp(port);
  client.send('x');
  await client.receive(1);
  return client;
}

/** Opens so many that every worker has some. */
async function openMany(port: number, count = 40): Promise<IClient[]> {
  const clients: IClient[] = [];
  for (let i = 0; i < count; i++) clients.push(await open(port));
  return clients;
}

tap.test(
  'a worker that is killed loses its own connections; one that hangs is killed; a stop lets the others end',
  async () => {
    await using echo = await startEcho();
    await using group = await startWorkers({
      config: { listenAddress: '127.0.0.1', routes: echoRoutes(echo.port) },
      hangTimeout: 5_000,
    });
    const { port } = group;
    const { workers } = group;
    const clients = await openMany(group.port);
    const records = await workers.getConnections();
    const victim = workers.getWorkers()[1] as IWorkerInfo;
    const lost = records.filter(({ id }) => id.startsWith(`w${victim.number}.`)).length;
    const before = await workers.getStatistics();
    const back = once(workers, 'worker-online') as Promise<[IWorkerInfo]>;
    const gone = once(workers, 'worker-exit');
    process.kill(victim.pid, 'SIGKILL');
    await gone;
    // The port stays open all the while.
    const meanwhile: IClient[] = [];
    for (let i = 0; i < 20; i++) meanwhile.push(await open(group.port));
    const [replacement] = await back;
    expect([replacement.number, replacement.restarts]).toEqual([victim.number, 1]);
    let alive = 0;
    for (const client of clients) {
      if (client.socket.destroyed) continue;
      client.send('y');
      if (await client.receive(2).then(String, () => null)) alive++;
    }
    expect(alive).toEqual(clients.length - lost);
    expect(lost).toBeGreaterThan(0);
    const after = await workers.getStatistics();
    expect(after.connectionsTotal).toBeGreaterThan(before.connectionsTotal - 1);
    expect(after.ends.internal_error).toEqual(lost);
    expect(group.log.some(({ message }) => message === 'a worker ended: another takes its place')).toBeTrue();
    // The new one takes its part again, and knows what is in force.
    const late = await openMany(group.port, 60);
    const { workers: each } = await workers.getStatistics();
    expect(each.every(({ connectionsTotal }) => connectionsTotal > 0)).toBeTrue();
    for (const client of [...clients, ...meanwhile, ...late]) client.socket.destroy();

    const hanging = workers.getWorkers()[0] as IWorkerInfo;
    const replaced = new Promise<void>((resolve) => {
      workers.on('worker-online', ({ number }) => {
        if (number === hanging.number) resolve();
      });
    });
    process.kill(hanging.pid, 'SIGSTOP');
    const client = await open(port);
    await replaced;
    expect(isRunning(hanging.pid)).toBeFalse();
    client.socket.destroy();

    const { pids } = group;
    const last = await openMany(port, 20);
    const stopped = workers.stop();
    await until(
      () => workers.getListeningPorts().length === 0,
      5_000,
      () => 'no port',
    );
    for (const one of last) one.send('y');
    for (const one of last) expect(await one.receive(2)).toEqual('xy');
    for (const one of last) one.socket.end();
    await stopped;
    expect(pids.filter(isRunning)).toEqual([]);
  },
);

tap.test('a place that cannot be filled is given up, and said so', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'once.mjs');
  // Two may start; whoever comes after them may not.
  await writeFile(
    file,
    `import { mkdirSync } from 'node:fs';
const first = () => { for (const name of ['a', 'b']) { try { mkdirSync('${folder.path}/' + name); return true; } catch {} } return false; };
if (!first()) throw new Error('no more');
export default { listenAddress: '127.0.0.1', routes: [] };`,
  );
  await using group = await startWorkers({ config: file, maxRestarts: 2 });
  const { workers } = group;
  const errors: string[] = [];
  workers.on('error', ({ message }) => errors.push(message));
  const [victim, other] = workers.getWorkers() as [IWorkerInfo, IWorkerInfo];
  const gaveUp = new Promise<IWorkerInfo>((resolve) => workers.on('worker-gave-up', resolve));
  process.kill(victim.pid, 'SIGKILL');
  expect((await gaveUp).number).toEqual(victim.number);
  expect(errors.map((message) => /no more|died too often/.exec(message)?.[0])).toEqual([
    ...['no more', 'no more'],
    'died too often',
  ]);
  expect(workers.getWorkers().map(({ number }) => number)).toEqual([other.number]);
});

tap.test('a start that fails leaves no process and no port', async () => {
  await using taken = await startEcho();
  const routes: IRouteConfig[] = [
    { match: { ports: taken.port }, action: { type: 'forward', target: { host: '127.0.0.1', port: 1 } } },
  ];
  const workers = new ProxyWorkers({ config: { listenAddress: '127.0.0.1', routes }, workers: 2, ...workerRun });
  const error = (await workers.start().catch((cause: unknown) => cause)) as { code?: string; message: string };
  expect(error.code).toEqual('LISTEN_FAILED');
  expect(error.message).toMatch(/EADDRINUSE/);
  expect(workers.getWorkers()).toEqual([]);
  const again = (await workers.start().catch((cause: unknown) => cause)) as { code?: string };
  expect(again.code).toEqual('NOT_RUNNING');
});

tap.test('one that dies while others start is replaced; a second stop ends what the first one waits for', async () => {
  await using echo = await startEcho();
  const config = { listenAddress: '127.0.0.1', routes: echoRoutes(echo.port) };
  const workers = new ProxyWorkers({ config, workers: 2, ...workerRun });
  const online: string[] = [];
  workers.on('worker-online', ({ number, restarts, pid }) => {
    online.push(`${number} ${restarts}`);
    if (number === 1 && restarts === 0) process.kill(pid, 'SIGKILL');
  });
  await workers.start();
  await until(
    () => online.length === 3,
    20_000,
    () => `worker 1 again, has ${online}`,
  );
  expect(online).toEqual(['1 0', '2 0', '1 1']);
  const pids = workers.getWorkers().map(({ pid }) => pid);
  const clients = await openMany(workers.getListeningPorts()[0] ?? 0, 20);
  const stopped = workers.stop({ graceMs: Number.POSITIVE_INFINITY });
  await until(
    () => workers.getListeningPorts().length === 0,
    5_000,
    () => 'no port',
  );
  for (const client of clients) client.send('y');
  for (const client of clients) expect(await client.receive(2)).toEqual('xy');
  void workers.stop({ graceMs: 0 });
  await stopped;
  expect(pids.filter(isRunning)).toEqual([]);
  const statistics = await workers.getStatistics();
  expect([statistics.connectionsTotal, statistics.ends]).toEqual([20, { shutdown: 20 }]);
  for (const client of clients) client.socket.destroy();
});

tap.test('workers whose primary is gone let connections end, and go; signals of the group are not theirs', async () => {
  await using echo = await startEcho();
  const config = { listenAddress: '127.0.0.1', gracefulShutdownTimeout: 60_000, routes: echoRoutes(echo.port) };
  const script = fileURLToPath(moduleUrl('test/helpers/workers-primary-child.ts'));
  const primary = spawn(process.execPath, [...nodeArgs, script, JSON.stringify(config)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [{ port, pids }] = (await once(primary, 'message')) as [{ port: number; pids: number[] }];
  const clients = await openMany(port, 20);
  for (const pid of [...pids, primary.pid as number]) process.kill(pid, 'SIGINT');
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  for (const client of clients) client.send('y');
  for (const client of clients) expect(await client.receive(2)).toEqual('xy');
  primary.kill('SIGKILL');
  await once(primary, 'exit');
  for (const client of clients) client.send('z');
  for (const client of clients) expect(await client.receive(3)).toEqual('xyz');
  expect(pids.every(isRunning)).toBeTrue();
  for (const client of clients) client.socket.end();
  await until(
    () => !pids.some(isRunning),
    20_000,
    () => 'no worker left',
  );
});

tap.test('a worker whose primary died in the middle of a message goes as well', async () => {
  // The test is the primary: it speaks on the channel itself.
  const worker = spawn(process.execPath, [...nodeArgs, fileURLToPath(workerRun.workerFile)], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, NODE_CHANNEL_FD: '3', NODE_CHANNEL_SERIALIZATION_MODE: 'advanced' },
  });
  const exited = once(worker, 'exit');
  const channel = worker.stdio[3] as import('node:net').Socket;
  await once(channel, 'data');
  const partial = Buffer.alloc(20);
  partial.writeUInt32BE(1_000);
  await new Promise<void>((resolve) => channel.write(partial, () => resolve()));
  channel.destroy();
  expect(await exited).toEqual([0, null]);
});

export default tap.start();
