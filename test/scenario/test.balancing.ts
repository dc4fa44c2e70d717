// How connections spread over real targets, and what they do when targets go.

import type { IForwardAction, ITarget } from '../../ts/index.js';
import { connectTcp, type IClient } from '../helpers/clients.js';
import { closedPort, type IOrigin, startOrigin } from '../helpers/origins.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

/** Greets with its name, then waits for the client's end. */
const startNamed = (name: string, port = 0): Promise<IOrigin> =>
  startOrigin(
    (socket) => {
      socket.write(name);
      socket.resume().on('end', () => socket.end());
    },
    { port },
  );

interface ITrio extends AsyncDisposable {
  readonly targets: readonly ITarget[];
  readonly origins: readonly IOrigin[];
}

/** Targets that call themselves a, b and c. */
async function startTrio(): Promise<ITrio> {
  const origins = await Promise.all(['a', 'b', 'c'].map((name) => startNamed(name)));
  return {
    origins,
    targets: origins.map(({ port }) => ({ host: '127.0.0.1', port })),
    async [Symbol.asyncDispose]() {
      for (const origin of origins) await origin[Symbol.asyncDispose]();
    },
  };
}

const startBalanced = (action: Omit<IForwardAction, 'type'>, more: Parameters<typeof startProxy>[0] = {}, parts = {}) =>
  startProxy(
    { ...more, routes: [{ name: 'balanced', match: { ports: 0 }, action: { type: 'forward', ...action } }] },
    parts,
  );

interface IVisit {
  /** Who answered. */
  readonly name: string;
  readonly client: IClient;
}

async function arrive(port: number, localAddress = '127.0.0.1'): Promise<IVisit> {
  const client = await connectTcp(port, { localAddress });
  return { name: await client.receive(1), client };
}

async function leave({ client }: IVisit): Promise<void> {
  client.socket.end();
  await client.closed;
}

/** Who answers `count` visits, one after the other. */
async function answers(world: IStartedProxy, count: number, localAddress?: string): Promise<string> {
  let names = '';
  for (let i = 0; i < count; i++) {
    const visit = await arrive(world.port, localAddress);
    names += visit.name;
    await leave(visit);
    await world.ends();
  }
  return names;
}

const share = (names: string, name: string): number => [...names].filter((one) => one === name).length;

tap.test('round robin takes turns', async () => {
  await using trio = await startTrio();
  await using world = await startBalanced({ targets: trio.targets });
  expect(await answers(world, 7)).toEqual('abcabca');
});

tap.test('round robin gives each its share by weight, evenly mixed', async () => {
  await using trio = await startTrio();
  const targets = trio.targets.map((target, i) => ({ ...target, weight: [5, 1, 1][i] ?? 1 }));
  await using world = await startBalanced({ targets });
  const names = await answers(world, 14);
  expect([share(names, 'a'), share(names, 'b'), share(names, 'c')]).toEqual([10, 2, 2]);
  expect(names).not.toContain('aaaaa');
});

