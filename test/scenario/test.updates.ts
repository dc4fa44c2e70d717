// Live updates: what an update changes it changes as a whole, and no connection pays for it.

import { once } from 'node:events';
import net from 'node:net';
import { ConfigError, type IPlan, type IRouteConfig, ProxyError } from '../../ts/index.js';
import { connectTcp, type IClient } from '../helpers/clients.js';
import { closedPort, startEcho, startOrigin } from '../helpers/origins.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

/** Sends a line and expects it back, beside what came before. Lines, because half a line may still become HTTP. */
async function exchange(client: IClient, text: string): Promise<void> {
  const message = `${text}\r\n`;
  const before = client.received.length;
  client.send(message);
  const all = await client.receive(before + message.length);
  expect(all.slice(before)).toEqual(message);
}

async function visit(port: number, text: string): Promise<void> {
  await using client = await connectTcp(port);
  await exchange(client, text);
  client.socket.end();
  await client.end;
}

async function isRefused(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  const refused = await Promise.race([
    once(socket, 'connect').then(() => false),
    new Promise<boolean>((resolve) => socket.once('error', () => resolve(true))),
  ]);
  socket.destroy();
  return refused;
}

/** Takes a port until it is disposed of. */
async function occupy() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    async [Symbol.asyncDispose]() {
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
}

const onPort = (port: number, targetPort: number, name = `on-${port}`): IRouteConfig =>
  makeForwardRoute(targetPort, { name, match: { ports: port } });

tap.test('a hundred updates while connections live, come and go disturb none of them', async () => {
  await using echo = await startEcho();
  const stable = makeForwardRoute(echo.port, { name: 'stable' });
  await using world = await startProxy({ routes: [stable] });
  const residents = await Promise.all(Array.from({ length: 10 }, () => connectTcp(world.port)));
  for (const [index, client] of residents.entries()) await exchange(client, `resident ${index};`);

  let visits = 0;
  let updating = true;
  const arrive = async (lane: number) => {
    for (let round = 0; updating; round++) {
      await visit(world.port, `visitor ${lane}/${round}`);
      visits += 1;
    }
  };
  const lanes = [0, 1, 2, 3].map(arrive);
  for (let round = 0; round < 100; round++) {
    const seen = visits;
    // Names in another place each time, and in every second round none: what is read of a connection changes too.
    const passing = makeForwardRoute(echo.port, { name: `r${round}`, match: { ports: 0, domains: `r${round}.test` } });
    await world.proxy.updateRoutes(round % 2 === 0 ? [passing, stable] : [stable]);
    await until(
      () => visits > seen,
      5_000,
      () => `a visit after update ${round}`,
    );
  }
  updating = false;
  await Promise.all(lanes);

  for (const [index, client] of residents.entries()) {
    await exchange(client, `still ${index};`);
    client.socket.end();
    await client.end;
  }
  expect(visits).toBeGreaterThan(99);
  const words = await world.ends(visits + residents.length);
  expect(new Set(words)).toEqual(new Set(['client_closed']));
  expect(new Set(world.ended.map(({ connection }) => connection.route))).toEqual(new Set(['stable']));
});

tap.test('a connection keeps the target it had; the next one gets the new one', async () => {
  await using before = await startOrigin((socket) => void socket.on('data', () => socket.write('before')));
  await using after = await startOrigin((socket) => void socket.on('data', () => socket.write('after!')));
  await using world = await startProxy({ routes: [makeForwardRoute(before.port, { name: 'one' })] });
  await using old = await connectTcp(world.port);
  old.send('?');
  expect(await old.receive(6)).toEqual('before');
  const plan = await world.proxy.updateRoutes([makeForwardRoute(after.port, { name: 'one' })]);
  expect(plan.routes).toEqual({ added: [], removed: [], changed: [{ key: 'one', parts: ['action'] }] });
  await using fresh = await connectTcp(world.port);
  fresh.send('?');
  expect(await fresh.receive(6)).toEqual('after!');
  old.send('?');
  expect(await old.receive(12)).toEqual('beforebefore');
  for (const origin of [before, after]) for (const socket of origin.sockets) socket.end();
});

