// What NFTablesManager does to the rules, seen by an nft without a kernel.

import { silentLogger } from '../../ts/base/logger.js';
import { resolveConfig } from '../../ts/config/resolve.js';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/config/types.js';
import { createNfTablesRoute, type INfTablesRouteOptions } from '../../ts/index.js';
import { NftExecutionError, NftResourceError } from '../../ts/nftables/errors.js';
import type { IKernelConnection } from '../../ts/nftables/kernel-records.js';
import { NFTablesManager } from '../../ts/nftables/kernel-routes.js';
import { lineOf } from '../../ts/nftables/owner.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { fakeKernel, type IFakeKernel } from '../helpers/fake-kernel.js';
import type { TTables } from '../helpers/fake-tables.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const kernel = (part: Partial<INfTablesRouteOptions> = {}): IRouteConfig =>
  createNfTablesRoute({ name: 'web', ports: 80, target: { host: '192.0.2.1', port: 9000 }, ...part });
const configOf = (routes: readonly IRouteConfig[], options: Partial<ISmartProxyOptions> = {}) =>
  resolveConfig({ ...options, routes });

async function makeWorld(names: Record<string, readonly string[]> = {}) {
  const exits = process.listenerCount('exit');
  const fake = await fakeKernel();
  const clock = makeFakeClock();
  const told: string[] = [];
  const tell = (what: string) => (connection: IKernelConnection) =>
    told.push(`${what} ${connection.route} ${connection.clientIp}`);
  const manager = new NFTablesManager({
    clock,
    logger: silentLogger,
    names: {
      resolve: async (host) => {
        const found = names[host];
        if (found === undefined) throw new Error(`no ${host}`);
        return found;
      },
    },
    observer: { kernelOpened: tell('opened'), kernelClosed: tell('closed') },
    nft: fake.options,
    switches: fake.switches,
  });
  const use = async (routes: readonly IRouteConfig[], options: Partial<ISmartProxyOptions> = {}) => {
    const plan = await manager.prepare(configOf(routes, options));
    await manager.commit(plan);
    return plan;
  };
  return {
    fake,
    clock,
    manager,
    told,
    names,
    use,
    async [Symbol.asyncDispose]() {
      await manager.cleanup();
      expect(Object.keys(fake.tables).filter((name) => name.startsWith('smartproxy_'))).toEqual([]);
      expect(process.listenerCount('exit')).toEqual(exits);
      await fake[Symbol.asyncDispose]();
    },
  };
}

const textOf = (fake: IFakeKernel): string => JSON.stringify(fake.tables);

tap.test('without routes for the kernel nothing is run at all', async () => {
  await using world = await makeWorld();
  world.fake.refusal = 'nobody may call me';
  await world.use([{ match: { ports: 80 }, action: { type: 'block' } }]);
  expect((await world.manager.getStatus()).engine).toEqual('none');
  expect(world.fake.tables).toEqual({});
});

tap.test('routes come, change and go; each table that is named stands by itself', async () => {
  await using world = await makeWorld();
  await world.use([kernel(), kernel({ name: 'other', ports: 81, tableName: 'edge_1' })]);
  const [own = '', ...more] = Object.keys(world.fake.tables);
  expect([own.startsWith('smartproxy_'), more]).toEqual([true, ['edge_1']]);
  await world.use([kernel({ target: { host: '192.0.2.7', port: 9000 } })]);
  expect(Object.keys(world.fake.tables)).toEqual([own]);
  expect(textOf(world.fake)).toContain('192.0.2.7');
  expect(textOf(world.fake)).not.toContain('192.0.2.1"');
  await world.use([]);
  expect(world.fake.tables).toEqual({});
});

tap.test('what cannot be put into one table leaves the others as they were', async () => {
  await using world = await makeWorld();
  await world.use([kernel()]);
  const before = textOf(world.fake);
  const plan = await world.manager.prepare(
    configOf([kernel({ maxConnections: 5 }), kernel({ name: 'b', ports: 81, tableName: 'edge_1' })]),
  );
  // Between the check and the change somebody else takes the name.
  const tables = { ...world.fake.tables, edge_1: [] };
  world.fake.tables = tables as TTables;
  await expect(world.manager.commit(plan)).rejects.toThrow('somebody else');
  const { edge_1: _, ...left } = world.fake.tables;
  expect(JSON.stringify(left).length).toEqual(before.length);
  expect((await world.manager.getStatus()).routes.map(({ route }) => route)).toEqual(['web']);
});

