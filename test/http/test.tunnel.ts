import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { IResolvedTimeouts, IResolvedWebSocket } from '../../ts/config/resolved.js';
import type { Connection } from '../../ts/flow/connection.js';
import { ConnectionManager } from '../../ts/flow/connection-manager.js';
import type { TEnd } from '../../ts/flow/ends.js';
import { type ITunnel, runTunnel } from '../../ts/http/tunnel.js';
import { type IFakeClock, makeFakeClock } from '../helpers/fake-clock.js';
import { makeRoute } from '../helpers/make-route.js';
import { makeSocketPair } from '../helpers/socket-pair.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { type IFrame, type IFrameParts, makeFrame, readFrames } from '../helpers/websocket-frames.js';
import { makeWebSocketRules } from '../helpers/websockets.js';

/** A peer behind one of the two sockets: what it has got so far. */
class Peer {
  readonly socket: Socket;
  bytes = Buffer.alloc(0);
  ended = false;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  async gets(length: number): Promise<Buffer> {
    await until(
      () => this.bytes.length >= length,
      5_000,
      () => `${length} bytes, has ${this.bytes.length}`,
    );
    return this.bytes;
  }

  async frames(count: number): Promise<IFrame[]> {
    const read = () => {
      try {
        return readFrames(this.bytes);
      } catch {
        return [];
      }
    };
    await until(
      () => read().length >= count,
      5_000,
      () => `${count} frames, has ${this.bytes.toString('hex')}`,
    );
    return read();
  }
}

interface IWorld extends AsyncDisposable {
  readonly client: Peer;
  readonly target: Peer;
  readonly connection: Connection;
  readonly connections: ConnectionManager;
  readonly clock: IFakeClock;
  readonly tunnel: ITunnel;
  end(): Promise<TEnd>;
}

interface IWorldParts {
  readonly rules?: Partial<IResolvedWebSocket> | null;
  readonly timeouts?: Partial<IResolvedTimeouts>;
  readonly clientBytes?: Buffer;
  readonly targetBytes?: Buffer;
}

async function startTunnel({ rules = {}, timeouts = {}, clientBytes, targetBytes }: IWorldParts = {}): Promise<IWorld> {
  const pairs = [await makeSocketPair(), await makeSocketPair()] as const;
  const clock = makeFakeClock();
  const connections = new ConnectionManager({ clock, maxConnections: 5, initialDataTimeoutMs: 10_000 });
  const connection = connections.createConnection(pairs[0].near);
  if (connection === null) throw new Error('it should have been let in');
  const route = makeRoute();
  connection.routed = route;
  connection.timeouts = { ...route.timeouts, ...timeouts };
  const websocket = rules === null ? null : makeWebSocketRules(rules);
  const tunnel = runTunnel(
    connection,
    pairs[0].near,
    clientBytes ?? null,
    pairs[1].near,
    targetBytes ?? null,
    { websocket },
    { clock, connections },
  );
  return {
    client: new Peer(pairs[0].far),
    target: new Peer(pairs[1].far),
    connection,
    connections,
    clock,
    tunnel,
    async end() {
      await until(
        () => connection.end !== null,
        5_000,
        () => 'its end',
      );
      return connection.end as TEnd;
    },
    async [Symbol.asyncDispose]() {
      await connections.cleanup();
      expect([pairs[0].near.destroyed, pairs[1].near.destroyed]).toEqual([true, true]);
      expect([connections.size, connections.deadlines.size, clock.pending]).toEqual([0, 0, 0]);
      for (const pair of pairs) await pair[Symbol.asyncDispose]();
    },
  };
}

const mask = [1, 2, 3, 4];
const fromClient = (content: Uint8Array | string, parts: IFrameParts = {}) => makeFrame(content, { mask, ...parts });
const closeOf = (code: number, parts: IFrameParts = {}) =>
  makeFrame(Buffer.from([code >> 8, code & 0xff]), { ...parts, opcode: 8 });
const codeOf = (frame: IFrame | undefined): number => (frame?.opcode === 8 ? frame.content.readUInt16BE() : -1);

tap.test('what came early goes first, then everything, unchanged both ways', async () => {
  await using world = await startTunnel({
    clientBytes: fromClient('early '),
    targetBytes: makeFrame('hello '),
    rules: { maxPayload: 1_000 },
  });
  world.client.socket.write(fromClient('and more'));
  world.target.socket.write(makeFrame('again'));
  const up = Buffer.concat([fromClient('early '), fromClient('and more')]);
  const down = Buffer.concat([makeFrame('hello '), makeFrame('again')]);
  expect((await world.target.gets(up.length)).equals(up)).toBeTrue();
  expect((await world.client.gets(down.length)).equals(down)).toBeTrue();
  const { phase, spliced, target } = world.connection;
  expect([phase, spliced, target]).toEqual([
    'transfer',
    true,
    { host: '127.0.0.1', port: world.target.socket.localPort },
  ]);
});