tap.test('ports come and go with the routes; connections on a port that went live on', async () => {
  await using echo = await startEcho();
  const [first, second] = [await closedPort(), await closedPort()];
  await using world = await startProxy({ routes: [onPort(first, echo.port)] });
  await using client = await connectTcp(first);
  await exchange(client, 'before');
  const plan = await world.proxy.updateRoutes([onPort(second, echo.port)]);
  expect(plan.ports).toEqual({
    added: [{ address: null, port: second }],
    removed: [{ address: null, port: first }],
  });
  expect(world.proxy.getListeningPorts()).toEqual([second]);
  expect(await isRefused(first)).toBeTrue();
  await visit(second, 'on the new port');
  await exchange(client, 'after');
  client.socket.end();
  await client.end;
});

tap.test('a port that cannot be opened leaves everything as it was', async () => {
  await using echo = await startEcho();
  const [kept, free] = [await closedPort(), await closedPort()];
  const routes = [onPort(kept, echo.port)];
  await using world = await startProxy({ routes });
  await using client = await connectTcp(kept);
  let updates = 0;
  world.proxy.on('route-update', () => updates++);
  const taken = await occupy();
  try {
    const error = await failureOf(
      world.proxy.updateRoutes([onPort(free, echo.port), onPort(taken.port, echo.port)], { closeRemoved: true }),
    );
    expect(error).toBeInstanceOf(ProxyError);
    expect((error as ProxyError).code).toEqual('LISTEN_FAILED');
    expect((error as ProxyError).message).toContain(String(taken.port));
    expect(world.proxy.getListeningPorts()).toEqual([kept]);
    expect(await isRefused(free)).toBeTrue();
    expect(world.proxy.plan(routes).routes).toEqual({ added: [], removed: [], changed: [] });
    await exchange(client, 'still here');
    await visit(kept, 'and still open');
    expect(updates).toEqual(0);
  } finally {
    await taken[Symbol.asyncDispose]();
  }
  await world.proxy.updateRoutes([onPort(free, echo.port), onPort(taken.port, echo.port)]);
  await visit(taken.port, 'at the second attempt');
  expect(updates).toEqual(1);
  client.socket.end();
});

tap.test('faulty routes are refused with every fault and change nothing', async () => {
  await using echo = await startEcho();
  const routes = [makeForwardRoute(echo.port, { name: 'good' })];
  await using world = await startProxy({ routes });
  const faulty = [
    { ...makeForwardRoute(echo.port, { name: 'a' }), priorty: 1 },
    makeForwardRoute(70_000, { name: 'b', priority: 1 }),
    makeForwardRoute(echo.port, { name: 'b', match: { ports: 0, clientIp: ['not an address'] } }),
  ];
  const error = await failureOf(world.proxy.updateRoutes(faulty));
  expect(error).toBeInstanceOf(ConfigError);
  const paths = (error as ConfigError).faults.map(({ path }) => path).sort();
  const wanted = ['routes[0].priorty', 'routes[1].action.target.port', 'routes[2].match.clientIp[0]', 'routes[2].name'];
  expect(paths).toEqual(wanted);
  let planned: unknown;
  try {
    world.proxy.plan(faulty);
  } catch (cause) {
    planned = cause;
  }
  expect((planned as ConfigError).faults).toEqual((error as ConfigError).faults);
  expect(world.proxy.plan(routes).routes).toEqual({ added: [], removed: [], changed: [] });
  await visit(world.port, 'as before');
});

