// Routes in the kernel of a router: every packet here goes from one namespace to another.

import type { INfTablesStatus, IRouteConfig, IStatistics } from '../../ts/index.js';
import { createNfTablesRoute, type INfTablesRouteOptions } from '../../ts/index.js';
import { addresses, type IAgent, type INetWorld, makeNetWorld, needsNetworks } from '../helpers/net-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(90_000);

const test = needsNetworks('iperf3');
const { client, router, one, two } = addresses;

let world: INetWorld;
let proxy: IAgent;

/** Both origins serve these, and a few more that no offset leads to. */
const originPorts = [...Array.from({ length: 24 }, (_, i) => 9000 + i), 9100];

const kernel = (part: Partial<INfTablesRouteOptions>): IRouteConfig => {
  const target = part.targets === undefined ? { target: { host: one.ip, port: 9000 } } : {};
  return createNfTablesRoute({ name: 'web', ports: 80, ...target, ...part });
};
const both = [
  { host: one.ip, port: 9000 },
  { host: two.ip, port: 9000 },
];
const ask = (host: string, port: number, more: object = {}): Promise<string> =>
  world.agents.client.ask('ask', { host, port, ...more });
const use = (...routes: IRouteConfig[]) => proxy.ask('update', { routes });
const status = (): Promise<INfTablesStatus> => proxy.ask('status');
const times = async (count: number, question: () => Promise<string>): Promise<string[]> => {
  const answers: string[] = [];
  for (let i = 0; i < count; i++) answers.push(await question());
  return answers;
};

test('a network is made, and a proxy in its router', async () => {
  world = await makeNetWorld();
  await Promise.all([
    world.agents.one.ask('serve', { name: 'one', ports: originPorts }),
    world.agents.two.ask('serve', { name: 'two', ports: originPorts }),
  ]);
  proxy = await world.startRouter();
  expect(await proxy.ask('start', { routes: [] })).toEqual([]);
});

for (const transport of ['tcp', 'udp']) {
  for (const [family, to, inside] of [
    ['ip', router.ip, router.inside],
    ['ip6', router.ip6, router.inside6],
  ] as const) {
    test(`${transport} over ${family} reaches the origin, masqueraded or with the address of the client`, async () => {
      const targets = [{ host: one[family], port: 9000 }];
      await use(kernel({ targets, protocol: 'all' }));
      expect(await ask(to, 80, { transport })).toEqual(`one ${inside} 9000`);
      await use(kernel({ targets, protocol: 'all', preserveSourceIP: true }));
      expect(await ask(to, 80, { transport })).toEqual(`one ${client[family]} 9000`);
    });
  }
}

test('only what a route is for is taken: its transport, its ports, the addresses of the machine itself', async () => {
  await use(kernel({}));
  expect(await ask(router.ip, 81)).toEqual('ECONNREFUSED');
  expect(await ask(router.ip, 80, { transport: 'udp', withinMs: 300 })).toEqual('timeout');
  // Packets that the router only passes on are none of the route's.
  expect(await ask(two.ip, 9000)).toEqual(`two ${client.ip} 9000`);
  await use(kernel({ ports: 9000, target: { host: one.ip, port: 9001 } }));
  expect(await ask(two.ip, 9000)).toEqual(`two ${client.ip} 9000`);
  expect(await ask(router.ip, 9000)).toEqual(`one ${router.inside} 9001`);
  await use(kernel({ listenAddress: router.ip }));
  expect(await ask(router.ip, 80)).toEqual(`one ${router.inside} 9000`);
  expect(await ask(router.inside, 80)).toEqual('ECONNREFUSED');
});

test('several targets take turns by their weights; ip-hash keeps a client with its target', async () => {
  await use(kernel({ targets: [{ host: one.ip, port: 9000, weight: 3 }, both[1] as never] }));
  const answers = await times(16, () => ask(router.ip, 80));
  expect(answers.filter((answer) => answer.startsWith('one'))).toHaveLength(12);
  expect(answers.filter((answer) => answer.startsWith('two'))).toHaveLength(4);
  await use(kernel({ targets: both, algorithm: 'ip-hash' }));
  for (const localAddress of [client.ip, client.second]) {
    expect(new Set(await times(6, () => ask(router.ip, 80, { localAddress }))).size).toEqual(1);
  }
});

