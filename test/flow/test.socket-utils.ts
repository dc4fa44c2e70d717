// Sockets are safe from birth, and a pair of them forwards every byte and every end.

import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createIndependentSocketHandlers,
  createSocketWithErrorHandler,
  type IPairHooks,
  setupBidirectionalForwarding,
  setupSocketHandlers,
  type TPairEnd,
} from '../../ts/flow/socket-utils.js';
import { startBlackhole } from '../helpers/blackhole.js';
import { receiveHashed, sendHashed } from '../helpers/hashed-stream.js';
import { closedPort, startEcho } from '../helpers/origins.js';
import { makeSocketPair } from '../helpers/socket-pair.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

/** A client and a target with a pair of sockets between them. */
interface IWorld extends AsyncDisposable {
  readonly client: Socket;
  readonly target: Socket;
  /** The two that are paired. */
  readonly inner: readonly [client: Socket, target: Socket];
  /** What the hooks were told: `client end`, `flushed`, `client_closed`. */
  readonly told: string[];
  ended(): Promise<void>;
}

async function startPair(hooks: Partial<IPairHooks> & { waits?: boolean } = {}): Promise<IWorld> {
  const left = await makeSocketPair();
  const right = await makeSocketPair();
  const told: string[] = [];
  const inner = [left.near, right.far] as const;
  const { waits = false, ...more } = hooks;
  setupBidirectionalForwarding(...inner, {
    onCleanup: (reason) => {
      told.push(reason);
      for (const socket of inner) socket.destroy();
    },
    onClientEnd: () => told.push('client end'),
    onServerEnd: () => told.push('target end'),
    ...(waits ? { onFlushed: () => void told.push('flushed') } : {}),
    ...more,
  });
  return {
    client: left.far,
    target: right.near,
    inner,
    told,
    ended: () =>
      until(
        () => told.some((word) => word.includes('_')),
        3_000,
        () => `an end, was told ${told}`,
      ),
    async [Symbol.asyncDispose]() {
      await left[Symbol.asyncDispose]();
      await right[Symbol.asyncDispose]();
    },
  };
}

tap.test('a dial says at most once that it failed, and never throws', async () => {
  const port = await closedPort();
  const errors: string[] = [];
  let connected = false;
  const socket = createSocketWithErrorHandler({
    port,
    host: '127.0.0.1',
    onError: ({ code }) => errors.push(code ?? ''),
    onConnect: () => {
      connected = true;
    },
  });
  await new Promise((resolve) => socket.once('close', resolve));
  socket.emit('error', new Error('a late one'));
  expect(errors).toEqual(['ECONNREFUSED']);
  expect(connected).toBeFalse();
});

tap.test('a dial that gets no answer fails when its time is up', async () => {
  await using blackhole = await startBlackhole();
  const startMs = performance.now();
  const error = await new Promise<NodeJS.ErrnoException>((onError) => {
    createSocketWithErrorHandler({ port: blackhole.port, host: '127.0.0.1', timeout: 80, onError });
  });
  expect(error.code).toEqual('ETIMEDOUT');
  expect(performance.now() - startMs > 70).toBeTrue();
});

tap.test('a connected socket keeps its handler and has no time limit any more', async (t) => {
  await using echo = await startEcho();
  const errors: Error[] = [];
  // The moment of connecting is the kernel's, so the time limit runs on timers that the test moves.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const onError = (error: Error) => errors.push(error);
  const socket = await new Promise<Socket>((resolve) => {
    const onConnect = () => resolve(dialled);
    const dialled = createSocketWithErrorHandler({
      port: echo.port,
      host: '127.0.0.1',
      timeout: 50,
      onConnect,
      onError,
    });
  });
  t.mock.timers.tick(51);
  expect(socket.destroyed).toBeFalse();
  socket.destroy(new Error('later'));
  await new Promise((resolve) => socket.once('close', resolve));
  expect(errors.map(({ message }) => message)).toEqual(['later']);
});

tap.test('bytes go both ways and hooks see them before they are passed on', async () => {
  const seen: string[] = [];
  await using world = await startPair({
    onClientData: (chunk) => void seen.push(`client ${chunk}`),
    onServerData: (chunk) => void seen.push(`target ${chunk}`),
  });
  world.client.write('question');
  await new Promise((resolve) => world.target.once('data', resolve));
  world.target.write('answer');
  await new Promise((resolve) => world.client.once('data', resolve));
  expect(seen).toEqual(['client question', 'target answer']);
});

