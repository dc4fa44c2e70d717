// The listening ports: opened all or none, closed without a touch to what they accepted.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import net from 'node:net';
import { systemClock } from '../../../ts/base/clock.js';
import type { ProxyError } from '../../../ts/base/errors.js';
import { silentLogger } from '../../../ts/base/logger.js';
import type { IListeningPoint } from '../../../ts/config/change.js';
import { type IPortsOptions, Ports } from '../../../ts/flow/listen/ports.js';
import { connectTcp } from '../../helpers/clients.js';
import { makeFakeClock } from '../../helpers/fake-clock.js';
import { closedPort, startEcho, startOrigin } from '../../helpers/origins.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

interface IAcceptance {
  readonly socket: Socket;
  readonly point: IListeningPoint;
  readonly port: number;
}

interface IStartedPorts extends AsyncDisposable {
  readonly ports: Ports;
  readonly accepted: IAcceptance[];
}

function makePorts(options: Partial<IPortsOptions> = {}): IStartedPorts {
  const accepted: IAcceptance[] = [];
  const ports = new Ports({
    listenAddress: '127.0.0.1',
    socket: { noDelay: true, keepAlive: false, keepAliveInitialDelayMs: 0 },
    clock: systemClock,

    listens: true,
    logger: silentLogger,
    onSocket: (socket, point, port) => {
      socket.on('error', () => {});
      accepted.push({ socket, point, port });
    },
    onError: (error) => {
      throw error;
    },
    ...options,
  });
  return {
    ports,
    accepted,
    async [Symbol.asyncDispose]() {
      await ports.close();
      for (const { socket } of accepted) socket.destroy();
    },
  };
}

const at = (port: number, address: string | null = null): IListeningPoint => ({ address, port });

const isOpen = (port: number, host = '127.0.0.1'): Promise<boolean> =>
  connectTcp(port, { host }).then(
    async (client) => {
      await client[Symbol.asyncDispose]();
      return true;
    },
    () => false,
  );

tap.test('each point gets its port, and what it accepts comes with both', async () => {
  await using world = makePorts();
  const { ports, accepted } = world;
  const port = await closedPort();
  expect(await ports.open([at(0), at(port)])).toEqual([at(0), at(port)]);
  expect(ports.numbers).toHaveLength(2);
  expect(ports.numbers).toEqual([...ports.numbers].sort((a, b) => a - b));
  const free = ports.listening.find(({ point }) => point.port === 0)?.port ?? 0;
  expect(free).toBeGreaterThan(0);
  await using first = await connectTcp(port);
  await using second = await connectTcp(free);
  await until(
    () => accepted.length === 2,
    1_000,
    () => 'two sockets',
  );
  expect(accepted.map(({ point, port: number }) => [point, number])).toEqual([
    [at(port), port],
    [at(0), free],
  ]);
  expect(accepted[0]?.socket.remotePort).toEqual(first.socket.localPort);
  expect(accepted[1]?.socket.remotePort).toEqual(second.socket.localPort);
});

tap.test('a point that is open is not opened again', async () => {
  await using world = makePorts();
  await world.ports.open([at(0)]);
  const before = world.ports.numbers;
  expect(await world.ports.open([at(0)])).toEqual([]);
  expect(world.ports.numbers).toEqual(before);
});

tap.test('if one port is taken none is opened, and those of before stay open', async () => {
  await using taken = await startEcho();
  await using world = makePorts();
  const [kept, tried] = [await closedPort(), await closedPort()];
  await world.ports.open([at(kept)]);
  const error: ProxyError = await world.ports.open([at(tried), at(kept), at(taken.port)]).catch((cause) => cause);
  expect(error.code).toEqual('LISTEN_FAILED');
  expect(error.message).toContain(String(taken.port));
  expect((error.cause as NodeJS.ErrnoException).code).toEqual('EADDRINUSE');
  expect(world.ports.numbers).toEqual([kept]);
  expect([await isOpen(kept), await isOpen(tried)]).toEqual([true, false]);
});

