// What NFTablesManager does to the rules, seen by an nft without a kernel.

import { type ILogger, silentLogger } from '../../ts/base/logger.js';
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

tap.timeout(90_000);

/** For what is under way to happen: programs are started for it. */
const patienceMs = 25_000;

/** Worlds that are, and who listened for the end of the process before the first of them. */
let live = 0;
let exits = 0;

async function makeWorld(names: Record<string, readonly string[]> = {}, logger: ILogger = silentLogger) {
  if (live++ === 0) exits = process.listenerCount('exit');
  const fake = await fakeKernel();
  const clock = makeFakeClock();
  const told: string[] = [];
  const tell = (what: string) => (connection: IKernelConnection) =>
    told.push(`${what} ${connection.route} ${connection.clientIp}`);
  const world = {
    resolve: async (host: string): Promise<readonly string[]> => {
      const found = names[host];
      if (found === undefined) throw new Error(`no ${host}`);
      return found;
    },
  };
  const manager = new NFTablesManager({
    clock,
    logger,
    names: { resolve: (host) => world.resolve(host) },
    observer: { kernelOpened: tell('opened'), kernelClosed: tell('closed') },
    nft: fake.options,
    switches: fake.switches,
  });
  const use = async (routes: readonly IRouteConfig[], options: Partial<ISmartProxyOptions> = {}) => {
    const plan = await manager.prepare(configOf(routes, options));
    await manager.commit(plan);
    return plan;
  };
  return Object.assign(world, {
    fake,
    clock,
    manager,
    told,
    use,
    async [Symbol.asyncDispose]() {
      await manager.cleanup();
      expect(Object.keys(fake.tables).filter((name) => name.startsWith('smartproxy_'))).toEqual([]);
      if (--live === 0) expect(process.listenerCount('exit')).toEqual(exits);
      await fake[Symbol.asyncDispose]();
    },
  });
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

tap.test('a table that cannot be removed leaves all of them as they were', async () => {
  await using world = await makeWorld();
  const routes = [kernel(), kernel({ name: 'b', ports: 81, tableName: 'edge_1' })];
  await world.use(routes);
  world.fake.watch = (_, input) => {
    if (input.includes('"delete":{"table"') && input.includes('edge_1')) throw new Error('not now');
  };
  await expect(world.use([kernel({ target: { host: '192.0.2.7', port: 1 } })])).rejects.toThrow('not now');
  expect(textOf(world.fake)).toContain('192.0.2.1"');
  expect(textOf(world.fake)).not.toContain('192.0.2.7');
  world.fake.watch = null;
  await world.use([kernel()]);
  expect(Object.keys(world.fake.tables)).toHaveLength(1);
});

tap.test('an update whose rules cannot be read back is taken back', async () => {
  await using world = await makeWorld();
  await world.use([kernel()]);
  const lists = (text: string) => /list table /.test(text);
  let changed = false;
  world.fake.watch = (args, input) => {
    if (changed && lists(args)) {
      changed = false;
      throw new Error('no answer');
    }
    changed ||= args === '-j -f -' && input.includes('192.0.2.7');
  };
  await expect(world.use([kernel({ target: { host: '192.0.2.7', port: 1 } })])).rejects.toThrow('no answer');
  world.fake.watch = null;
  expect(textOf(world.fake)).toContain('192.0.2.1"');
  expect(textOf(world.fake)).not.toContain('192.0.2.7');
  // A table that was new is not there.
  world.fake.watch = (args) => {
    if (args.endsWith('edge_1') && world.fake.tables.edge_1 !== undefined) throw new Error('no answer');
  };
  const both = [kernel(), kernel({ name: 'b', ports: 81, tableName: 'edge_1' })];
  await expect(world.use(both)).rejects.toThrow('no answer');
  expect(Object.keys(world.fake.tables)).toHaveLength(1);
  world.fake.watch = null;
});

tap.test('what the kernel lacks for an update makes its routes fall back, if they may', async () => {
  await using world = await makeWorld();
  await world.use([kernel({ fallback: 'node' })]);
  world.fake.watch = (args, input) => {
    if (args.startsWith('-c') && input.includes('jhash')) throw new Error('no such thing');
  };
  const targets = ['192.0.2.1', '192.0.2.2'].map((host) => ({ host, port: 1 }));
  const hashing = { ...kernel({ fallback: 'node' }) };
  const plan = await world.use([
    createNfTablesRoute({ name: 'web', ports: 80, targets, algorithm: 'ip-hash', fallback: 'node' }),
  ]);
  expect(plan.why).toContain('nft_hash');
  expect([plan.config.routes[0]?.kernel, world.fake.tables]).toEqual([null, {}]);
  world.fake.watch = null;
  await world.use([hashing]);
  expect((await world.manager.getStatus()).engine).toEqual('nftables');
});

tap.test('two tables have never the same marks, whatever process they are of', async () => {
  await using world = await makeWorld();
  await using other = await makeWorld();
  const marks = async (of: typeof world, count: number) => {
    await of.use(
      Array.from({ length: count }, (_, i) => kernel({ name: `r${i}`, ports: 80 + i, tableName: `edge_${i}` })),
    );
    return (await of.manager.getStatus()).routes.map(({ mark }) => Math.floor(mark / 65_536));
  };
  const [first = 0] = await marks(world, 1);
  const all = [...(await marks(world, 3)), ...(await marks(other, 3))];
  expect(all[0]).toEqual(first);
  expect(new Set(all).size).toEqual(6);
  // Of another process: what its table says is taken too.
  await world.use([]);
  const foreign = lineOf({ pid: 1, start: '1', boot: '0', space: '0', mark: first });
  world.fake.tables = { edge_9: owned(foreign) } as TTables;
  expect(await marks(world, 1)).not.toEqual([first]);
});

tap.test('however many proxies there are, they listen once for the end of the process', async () => {
  const before = process.listenerCount('exit');
  await using first = await makeWorld();
  await first.use([kernel()]);
  await using second = await makeWorld();
  await second.use([kernel()]);
  expect(process.listenerCount('exit')).toEqual(before + 1);
  await second.use([]);
  expect(process.listenerCount('exit')).toEqual(before + 1);
  await first.use([]);
  expect(process.listenerCount('exit')).toEqual(before);
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

tap.test('rules that somebody else removed are told once, and written anew', async () => {
  const errors: string[] = [];
  const logger: ILogger = { ...silentLogger, error: (_: object, text: string) => void errors.push(text) };
  await using world = await makeWorld({}, logger);
  await world.use([kernel()]);
  const before = Object.keys(world.fake.tables);
  world.fake.tables = {} as TTables;
  for (let i = 0; i < 2; i++) await world.manager.getStatus();
  expect(errors).toEqual(['somebody removed our rules from the kernel: the next update writes them anew']);
  await world.use([kernel({ maxConnections: 3 })]);
  expect(Object.keys(world.fake.tables)).toEqual(before);
});

const owned = (line: string) => [{ chain: { name: 'owner' } }, { rule: { chain: 'owner', comment: line } }];

tap.test('the tables of processes that are gone are removed, those of others stay', async () => {
  await using world = await makeWorld();
  const gone = lineOf({ pid: 1, start: '1', boot: '0', space: '0', mark: 1 });
  world.fake.tables = { left_1: owned(gone), foreign_1: owned('mine'), foreign_2: [] } as TTables;
  await world.use([kernel()]);
  const names = Object.keys(world.fake.tables).filter((name) => !name.startsWith('smartproxy_'));
  expect(names).toEqual(['foreign_1', 'foreign_2']);
});

tap.test(
  'what is left is removed by its handle: a table that took its name meanwhile stays, and nobody minds',
  async () => {
    await using world = await makeWorld();
    const gone = lineOf({ pid: 1, start: '1', boot: '0', space: '0', mark: 1 });
    world.fake.tables = { left_1: owned(gone) } as TTables;
    world.fake.watch = (args, input) => {
      if (args !== '-c -j -f -' || !input.includes('"delete":{"table":{"family":"inet","handle"')) return;
      throw new Error('Could not process rule: No such file or directory');
    };
    await world.use([kernel()]);
    expect(Object.keys(world.fake.tables)).toContain('left_1');
    world.fake.watch = null;
  },
);

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

  // It says so for its own needs alone.
  const sixth = kernel({ name: 'b', ports: 81, target: { host: '2001:db8::1', port: 1 } });
  world.fake.values.set('net.ipv6.conf.all.forwarding', '0');
  await expect(world.use([kernel({ changeSysctls: true }), sixth])).rejects.toThrow(
    'net.ipv6.conf.all.forwarding is 0',
  );
  expect(world.fake.values.get('net.ipv4.ip_forward')).toEqual('0');
  world.fake.values.set('net.ipv6.conf.all.forwarding', '1');

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
  await until(
    () => has('192.0.2.9'),
    patienceMs,
    () => 'the new address',
  );
  expect(has('192.0.2.5')).toBeFalse();
  delete names['a.test'];
  world.clock.advance(30_000);
  await world.manager.getStatus();
  expect(has('192.0.2.9')).toBeTrue();
  await expect(world.use([kernel({ target: { host: 'b.test', port: 9000 } })])).rejects.toThrow('no b.test');
});

tap.test('names that were asked for before an update, or before a stop, change nothing after it', async () => {
  for (const overtake of ['update', 'drain'] as const) {
    const answers: ((found: readonly string[]) => void)[] = [];
    await using world = await makeWorld();
    const names = { 'a.test': ['192.0.2.5'] as readonly string[] };
    let isSlow = false;
    world.resolve = async (host) => {
      if (!isSlow || host !== 'a.test') return names['a.test'];
      return await new Promise<readonly string[]>((resolve) => answers.push(resolve));
    };
    const route = kernel({ target: { host: 'a.test', port: 9000 } });
    await world.use([route]);
    isSlow = true;
    world.clock.advance(30_000);
    await until(
      () => answers.length === 1,
      patienceMs,
      () => 'the names are asked for',
    );
    if (overtake === 'update') await world.use([kernel({ target: { host: '192.0.2.8', port: 9000 } })]);
    else await world.manager.drain(0);
    const after = textOf(world.fake);
    answers[0]?.(['192.0.2.9']);
    // The manager has nothing under way any more when its next work is done.
    await world.manager.getStatus();
    await new Promise(setImmediate);
    expect([overtake, textOf(world.fake)]).toEqual([overtake, after]);
    world.clock.advance(30_000);
    await world.manager.getStatus();
    expect([overtake, textOf(world.fake), answers.length]).toEqual([overtake, after, 1]);
  }
});

tap.test('an address that is an IPv4 address inside is that one; one that no packet can go to is none', async () => {
  await using world = await makeWorld({ 'a.test': ['::ffff:192.0.2.5', 'fe80::1%lo'], 'b.test': ['0.0.0.0', '::1'] });
  const hostsOf = async (part: Partial<INfTablesRouteOptions>) => {
    await world.use([kernel(part)]);
    return (await world.manager.getStatus()).routes[0]?.targets.map(({ host }) => host);
  };
  expect(await hostsOf({ target: { host: '::ffff:192.0.2.7', port: 1 } })).toEqual(['192.0.2.7']);
  expect(await hostsOf({ target: { host: 'a.test', port: 1 } })).toEqual(['192.0.2.5']);
  expect(await hostsOf({ target: { host: '2001:DB8:0::1', port: 1 } })).toEqual(['2001:db8::1']);
  await hostsOf({ listenAddress: '::ffff:203.0.113.1' });
  expect(textOf(world.fake)).toContain('"right":"203.0.113.1"');
  await expect(hostsOf({ target: { host: 'b.test', port: 1 } })).rejects.toThrow('none of the addresses');
  await expect(hostsOf({ listenAddress: '2001:db8::1' })).rejects.toThrow('family of 2001:db8::1');
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
    patienceMs,
    () => `two ends, has ${world.told}`,
  );
  expect(world.told.slice(2)).toEqual(['closed web 198.51.100.7', 'closed web 198.51.100.7']);
  await world.manager.getStatus();
  expect(world.told).toHaveLength(4);
});

