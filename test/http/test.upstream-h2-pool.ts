// The HTTP/2 connections to one place: how many, for whom, for how long.

import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProxyError } from '../../ts/base/errors.js';
import { h2Error } from '../../ts/codec/http2-frame.js';
import { h2Setting } from '../../ts/codec/http2-settings.js';
import type { IOrigin } from '../../ts/http/exchange-types.js';
import { makeFakeClock, settle } from '../helpers/fake-clock.js';
import {
  type IRawServer,
  type RawPeer,
  rawData,
  rawFrame,
  rawGoaway,
  rawHeaders,
  rawSettings,
  rawSettingsAck,
  startRawServer,
} from '../helpers/h2-raw.js';
import { closedPort, startOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { Heard, type IWorldParts, makeHead, someClientOf, UpstreamWorld } from '../helpers/upstream-world.js';

const h2 = { backendProtocol: 'http2' } as const;
const ok = [':status', '200'];
const soon = (condition: () => boolean, want: string): Promise<void> => until(condition, 5_000, () => want);

class Asked {
  origin: IOrigin | null = null;
  error: ProxyError | null = null;
  readonly heard = new Heard();
  readonly ticket;

  constructor(world: UpstreamWorld, port: number, parts: Parameters<UpstreamWorld['want']>[1] = {}) {
    this.ticket = world.upstreams.acquire(
      world.want(port, { to: h2, ...parts }),
      (origin) => {
        this.origin = origin;
        origin.send(makeHead(), this.heard);
      },
      ({ error }) => {
        this.error = error as ProxyError;
      },
    );
  }

  get fate(): string {
    if (this.origin !== null) return 'got';
    return this.error === null ? 'waits' : this.error.code;
  }

  async settled(): Promise<string> {
    await soon(() => this.fate !== 'waits', 'an outcome');
    return this.fate;
  }
}

async function answer(peer: RawPeer, asked: Asked): Promise<void> {
  const { stream } = await peer.next('HEADERS');
  peer.send(rawHeaders(stream, ok, { end: true }));
  await asked.heard.end();
}

const statsOf = ({ upstreams }: UpstreamWorld): string => {
  const { open, idle, waiting } = upstreams.stats;
  return `${open} open, ${idle} idle, ${waiting} waiting`;
};

/** Asks once and answers: one idle connection. */
async function oneIdle(world: UpstreamWorld, server: IRawServer): Promise<RawPeer> {
  const asked = new Asked(world, server.port);
  const peer = await server.accept();
  peer.send(rawSettingsAck());
  await answer(peer, asked);
  return peer;
}

tap.test(
  'requests that come while the first connection is made share it; later ones get it in the same tick',
  async () => {
    await using server = await startRawServer();
    await using world = new UpstreamWorld();
    const asked = Array.from({ length: 20 }, () => new Asked(world, server.port));
    expect(statsOf(world)).toEqual('1 open, 0 idle, 20 waiting');
    const peer = await server.accept();
    for (const one of asked) expect(await one.settled()).toEqual('got');
    const late = new Asked(world, server.port);
    expect([late.ticket, late.fate]).toEqual([null, 'got']);
    for (const one of [...asked, late]) await answer(peer, one);
    expect(statsOf(world)).toEqual('1 open, 1 idle, 0 waiting');
  },
);

tap.test(
  'streams at a time are as many as the target takes; then there are more connections, then requests wait',
  async () => {
    await using server = await startRawServer(h2Setting.maxConcurrentStreams, 2);
    await using world = new UpstreamWorld({ http: { maxUpstreamConnections: 2, maxUpstreamQueue: 1 } });
    const asked = Array.from({ length: 4 }, () => new Asked(world, server.port));
    // The queue is for those beyond: the first four have come before there is a connection.
    const peers = [await server.accept(), await server.accept()];
    for (const one of asked) expect(await one.settled()).toEqual('got');
    expect(statsOf(world)).toEqual('2 open, 0 idle, 0 waiting');
    const waits = new Asked(world, server.port);
    const refused = new Asked(world, server.port);
    expect(await refused.settled()).toEqual('POOL_EXHAUSTED');
    expect(waits.fate).toEqual('waits');
    asked[3]?.origin?.cancel();
    expect(await waits.settled()).toEqual('got');
    await peers[1]?.next('RST_STREAM');
    expect(statsOf(world)).toEqual('2 open, 0 idle, 0 waiting');
  },
);

tap.test('while a connection is made no more requests wait than it may take, and the queue', async () => {
  await using silent = await startOrigin(() => {});
  await using world = new UpstreamWorld({ http: { maxUpstreamQueue: 5 } });
  const asked = Array.from({ length: 106 }, () => new Asked(world, silent.port));
  expect(await asked[105]?.settled()).toEqual('POOL_EXHAUSTED');
  expect([asked[104]?.fate, statsOf(world)]).toEqual(['waits', '1 open, 0 idle, 105 waiting']);
});

tap.test('a target may take more streams later, or none for a while', async () => {
  await using server = await startRawServer(h2Setting.maxConcurrentStreams, 0);
  await using world = new UpstreamWorld({ http: { maxUpstreamConnections: 1 } });
  const asked = new Asked(world, server.port);
  const peer = await server.accept();
  await peer.sync();
  expect([asked.fate, statsOf(world)]).toEqual(['waits', '1 open, 1 idle, 1 waiting']);
  peer.send(rawSettings(h2Setting.maxConcurrentStreams, 1));
  expect(await asked.settled()).toEqual('got');
});

tap.test('who waits behind a full connection waits for its time, and may give up', async () => {
  const clock = makeFakeClock();
  await using server = await startRawServer(h2Setting.maxConcurrentStreams, 1);
  await using world = new UpstreamWorld({ clock, connectionTimeoutMs: 3_000, http: { maxUpstreamConnections: 1 } });
  const first = new Asked(world, server.port);
  expect(await first.settled()).toEqual('got');
  const [late, gone] = [new Asked(world, server.port), new Asked(world, server.port)];
  gone.ticket?.cancel();
  await clock.advanceAsync(2_999);
  expect(late.fate).toEqual('waits');
  await clock.advanceAsync(1);
  expect([await late.settled(), gone.fate]).toEqual(['POOL_EXHAUSTED', 'waits']);
  expect(statsOf(world)).toEqual('1 open, 0 idle, 0 waiting');
  // Given up in the moment between the decision and its being told.
  const moment = new Asked(world, server.port);
  first.origin?.cancel();
  moment.ticket?.cancel();
  await settle();
  expect([moment.fate, statsOf(world)]).toEqual(['waits', '1 open, 1 idle, 0 waiting']);
});

tap.test('a target that accepts and does not begin HTTP/2 is given its time, all who wait hear of it', async () => {
  const clock = makeFakeClock();
  const sockets: Socket[] = [];
  await using silent = await startOrigin((socket) => sockets.push(socket));
  await using world = new UpstreamWorld({ clock, connectionTimeoutMs: 2_000 });
  const asked = [new Asked(world, silent.port), new Asked(world, silent.port)];
  await soon(() => sockets.length === 1, 'a connection');
  await delay(20);
  await clock.advanceAsync(2_001);
  expect([await asked[0]?.settled(), await asked[1]?.settled()]).toEqual(['TARGET_TIMEOUT', 'TARGET_TIMEOUT']);
  expect(asked[0]?.error?.status).toEqual(504);
  await soon(() => statsOf(world) === '0 open, 0 idle, 0 waiting', 'nothing left');
});

const beginnings: Record<string, readonly [(socket: Socket) => void, code: string]> = {
  'it answers in HTTP/1.1': [(socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'TARGET_VERSION'],
  'it sends anything but settings first': [
    (socket) => socket.write(rawFrame(6, 0, 0, Buffer.alloc(8))),
    'TARGET_VERSION',
  ],
  'it closes': [(socket) => socket.end(), 'TARGET_BROKE'],
  'it resets': [(socket) => socket.resetAndDestroy(), 'TARGET_BROKE'],
  'it goes away at once': [(socket) => socket.write(rawGoaway(0, 0)), 'TARGET_VERSION'],
};

for (const [what, [begin, code]] of Object.entries(beginnings)) {
  tap.test(`a target that is spoken to in HTTP/2 and does not: ${what}`, async () => {
    await using target = await startOrigin((socket) => {
      socket.on('data', () => {});
      socket.once('data', () => begin(socket));
      socket.on('end', () => socket.end());
    });
    await using world = new UpstreamWorld();
    const asked = [new Asked(world, target.port), new Asked(world, target.port)];
    expect([await asked[0]?.settled(), await asked[1]?.settled()]).toEqual([code, code]);
    expect(asked[0]?.error?.status).toEqual(502);
    await soon(() => statsOf(world) === '0 open, 0 idle, 0 waiting', 'nothing left');
    await soon(() => target.open === 0, 'no connection at the target');
  });
}

tap.test('who refuses the connection says so, to all who wait', async () => {
  await using world = new UpstreamWorld();
  const port = await closedPort();
  const asked = [new Asked(world, port), new Asked(world, port)];
  for (const one of asked) expect(await one.settled()).toEqual('TARGET_UNREACHABLE');
  expect(statsOf(world)).toEqual('0 open, 0 idle, 0 waiting');
});

tap.test('a second connection that fails costs one of those who wait for the first, which goes on', async () => {
  let accepted = 0;
  await using server = await startRawServer(h2Setting.maxConcurrentStreams, 1);
  await using world = new UpstreamWorld({
    http: { maxUpstreamConnections: 2 },
    resolver: { resolve: () => [accepted++ === 0 ? '127.0.0.1' : '127.0.0.9'] },
  });
  // Nobody listens on the second address.
  const to = { to: { ...h2, host: 'a.test' } };
  const first = new Asked(world, server.port, to);
  expect(await first.settled()).toEqual('got');
  const [second, third] = [new Asked(world, server.port, to), new Asked(world, server.port, to)];
  expect([await second.settled(), await third.settled()]).toEqual(['TARGET_UNREACHABLE', 'TARGET_UNREACHABLE']);
  const peer = await server.accept();
  await answer(peer, first);
  expect(statsOf(world)).toEqual('1 open, 1 idle, 0 waiting');
});

const lives: Record<string, IWorldParts['http']> = {
  'its age': { upstreamMaxAgeMs: 10_000 },
  'its idle time': { upstreamIdleTimeoutMs: 10_000 },
};

for (const [what, http] of Object.entries(lives)) {
  tap.test(`a connection that nobody uses ends in peace by ${what}`, async () => {
    const clock = makeFakeClock();
    await using server = await startRawServer();
    await using world = new UpstreamWorld({ clock, http: { ...http } });
    const peer = await oneIdle(world, server);
    await clock.advanceAsync(9_999);
    expect(statsOf(world)).toEqual('1 open, 1 idle, 0 waiting');
    // Timers of several things fall due one after the other.
    await clock.advanceAsync(30_000);
    expect((await peer.next('GOAWAY')).payload.readUInt32BE(4)).toEqual(h2Error.noError);
    await peer.untilEnded();
    await soon(() => statsOf(world) === '0 open, 0 idle, 0 waiting', 'nothing left');
  });
}

tap.test('one that is too old takes no more requests; those under way are answered before it ends', async () => {
  const clock = makeFakeClock();
  await using server = await startRawServer();
  await using world = new UpstreamWorld({ clock, http: { upstreamMaxAgeMs: 10_000 } });
  const old = new Asked(world, server.port);
  const peer = await server.accept();
  await peer.next('HEADERS');
  peer.send(rawSettingsAck());
  await peer.sync();
  await clock.advanceAsync(10_000);
  const young = new Asked(world, server.port);
  const second = await server.accept();
  await answer(second, young);
  peer.send(rawHeaders(1, ok), rawData(1, 'still', { end: true }));
  expect((await old.heard.end()).body).toEqual('still');
  await peer.next('GOAWAY');
  await peer.untilEnded();
});

tap.test('a connection serves as many requests as it may', async () => {
  await using server = await startRawServer();
  await using world = new UpstreamWorld({ http: { upstreamMaxRequests: 2 } });
  const asked = Array.from({ length: 3 }, () => new Asked(world, server.port));
  const [one, two] = [await server.accept(), await server.accept()];
  await answer(one, asked[0] as Asked);
  await answer(one, asked[1] as Asked);
  await answer(two, asked[2] as Asked);
  await one.next('GOAWAY');
  await one.untilEnded();
});

tap.test('after one that was found dead, others without requests are given up unheard', async () => {
  await using server = await startRawServer(h2Setting.maxConcurrentStreams, 1);
  await using world = new UpstreamWorld();
  const asked = [new Asked(world, server.port), new Asked(world, server.port)];
  const peers = [await server.accept(), await server.accept()];
  for (const [index, peer] of peers.entries()) await answer(peer, asked[index] as Asked);
  const quiet = new Asked(world, server.port);
  await peers[0]?.next('HEADERS');
  peers[0]?.socket.resetAndDestroy();
  expect((await quiet.heard.end()).failure?.stale).toEqual(true);
  const again = new Asked(world, server.port, { fresh: true });
  await answer(await server.accept(), again);
  await peers[1]?.next('GOAWAY');
});

tap.test('a target that is silent while requests wait for it is asked for a sign of life', async () => {
  const clock = makeFakeClock();
  await using server = await startRawServer();
  await using world = new UpstreamWorld({ clock });
  const peer = await oneIdle(world, server);
  const asked = new Asked(world, server.port);
  await peer.next('HEADERS');
  await clock.advanceAsync(60_000);
  const ping = await peer.next('PING');
  expect(ping.flags).toEqual(0);
  peer.send(rawFrame(6, 1, 0, ping.payload));
  await peer.sync();
  // Servers of gRPC take more frequent ones for an attack.
  await clock.advanceAsync(299_000);
  expect((await peer.sync()).filter(({ name, flags }) => name === 'PING' && flags === 0)).toEqual([]);
  await clock.advanceAsync(1_000);
  await peer.next('PING');
  expect(asked.heard.over).toEqual(false);
  await clock.advanceAsync(10_000);
  expect([(await asked.heard.end()).code, asked.heard.failure?.stale]).toEqual(['TARGET_BROKE', true]);
  await peer.untilEnded();
  await soon(() => statsOf(world) === '0 open, 0 idle, 0 waiting', 'nothing left');
});

tap.test('a target that answers something now and then is asked nothing, nor is one without requests', async () => {
  const clock = makeFakeClock();
  await using server = await startRawServer();
  await using world = new UpstreamWorld({ clock, http: { upstreamIdleTimeoutMs: 0 } });
  const peer = await oneIdle(world, server);
  await clock.advanceAsync(120_000);
  const asked = new Asked(world, server.port);
  const { stream } = await peer.next('HEADERS');
  peer.send(rawHeaders(stream, ok));
  for (let round = 1; round <= 5; round++) {
    peer.send(rawData(stream, 'x'));
    await soon(() => asked.heard.chunks.length === round, 'a piece');
    await clock.advanceAsync(29_000);
  }
  expect((await peer.sync()).filter(({ name }) => name === 'PING')).toEqual([]);
});

tap.test('connections that state a client are that client’s, and end with it', async () => {
  const received: Buffer[] = [];
  await using target = await startOrigin((socket) => {
    const at = received.push(Buffer.alloc(0)) - 1;
    socket.on('data', (bytes: Buffer) => {
      received[at] = Buffer.concat([received[at] ?? bytes, bytes]);
    });
    socket.write(rawSettings());
    socket.on('end', () => socket.end());
  });
  await using world = new UpstreamWorld();
  const to = { ...h2, sendProxyProtocol: 1 } as const;
  const [anna, bert] = [someClientOf('192.0.2.1'), someClientOf('192.0.2.2')];
  for (const client of [anna, bert]) client.serverIp = '192.0.2.254';
  const asked = [anna, anna, bert].map((connection) => new Asked(world, target.port, { to, connection }));
  for (const one of asked) expect(await one.settled()).toEqual('got');
  await soon(() => received.length === 2 && received.every(({ length }) => length > 60), 'both connections');
  const heads = received.map((bytes) => bytes.toString('latin1').split(' ').slice(0, 3).join(' ')).sort();
  expect(heads).toEqual(['PROXY TCP4 192.0.2.1', 'PROXY TCP4 192.0.2.2']);
  expect(received[0]?.toString('latin1')).toMatch(/^PROXY TCP4 [^\r]+\r\nPRI \* HTTP\/2\.0\r\n/);
  expect(statsOf(world)).toEqual('2 open, 0 idle, 0 waiting');
  anna.finish('client_closed');
  expect([(await asked[0]?.heard.end())?.code, (await asked[1]?.heard.end())?.code]).toEqual([
    'TARGET_BROKE',
    'TARGET_BROKE',
  ]);
  await soon(() => target.open === 1, 'the other client’s connection');
});

tap.test('what is left at the end: nothing; requests under way fail, idle connections end in peace', async () => {
  await using server = await startRawServer();
  const world = new UpstreamWorld();
  const peer = await oneIdle(world, server);
  await world[Symbol.asyncDispose]();
  await peer.next('GOAWAY');
  await peer.untilEnded();
  const busy = new UpstreamWorld();
  const asked = new Asked(busy, server.port);
  const second = await server.accept();
  await second.next('HEADERS');
  await busy[Symbol.asyncDispose]();
  expect((await asked.heard.end()).code).toEqual('TARGET_BROKE');
  await second.untilEnded();
  expect(await new Asked(busy, server.port).settled()).toEqual('POOL_CLOSED');
});

export default tap.start();