test('a client that is blocked, or not among those allowed, is refused, with sets or without', async () => {
  for (const useIPSets of [true, false]) {
    await use(kernel({ ipBlockList: [client.second, '192.0.2.0/24'], useIPSets }));
    expect(await ask(router.ip, 80)).toMatch(/^one/);
    expect(await ask(router.ip, 80, { localAddress: client.second })).toEqual('ECONNREFUSED');
    await use(kernel({ ipAllowList: ['10.77.0.3-10.77.0.9'], useIPSets, protocol: 'all' }));
    expect(await ask(router.ip, 80)).toEqual('ECONNREFUSED');
    expect(await ask(router.ip, 80, { transport: 'udp', withinMs: 300 })).toEqual('timeout');
    expect(await ask(router.ip, 80, { localAddress: client.second })).toMatch(/^one/);
    expect(await ask(router.ip6, 80)).toEqual('ECONNREFUSED');
  }
  const [route] = (await status()).routes;
  expect(route?.refused).toBeGreaterThan(1);
});

test('a route for some clients leaves the others to the next route, by priority', async () => {
  const special = kernel({ name: 'special', clientIp: [client.second], target: { host: two.ip, port: 9000 } });
  await use(kernel({}), special);
  expect(await ask(router.ip, 80)).toMatch(/^one/);
  expect(await ask(router.ip, 80, { localAddress: client.second })).toMatch(/^two/);
  await use(kernel({ priority: 5 }), special);
  expect(await ask(router.ip, 80, { localAddress: client.second })).toMatch(/^one/);
});

test('maxConnections holds, and lets the next one in when one has left', async () => {
  await use(kernel({ maxConnections: 3 }));
  const { client: agent } = world.agents;
  expect(
    (await agent.ask('hold', { host: router.ip, port: 80, count: 3 })).every((text: string) => /^one/.test(text)),
  ).toBeTrue();
  expect(await ask(router.ip, 80)).toEqual('ECONNREFUSED');
  expect((await status()).routes[0]?.limited).toBeGreaterThan(0);
  await agent.ask('release');
  expect(await ask(router.ip, 80)).toMatch(/^one/);
});

test('every port of a range reaches its own port behind an offset', async () => {
  await use(
    kernel({
      ports: [{ from: 8000, to: 8019 }, 8022],
      targets: both,
      algorithm: 'ip-hash',
      offset: 1000,
      protocol: 'all',
    }),
  );
  const ports = [...Array.from({ length: 20 }, (_, i) => 8000 + i), 8022];
  for (const transport of ['tcp', 'udp']) {
    const wishes = ports.map((port) => ({ host: router.ip, port, transport }));
    const answers: string[] = await world.agents.client.ask('askMany', { wishes });
    expect(answers.map((answer) => Number(answer.split(' ')[2]))).toEqual(ports.map((port) => port + 1000));
  }
  expect(await ask(router.ip, 8021)).toEqual('ECONNREFUSED');
  const keep = { host: one.ip, port: 'preserve' } as const;
  await use(kernel({ ports: { from: 9003, to: 9007 }, target: keep }));
  expect(await ask(router.ip, 9006)).toEqual(`one ${router.inside} 9006`);
});