tap.test("the client's FIN is passed on and its answer awaited", async () => {
  await using world = await startPair();
  const question = receiveHashed(world.target);
  const answer = receiveHashed(world.client);
  const asked = await sendHashed(world.client, 3_000_000);
  expect(await question).toEqual(asked);
  expect(world.told).toEqual(['client end']);
  const sent = await sendHashed(world.target, 3_000_000);
  expect(await answer).toEqual(sent);
  await world.ended();
  expect(world.told).toEqual(['client end', 'target end', 'client_closed']);
});

tap.test("after the target's FIN both are done once everything is flushed", async () => {
  await using world = await startPair();
  const answer = receiveHashed(world.client, 1);
  const sent = await sendHashed(world.target, 5_000_000);
  expect(await answer).toEqual(sent);
  await world.ended();
  expect(world.told).toEqual(['target end', 'target_closed']);
});

tap.test('who bounds the wait himself is told when the answer is flushed', async () => {
  await using world = await startPair({ waits: true });
  const rest = receiveHashed(world.target);
  const answer = receiveHashed(world.client);
  world.target.end('answer');
  await answer;
  await until(
    () => world.told.includes('flushed'),
    1_000,
    () => 'flushed',
  );
  const sent = await sendHashed(world.client, 1_000_000);
  expect(await rest).toEqual(sent);
  await world.ended();
  expect(world.told).toEqual(['target end', 'flushed', 'client end', 'target_closed']);
});

tap.test('a FIN reaches each side although the other side does not read', async () => {
  for (const stuck of ['client', 'target'] as const) {
    await using world = await startPair({ enableHalfOpen: true });
    const [reader, other] = stuck === 'client' ? [world.client, world.target] : [world.target, world.client];
    const received = receiveHashed(other);
    // More than the kernels take, so that some of it waits in the pair.
    const sent = sendHashed(other, 30_000_000).catch(() => null);
    await delay(100);
    reader.end('done');
    expect((await received).bytes).toEqual(4);
    expect(world.told.some((word) => word.includes('_'))).toBeFalse();
    const late = receiveHashed(reader);
    expect(await late).toEqual(await sent);
    await world.ended();
    expect(world.told.at(-1)).toEqual(`${stuck}_closed`);
  }
});

tap.test('a FIN reaches a side that has closed although its own bytes still wait for the other', async () => {
  for (const closesFirst of ['client', 'target'] as const) {
    await using world = await startPair({ waits: true });
    const [first, second] = closesFirst === 'client' ? [world.client, world.target] : [world.target, world.client];
    const waiting = world.inner[closesFirst === 'client' ? 1 : 0];
    // The second does not read: bytes are sent until a few of them wait in the pair, then a FIN.
    while (waiting.writableLength === 0) {
      first.write(Buffer.alloc(4_000));
      await delay(0);
    }
    const atFirst = receiveHashed(first);
    first.end();
    await until(
      () => world.told.length > 0,
      1_000,
      () => 'that the FIN is seen',
    );
    second.end('done');
    expect((await atFirst).bytes).toEqual(4);
    expect(waiting.writableLength).toBeGreaterThan(0);
    second.resume();
    await world.ended();
    expect(world.told.at(-1)).toEqual(`${closesFirst}_closed`);
  }
});

tap.test('an answer whose sender closes on unread bytes still arrives', async () => {
  await using world = await startPair({ waits: true });
  const answer = receiveHashed(world.client);
  // Its kernel resets the connection behind the FIN, and both arrive together.
  world.client.write('a question that is not read');
  await until(
    () => world.inner[1].bytesWritten > 0,
    1_000,
    () => 'the question is passed on',
  );
  world.target.write('answer');
  world.target.end();
  world.target.destroySoon();
  const { bytes } = await answer;
  expect(bytes).toEqual(6);
  world.client.end();
  await world.ended();
  expect(world.told.at(-1)).toEqual('target_closed');
});

tap.test('a reset of either side ends the pair at once', async () => {
  for (const [side, reason] of [
    ['client', 'client_error'],
    ['target', 'target_error'],
  ] as const) {
    for (const burst of [0, 10, 100_000]) {
      await using world = await startPair({ waits: true });
      world[side].write('x');
      await until(
        () => world.inner.some((socket) => socket.bytesRead > 0),
        1_000,
        () => 'a byte',
      );
      if (burst > 0) world[side].write(Buffer.alloc(burst));
      world[side].resetAndDestroy();
      await world.ended();
      expect(world.told).toEqual([reason]);
    }
  }
});

tap.test('a target that has answered and left does not end a client that still sends', async () => {
  await using world = await startPair({ waits: true });
  world.target.resume().end('enough');
  const answer = receiveHashed(world.client);
  const sent = sendHashed(world.client, 20_000_000);
  expect((await answer).bytes).toEqual(6);
  world.target.destroy();
  await sent;
  await world.ended();
  expect(world.told.at(-1)).toEqual('target_closed');
});

