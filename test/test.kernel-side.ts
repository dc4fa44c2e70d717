// A whole proxy with routes for the kernel, seen by an nft and a conntrack without one: what the rest of the proxy shows of
// them, and what becomes of an update that fails.

import { createNfTablesRoute, type IRouteConfig, SmartProxy } from '../ts/index.js';
import { fakeKernel, type IFakeKernel } from './helpers/fake-kernel.js';
import { closedPort } from './helpers/origins.js';
import { expect, tap } from './helpers/tapbundle.js';

/** To a port of this machine: that needs no switch of the kernel that tests run on. */
const kernel = (name: string, port: number, more: object = {}): IRouteConfig => {
  const route = createNfTablesRoute({ name, ports: port, target: { host: 'localhost', port: 9000 }, ...more });
  if (route.action.type !== 'forward') throw new Error('it forwards');
  return { ...route, action: { ...route.action, nftables: { ...route.action.nftables, redirect: true } } };
};

const own = (port: number): IRouteConfig => ({
  name: 'own',
  match: { ports: port },
  action: { type: 'forward', target: { host: '127.0.0.1', port: 9 } },
});

const flow = (mark: number, id: number) =>
  `tcp      6 431999 ESTABLISHED src=198.51.100.7 dst=203.0.113.1 sport=5${id} dport=80 packets=3 bytes=300 ` +
  `src=203.0.113.1 dst=198.51.100.7 sport=9000 dport=5${id} packets=2 bytes=200 [ASSURED] mark=${mark} use=1 id=${id}`;

/** The programs are looked for in the folders of PATH when a proxy is made. */
async function makeProxy(routes: readonly IRouteConfig[]) {
  const fake = await fakeKernel();
  const path = process.env.PATH;
  process.env.PATH = `${fake.folder}:${path}`;
  try {
    const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes });
    return {
      fake,
      proxy,
      async [Symbol.asyncDispose]() {
        fake.watch = null;
        await proxy.stop({ graceMs: 0 });
        expect(fake.tables).toEqual({});
        await fake[Symbol.asyncDispose]();
      },
    };
  } finally {
    process.env.PATH = path;
  }
}

const refuseChanges = (fake: IFakeKernel) => {
  fake.watch = (args) => {
    if (!args.includes('list')) throw new Error('not now');
  };
};

tap.test('connections in the kernel are events, records and counts, and end as nftables_closed', async () => {
  await using world = await makeProxy([kernel('web', 80)]);
  const { fake, proxy } = world;
  const told: string[] = [];
  proxy.on('connection', ({ route }) => told.push(`opened ${route}`));
  proxy.on('connection-end', ({ route, connectionClosed }, end) => told.push(`${end} ${route} ${connectionClosed}`));
  await proxy.start();
  expect(proxy.getListeningPorts()).toEqual([]);
  const { engine, why, routes } = await proxy.getNfTablesStatus();
  expect([engine, why]).toEqual(['nftables', null]);
  const mark = routes[0]?.mark ?? 0;
  fake.flows = [flow(mark, 1), flow(mark, 2)];
  await proxy.getNfTablesStatus();
  expect(told).toEqual(['opened web', 'opened web']);
  const [record] = proxy.getConnections();
  expect([record?.route, record?.clientIp, record?.target, record?.bytesReceived, record?.end]).toEqual([
    'web',
    '198.51.100.7',
    { host: '203.0.113.1', port: 9000 },
    300,
    null,
  ]);
  const { connections, kernel: counts } = proxy.getMetrics();
  expect([connections.active, counts.active, counts.connections, counts.bytesIn]).toEqual([2, 2, 7, 700]);
  expect([connections.byRoute().get('web'), connections.byIP().get('198.51.100.7')]).toEqual([2, 2]);
  expect(counts.byRoute().get('web')?.packetsOut).toEqual(7);
  fake.flows = [];
  await proxy.getNfTablesStatus();
  expect(told.slice(2)).toEqual(['nftables_closed web true', 'nftables_closed web true']);
  expect([proxy.getMetrics().connections.active, proxy.getStatistics().ends.nftables_closed]).toEqual([0, 2]);
  expect(proxy.getConnections()).toEqual([]);
});

