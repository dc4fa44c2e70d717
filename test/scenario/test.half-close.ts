// One side closes, the other is not done: nothing that was sent is lost, and nobody waits for ever.

import type { Socket } from 'node:net';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connectTcp } from '../helpers/clients.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { receiveHashed, sendHashed } from '../helpers/hashed-stream.js';
import { type IOrigin, startOrigin } from '../helpers/origins.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const large = 50_000_000;

/** A client that closes nothing by itself and has not begun to read. */
async function connectRaw(port: number): Promise<Socket & AsyncDisposable> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  const dispose = async () => void socket.destroy();
  return Object.assign(socket, { [Symbol.asyncDispose]: dispose });
}

/** The target's side of the first connection. */
async function firstTarget(origin: IOrigin): Promise<Socket> {
  await until(
    () => origin.sockets.length > 0,
    5_000,
    () => 'the target is reached',
  );
  return origin.sockets[0] as Socket;
}

tap.test('a client that closes after its question gets its whole answer', async () => {
  const answer = 'a'.repeat(1_000_000);
  await using origin = await startOrigin((socket) => {
    let question = '';
    socket.on('data', (chunk) => {
      question += chunk;
    });
    socket.on('end', () => setTimeout(() => socket.end(question + answer), 50));
  });
  await using world = await startProxy({ routes: [makeForwardRoute(origin.port)] });
  await using client = await connectTcp(world.port, { allowHalfOpen: true });
  client.socket.end('x');
  expect((await client.end).length).toEqual(1_000_001);
  expect(await world.ends()).toEqual(['client_closed']);
});

tap.test('a socket handler gets the few bytes that came together with the FIN', async () => {
  await using world = await startProxy({
    routes: [
      {
        match: { ports: 0, protocol: 'other' },
        action: {
          type: 'socket-handler',
          socketHandler: (socket) => void socket.on('data', (data) => socket.end(data)),
        },
      },
    ],
  });
  await using client = await connectTcp(world.port, { allowHalfOpen: true });
  // The beginning of `POST`: only the FIN says that no more comes.
  client.socket.end('PO');
  expect((await client.end).toString()).toEqual('PO');
  expect(await world.ends()).toEqual(['normal']);
});

tap.test('a FIN waits for the 50 MB before it, whoever sends them and however slowly they are read', async () => {
  await using origin = await startOrigin(() => {});
  await using world = await startProxy({ routes: [makeForwardRoute(origin.port)] });
  for (const direction of ['up', 'down']) {
    await using client = await connectRaw(world.port);
    const target = await firstTarget(origin);
    const [from, to] = direction === 'up' ? [client, target] : [target, client];
    const received = receiveHashed(to, 1);
    const sent = await sendHashed(from, large);
    expect(await received).toEqual(sent);
    // The answer to a FIN is a FIN here.
    const lastWord = receiveHashed(from);
    to.end();
    expect((await lastWord).bytes).toEqual(0);
    expect(await world.ends()).toEqual([direction === 'up' ? 'client_closed' : 'target_closed']);
    origin.sockets.length = 0;
  }
});

tap.test('50 MB both ways at a time arrive, although the target closes first', async () => {
  await using origin = await startOrigin(() => {});
  await using world = await startProxy({ routes: [makeForwardRoute(origin.port)] });
  await using client = await connectRaw(world.port);
  const target = await firstTarget(origin);
  const down = receiveHashed(client, 1);
  const up = receiveHashed(target, 1);
  const [sentDown, sentUp] = await Promise.all([sendHashed(target, large), sendHashed(client, large)]);
  expect(await down).toEqual(sentDown);
  expect(await up).toEqual(sentUp);
  expect((await world.ends())[0]).toMatch(/^(client|target)_closed$/);
});

tap.test('a client that still sends when the target has closed loses nothing of the answer', async () => {
  await using origin = await startOrigin((socket) => socket.resume());
  await using world = await startProxy({ routes: [makeForwardRoute(origin.port)] });
  await using client = await connectRaw(world.port);
  const target = await firstTarget(origin);
  let sending = true;
  const chatter = setInterval(() => sending && client.write('more '), 5);
  // What is left in the kernels' buffers when the proxy has passed on the FIN takes this reader seconds.
  const received = receiveHashed(client, 25);
  const sent = await sendHashed(target, 12_000_000);
  const got = await received.finally(() => clearInterval(chatter));
  sending = false;
  expect(got).toEqual(sent);
  client.end();
  expect(await world.ends()).toEqual(['target_closed']);
});

