// Starting and stopping, in every order, and what a host program hears of it.

import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { type IConnectionRecord, type IPlan, ProxyError, SmartProxy } from '../../ts/index.js';
import { connectTcp } from '../helpers/clients.js';
import { closedPort, startEcho, startOrigin } from '../helpers/origins.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof ProxyError ? error.code : String(error);
  }
  return 'none';
}

const connects = async (port: number): Promise<boolean> => {
  try {
    await using _client = await connectTcp(port);
    return true;
  } catch {
    return false;
  }
};

const make = (port: number, ...ports: number[]): SmartProxy =>
  new SmartProxy({
    listenAddress: '127.0.0.1',
    routes: [makeForwardRoute(port, { match: { ports: ports.length > 0 ? ports : 0 } })],
  });

tap.test('a start that fails leaves nothing open, and may be tried again', async () => {
  await using echo = await startEcho();
  const free = [await closedPort(), await closedPort()];
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const taken = (server.address() as net.AddressInfo).port;
  await using proxy = make(echo.port, ...free, taken);
  let listening = 0;
  proxy.on('listening', () => listening++);
  expect(await codeOf(proxy.start())).toEqual('LISTEN_FAILED');
  expect(proxy.getListeningPorts()).toEqual([]);
  for (const port of free) expect(await connects(port)).toBeFalse();
  expect(listening).toEqual(0);
  await new Promise((resolve) => server.close(resolve));
  await proxy.start();
  expect(proxy.getListeningPorts()).toEqual([...free, taken].sort((a, b) => a - b));
  expect(listening).toEqual(1);
});

tap.test('a proxy that failed to start can be stopped', async () => {
  await using taken = await startEcho();
  const proxy = make(taken.port, taken.port);
  expect(await codeOf(proxy.start())).toEqual('LISTEN_FAILED');
  await proxy.stop();
});

tap.test('a second start is refused, whether the first is done or not, and harms nothing', async () => {
  await using echo = await startEcho();
  await using proxy = make(echo.port);
  const [first, second] = [proxy.start(), proxy.start()];
  expect(await codeOf(first)).toEqual('none');
  expect(await codeOf(second)).toEqual('NOT_RUNNING');
  expect(await codeOf(proxy.start())).toEqual('NOT_RUNNING');
  expect(await connects(proxy.getListeningPorts()[0] ?? 0)).toBeTrue();
});

tap.test('stop may be called as often as one likes, and before any start', async () => {
  await using echo = await startEcho();
  const proxy = make(echo.port);
  await proxy.start();
  await Promise.all([proxy.stop(), proxy.stop(), proxy.stop({ graceMs: 0 })]);
  await proxy.stop();
  const never = make(echo.port);
  await never.stop();
  expect(await codeOf(never.start())).toEqual('NOT_RUNNING');
});

tap.test('a stop during the start waits for it and leaves nothing', async () => {
  await using echo = await startEcho();
  const proxy = make(echo.port);
  const heard: number[] = [];
  proxy.on('listening', (ports) => heard.push(...ports));
  const starting = proxy.start();
  const stopping = proxy.stop();
  expect(await codeOf(starting)).toEqual('none');
  await stopping;
  expect(proxy.getListeningPorts()).toEqual([]);
  // What it listened on was told while it listened.
  expect(heard).toHaveLength(1);
  expect(await connects(heard[0] ?? 0)).toBeFalse();
});

tap.test('an update before the start is what the start begins with', async () => {
  await using echo = await startEcho();
  const port = await closedPort();
  await using proxy = make(echo.port);
  const plan = await proxy.updateRoutes([makeForwardRoute(echo.port, { match: { ports: port } })]);
  expect(plan.ports.added).toEqual([{ address: null, port }]);
  expect(await connects(port)).toBeFalse();
  await proxy.start();
  expect(proxy.getListeningPorts()).toEqual([port]);
});

