// Routes of the kernel under several processes: one of them has the rules, whoever follows it takes them over, and all see to the rest.

import { setTimeout as delay } from 'node:timers/promises';
import { createNfTablesRoute, type IRouteConfig } from '../../ts/index.js';
import { addresses, type IAgent, type INetWorld, makeNetWorld, needsNetworks } from '../helpers/net-world.js';
import { isRunning } from '../helpers/start-workers.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(90_000);

const test = needsNetworks();
const { router, one, two } = addresses;

interface IWorkerTold {
  readonly number: number;
  readonly pid: number;
  readonly restarts: number;
}

let world: INetWorld;
let proxy: IAgent;

const kernel = (ports: number, host: string, more: Partial<IRouteConfig> = {}): IRouteConfig => ({
  ...createNfTablesRoute({ name: `kernel ${ports}`, ports, target: { host, port: 9000 } }),
  ...more,
});
const plain: IRouteConfig = {
  name: 'plain',
  match: { ports: 81 },
  action: { type: 'forward', target: { host: two.ip, port: 9000 } },
};
const ask = (port: number): Promise<string> => world.agents.client.ask('ask', { host: router.ip, port });
const nft = (...args: string[]): Promise<string> => world.exec('router', 'nft', ...args);
const tables = async (): Promise<string[]> => (await nft('list', 'tables')).split('\n').filter((line) => line !== '');
const workers = (): Promise<IWorkerTold[]> => proxy.ask('workers');

test('one worker has the only table, and the others serve what is not in it', async () => {
  world = await makeNetWorld();
  await Promise.all([
    world.agents.one.ask('serve', { name: 'one', ports: [9000] }),
    world.agents.two.ask('serve', { name: 'two', ports: [9000] }),
  ]);
  proxy = await world.startRouter();
  const ports = await proxy.ask('startWorkers', { routes: [kernel(80, one.ip), plain] });
  expect(ports).toEqual([81]);
  expect((await tables()).length).toEqual(1);
  expect([await ask(80), await ask(81)]).toEqual([`one ${router.inside} 9000`, 'two 10.77.2.1 9000']);
  const { engine } = await proxy.ask('workersStatus');
  expect(engine).toEqual('nftables');
});

test('a worker that dies with the rules leaves them, and the next one takes them over: connections notice nothing', async () => {
  const { client: agent } = world.agents;
  await agent.ask('stream', { name: 'long', host: router.ip, port: 80 });
  const before = await tables();
  const [first] = await workers();
  await agent.ask('churn', { name: 'short', host: router.ip, port: 80 });
  await proxy.ask('killWorker', { number: 1 });
  await untilSo(async () => (await workers()).some(({ number, restarts }) => number === 1 && restarts === 1));
  expect(await tables()).toEqual(before);
  expect((await workers())[0]?.pid === first?.pid).toBeFalse();
  const answers = await agent.ask('stopChurn', { name: 'short' });
  expect(Object.keys(answers)).toEqual([`one ${router.inside} 9000`]);
  const { engine, tables: names } = await proxy.ask('workersStatus');
  expect([engine, names.length]).toEqual(['nftables', 1]);
  const { error, same } = await agent.ask('stopStream', { name: 'long' });
  expect([error, same]).toEqual([null, true]);
});

test('an update changes the rules and all workers, or nothing', async () => {
  await proxy.ask('updateWorkers', { routes: [kernel(80, two.ip), kernel(82, one.ip), plain] });
  expect([await ask(80), await ask(82), await ask(81)]).toEqual([
    ...['two 10.77.2.1 9000', `one ${router.inside} 9000`],
    'two 10.77.2.1 9000',
  ]);
  const before = await tables();
  const refused = await proxy.ask('updateWorkers', { routes: [kernel(80, 'no.such.name.invalid'), plain] }).then(
    () => 'nothing',
    (error: Error) => error.message,
  );
  expect(refused).toMatch(/no\.such\.name/);
  expect(await tables()).toEqual(before);
  expect(await ask(80)).toEqual('two 10.77.2.1 9000');
});

test('a stop takes all rules out of the kernel', async () => {
  await proxy.ask('stopWorkers');
  expect(await tables()).toEqual([]);
  expect(await ask(80)).toEqual('ECONNREFUSED');
});

test('a primary that is killed leaves no rule and no process', async () => {
  await proxy.ask('startWorkers', { routes: [kernel(80, one.ip), plain] });
  expect(await ask(80)).toEqual(`one ${router.inside} 9000`);
  const pids = (await workers()).map(({ pid }) => pid);
  proxy.kill('SIGKILL');
  await proxy.ended;
  await untilSo(async () => (await tables()).length === 0 && !pids.some(isRunning));
});

test('the network is taken away', async () => {
  await world[Symbol.asyncDispose]();
});

/** Whoever waits for ever is ended by the time limit above. */
async function untilSo(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(20);
}

export default tap.start();