tap.test('FINs that came before the pairing count', async () => {
  for (const side of ['client', 'target'] as const) {
    const left = await makeSocketPair();
    const right = await makeSocketPair();
    const [far, near] = side === 'client' ? [left.far, left.near] : [right.near, right.far];
    far.end();
    near.resume();
    await new Promise((resolve) => near.once('end', resolve));
    const reasons: TPairEnd[] = [];
    setupBidirectionalForwarding(left.near, right.far, { onCleanup: (reason) => void reasons.push(reason) });
    const other = side === 'client' ? right.near : left.far;
    await receiveHashed(other);
    other.end();
    await until(
      () => reasons.length > 0,
      1_000,
      () => 'the end',
    );
    expect(reasons).toEqual([`${side}_closed`]);
    await left[Symbol.asyncDispose]();
    await right[Symbol.asyncDispose]();
  }
});

tap.test('a reset that came with the last bytes before the pairing is still one', async () => {
  await using left = await makeSocketPair();
  await using right = await makeSocketPair();
  left.near.resume();
  left.far.write('x');
  left.far.resetAndDestroy();
  await new Promise((resolve) => left.near.once('end', resolve).once('error', resolve));
  const reasons: TPairEnd[] = [];
  createIndependentSocketHandlers(left.near, right.far, (reason) => void reasons.push(reason));
  const seen = await receiveHashed(right.near).catch(({ code }) => code);
  expect(reasons).toEqual(['client_error']);
  expect(seen).toEqual('ECONNRESET');
});

for (const side of ['client', 'server'] as const) {
  for (const how of ['closed', 'failed'] as const) {
    tap.test(`a ${side} that had ${how} before the pairing ends the pair`, async () => {
      await using left = await makeSocketPair();
      await using right = await makeSocketPair();
      const gone = side === 'client' ? left.near : right.far;
      gone.destroy(how === 'failed' ? new Error('failed before') : undefined);
      await new Promise((resolve) => gone.once('close', resolve));
      const reason = await new Promise<TPairEnd>((resolve) => {
        createIndependentSocketHandlers(left.near, right.far, resolve);
      });
      const target = how === 'failed' ? 'target_error' : 'target_closed';
      const client = how === 'failed' ? 'client_error' : 'client_closed';
      expect(reason).toEqual(side === 'client' ? client : target);
      expect([left.near.destroyed, right.far.destroyed]).toEqual([true, true]);
    });
  }
}

tap.test('independent handlers destroy both sockets, by a reset where one was reset', async () => {
  for (const how of ['FIN', 'RST'] as const) {
    await using left = await makeSocketPair();
    await using right = await makeSocketPair();
    const reasons: TPairEnd[] = [];
    createIndependentSocketHandlers(left.near, right.far, (reason) => void reasons.push(reason));
    const seen = receiveHashed(left.far).then(
      () => 'FIN',
      ({ code }) => code,
    );
    right.near.write('x');
    await new Promise((resolve) => left.far.once('data', resolve));
    if (how === 'FIN') right.near.end();
    else right.near.resetAndDestroy();
    await until(
      () => left.near.destroyed && right.far.destroyed,
      2_000,
      () => 'both are destroyed',
    );
    expect(reasons).toEqual([how === 'FIN' ? 'target_closed' : 'target_error']);
    expect(await seen).toEqual(how === 'FIN' ? 'FIN' : 'ECONNRESET');
  }
});

tap.test('whoever watches a single socket is told how it ended, until it stops to watch', async () => {
  const endings: Record<string, (far: Socket, near: Socket) => void> = {
    'it_ended it_closed': (far) => far.end(),
    it_error: (far) => far.resetAndDestroy(),
    it_closed: (_far, near) => near.destroy(),
  };
  for (const [reasons, act] of Object.entries(endings)) {
    await using pair = await makeSocketPair();
    const told: string[] = [];
    setupSocketHandlers(pair.near, (why) => void told.push(why), undefined, 'it');
    pair.near.resume();
    act(pair.far, pair.near);
    await until(
      () => told.length > 0,
      1_000,
      () => reasons,
    );
    pair.near.destroy();
    await delay(10);
    expect(told).toEqual(reasons.split(' '));
  }
  await using pair = await makeSocketPair();
  const told: string[] = [];
  const stop = setupSocketHandlers(
    pair.near,
    (why) => void told.push(why),
    () => void told.push('timeout'),
  );
  pair.near.setTimeout(20);
  await until(
    () => told.length > 0,
    1_000,
    () => 'the time-out',
  );
  stop();
  pair.near.emit('error', new Error('handled by nobody else'));
  pair.near.destroy();
  await delay(10);
  expect(told).toEqual(['timeout']);
});

export default tap.start();