tap.test('a refusal of the kernel is told as it is, or as what the kernel lacks', async () => {
  await using world = await makeWorld();
  await world.use([kernel()]);
  world.fake.refusal = 'Error: Could not process rule';
  const error = await world.use([kernel({ maxConnections: 3 })]).catch((caught) => caught);
  // Nothing at all works here, so everything lacks.
  expect(error instanceof NftResourceError && error.lack).toEqual('kernel');
  expect(error.cause instanceof NftExecutionError).toBeTrue();
  world.fake.refusal = null;
});

tap.test('rules that somebody else removed are written anew', async () => {
  await using world = await makeWorld();
  await world.use([kernel()]);
  const before = Object.keys(world.fake.tables);
  world.fake.tables = {} as TTables;
  await world.use([kernel({ maxConnections: 3 })]);
  expect(Object.keys(world.fake.tables)).toEqual(before);
});

const owned = (line: string) => [{ chain: { name: 'owner' } }, { rule: { chain: 'owner', comment: line } }];

tap.test('the tables of processes that are gone are removed, those of others stay', async () => {
  await using world = await makeWorld();
  const gone = lineOf({ pid: 1, start: '1', boot: '0', space: '0' });
  world.fake.tables = { left_1: owned(gone), foreign_1: owned('mine'), foreign_2: [] } as TTables;
  await world.use([kernel()]);
  const names = Object.keys(world.fake.tables).filter((name) => !name.startsWith('smartproxy_'));
  expect(names).toEqual(['foreign_1', 'foreign_2']);
});

tap.test('switches that are off are an error, are set where a route says so, or make routes fall back', async () => {
  await using world = await makeWorld();
  world.fake.values.set('net.ipv4.ip_forward', '0');
  const error = await world.use([kernel()]).catch((caught) => caught);
  expect(error instanceof NftResourceError && error.lack).toEqual('sysctl');
  expect(error.message).toContain('net.ipv4.ip_forward is 0');

  const plan = await world.use([kernel({ fallback: 'node' })]);
  expect(plan.config.routes.map((route) => route.kernel)).toEqual([null]);
  const status = await world.manager.getStatus();
  expect([status.engine, status.routes]).toEqual(['node', []]);
  // One that has no other way decides for all.
  await expect(world.use([kernel({ fallback: 'node' }), kernel({ name: 'b', ports: 81 })])).rejects.toThrow(
    'ip_forward',
  );

  await world.use([kernel({ changeSysctls: true })]);
  expect(world.fake.values.get('net.ipv4.ip_forward')).toEqual('1');
  expect(world.fake.values.get('net.netfilter.nf_conntrack_acct')).toEqual('1');
  world.fake.values.set('net.ipv4.conf.all.route_localnet', '0');
  await expect(world.use([kernel({ target: { host: '127.0.0.1', port: 1 } })])).rejects.toThrow('route_localnet');
});