tap.test('a tunnel that is no WebSocket passes on whatever it gets', async () => {
  await using world = await startTunnel({ rules: null, clientBytes: closeOf(1000) });
  world.client.socket.write('abc');
  expect((await world.target.gets(7)).equals(Buffer.concat([closeOf(1000), Buffer.from('abc')]))).toBeTrue();
  world.target.socket.end('bye');
  await once(world.client.socket, 'end');
  expect(world.client.bytes.toString()).toEqual('bye');
  world.client.socket.end();
  expect(await world.end()).toEqual('target_closed');
});

tap.test('the end says who closed first, in order or not', async () => {
  const ways: [(world: IWorld) => void, TEnd][] = [
    [({ client }) => client.socket.end(), 'client_closed'],
    [({ target }) => target.socket.end(), 'target_closed'],
    [({ client }) => client.socket.resetAndDestroy(), 'client_error'],
    [({ target }) => target.socket.resetAndDestroy(), 'target_error'],
  ];
  for (const [close, word] of ways) {
    await using world = await startTunnel();
    for (const { socket } of [world.client, world.target]) socket.on('end', () => socket.end());
    close(world);
    expect(await world.end()).toEqual(word);
  }
});

tap.test('what the request waited for is over, and the limits of its route apply', async () => {
  await using world = await startTunnel({ timeouts: { inactivityTimeoutMs: 5_000 } });
  world.clock.advance(4_000);
  world.client.socket.write(fromClient('a'));
  await world.target.gets(7);
  world.clock.advance(4_999);
  expect(world.connection.end).toBeNull();
  world.clock.advance(1);
  expect(world.connection.end).toEqual('inactivity_timeout');
});

tap.test('a reader that takes nothing ends by the stall limit', async () => {
  await using world = await startTunnel({ timeouts: { stallTimeoutMs: 8_000 } });
  world.client.socket.pause();
  const { incoming } = world.connection;
  const large = makeFrame(Buffer.alloc(1_000_000));
  const more = () => {
    while (world.target.socket.write(large));
  };
  world.target.socket.on('drain', more);
  more();
  await until(
    () => incoming.writableLength > 0 && world.connection.outgoing?.isPaused() === true,
    5_000,
    () => 'a pause',
  );
  for (let seconds = 0; seconds < 12 && world.connection.end === null; seconds++) world.clock.advance(1_000);
  expect(world.connection.end).toEqual('stall_timeout');
});

tap.test('at a shutdown both sides are told by Close 1001, and it ends when both have answered', async () => {
  await using world = await startTunnel();
  world.tunnel.shutdown(30_000);
  const [toClient] = await world.client.frames(1);
  const [toTarget] = await world.target.frames(1);
  expect([codeOf(toClient), toClient?.masked]).toEqual([1001, false]);
  expect([codeOf(toTarget), toTarget?.masked]).toEqual([1001, true]);
  world.client.socket.write(closeOf(1001, { mask }));
  world.target.socket.write(closeOf(1001));
  expect(await world.end()).toEqual('shutdown');
  await until(
    () => world.client.ended && world.target.ended,
    5_000,
    () => 'both FINs',
  );
  expect([world.client.bytes.length, world.target.bytes.length]).toEqual([4, 8]);
});

tap.test('a shutdown waits for the frame that is under way, and drops what comes after', async () => {
  await using world = await startTunnel();
  const frame = makeFrame('a message in two parts');
  world.target.socket.write(frame.subarray(0, 10));
  await world.client.gets(10);
  world.tunnel.shutdown(30_000);
  expect(codeOf((await world.target.frames(1))[0])).toEqual(1001);
  expect(world.client.bytes.length).toEqual(10);
  world.target.socket.write(Buffer.concat([frame.subarray(10), makeFrame('never')]));
  const [first, second] = await world.client.frames(2);
  expect([first?.content.toString(), codeOf(second)]).toEqual(['a message in two parts', 1001]);
  world.target.socket.write(Buffer.concat([makeFrame('never'), closeOf(1001)]));
  world.client.socket.write(closeOf(1001, { mask }));
  expect(await world.end()).toEqual('shutdown');
  expect(world.client.bytes.length).toEqual(frame.length + 4);
});

tap.test('who does not answer a Close has until the grace is over', async () => {
  await using world = await startTunnel();
  world.tunnel.shutdown(3_000);
  await world.client.frames(1);
  await world.target.frames(1);
  world.clock.advance(2_999);
  expect(world.connection.end).toBeNull();
  world.clock.advance(1);
  expect(world.connection.end).toEqual('shutdown');
});

tap.test('a side that answers by its FIN alone ends it too', async () => {
  await using world = await startTunnel();
  for (const { socket } of [world.client, world.target]) socket.on('end', () => socket.end());
  world.tunnel.shutdown(3_000);
  await world.client.frames(1);
  world.client.socket.end();
  expect(await world.end()).toEqual('shutdown');
});