tap.test('the connections of the last route are watched until they are over', async () => {
  await using world = await makeWorld();
  await world.use([kernel()]);
  const [route] = (await world.manager.getStatus()).routes;
  world.fake.flows = [flow(route?.mark ?? 0, 1), flow(route?.mark ?? 0, 2)];
  await world.manager.getStatus();
  await world.use([]);
  world.fake.flows = [flow(route?.mark ?? 0, 2)];
  world.clock.advance(5000);
  await until(
    () => world.told.length === 3,
    patienceMs,
    () => `one end, has ${world.told}`,
  );
  expect(world.manager.watch.records.size).toEqual(1);
  world.fake.flows = [];
  world.clock.advance(5000);
  await until(
    () => world.told.length === 4,
    patienceMs,
    () => `two ends, has ${world.told}`,
  );
  // Then nobody looks any more.
  const calls = world.fake.conntrackCalls.length;
  world.clock.advance(60_000);
  await new Promise(setImmediate);
  expect([world.clock.pending, world.fake.conntrackCalls.length]).toEqual([0, calls]);
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
  const letsIn = (): boolean => {
    const [rules = []] = Object.values(world.fake.tables);
    return rules.some(({ rule }) => rule?.comment === 'route web' && JSON.stringify(rule).includes('dport'));
  };
  await until(
    () => !letsIn(),
    patienceMs,
    () => 'a table that closes',
  );
  world.fake.flows = [];
  await drained;
});

export default tap.start();