/** What is HTTP finds the first alone, and as bytes. */
const byProtocol = (port: number): IRouteConfig[] => [
  makeForwardRoute(port, { name: 'web', match: { ports: 0 } }),
  makeForwardRoute(port, { name: 'rest', match: { ports: 0, protocol: 'other' } }),
];

tap.test('closeRemoved cuts the connections of removed routes, as planned, and no others', async () => {
  await using echo = await startEcho();
  const [web, rest] = byProtocol(echo.port) as [IRouteConfig, IRouteConfig];
  await using world = await startProxy({ routes: [web, rest] });
  const going = await Promise.all([1, 2, 3].map(() => connectTcp(world.port)));
  const staying = await Promise.all([1, 2].map(() => connectTcp(world.port)));
  for (const client of going) await exchange(client, 'GET / HTTP/1.1');
  for (const client of staying) await exchange(client, 'neither');

  expect(world.proxy.plan([rest]).connections).toEqual({ stay: 5, cut: 0 });
  const plan = world.proxy.plan([rest], { closeRemoved: true });
  expect(plan.connections).toEqual({ stay: 2, cut: 3 });
  expect(plan.routes.removed).toEqual(['web']);
  expect(await world.proxy.updateRoutes([rest], { closeRemoved: true })).toEqual(plan);
  expect(await world.ends(3)).toEqual(['route_removed', 'route_removed', 'route_removed']);
  for (const client of going) await client.closed;
  for (const client of staying) {
    await exchange(client, 'on we go');
    client.socket.end();
    await client.end;
  }
  expect(await world.ends(2)).toEqual(['client_closed', 'client_closed']);
});

tap.test('closeRemoved reaches connections that have not said enough to have a route yet', async () => {
  await using echo = await startEcho();
  const [web, rest] = byProtocol(echo.port) as [IRouteConfig, IRouteConfig];
  await using world = await startProxy({ routes: [web, rest] });
  await using late = await connectTcp(world.port);
  await using lucky = await connectTcp(world.port);
  await until(
    () => world.proxy.getConnections().length === 2,
    2_000,
    () => 'two connections',
  );
  await world.proxy.updateRoutes([rest], { closeRemoved: true });
  late.send('GET / HTTP/1.1\r\n\r\n');
  expect(await world.ends()).toEqual(['route_removed']);
  expect(world.ended[0]?.connection.route).toEqual('web');
  expect(echo.sockets).toHaveLength(0);
  await exchange(lucky, 'something else');
  lucky.socket.end();
  await lucky.end;
});

tap.test('without closeRemoved, who has arrived is served by the routes it arrived under', async () => {
  await using echo = await startEcho();
  const [web, rest] = byProtocol(echo.port) as [IRouteConfig, IRouteConfig];
  await using world = await startProxy({ routes: [web, rest] });
  await using early = await connectTcp(world.port);
  await until(
    () => world.proxy.getConnections().length === 1,
    2_000,
    () => 'one connection',
  );
  await world.proxy.updateRoutes([rest]);
  await exchange(early, 'GET / HTTP/1.1');
  expect(world.proxy.getConnections()[0]?.route).toEqual('web');
  early.socket.end();
  await early.end;
  await using tooLate = await connectTcp(world.port);
  tooLate.send('GET / HTTP/1.1\r\n\r\n');
  await tooLate.closed;
  expect(await world.ends(2)).toEqual(['client_closed', 'no_route']);
});

tap.test('updates asked for at the same time happen one after the other', async () => {
  await using echo = await startEcho();
  const named = (name: string) => [makeForwardRoute(echo.port, { name })];
  await using world = await startProxy({ routes: named('r0') });
  const reported: IPlan[] = [];
  world.proxy.on('route-update', (plan) => reported.push(plan));
  const asked = Array.from({ length: 20 }, (_, i) => world.proxy.updateRoutes(named(`r${i + 1}`)));
  // One that fails in their midst holds up nobody.
  const failing = world.proxy.updateRoutes(named(''));
  const last = world.proxy.updateRoutes(named('last'));
  expect(await failureOf(failing)).toBeInstanceOf(ConfigError);
  const plans = [...(await Promise.all(asked)), await last];
  const names = [...Array.from({ length: 21 }, (_, i) => `r${i}`), 'last'];
  for (const [i, plan] of plans.entries()) {
    expect(plan.routes).toEqual({ added: [names[i + 1]], removed: [names[i]], changed: [] });
  }
  expect(reported).toEqual(plans);
  await visit(world.port, 'through the last');
  await world.ends();
  expect(world.ended[0]?.connection.route).toEqual('last');
});