tap.test('least connections looks at the connections that live', async () => {
  await using trio = await startTrio();
  await using world = await startBalanced({
    targets: trio.targets,
    loadBalancing: { algorithm: 'least-connections' },
  });
  const visits: IVisit[] = [];
  for (let i = 0; i < 6; i++) visits.push(await arrive(world.port));
  expect(visits.map(({ name }) => name).sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  const left = visits.filter(({ name }) => name === 'b');
  for (const visit of left) await leave(visit);
  await world.ends(2);
  // Two that stay are needed before the others are as free.
  for (let i = 0; i < 2; i++) {
    const visit = await arrive(world.port);
    expect(visit.name).toEqual('b');
    visits.push(visit);
  }
  await Promise.all(visits.map(leave));
});

for (const algorithm of ['ip-hash', 'consistent-hash'] as const) {
  tap.test(`${algorithm} leads a client to the same target, also after an update, and spreads clients`, async () => {
    await using trio = await startTrio();
    const action = { type: 'forward', targets: trio.targets, loadBalancing: { algorithm } } as const;
    const route = { name: 'balanced', match: { ports: 0 }, action };
    await using world = await startProxy({ routes: [route] });
    const clients = Array.from({ length: 24 }, (_, i) => `127.0.1.${i + 1}`);
    const homes = new Map<string, string>();
    for (const client of clients) {
      const names = await answers(world, 2, client);
      expect(new Set(names).size).toEqual(1);
      homes.set(client, names[0] ?? '');
    }
    expect(new Set(homes.values()).size).toEqual(3);
    // Without c only those move that were with c.
    const targets = trio.targets.slice(0, 2);
    await world.proxy.updateRoutes([{ ...route, action: { ...action, targets } }]);
    for (const [client, home] of homes) {
      const name = await answers(world, 1, client);
      if (home === 'c') expect('ab').toContain(name);
      else expect(name).toEqual(home);
    }
  });
}

tap.test('the better of two random ones: nobody is left out, nobody is crowded', async () => {
  await using trio = await startTrio();
  await using world = await startBalanced({
    targets: trio.targets,
    loadBalancing: { algorithm: 'random-two-choices' },
  });
  const visits: IVisit[] = [];
  for (let i = 0; i < 60; i++) visits.push(await arrive(world.port));
  const names = visits.map(({ name }) => name).join('');
  // The fullest of three is chosen only if the two drawn are equally full: 60 spread to within a few of 20.
  for (const name of 'abc') {
    expect(share(names, name)).toBeGreaterThan(14);
    expect(share(names, name)).toBeLessThan(26);
  }
  await Promise.all(visits.map(leave));
});

tap.test('a list of hosts is balanced like targets', async () => {
  const one = await startNamed('a');
  await using _one = one;
  await using world = await startBalanced({ target: { host: ['127.0.0.1', '127.0.0.2'], port: one.port } });
  // Nothing listens at the second address: its turns go to the first.
  expect(await answers(world, 3)).toEqual('aaa');
});

tap.test('a refused dial goes to the next target, and after three in a row its target is passed over', async () => {
  await using trio = await startTrio();
  const dead = await closedPort();
  const [a, b] = trio.targets as [ITarget, ITarget];
  await using world = await startBalanced({
    targets: [a, { host: '127.0.0.1', port: dead }, b],
    healthCheck: { interval: 0, passive: { failures: 3, ejectTime: 1_000, maxEjectTime: 1_000 } },
  });
  const heard: string[] = [];
  world.proxy.on('target-down', (target, why) => heard.push(`down ${target} ${why}`));
  world.proxy.on('target-up', (target) => heard.push(`up ${target}`));
  expect(share(await answers(world, 9), 'c')).toEqual(0);
  expect(heard).toEqual([`down 127.0.0.1:${dead} ejected for 1 s after 3 failed dials, last: ECONNREFUSED`]);
  const asked = world.proxy.explain({ port: world.port, clientIp: '127.0.0.1' });
  expect(asked.steps.map(({ text }) => text).join('\n')).toMatch(/ejected for another/);
  await until(
    () => heard.length === 2,
    3_000,
    () => 'the end of the ejection',
  );
  expect(heard[1]).toEqual(`up 127.0.0.1:${dead}`);
  // Now somebody is there.
  await using _back = await startNamed('d', dead);
  expect(share(await answers(world, 6), 'd')).toEqual(2);
});

tap.test('probes find a target down and up again; connections follow', async () => {
  await using trio = await startTrio();
  const flaky = await closedPort();
  const [a] = trio.targets as [ITarget];
  await using world = await startBalanced({
    targets: [a, { host: '127.0.0.1', port: flaky }],
    healthCheck: { interval: 15, timeout: 2_000, healthyThreshold: 2, unhealthyThreshold: 2, passive: false },
  });
  const heard: string[] = [];
  world.proxy.on('target-down', (target, why) => heard.push(`down ${target}: ${why}`));
  world.proxy.on('target-up', (target) => heard.push(`up ${target}`));
  const hears = (count: number) =>
    until(
      () => heard.length >= count,
      5_000,
      () => `${count} events, heard ${JSON.stringify(heard)}`,
    );
  await hears(1);
  expect(heard).toEqual([`down 127.0.0.1:${flaky}: unhealthy: 2 failed probes, last: ECONNREFUSED`]);
  expect(await answers(world, 4)).toEqual('aaaa');
  const back = await startNamed('d', flaky);
  await hears(2);
  expect(heard[1]).toEqual(`up 127.0.0.1:${flaky}`);
  expect(share(await answers(world, 4), 'd')).toEqual(2);
  await back[Symbol.asyncDispose]();
  await hears(3);
  expect(heard[2]).toMatch(/^down /);
  expect(await answers(world, 4)).toEqual('aaaa');
  // What is known about a target outlives an update of the routes.
  await world.proxy.updateRoutes([
    {
      name: 'another',
      match: { ports: 0 },
      action: {
        type: 'forward',
        targets: [{ host: '127.0.0.1', port: flaky }, a],
        healthCheck: { interval: 15, timeout: 2_000, healthyThreshold: 2, unhealthyThreshold: 2, passive: false },
      },
    },
  ]);
  const told = world.proxy.explain({ port: world.port, clientIp: '127.0.0.1' });
  expect(told.target).toEqual({ host: '127.0.0.1', port: a.port });
  expect(heard).toHaveLength(3);
});

tap.test('backups serve while no primary is up; when all are down, all are tried', async () => {
  await using trio = await startTrio();
  const [a, b] = trio.targets as [ITarget, ITarget];
  const healthCheck = { interval: 0, passive: { failures: 1, ejectTime: 60_000 } };
  const primary = await closedPort();
  await using world = await startBalanced({
    targets: [
      { host: '127.0.0.1', port: primary },
      { ...b, backup: true },
    ],
    healthCheck,
  });
  let down = 0;
  world.proxy.on('target-down', () => down++);
  expect(await answers(world, 3)).toEqual('bbb');
  expect(down).toEqual(1);

  await using panic = await startBalanced({
    targets: [
      { host: '127.0.0.1', port: primary },
      { host: '127.0.0.1', port: await closedPort(), backup: true },
    ],
    healthCheck,
  });
  await (await connectTcp(panic.port)).closed;
  await (await connectTcp(panic.port)).closed;
  expect(await panic.ends(2)).toEqual(['target_refused', 'target_refused']);
  // Both count as down for a minute, yet the one that came back is found.
  await using _back = await startNamed('d', primary);
  expect(await answers(panic, 3)).toEqual('ddd');

  await using calm = await startBalanced({ targets: [a, { ...b, backup: true }], healthCheck });
  expect(await answers(calm, 4)).toEqual('aaaa');
});

tap.test('targets for certain ports come before the fallback, the highest priority first', async () => {
  await using trio = await startTrio();
  const [a, b, c] = trio.targets as [ITarget, ITarget, ITarget];
  const [first, second] = [await closedPort(), await closedPort()];
  await using world = await startProxy({
    routes: [
      {
        name: 'by port',
        match: { ports: [0, first, second] },
        action: {
          type: 'forward',
          targets: [a, { ...b, match: { ports: [first, second] } }, { ...c, match: { ports: second }, priority: 1 }],
        },
      },
    ],
  });
  const free = world.proxy.getListeningPorts().find((port) => port !== first && port !== second) ?? 0;
  for (const [port, name] of [
    [free, 'a'],
    [first, 'b'],
    [second, 'c'],
  ] as const) {
    const visit = await arrive(port);
    expect(visit.name).toEqual(name);
    await leave(visit);
  }
});

tap.test('functions choose targets by what is known of the connection', async () => {
  await using trio = await startTrio();
  const [a, b, c] = trio.targets.map(({ port }) => Number(port)) as [number, number, number];
  await using world = await startBalanced({
    target: {
      host: ({ clientIp }) => (clientIp === '127.0.0.8' ? ['127.0.0.1', '127.0.0.2'] : '127.0.0.1'),
      port: ({ clientIp, routeName, isTls }) => {
        if (routeName !== 'balanced' || isTls) return c;
        return clientIp === '127.0.0.7' ? a : b;
      },
    },
  });
  expect(await answers(world, 2, '127.0.0.7')).toEqual('aa');
  expect(await answers(world, 2, '127.0.0.6')).toEqual('bb');
  expect(await answers(world, 3, '127.0.0.8')).toEqual('bbb');
});

for (const [what, target] of Object.entries<Partial<ITarget>>({
  throws: {
    host: () => {
      throw new Error('thrown on purpose');
    },
  },
  'gives no host': { host: () => undefined as unknown as string },
  'gives an empty list': { host: () => [] },
  'gives a port out of range': { port: () => 70_000 },
  'is asynchronous': { port: (async () => 80) as unknown as () => number },
  'rejects later': { host: (() => Promise.reject(new Error('rejected on purpose'))) as unknown as () => string },
})) {
  tap.test(`a target function that ${what} ends its connection and no other`, async () => {
    await using origin = await startNamed('a');
    const { host, port } = target;
    let isBroken = true;
    await using world = await startBalanced({
      target: {
        host: (context) => (isBroken && typeof host === 'function' ? host(context) : '127.0.0.1'),
        port: (context) => (isBroken && typeof port === 'function' ? port(context) : origin.port),
      },
    });
    await (await connectTcp(world.port)).closed;
    expect(await world.ends()).toEqual(['no_target']);
    isBroken = false;
    expect(await answers(world, 1)).toEqual('a');
  });
}

tap.test("port 'preserve' dials the port that the client connected to", async () => {
  const port = await closedPort();
  // The same port at another address.
  await using origin = await startNamed('a', port);
  await using world = await startProxy({
    listenAddress: '127.0.0.2',
    routes: [
      {
        name: 'same port',
        match: { ports: port },
        action: { type: 'forward', target: { host: '127.0.0.1', port: 'preserve' } },
      },
    ],
  });
  await using client = await connectTcp(port, { host: '127.0.0.2' });
  expect(await client.receive(1)).toEqual('a');
  expect(world.proxy.getConnections()[0]?.target).toEqual({ host: '127.0.0.1', port: origin.port });
  client.socket.end();
});

tap.test('names are asked of the resolver that the host program gave; every address is tried', async () => {
  await using origin = await startNamed('a');
  const asked: string[] = [];
  const resolver = {
    resolve: (name: string) => {
      asked.push(name);
      if (name === 'gone.test') return Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
      // Nothing listens at the first one.
      return name === 'now.test' ? ['127.0.0.3', '127.0.0.1'] : Promise.resolve(['127.0.0.3', '127.0.0.1']);
    },
  };
  for (const host of ['now.test', 'later.test']) {
    await using world = await startBalanced({ target: { host, port: origin.port } }, {}, { resolver });
    expect(await answers(world, 2)).toEqual('aa');
    expect(world.ended[0]?.connection.target).toEqual({ host, port: origin.port });
  }
  expect(asked).toEqual(['now.test', 'now.test', 'later.test', 'later.test']);
  await using fallen = await startBalanced(
    {
      targets: [
        { host: 'gone.test', port: origin.port },
        { host: 'now.test', port: origin.port },
      ],
    },
    {},
    { resolver },
  );
  expect(await answers(fallen, 2)).toEqual('aa');
});

export default tap.start();