tap.test('a WebSocket that is being closed by its peers is left to them', async () => {
  await using world = await startTunnel();
  world.client.socket.write(closeOf(1000, { mask }));
  expect(codeOf((await world.target.frames(1))[0])).toEqual(1000);
  world.target.socket.end(closeOf(1000));
  expect(codeOf((await world.client.frames(1))[0])).toEqual(1000);
  world.client.socket.end();
  expect(await world.end()).toEqual('target_closed');
  expect([world.client.bytes.length, world.target.bytes.length]).toEqual([4, 8]);
});

tap.test('a tunnel that is no WebSocket ends when the grace is over', async () => {
  await using world = await startTunnel({ rules: null });
  world.tunnel.shutdown(3_000);
  world.clock.advance(3_000);
  expect(world.connection.end).toEqual('shutdown');
  expect([world.client.bytes.length, world.target.bytes.length]).toEqual([0, 0]);
});

tap.test('a message over the limit is not passed on, and closes both sides with 1009', async () => {
  await using world = await startTunnel({ rules: { maxPayload: 100 } });
  const good = fromClient(Buffer.alloc(100));
  const bad = fromClient(Buffer.alloc(101));
  world.client.socket.write(Buffer.concat([good, bad.subarray(0, 50)]));
  const frames = await world.target.frames(2);
  expect([frames[0]?.content.length, codeOf(frames[1]), frames[1]?.masked]).toEqual([100, 1009, true]);
  expect(codeOf((await world.client.frames(1))[0])).toEqual(1009);
  world.client.socket.write(Buffer.concat([bad.subarray(50), closeOf(1009, { mask })]));
  world.target.socket.write(closeOf(1009));
  expect(await world.end()).toEqual('message_too_large');
  expect(world.target.bytes.length).toEqual(good.length + 8);
});

tap.test("so does one of the target's, and who does not answer has little time", async () => {
  await using world = await startTunnel({ rules: { maxPayload: 100 } });
  world.target.socket.write(makeFrame(Buffer.alloc(101)));
  expect(codeOf((await world.client.frames(1))[0])).toEqual(1009);
  expect(codeOf((await world.target.frames(1))[0])).toEqual(1009);
  world.clock.advance(1_999);
  expect(world.connection.end).toBeNull();
  world.clock.advance(1);
  expect(world.connection.end).toEqual('message_too_large');
});

const pings = { rules: { pingIntervalMs: 20_000, pingTimeoutMs: 5_000 } };

tap.test('a client that answers pings stays, and its answers reach the target', async () => {
  await using world = await startTunnel(pings);
  for (let round = 1; round <= 3; round++) {
    world.clock.advance(20_000);
    const frames = await world.client.frames(round);
    expect(frames.at(-1)?.opcode).toEqual(9);
    world.client.socket.write(fromClient('', { opcode: 10 }));
    expect((await world.target.frames(round)).at(-1)?.opcode).toEqual(10);
  }
  expect(world.connection.end).toBeNull();
});

tap.test('a client that says nothing after a ping is given up, and its target is told', async () => {
  await using world = await startTunnel(pings);
  world.clock.advance(20_000);
  expect((await world.client.frames(1))[0]?.opcode).toEqual(9);
  world.clock.advance(4_999);
  expect([world.connection.end, world.target.bytes.length]).toEqual([null, 0]);
  world.clock.advance(1);
  expect(codeOf((await world.client.frames(2))[1])).toEqual(1011);
  expect(codeOf((await world.target.frames(1))[0])).toEqual(1001);
  world.target.socket.write(closeOf(1001));
  world.clock.advance(2_000);
  expect(world.connection.end).toEqual('ping_timeout');
});

tap.test('any message is a sign of life; and a ping waits for the end of a frame', async () => {
  await using world = await startTunnel(pings);
  const frame = makeFrame('long');
  world.target.socket.write(frame.subarray(0, 3));
  await world.client.gets(3);
  world.clock.advance(60_000);
  expect([world.connection.end, world.client.bytes.length]).toEqual([null, 3]);
  world.target.socket.write(frame.subarray(3));
  expect((await world.client.frames(2)).map(({ opcode }) => opcode)).toEqual([2, 9]);
  world.clock.advance(4_000);
  world.client.socket.write(fromClient('alive'));
  await world.target.frames(1);
  world.clock.advance(15_999);
  expect(world.connection.end).toBeNull();
});

tap.test('no timer runs where the route wants no pings', async () => {
  await using world = await startTunnel({ timeouts: { inactivityTimeoutMs: 0, stallTimeoutMs: 0 } });
  world.clock.advance(24 * 3_600_000);
  expect([world.connection.end, world.client.bytes.length]).toEqual([null, 0]);
});

export default tap.start();