tap.test('after the stop nothing opens again, and what it did can still be read', async () => {
  await using echo = await startEcho();
  const proxy = make(echo.port);
  await proxy.start();
  const [port = 0] = proxy.getListeningPorts();
  await using client = await connectTcp(port);
  client.send('x');
  await client.receive(1);
  client.socket.end();
  await client.end;
  await proxy.stop();
  expect(await codeOf(proxy.updateRoutes([]))).toEqual('NOT_RUNNING');
  expect(await codeOf(proxy.addListeningPort(port))).toEqual('NOT_RUNNING');
  expect(await codeOf(proxy.removeListeningPort(port))).toEqual('none');
  expect(await codeOf(proxy.start())).toEqual('NOT_RUNNING');
  expect(proxy.getListeningPorts()).toEqual([]);
  expect(proxy.getConnections()).toEqual([]);
  expect(proxy.getMetrics().connections.total).toEqual(1);
  expect(proxy.getStatistics().ends.client_closed).toEqual(1);
  expect(proxy.plan([]).routes.removed).toEqual([`to-${echo.port}`]);
  expect(proxy.explain({ port: 0, clientIp: '127.0.0.1' }).route?.key).toEqual(`to-${echo.port}`);
});

tap.test('an update that waits while the proxy is stopped is refused and opens nothing', async () => {
  await using echo = await startEcho();
  const port = await closedPort();
  const proxy = make(echo.port);
  await proxy.start();
  const stopping = proxy.stop();
  const late = proxy.updateRoutes([makeForwardRoute(echo.port, { match: { ports: port } })]);
  expect(await codeOf(late)).toEqual('NOT_RUNNING');
  await stopping;
  expect(await connects(port)).toBeFalse();
});

tap.test('a stop without grace cuts another one short', async () => {
  await using silent = await startOrigin(() => {});
  const proxy = make(silent.port);
  await proxy.start();
  await using client = await connectTcp(proxy.getListeningPorts()[0] ?? 0);
  const patient = proxy.stop({ graceMs: 60_000 });
  await proxy.stop({ graceMs: 0 });
  await patient;
  await client.closed;
  expect(proxy.getMetrics().ends).toEqual({ ...proxy.getMetrics().ends, shutdown: 1 });
});

tap.test('await using stops the proxy when its block is left', async () => {
  await using echo = await startEcho();
  let port = 0;
  {
    await using proxy = make(echo.port);
    await proxy.start();
    [port = 0] = proxy.getListeningPorts();
    expect(await connects(port)).toBeTrue();
  }
  expect(await connects(port)).toBeFalse();
});

tap.test('events tell of ports, connections, updates and targets', async () => {
  await using echo = await startEcho();
  const heard: unknown[] = [];
  const proxy = make(echo.port);
  proxy.on('listening', (ports) => heard.push(['listening', ...ports]));
  proxy.on('connection', ({ id, route, end }: IConnectionRecord) => heard.push(['connection', id, route, end]));
  proxy.on('connection-end', ({ id, end: seen }, end) => heard.push(['connection-end', id, seen, end]));
  proxy.on('route-update', ({ routes }: IPlan) => heard.push(['route-update', ...routes.added]));
  await proxy.start();
  const [port = 0] = proxy.getListeningPorts();
  await using client = await connectTcp(port);
  client.send('x');
  await client.receive(1);
  client.socket.end();
  await client.end;
  await until(
    () => heard.length === 3,
    2_000,
    () => `three events, heard ${JSON.stringify(heard)}`,
  );
  await proxy.updateRoutes([makeForwardRoute(echo.port, { name: 'new' })]);
  await proxy.stop();
  expect(heard).toEqual([
    ['listening', port],
    ['connection', '1', `to-${echo.port}`, null],
    ['connection-end', '1', 'client_closed', 'client_closed'],
    ['route-update', 'new'],
  ]);
});

tap.test('the record of a connection that has ended still says where its client was and where it came to', async () => {
  await using echo = await startEcho();
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port)] });
  for (const leave of [(socket: Socket) => void socket.end(), (socket: Socket) => void socket.resetAndDestroy()]) {
    await using client = await connectTcp(world.port);
    const { localPort } = client.socket;
    client.send('x');
    await client.receive(1);
    leave(client.socket);
    await world.ends();
    const { clientIp, clientPort, serverIp, serverPort } = world.ended.at(-1)?.connection ?? {};
    expect([clientIp, clientPort, serverIp, serverPort]).toEqual(['127.0.0.1', localPort, '127.0.0.1', world.port]);
  }
});