tap.test('those that are left at the stop are released by it', async () => {
  const world = await makeProxy([kernel('web', 80)]);
  const { fake, proxy } = world;
  const ends: string[] = [];
  proxy.on('connection-end', (_, end) => ends.push(end));
  await proxy.start();
  const { routes } = await proxy.getNfTablesStatus();
  fake.flows = [flow(routes[0]?.mark ?? 0, 1)];
  await proxy.getNfTablesStatus();
  await world[Symbol.asyncDispose]();
  expect(ends).toEqual(['nftables_closed']);
  expect(fake.conntrackCalls.some((call) => call.startsWith('-D -m '))).toBeTrue();
});

tap.test('explain and plan say what goes to the kernel', async () => {
  await using world = await makeProxy([]);
  const { proxy } = world;
  await proxy.start();
  const plan = proxy.plan([kernel('web', 80)]);
  expect([plan.kernel, plan.ports.added]).toEqual([['web'], []]);
  await proxy.updateRoutes([kernel('web', 80, { ipBlockList: ['198.51.100.7'] })]);
  const taken = proxy.explain({ port: 80, clientIp: '192.0.2.1' });
  expect([taken.engine, taken.outcome, taken.target]).toEqual([
    'nftables',
    'forward',
    { host: 'this machine', port: 9000 },
  ]);
  expect(proxy.explain({ port: 80, clientIp: '198.51.100.7' }).end).toEqual('route_ip_blocked');
});

tap.test(
  'an update that the kernel refuses changes nothing: not its rules, not the ports of this process',
  async () => {
    await using world = await makeProxy([kernel('web', 80)]);
    const { fake, proxy } = world;
    await proxy.start();
    const before = JSON.stringify(fake.tables);
    refuseChanges(fake);
    await expect(proxy.updateRoutes([kernel('web', 80, { maxConnections: 3 }), own(0)])).rejects.toThrow();
    expect([JSON.stringify(fake.tables), proxy.getListeningPorts()]).toEqual([before, []]);
    expect(proxy.explain({ port: 80, clientIp: '192.0.2.1' }).outcome).toEqual('forward');
    fake.watch = null;
    const plan = await proxy.updateRoutes([kernel('web', 80, { maxConnections: 3 }), own(0)]);
    expect([plan.routes.changed.length, proxy.getListeningPorts().length]).toEqual([1, 1]);
  },
);

tap.test('a start that the kernel refuses leaves no port open, and nothing that keeps the process', async () => {
  await using world = await makeProxy([kernel('web', 80), own(0)]);
  refuseChanges(world.fake);
  await expect(world.proxy.start()).rejects.toThrow();
  expect([world.proxy.getListeningPorts(), world.fake.tables]).toEqual([[], {}]);
});

tap.test('updates at the same time are made one after the other', async () => {
  await using world = await makeProxy([kernel('web', 80)]);
  const { fake, proxy } = world;
  await proxy.start();
  await Promise.all([1, 2, 3, 4].map((n) => proxy.updateRoutes([kernel('web', 80, { maxConnections: n })])));
  const rules = JSON.stringify(fake.tables);
  expect([1, 2, 3, 4].filter((n) => rules.includes(`"ct count":{"val":${n}`))).toEqual([4]);
});

tap.test('a route that may fall back is served here where the kernel cannot, and goes there when it can', async () => {
  const port = await closedPort();
  const route = (): IRouteConfig => ({
    name: 'web',
    match: { ports: port },
    action: {
      type: 'forward',
      target: { host: 'localhost', port: 9000 },
      forwardingEngine: 'nftables',
      nftables: { redirect: true, fallback: 'node' },
    },
  });
  await using world = await makeProxy([route()]);
  const { fake, proxy } = world;
  fake.refusal = 'Operation not permitted (you must be root)';
  await proxy.start();
  const status = await proxy.getNfTablesStatus();
  expect([status.engine, status.tables]).toEqual(['node', []]);
  expect(status.why).toContain('CAP_NET_ADMIN');
  expect(proxy.getListeningPorts()).toEqual([port]);
  expect(proxy.plan([route()]).kernel).toEqual([]);
  fake.refusal = null;
  await proxy.updateRoutes([route()]);
  expect([(await proxy.getNfTablesStatus()).engine, proxy.getListeningPorts()]).toEqual(['nftables', []]);
});

export default tap.start();