tap.test('names are looked up, both families, and asked again; one that fails then changes nothing', async () => {
  const names: Record<string, readonly string[]> = { 'a.test': ['192.0.2.5', '192.0.2.6', '2001:db8::5'] };
  await using world = await makeWorld(names);
  await world.use([kernel({ target: { host: 'a.test', port: 9000 } })]);
  const [route] = (await world.manager.getStatus()).routes;
  expect(route?.targets.map(({ host }) => host)).toEqual(['192.0.2.5', '2001:db8::5']);
  names['a.test'] = ['192.0.2.9'];
  world.clock.advance(30_000);
  const has = (text: string) => textOf(world.fake).includes(text);
  let found = false;
  for (let i = 0; i < 200 && !found; i++) {
    found = has('192.0.2.9');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect([found, has('192.0.2.5')]).toEqual([true, false]);
  delete names['a.test'];
  world.clock.advance(30_000);
  await world.manager.getStatus();
  expect(has('192.0.2.9')).toBeTrue();
  await expect(world.use([kernel({ target: { host: 'b.test', port: 9000 } })])).rejects.toThrow('no b.test');
});

tap.test('denyPrivateTargets holds for addresses behind names', async () => {
  await using world = await makeWorld({ 'a.test': ['10.0.0.1'] });
  const route = kernel({ target: { host: 'a.test', port: 9000 } });
  await expect(world.use([route], { denyPrivateTargets: true })).rejects.toThrow('denyPrivateTargets');
});

const flow = (mark: number, id: number, state = 'ESTABLISHED') =>
  `tcp      6 431999 ${state} src=198.51.100.7 dst=203.0.113.1 sport=5${id} dport=80 packets=3 bytes=300 ` +
  `src=192.0.2.1 dst=203.0.113.1 sport=9000 dport=5${id} packets=2 bytes=200 [ASSURED] mark=${mark} use=1 id=${id}`;

tap.test('connections are records from the look that finds them to the look that does not', async () => {
  await using world = await makeWorld();
  await world.use([kernel()]);
  const [route] = (await world.manager.getStatus()).routes;
  const mark = route?.mark ?? 0;
  world.fake.flows = [flow(mark, 1), flow(mark, 2), flow(mark + 7, 3), 'conntrack v1.4.7: 3 flow entries'];
  const { connections, routes } = await world.manager.getStatus();
  expect(connections).toHaveLength(2);
  const { id, since, ...facts } = connections?.[0] ?? ({} as IKernelConnection);
  expect(facts).toEqual({
    transport: 'tcp',
    clientIp: '198.51.100.7',
    clientPort: 51,
    serverIp: '203.0.113.1',
    serverPort: 80,
    route: 'web',
    target: { host: '192.0.2.1', port: 9000 },
    bytesReceived: 300,
    bytesSent: 200,
  });
  expect([typeof id, typeof since]).toEqual(['string', 'number']);
  expect(routes[0]?.bytesIn).toEqual(700);
  expect(world.manager.watch.totals().connections).toEqual(7);
  // One is over and still remembered, the other is forgotten.
  world.fake.flows = [flow(mark, 1, 'TIME_WAIT')];
  world.clock.advance(5000);
  await until(
    () => world.told.length === 4,
    5000,
    () => `two ends, has ${world.told}`,
  );
  expect(world.told.slice(2)).toEqual(['closed web 198.51.100.7', 'closed web 198.51.100.7']);
  await world.manager.getStatus();
  expect(world.told).toHaveLength(4);
});

tap.test('what a route has counted stays in the totals when it goes', async () => {
  await using world = await makeWorld();
  await world.use([kernel(), kernel({ name: 'b', ports: 81 })]);
  await world.manager.getStatus();
  await world.use([kernel()]);
  expect([...world.manager.watch.byRoute().keys()]).toEqual(['web']);
  expect(world.manager.watch.totals().connections).toEqual(14);
});

tap.test('without conntrack everything but single connections is known', async () => {
  await using world = await makeWorld();
  await using other = await fakeKernel();
  const manager = new NFTablesManager({
    clock: world.clock,
    logger: silentLogger,
    names: { resolve: () => [] },
    observer: { kernelOpened() {}, kernelClosed() {} },
    nft: { ...other.options, conntrack: '/nowhere/conntrack' },
    switches: other.switches,
  });
  await manager.commit(await manager.prepare(configOf([kernel()])));
  const status = await manager.getStatus();
  expect([status.connections, status.routes[0]?.connections]).toEqual([null, 7]);
  expect(status.connectionsUnknown).toContain('conntrack is not installed');
  await manager.drain(1000);
  await manager.cleanup();
  expect(other.tables).toEqual({});
});

tap.test('cutting a route and the end forget connections by their marks', async () => {
  await using world = await makeWorld();
  const before = await world.use([kernel()]);
  const [route] = (await world.manager.getStatus()).routes;
  await world.manager.cut(before, new Set(['web', 'unknown']));
  expect(world.fake.conntrackCalls).toContain(`-D -m ${route?.mark}`);
});

tap.test('a drain lets nothing new in and waits for TCP, as long as it may', async () => {
  await using world = await makeWorld();
  await world.use([kernel()]);
  const [route] = (await world.manager.getStatus()).routes;
  world.fake.flows = [flow(route?.mark ?? 0, 1)];
  const drained = world.manager.drain(1_000_000);
  let closing = false;
  for (let i = 0; i < 200 && !closing; i++) {
    const [rules = []] = Object.values(world.fake.tables);
    closing = !rules.some(({ rule }) => rule?.comment === 'route web' && JSON.stringify(rule).includes('dport'));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(closing).toBeTrue();
  world.fake.flows = [];
  await drained;
});

export default tap.start();