tap.test('a closed port accepts nobody, its connections live, and it can be opened at once again', async () => {
  await using world = makePorts();
  const [stays, goes] = [await closedPort(), await closedPort()];
  await world.ports.open([at(stays), at(goes)]);
  await using client = await connectTcp(goes);
  await until(
    () => world.accepted.length === 1,
    1_000,
    () => 'the socket',
  );
  await world.ports.close([at(goes), at(1)]);
  expect(world.ports.points).toEqual([at(stays)]);
  expect([await isOpen(goes), await isOpen(stays)]).toEqual([false, true]);
  world.accepted[0]?.socket.end('still here');
  expect((await client.end).toString()).toEqual('still here');
  await world.ports.open([at(goes)]);
  expect(await isOpen(goes)).toBeTrue();
  await world.ports.close();
  expect(world.ports.numbers).toEqual([]);
  expect([await isOpen(goes), await isOpen(stays)]).toEqual([false, false]);
});

tap.test('a point may have an address of its own, beside the general one', async () => {
  await using world = makePorts();
  const port = await closedPort();
  await world.ports.open([at(port), at(port, '127.0.0.2')]);
  expect(world.ports.numbers).toEqual([port]);
  expect([await isOpen(port), await isOpen(port, '127.0.0.2'), await isOpen(port, '127.0.0.3')]).toEqual([
    true,
    true,
    false,
  ]);
  await world.ports.close([at(port)]);
  expect([await isOpen(port), await isOpen(port, '127.0.0.2')]).toEqual([false, true]);
});

tap.test('without an address it listens on all of them, IPv4 at least', async () => {
  await using world = makePorts({ listenAddress: null });
  await world.ports.open([at(0)]);
  const [port = 0] = world.ports.numbers;
  expect([await isOpen(port), await isOpen(port, '127.0.0.9')]).toEqual([true, true]);
});

tap.test('an address that is not ours is refused, not replaced', async () => {
  for (const address of ['192.0.2.1', '2001:db8::1']) {
    await using world = makePorts();
    const error: ProxyError = await world.ports.open([at(0, address)]).catch((cause) => cause);
    expect(error.code).toEqual('LISTEN_FAILED');
    expect(error.message).toContain(address);
    expect(world.ports.points).toEqual([]);
  }
});

tap.test("an accepted socket outlives its client's FIN", async () => {
  await using world = makePorts();
  await world.ports.open([at(0)]);
  const [port = 0] = world.ports.numbers;
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.end('question');
  const answer = new Promise((resolve) => client.once('data', (data) => resolve(data.toString())));
  await until(
    () => world.accepted.length === 1,
    1_000,
    () => 'the socket',
  );
  const socket = world.accepted[0]?.socket as Socket;
  socket.resume().on('end', () => setTimeout(() => socket.end('answer'), 20));
  expect(await answer).toEqual('answer');
  client.destroy();
});

/** Something else that listens there. */
async function take(port = 0): Promise<{ readonly port: number; free(): Promise<void> }> {
  const server = net.createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    async free() {
      server.close();
      await once(server, 'close');
    },
  };
}

tap.test('a port that others have is told of once, tried again, and open soon after they have left', async () => {
  const clock = makeFakeClock();
  const errors: ProxyError[] = [];
  await using world = makePorts({ clock, onError: (error) => void errors.push(error) });
  const { ports } = world;
  const taken = await take();
  await ports.tryOpen([at(taken.port)]);
  expect([ports.numbers, errors.map(({ code }) => code)]).toEqual([[], ['LISTEN_FAILED']]);
  expect(errors[0]?.message).toContain('tried again');
  // An update of the routes that still wants it.
  await ports.tryOpen([at(taken.port)]);
  expect(clock.pending).toEqual(1);
  await taken.free();
  clock.advance(1_000);
  await until(
    () => ports.numbers.length === 1,
    5_000,
    () => 'the port',
  );
  expect(await isOpen(taken.port)).toEqual(true);
  expect([errors.length, clock.pending]).toEqual([1, 0]);
});