tap.test('a port that was added by hand survives updates until it is removed by hand', async () => {
  await using echo = await startEcho();
  const extra = await closedPort();
  const routes = [makeForwardRoute(echo.port, { name: 'any', match: { ports: [0, extra] } })];
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port, { name: 'free' })] });
  const { port } = world;
  await world.proxy.addListeningPort(extra);
  expect(world.proxy.getListeningPorts()).toContain(extra);
  // It listens, and no route is for it.
  await using nobody = await connectTcp(extra);
  await nobody.closed;
  expect(await world.ends()).toEqual(['no_route']);
  await world.proxy.updateRoutes(routes);
  await visit(extra, 'with a route');
  await world.proxy.updateRoutes([makeForwardRoute(echo.port, { name: 'free' })]);
  expect(world.proxy.getListeningPorts()).toContain(extra);
  await using client = await connectTcp(port);
  await world.proxy.removeListeningPort(extra);
  expect(world.proxy.getListeningPorts()).toEqual([port]);
  expect(await isRefused(extra)).toBeTrue();
  await exchange(client, 'on another port');
  client.socket.end();

  const taken = await occupy();
  expect(((await failureOf(world.proxy.addListeningPort(taken.port))) as ProxyError).code).toEqual('LISTEN_FAILED');
  await taken[Symbol.asyncDispose]();
  // What could not be opened is not remembered either.
  await world.proxy.updateRoutes(routes);
  expect(world.proxy.getListeningPorts()).not.toContain(taken.port);
});

tap.test('a port of a route that was removed by hand comes back with the next update', async () => {
  await using echo = await startEcho();
  const fixed = await closedPort();
  const routes = [onPort(fixed, echo.port), makeForwardRoute(echo.port, { name: 'free' })];
  await using world = await startProxy({ routes });
  const [free = 0] = world.proxy.getListeningPorts().filter((port) => port !== fixed);
  await world.proxy.removeListeningPort(fixed);
  await world.proxy.removeListeningPort(free);
  expect(world.proxy.getListeningPorts()).toEqual([]);
  expect(await isRefused(fixed)).toBeTrue();
  expect(await isRefused(free)).toBeTrue();
  await world.proxy.updateRoutes(routes);
  await visit(fixed, 'again');
  expect(world.proxy.getListeningPorts()).toHaveLength(2);
});

tap.test('all routes with port 0 share one free port, which updates keep', async () => {
  await using echo = await startEcho();
  const [web, rest] = byProtocol(echo.port) as [IRouteConfig, IRouteConfig];
  await using world = await startProxy({ routes: [web, rest] });
  const ports = world.proxy.getListeningPorts();
  expect(ports).toHaveLength(1);
  const other = makeForwardRoute(echo.port, { name: 'other', match: { ports: 0, protocol: 'tls' } });
  for (const routes of [[web], [rest, web], [other, web], [web, rest]]) {
    const plan = await world.proxy.updateRoutes(routes);
    expect(plan.ports).toEqual({ added: [], removed: [] });
    expect(world.proxy.getListeningPorts()).toEqual(ports);
    await visit(world.port, 'GET / HTTP/1.1');
  }
  await world.proxy.updateRoutes([]);
  expect(world.proxy.getListeningPorts()).toEqual([]);
  expect(await isRefused(ports[0] ?? 0)).toBeTrue();
});

