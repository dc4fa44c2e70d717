// What must not be noticed: updates under load, proxies that die, others' rules, machines that cannot forward.

import { once } from 'node:events';
import { createNfTablesRoute, type INfTablesRouteOptions, type IRouteConfig } from '../../ts/index.js';
import { addresses, type IAgent, type INetWorld, makeNetWorld, needsNetworks } from '../helpers/net-world.js';
import { expect, long, tap } from '../helpers/tapbundle.js';

tap.timeout(long ? 600_000 : 90_000);

const test = needsNetworks('iperf3');
const { client, router, one, two } = addresses;

let world: INetWorld;
let proxy: IAgent;

const kernel = (part: Partial<INfTablesRouteOptions>): IRouteConfig =>
  createNfTablesRoute({ name: 'web', ports: 80, target: { host: one.ip, port: 9000 }, ...part });
const ask = (port: number): Promise<string> => world.agents.client.ask('ask', { host: router.ip, port });
const nft = (...args: string[]): Promise<string> => world.exec('router', 'nft', ...args);
const tables = async (): Promise<string[]> => (await nft('list', 'tables')).split('\n').filter((line) => line !== '');
/** Without what a packet changes. */
const rulesOf = async (table: string): Promise<string> =>
  (await nft('list', 'table', 'inet', table)).replace(/packets.*/g, '');
const failure = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
};

test('a network is made, and a proxy in its router', async () => {
  world = await makeNetWorld();
  await Promise.all([
    world.agents.one.ask('serve', { name: 'one', ports: [9000] }),
    world.agents.two.ask('serve', { name: 'two', ports: [9000] }),
  ]);
  proxy = await world.startRouter();
  await proxy.ask('start', { routes: [] });
});

const updates = long ? 200 : 16;

test('updates under load harm no connection: none is cut, none is refused, none meets another target', async () => {
  const { client: agent } = world.agents;
  const first = kernel({ name: 'first', ports: 81 });
  const second = kernel({ name: 'second', ports: 82, target: { host: two.ip, port: 9000 } });
  const bulk = kernel({ name: 'bulk', ports: 5201, target: { host: one.ip, port: 9200 } });
  await proxy.ask('update', { routes: [first, second, bulk] });
  world.spawn('one', 'iperf3', '-s', '-p', '9200');
  await world.listening('one', 9200);
  await agent.ask('stream', { name: 'long', host: router.ip, port: 81 });
  await agent.ask('churn', { name: 'first', host: router.ip, port: 81 });
  await agent.ask('churn', { name: 'second', host: router.ip, port: 82 });
  const load = world.spawn('client', 'iperf3', '-c', router.ip, '-t', '600', '-b', '50M');
  for (let i = 0; i < updates; i++) {
    // The rules of the three change, and move among others that come and go.
    const others = Array.from({ length: i % 4 }, (_, n) => kernel({ name: `other ${i} ${n}`, ports: 1000 + n }));
    const changed = [
      { ...first, security: { maxConnections: 1000 + i } },
      { ...second, security: { ipBlockList: [`192.0.2.${i % 256}`] } },
      { ...bulk, priority: i % 3 },
    ];
    const routes = i % 2 === 0 ? [...others, ...changed] : [...changed.reverse(), ...others];
    await proxy.ask('update', { routes });
  }
  const answers = [await agent.ask('stopChurn', { name: 'first' }), await agent.ask('stopChurn', { name: 'second' })];
  expect(Object.keys(answers[0])).toEqual([`one ${router.inside} 9000`]);
  expect(Object.keys(answers[1])).toEqual(['two 10.77.2.1 9000']);
  const stream = await agent.ask('stopStream', { name: 'long' });
  expect([stream.error, stream.same]).toEqual([null, true]);
  expect(stream.bytes).toBeGreaterThan(2000);
  // It ends with 1 by itself as soon as its connection is lost.
  expect(load.exitCode).toEqual(null);
  load.kill('SIGINT');
  await once(load, 'close');
});

test('an update that the kernel refuses, or that cannot be, leaves the rules in force', async () => {
  await proxy.ask('update', { routes: [kernel({})] });
  await nft('add', 'table', 'inet', 'foreign_one');
  const why = await failure(
    proxy.ask('update', { routes: [kernel({ tableName: 'foreign_one', target: { host: two.ip, port: 9000 } })] }),
  );
  expect(why).toContain('somebody else');
  expect(await ask(80)).toMatch(/^one/);
  expect(await rulesOf('foreign_one')).toEqual('table inet foreign_one {\n}\n');
});

test('rules that somebody removes are written anew by the next update', async () => {
  const [table = ''] = (await tables()).filter((line) => line.includes('smartproxy'));
  await nft('delete', ...table.split(' '));
  expect(await ask(80)).toEqual('ECONNREFUSED');
  await proxy.ask('update', { routes: [kernel({ maxConnections: 10 })] });
  expect(await ask(80)).toMatch(/^one/);
});