tap.test('listeners that throw or reject harm neither connections nor other listeners', async () => {
  await using echo = await startEcho();
  const late = await closedPort();
  let logged = 0;
  const silent = () => {};
  await using proxy = new SmartProxy({
    listenAddress: '127.0.0.1',
    logger: { debug: silent, info: silent, warn: silent, error: () => logged++ },
    routes: [
      makeForwardRoute(echo.port),
      {
        name: 'checked',
        match: { ports: 0, domains: 'checked.test' },
        action: {
          type: 'forward',
          target: { host: '127.0.0.1', port: late },
          healthCheck: { interval: 10, timeout: 1_000, healthyThreshold: 1, unhealthyThreshold: 1 },
        },
      },
    ],
  });
  const names = ['listening', 'connection', 'connection-end', 'route-update', 'target-down', 'target-up'] as const;
  const heard = new Set<string>();
  for (const name of names) {
    proxy.once(name, () => {
      throw new Error('thrown on purpose, once');
    });
    proxy.on(name, () => {
      throw new Error('thrown on purpose');
    });
    proxy.on(name, async () => {
      throw new Error('rejected on purpose');
    });
    proxy.on(name, () => heard.add(name));
  }
  const has = (name: string) =>
    until(
      () => heard.has(name),
      5_000,
      () => `${name}, heard ${[...heard].join(', ')}`,
    );
  await proxy.start();
  await has('target-down');
  await using _target = await startOrigin((socket) => void socket.end(), { port: late });
  await has('target-up');
  for (const text of ['one\r\n', 'two\r\n']) {
    await using client = await connectTcp(proxy.getListeningPorts()[0] ?? 0);
    client.send(text);
    expect(await client.receive(text.length)).toEqual(text);
    client.socket.end();
    await client.end;
  }
  await proxy.updateRoutes([makeForwardRoute(echo.port)]);
  for (const name of names) await has(name);
  expect(logged).toBeGreaterThan(names.length * 3 - 1);
  for (const name of names) expect(proxy.listenerCount(name)).toEqual(3);
});

tap.test('free ports of their own are told apart by the names of their routes', async () => {
  await using echo = await startEcho();
  const fixed = await closedPort();
  const routes = [
    makeForwardRoute(echo.port, { name: 'one' }),
    makeForwardRoute(echo.port, { name: 'two', match: { ports: 0, listenAddress: '127.0.0.2' } }),
    makeForwardRoute(echo.port, { name: 'also one', match: { ports: 0, protocol: 'other' } }),
    makeForwardRoute(echo.port, { name: 'set', match: { ports: fixed } }),
  ];
  const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes, httpProxyPort: 0 });
  expect([proxy.getPortOf('one'), proxy.httpProxyPort]).toEqual([null, null]);
  await proxy.start();
  const [one, two] = ['one', 'two'].map((name) => proxy.getPortOf(name) ?? 0) as [number, number];
  expect(one).not.toEqual(two);
  expect([proxy.getPortOf('also one'), proxy.getPortOf('set'), proxy.getPortOf('none')]).toEqual([one, fixed, null]);
  expect(proxy.getListeningPorts()).toContain(proxy.httpProxyPort ?? 0);
  await using client = await connectTcp(two, { host: '127.0.0.2' });
  client.send('x');
  await client.receive(1);
  expect(proxy.getConnections()[0]?.route).toEqual('two');
  await proxy.stop({ graceMs: 0 });
  expect([proxy.getPortOf('one'), proxy.httpProxyPort]).toEqual([null, null]);
});

tap.test('one connection can be ended by hand, and no other with it', async () => {
  await using echo = await startEcho();
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port)] });
  await using going = await connectTcp(world.port);
  await using staying = await connectTcp(world.port);
  for (const client of [going, staying]) {
    client.send('x');
    await client.receive(1);
  }
  const [first] = world.proxy.getConnections().filter(({ clientPort }) => clientPort === going.socket.localPort);
  const id = first?.id ?? '';
  expect(world.proxy.closeConnection('nobody')).toBeFalse();
  expect(world.proxy.closeConnection(id)).toBeTrue();
  await going.closed;
  expect(world.proxy.closeConnection(id)).toBeFalse();
  expect(await world.ends()).toEqual(['closed_by_operator']);
  staying.send('y');
  expect(await staying.receive(2)).toEqual('xy');
  staying.socket.end();
  await staying.end;
});

export default tap.start();