tap.test('a disabled route neither listens nor matches, until an update enables it', async () => {
  await using echo = await startEcho();
  const hidden = await closedPort();
  const [web, rest] = byProtocol(echo.port) as [IRouteConfig, IRouteConfig];
  const asleep = { ...onPort(hidden, echo.port), enabled: false };
  await using world = await startProxy({ routes: [{ ...web, enabled: false }, rest, asleep] });
  expect(await isRefused(hidden)).toBeTrue();
  await using refused = await connectTcp(world.port);
  refused.send('GET / HTTP/1.1\r\n');
  await refused.closed;
  expect(await world.ends()).toEqual(['no_route']);
  const plan = await world.proxy.updateRoutes([web, rest, { ...asleep, enabled: true }]);
  expect(plan.routes.added).toEqual(['web', `on-${hidden}`]);
  await visit(hidden, 'awake');
  await visit(world.proxy.getListeningPorts().find((port) => port !== hidden) ?? 0, 'GET / HTTP/1.1');
  // Disabling is removing, for connections too.
  await using client = await connectTcp(hidden);
  await exchange(client, 'one');
  await world.proxy.updateRoutes([web, rest, asleep], { closeRemoved: true });
  await client.closed;
  expect(world.ended.at(-1)?.end).toEqual('route_removed');
});

tap.test('defaults fill in targets and add their lists, for updated routes too', async () => {
  await using echo = await startEcho();
  const bare: IRouteConfig = { name: 'bare', match: { ports: 0 }, action: { type: 'forward' } };
  const defaults = {
    target: { host: '127.0.0.1', port: echo.port },
    security: { ipBlockList: ['127.0.0.9'], maxConnections: 1 },
  };
  await using world = await startProxy({ routes: [bare], defaults });
  const seen = async (localAddress: string) => {
    await using client = await connectTcp(world.port, { localAddress });
    client.send('x');
    client.socket.end();
    await client.closed;
    const [end] = await world.ends();
    return end;
  };
  expect(await seen('127.0.0.1')).toEqual('client_closed');
  expect(await seen('127.0.0.9')).toEqual('ip_blocked');
  await world.proxy.updateRoutes([{ ...bare, name: 'own', security: { ipAllowList: ['127.0.0.2', '127.0.0.9'] } }]);
  expect(await seen('127.0.0.1')).toEqual('route_ip_blocked');
  expect(await seen('127.0.0.2')).toEqual('client_closed');
  expect(await seen('127.0.0.9')).toEqual('ip_blocked');
  await using first = await connectTcp(world.port, { localAddress: '127.0.0.2' });
  await exchange(first, 'the only one');
  expect(await seen('127.0.0.2')).toEqual('route_connection_limit');
  first.socket.end();
});

tap.test('ten thousand routes are taken in quickly, and nobody notices', async () => {
  await using echo = await startEcho();
  const rest = makeForwardRoute(echo.port, { name: 'rest', match: { ports: 0, protocol: 'other' } });
  await using world = await startProxy({ routes: [rest] });
  await using client = await connectTcp(world.port);
  await exchange(client, 'before');
  const many = Array.from({ length: 10_000 }, (_, i) =>
    makeForwardRoute(echo.port, { name: `r${i}`, match: { ports: 0, domains: [`a${i}.test`, `*.b${i}.test`] } }),
  );
  for (const routes of [[...many, rest], [rest, ...many.slice(1)], [rest]]) {
    // Processor time: on a busy machine the clock would tell of others.
    const before = process.cpuUsage();
    await world.proxy.updateRoutes(routes);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(2_500);
    await exchange(client, 'meanwhile');
    await visit(world.port, 'and a new one');
  }
  client.socket.end();
  await client.end;
  expect(new Set(await world.ends(4))).toEqual(new Set(['client_closed']));
});

export default tap.start();