tap.test('what is not wanted any more is tried no longer, nor is anything after all was closed', async () => {
  const clock = makeFakeClock();
  await using world = makePorts({ clock, onError: () => {} });
  const { ports } = world;
  const [one, two] = [await take(), await take()];
  await ports.tryOpen([at(one.port), at(two.port)]);
  await ports.tryOpen([at(two.port)]);
  await ports.tryOpen([]);
  expect(clock.pending).toEqual(0);
  await ports.tryOpen([at(one.port)]);
  const again = ports.tryOpen([at(one.port)]);
  await ports.close();
  await again;
  expect([ports.numbers, clock.pending]).toEqual([[], 0]);
  await Promise.all([one.free(), two.free()]);
});

tap.test('what is not wanted any more while it is being opened does not stay open', async () => {
  const clock = makeFakeClock();
  await using world = makePorts({ clock, onError: () => {} });
  const { ports } = world;
  const opening = ports.tryOpen([at(0)]);
  // It is begun, and listens no sooner than the event loop goes round.
  for (let ticks = 0; ticks < 10; ticks++) await null;
  await ports.tryOpen([]);
  await opening;
  expect([ports.numbers, ports.points, clock.pending]).toEqual([[], [], 0]);
});

tap.test('retries come more and more rarely, at least once a minute', async () => {
  const clock = makeFakeClock();
  await using world = makePorts({ clock, listenAddress: '192.0.2.1', onError: () => {} });
  const { ports } = world;
  const lengths: number[] = [];
  await ports.tryOpen([at(0)]);
  for (let tries = 0; tries < 8; tries++) {
    let waitedMs = 0;
    for (; clock.pending > 0; waitedMs += 1_000) clock.advance(1_000);
    lengths.push(waitedMs / 1_000);
    await until(
      () => clock.pending > 0,
      5_000,
      () => 'the next try',
    );
  }
  expect(lengths).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
});

tap.test('a port that a route takes over while it is tried is opened once', async () => {
  const clock = makeFakeClock();
  await using world = makePorts({ clock, onError: () => {} });
  const { ports } = world;
  const taken = await take();
  await ports.tryOpen([at(taken.port)]);
  await taken.free();
  clock.advance(1_000);
  await ports.open([at(taken.port)]);
  await ports.tryOpen([]);
  expect([ports.numbers, clock.pending]).toEqual([[taken.port], 0]);
  expect(await isOpen(taken.port)).toEqual(true);
});

tap.test(
  'what another process accepted is served as what came to that very address, though others have the same port',
  async () => {
    await using world = makePorts({ listens: false, listenAddress: '192.0.2.9' });
    const { ports, accepted } = world;
    await ports.open([{ address: '192.0.2.1', port: 80 }, { address: '192.0.2.2', port: 80 }, at(80)]);
    const passed: boolean[] = [];
    await using server = await startOrigin((socket) => {
      for (const to of ['192.0.2.2', '192.0.2.9', '192.0.2.3', null]) passed.push(ports.passAt(socket, to, 80));
      passed.push(ports.passAt(socket, '192.0.2.2', 81));
    });
    await using client = await connectTcp(server.port);
    await until(
      () => passed.length === 5,
      5_000,
      () => `a connection, has ${passed}`,
    );
    expect(passed).toEqual([true, true, false, false, false]);
    expect(accepted.map(({ point }) => point.address)).toEqual(['192.0.2.2', null]);
    client.socket.destroy();
  },
);

tap.test('where nothing listens, sockets of others are handed on as if their port was open', async () => {
  await using world = makePorts({ listens: false });
  const { ports, accepted } = world;
  const port = await closedPort();
  await ports.open([at(port), at(0)]);
  expect([ports.numbers, await isOpen(port)]).toEqual([[], false]);
  const passed: boolean[] = [];
  await using server = await startOrigin((socket) => {
    for (const to of [undefined, port, 0, port + 1]) passed.push(ports.pass(socket, to));
  });
  await using client = await connectTcp(server.port);
  await until(
    () => passed.length === 4,
    5_000,
    () => `a connection, has ${passed}`,
  );
  expect(passed).toEqual([true, true, true, false]);
  expect(accepted.map(({ point }) => point.port)).toEqual([port, port, 0]);
  expect(accepted.map((each) => each.port)).toEqual([server.port, port, 0]);
  client.socket.destroy();
  await ports.close();
  expect(ports.points).toEqual([]);
});

export default tap.start();