test('closeRemoved cuts the connections of a route that is gone; without it they live on', async () => {
  const { client: agent } = world.agents;
  await proxy.ask('update', { routes: [kernel({}), kernel({ name: 'gone', ports: 83 })] });
  await agent.ask('stream', { name: 'kept', host: router.ip, port: 80 });
  await agent.ask('stream', { name: 'cut', host: router.ip, port: 83 });
  await proxy.ask('update', { routes: [kernel({ name: 'other', ports: 84 })] });
  expect(await ask(80)).toEqual('ECONNREFUSED');
  const kept = await agent.ask('stopStream', { name: 'kept' });
  expect([kept.error, kept.same]).toEqual([null, true]);
  await proxy.ask('update', { routes: [kernel({ name: 'gone', ports: 83 })] });
  await proxy.ask('update', { routes: [], options: { closeRemoved: true } });
  expect((await agent.ask('stopStream', { name: 'cut' })).error).toEqual('ECONNRESET');
});

test('a proxy that was killed leaves nothing to the next; a second one and foreign rules are left alone', async () => {
  await proxy.ask('update', { routes: [kernel({})] });
  const second = await world.startRouter();
  await second.ask('start', {
    routes: [kernel({ name: 'second', ports: 85, target: { host: two.ip, port: 9000 }, tableName: 'second_one' })],
  });
  const foreign =
    'table inet foreign_two { chain mine { type filter hook input priority 5; policy accept; tcp dport 1 drop; }; }';
  await world.exec(
    'router',
    'sh',
    '-c',
    `echo '${foreign.replaceAll('{ ', '{\n').replaceAll('; }', ';\n}')}' | nft -f -`,
  );
  const before = { second: await rulesOf('second_one'), foreign: await rulesOf('foreign_two') };
  const [left = ''] = (await tables()).filter((line) => line.includes('smartproxy_'));

  proxy.kill('SIGKILL');
  await proxy.ended;
  expect(await tables()).toContain(left);
  // The kernel goes on without it.
  expect(await ask(80)).toMatch(/^one/);

  proxy = await world.startRouter();
  await proxy.ask('start', { routes: [kernel({})] });
  const own = (await tables()).filter((line) => line.includes('smartproxy_'));
  expect(own).toHaveLength(1);
  expect(own).not.toEqual([left]);
  expect({ second: await rulesOf('second_one'), foreign: await rulesOf('foreign_two') }).toEqual(before);
  expect([await ask(80), await ask(85)].map((text) => text.split(' ')[0])).toEqual(['one', 'two']);
  const why = await failure(proxy.ask('update', { routes: [kernel({ tableName: 'second_one' })] }));
  expect(why).toContain('belongs to the running process');

  // Its name is free once it is dead.
  second.kill('SIGKILL');
  await second.ended;
  await proxy.ask('update', { routes: [kernel({ tableName: 'second_one' })] });
  expect((await tables()).filter((line) => /smartproxy_|second_one/.test(line))).toEqual(['table inet second_one']);
});

test('a program that just exits takes its rules with it', async () => {
  await proxy.ask('update', { routes: [kernel({})] });
  await proxy.ask('exit');
  await proxy.ended;
  expect((await tables()).filter((line) => line.includes('smartproxy'))).toEqual([]);
});

test('a stop lets TCP connections end first, and takes in no new ones', async () => {
  proxy = await world.startRouter();
  await proxy.ask('start', { routes: [kernel({})] });
  const { client: agent } = world.agents;
  await agent.ask('stream', { name: 'last', host: router.ip, port: 80 });
  const stopped = proxy.ask('stop', { graceMs: 10_000 });
  for (let i = 0; i < 200 && (await ask(80)) !== 'ECONNREFUSED'; i++);
  const last = await agent.ask('stopStream', { name: 'last' });
  expect([last.error, last.same]).toEqual([null, true]);
  await stopped;
  expect((await tables()).filter((line) => line.includes('smartproxy'))).toEqual([]);
});

test('a switch that is off is an error that names it, is set where the route says so, or makes it fall back', async () => {
  await world.exec('router', 'sysctl', '-qw', 'net.ipv4.ip_forward=0');
  const why = await failure(proxy.ask('start', { routes: [kernel({})] }));
  expect(why).toContain('NFT_UNAVAILABLE');
  expect(why).toContain('sysctl -w net.ipv4.ip_forward=1');
  expect((await tables()).filter((line) => line.includes('smartproxy'))).toEqual([]);

  await proxy.ask('start', { routes: [kernel({ fallback: 'node' })] });
  const status = await proxy.ask('status');
  expect(status.engine).toEqual('node');
  expect(status.why).toContain('ip_forward');
  expect(await ask(80)).toEqual(`one ${router.inside} 9000`);
  await proxy.ask('update', { routes: [kernel({ changeSysctls: true, fallback: 'node' })] });
  expect((await proxy.ask('status')).engine).toEqual('nftables');
  expect((await world.exec('router', 'sysctl', '-n', 'net.ipv4.ip_forward')).trim()).toEqual('1');
  expect(await ask(80)).toEqual(`one ${router.inside} 9000`);
  await proxy.ask('stop', { graceMs: 0 });
});

test('without the privilege the error says so, and the fallback serves', async () => {
  const poor = await world.startRouter({ privileged: false });
  const why = await failure(poor.ask('start', { routes: [kernel({})] }));
  expect(why).toContain('CAP_NET_ADMIN');
  await poor.ask('start', { routes: [kernel({ fallback: 'node' })] });
  expect(await ask(80)).toEqual(`one ${router.inside} 9000`);
  expect((await poor.ask('explain', { port: 80, clientIp: client.ip })).engine).toEqual(undefined);
  await poor.ask('stop', { graceMs: 0 });
});

test('the network is taken down', async () => {
  await world[Symbol.asyncDispose]();
});

export default tap.start();