tap.test('with enableHalfOpen each direction ends on its own, in either order', async () => {
  await using origin = await startOrigin(() => {});
  await using world = await startProxy({
    enableHalfOpen: true,
    halfOpenTimeout: 50,
    routes: [makeForwardRoute(origin.port)],
  });
  for (const closesFirst of ['client', 'target'] as const) {
    await using client = await connectRaw(world.port);
    const target = await firstTarget(origin);
    const [first, second] = closesFirst === 'client' ? [client, target] : [target, client];
    const atSecond = receiveHashed(second);
    const atFirst = receiveHashed(first);
    first.end('done');
    expect((await atSecond).bytes).toEqual(4);
    for (let word = 0; word < 3; word++) {
      await delay(70);
      second.write('not yet ');
    }
    second.end();
    expect((await atFirst).bytes).toEqual(24);
    expect(await world.ends()).toEqual([`${closesFirst}_closed`]);
    origin.sockets.length = 0;
  }
});

tap.test('with enableHalfOpen the idle clock alone ends a half that stays', async () => {
  await using origin = await startOrigin((socket) => socket.end('bye').resume());
  await using world = await startProxy({
    enableHalfOpen: true,
    halfOpenTimeout: 40,
    stallTimeout: 60,
    inactivityTimeout: 400,
    routes: [makeForwardRoute(origin.port)],
  });
  await using client = await connectRaw(world.port);
  const startMs = performance.now();
  expect((await receiveHashed(client)).bytes).toEqual(3);
  expect(await world.ends()).toEqual(['inactivity_timeout']);
  expect(performance.now() - startMs > 350).toBeTrue();
});

tap.test('halfOpenTimeout counts silence, not the length of the answer', async () => {
  const clock = makeFakeClock();
  // Nothing happens at the beginning of time.
  clock.advance(1_000);
  await using origin = await startOrigin(() => {});
  await using world = await startProxy({ halfOpenTimeout: 300, routes: [makeForwardRoute(origin.port)] }, { clock });
  await using client = await connectTcp(world.port, { allowHalfOpen: true });
  client.socket.end('question');
  const target = await firstTarget(origin);
  await new Promise((resolve) => target.resume().once('end', resolve));
  for (let word = 1; word <= 10; word++) {
    clock.advance(200);
    target.write('word ');
    await client.receive(5 * word);
  }
  clock.advance(290);
  expect(world.ended).toHaveLength(0);
  await until(
    () => {
      clock.advance(20);
      return world.ended.length > 0;
    },
    5_000,
    () => 'the end of the silence',
  );
  expect(await world.ends()).toEqual(['half_open_timeout']);
  expect(world.ended[0]?.connection.bytesSent).toEqual(50);
});

tap.test('a reader that makes progress is not stalled; one that stops is', async () => {
  await using origin = await startOrigin((socket) => {
    socket.on('close', () => clearInterval(flood));
    const flood = setInterval(() => {
      while (socket.writable && socket.write(Buffer.alloc(65_536)));
    }, 5);
  });
  const clock = makeFakeClock();
  await using world = await startProxy({ stallTimeout: 500, routes: [makeForwardRoute(origin.port)] }, { clock });
  await using client = await connectRaw(world.port);
  client.pause();
  client.on('data', () => client.pause());
  const sip = setInterval(() => client.resume(), 3);
  const passed = () => world.proxy.getConnections()[0]?.bytesSent ?? 0;
  // Each time the reader has made room for more, nearly the whole limit passes.
  for (let round = 0; round < 8; round++) {
    const before = passed();
    await until(
      () => world.ended.length > 0 || passed() > before + 1_000_000,
      10_000,
      () => 'more to be taken',
    );
    clock.advance(400);
  }
  expect(world.ended).toHaveLength(0);
  clearInterval(sip);
  client.pause();
  // Until the kernels are full something moves.
  await until(
    () => {
      clock.advance(50);
      return world.ended.length > 0;
    },
    10_000,
    () => 'the end',
  );
  expect(await world.ends()).toEqual(['stall_timeout']);
});

tap.test('a direction that stalls ends the connection although the other one is busy', async () => {
  await using origin = await startOrigin((socket) => {
    socket.resume();
    const flood = () => {
      while (socket.writable && socket.write(Buffer.alloc(65_536)));
    };
    socket.on('drain', flood);
    flood();
  });
  await using world = await startProxy({ stallTimeout: 400, routes: [makeForwardRoute(origin.port)] });
  await using client = await connectRaw(world.port);
  client.pause();
  const chatter = setInterval(() => client.write('busy '), 10);
  const words = await world.ends().finally(() => clearInterval(chatter));
  expect(words).toEqual(['stall_timeout']);
});

export default tap.start();