test('clients on the router itself are served too', async () => {
  await use(kernel({ protocol: 'all', targets: [...both.slice(0, 1), { host: one.ip6, port: 9000 }] }));
  const local = (host: string, more: object = {}) => world.agents.router.ask('ask', { host, port: 80, ...more });
  expect(await local(router.ip)).toEqual(`one ${router.inside} 9000`);
  expect(await local(router.ip, { transport: 'udp' })).toEqual(`one ${router.inside} 9000`);
  expect(await local(router.ip6)).toEqual(`one ${router.inside6} 9000`);
  // Without route_localnet no packet with a loopback address leaves the machine.
  expect(await local('127.0.0.1')).toEqual('ECONNREFUSED');
  await world.exec('router', 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
  await use(kernel({ name: 'again' }));
  expect(await local('127.0.0.1')).toEqual(`one ${router.inside} 9000`);
  await world.exec('router', 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=0');
});

test('the counters are what was sent', async () => {
  await use(kernel({ name: 'counted', ports: 5353, protocol: 'udp', target: { host: one.ip, port: 9000 } }));
  const count = 500;
  const answers = await world.agents.client.ask('send', { host: router.ip, port: 5353, count, size: 700 });
  const { routes } = await status();
  const headers = 20 + 8;
  expect(routes[0]?.connections).toEqual(1);
  expect(routes[0]?.packetsIn).toEqual(count);
  expect(routes[0]?.bytesIn).toEqual(count * (700 + headers));
  expect(routes[0]?.packetsOut).toEqual(answers);
  expect(routes[0]?.bytesOut).toEqual(answers * (`one ${router.inside} 9000\n`.length + headers));
  const statistics: IStatistics = await proxy.ask('statistics');
  expect(statistics.kernelBytesIn).toBeGreaterThan(count * 700);
});

test('connections in the kernel are records, which end as nftables_closed', async () => {
  await use(kernel({ name: 'seen' }));
  const { client: agent } = world.agents;
  await agent.ask('hold', { host: router.ip, port: 80, count: 2 });
  const { connections } = await status();
  const mine = (connections ?? []).filter(({ route }) => route === 'seen');
  expect(mine).toHaveLength(2);
  expect(mine[0]?.clientIp).toEqual(client.ip);
  expect(mine[0]?.serverPort).toEqual(80);
  expect(mine[0]?.target).toEqual({ host: one.ip, port: 9000 });
  const listed = await proxy.ask('connections');
  expect(listed.filter(({ route }: { route: string }) => route === 'seen')).toHaveLength(2);
  await agent.ask('release');
  await status();
  const ended: string[] = await proxy.ask('ended');
  expect(ended.filter((line) => line === 'seen nftables_closed')).toHaveLength(2);
  const statistics: IStatistics = await proxy.ask('statistics');
  expect(statistics.ends.nftables_closed).toBeGreaterThan(1);
});

test('maxRate is what iperf3 gets, within 15 %, in both directions, each route by itself', async () => {
  const servers = [9200, 9201].map((port) => world.spawn('one', 'iperf3', '-s', '-p', String(port)));
  await Promise.all([9200, 9201].map((port) => world.listening('one', port)));
  const shaped = (port: number, to: number) =>
    kernel({ name: `shaped ${port}`, ports: port, target: { host: one.ip, port: to }, maxRate: '80mbps' });
  await use(shaped(5201, 9200), shaped(5202, 9201));
  const measure = async (port: string, ...more: string[]) => {
    const args = ['-c', router.ip, '-p', port, '-O', '2', '-t', '2', '-J', ...more];
    return JSON.parse(await world.exec('client', 'iperf3', ...args)).end.sum_received.bits_per_second;
  };
  for (const rate of await Promise.all([measure('5201'), measure('5202', '-R')])) {
    expect(rate).toBeGreaterThan(80e6 * 0.85);
    expect(rate).toBeLessThan(80e6 * 1.15);
  }
  for (const server of servers) server.kill();
  expect((await status()).routes[0]?.dropped).toBeGreaterThan(0);
});

test('a change of the lists lets nobody past maxConnections', async () => {
  await use(kernel({ name: 'full', maxConnections: 2 }));
  const { client: agent } = world.agents;
  await agent.ask('hold', { host: router.ip, port: 80, count: 2 });
  await use(kernel({ name: 'full', maxConnections: 2, ipBlockList: ['192.0.2.1'] }));
  expect(await ask(router.ip, 80)).toEqual('ECONNREFUSED');
  await agent.ask('release');
});

test('explain and plan say what the kernel does', async () => {
  const route = kernel({ targets: both, ipBlockList: [client.second] });
  const plan = await proxy.ask('plan', { routes: [route] });
  expect(plan.kernel).toEqual(['web']);
  expect(plan.ports.added).toEqual([]);
  await use(route);
  const taken = await proxy.ask('explain', { port: 80, clientIp: client.ip });
  expect([taken.engine, taken.outcome]).toEqual(['nftables', 'forward']);
  const refused = await proxy.ask('explain', { port: 80, clientIp: client.second });
  expect([refused.outcome, refused.end]).toEqual(['refused', 'route_ip_blocked']);
  expect((await proxy.ask('explain', { port: 81 })).outcome).toEqual('not_listening');
});

test('a stop takes every rule out of the kernel', async () => {
  expect(await world.exec('router', 'nft', 'list', 'tables')).toContain('smartproxy_');
  await proxy.ask('stop', { graceMs: 0 });
  expect(await world.exec('router', 'nft', 'list', 'tables')).toEqual('');
});

test('what a client may do at a time and in a minute holds over all routes, for each client by itself', async () => {
  const routes = [kernel({ targets: both, protocol: 'all' }), kernel({ name: 'other', ports: 81 })];
  const { client: agent } = world.agents;
  await proxy.ask('start', { routes, maxConnectionsPerIP: 2 });
  await agent.ask('hold', { host: router.ip, port: 80, count: 2 });
  expect(await ask(router.ip, 81)).toEqual('ECONNREFUSED');
  expect(await ask(router.ip, 81, { localAddress: client.second })).toMatch(/^one/);
  expect((await status()).clientsLimited).toBeGreaterThan(0);
  await agent.ask('release');
  await proxy.ask('stop', { graceMs: 0 });

  await proxy.ask('start', { routes, connectionRateLimitPerMinute: 5 });
  const answers = await times(8, () => ask(router.ip, 80));
  // The bucket fills again by one every twelve seconds.
  expect(answers.slice(0, 5).filter((text) => text === 'ECONNREFUSED')).toEqual([]);
  expect(answers).toContain('ECONNREFUSED');
  expect(await ask(router.ip, 81, { localAddress: client.second })).toMatch(/^one/);
  await proxy.ask('stop', { graceMs: 0 });
  await world[Symbol.asyncDispose]();
});

export default tap.start();
