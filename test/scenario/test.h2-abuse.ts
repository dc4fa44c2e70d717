// Clients of HTTP/2 that mean harm, at a whole proxy in a process of its own, with an innocent one beside them: he is
// answered, they are cut off, memory stays, and the target has no more to do than what lives. LONG=1 goes on ten times as long.

import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TH2BudgetName } from '../../ts/http/h2-limits.js';
import type { TEnd } from '../../ts/index.js';
import { connectH2, type IH2Client } from '../helpers/h2-clients.js';
import {
  connectRaw,
  literalBlock,
  type RawPeer,
  rawContinuation,
  rawData,
  rawFrame,
  rawGoaway,
  rawHeaders,
  rawPing,
  rawPriority,
  rawPriorityUpdate,
  rawRequest,
  rawReset,
  rawSettings,
  rawSettingsAck,
  rawWindowUpdate,
} from '../helpers/h2-raw.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxyProcess } from '../helpers/proxy-process.js';
import { expect, long, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

tap.timeout(long ? 1_800_000 : 120_000);

const mib = 1 << 20;
/** Streams that a client may have at a time. */
const atATime = 128;
const times = long ? 10 : 1;

/** Answers `/innocent` at once, `/large` with a megabyte, all else never; tells how much there was at once. */
async function startCountingOrigin() {
  const sockets = new Set<Socket>();
  const count = { seen: 0, live: 0, most: 0 };
  const large = Buffer.alloc(mib, 'l');
  const server = http.createServer((request, response) => {
    if (request.url === '/innocent') return void response.end('innocent');
    // What is never read keeps Node from seeing that it is over.
    if (request.url === '/stuck') return void request.pause().on('error', () => {});
    count.seen++;
    count.live++;
    count.most = Math.max(count.most, count.live);
    response.on('close', () => count.live--);
    request.on('error', () => {});
    if (request.url === '/large') response.end(large);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    count,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function startWorld() {
  const origin = await startCountingOrigin();
  const proxy = await startProxyProcess({
    routes: [makeHttpRoute(origin.port)],
    http: { h2c: true, headersTimeout: 600 },
  });
  const innocent = await connectH2(proxy.port);
  // What is compiled and filled once is no one's attack.
  for (let request = 0; request < 300; request++) await innocent.fetch('/innocent');
  const usedBytes = async (): Promise<number> => {
    const { heapBytes, bufferBytes } = await proxy.state();
    return heapBytes + bufferBytes;
  };
  return { origin, proxy, innocent, usedBytes };
}

const world = startWorld();

/** Goes on asking until told to stop; gives how long each answer took, in milliseconds. */
function keepAsking(innocent: IH2Client): () => Promise<number[]> {
  let asks = true;
  const work = (async () => {
    const tookMs: number[] = [];
    while (asks || tookMs.length < 3) {
      const startedMs = performance.now();
      const { status, text } = await innocent.fetch('/innocent');
      if (status !== 200 || text !== 'innocent') throw new Error(`the innocent got ${status} ${text}`);
      tookMs.push(performance.now() - startedMs);
      await new Promise(setImmediate);
    }
    return tookMs;
  })();
  work.catch(() => {});
  return () => {
    asks = false;
    return work;
  };
}

/** Connections of attackers. */
const attackers = new Set<RawPeer>();

/** What an attack does to everyone but the attacker: `end` judges that, and tells it in a line. */
async function watchAttack() {
  const { origin, proxy, innocent, usedBytes } = await world;
  const { count } = origin;
  // Of an attack that failed.
  await Promise.all([...attackers].map((peer) => peer[Symbol.asyncDispose]()));
  attackers.clear();
  count.most = count.live;
  const before = { bytes: await usedBytes(), ...(await proxy.state()) };
  /** Connections that ended so, once all are gone that are to go. */
  const ended = async (end: TEnd, least: number): Promise<number> => {
    for (let look = 0; look < 200; look++) {
      const count = ((await proxy.state()).ends[end] ?? 0) - (before.ends[end] ?? 0);
      if (count >= least) return count;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`fewer than ${least} ended by ${end}`);
  };
  const stop = keepAsking(innocent);
  return {
    port: proxy.port,
    ended,
    /** `over`: the attackers go. */
    async end(over: () => void = () => {}): Promise<string> {
      const tookMs = (await stop()).sort((one, other) => one - other);
      const { cpuMs, heapBytes, bufferBytes } = await proxy.state();
      const rise = (heapBytes + bufferBytes - before.bytes) / mib;
      expect(tookMs.at(-1) ?? 0).toBeLessThan(10_000);
      expect(rise).toBeLessThan(32);
      over();
      await until(
        () => count.live === 0,
        15_000,
        () => `nothing left at the target, has ${count.live}`,
      );
      const [median, worst] = [tookMs[tookMs.length >> 1] ?? 0, tookMs.at(-1) ?? 0].map((ms) => ms.toFixed(1));
      const cost = `${(cpuMs - before.cpuMs).toFixed(0)} ms CPU, ${rise.toFixed(1)} MiB more, ${count.most} live at the target`;
      return `${tookMs.length} others answered, in ${median} ms, at worst ${worst}; ${cost}`;
    },
  };
}

const batch = 50;

interface IFlood {
  /** Frames of the n-th time. */
  readonly each: (n: number) => Buffer;
  readonly first?: Buffer;
  readonly settings?: readonly number[];
  /** The attacker does not read. */
  readonly deaf?: boolean;
  readonly most?: number;
}

/** Sends until the connection ends, or so often; gives why it ended. */
async function flood(port: number, { each, first, settings = [], deaf = false, most = 30_000 }: IFlood) {
  const peer = await connectRaw(port, ...settings);
  attackers.add(peer);
  peer.send(rawSettingsAck());
  if (first !== undefined) peer.send(first);
  if (deaf) peer.socket.pause();
  for (let n = 0; n < most && !peer.ended && !peer.socket.destroyed; n += batch) {
    const frames = Array.from({ length: batch }, (_, index) => each(n + index));
    const isTaken = peer.socket.write(Buffer.concat(frames));
    if (peer.frames.length > 10_000) peer.frames.splice(0, 5_000);
    if (!isTaken && !peer.ended) await drained(peer);
    await new Promise(setImmediate);
  }
  return peer;
}

const drained = (peer: RawPeer): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      peer.socket.off('drain', done).off('close', done);
      resolve();
    };
    peer.socket.on('drain', done).on('close', done);
  });

/** GOAWAY's own words; empty if there were none. Whoever is cut off while he sends may lose them to a reset. */
async function lastWords(peer: RawPeer): Promise<string> {
  peer.socket.resume();
  await peer.untilEnded();
  const goaway = peer.frames.find(({ name }) => name === 'GOAWAY');
  await peer[Symbol.asyncDispose]();
  return goaway?.payload.toString('latin1', 8) ?? '';
}

const own = (n: number): number => n * 2 + 1;
const join = (...frames: Buffer[]): Buffer => Buffer.concat(frames);
const get = (stream: number, path = '/hold'): Buffer => rawHeaders(stream, rawRequest(path), { end: true });
const post = (stream: number, ...more: string[]): Buffer => rawHeaders(stream, rawRequest('/hold', 'POST', ...more));

/** A field of 4,000 octets, that many times. */
const bomb = (count: number): Buffer =>
  join(
    ...[literalBlock(rawRequest('/hold')), Buffer.of(0x40, 1, 97, 0x7f, 0x99, 0x1e), Buffer.alloc(3_992, 'b')],
    Buffer.alloc(count, 0xbe),
  );

interface IAttack extends IFlood {
  readonly what: string;
  /** The budget that ends it; or this one does. */
  readonly by: TH2BudgetName | 'continuations';
  readonly or?: TH2BudgetName;
  /** Requests that may have come to the target, for one attacker; 0 unless said. */
  readonly seen?: number;
}

/** Rapid reset lets pass 400 resets and what may live; that many requests may have gone on. */
const resettable = 700;
const faulty = 400;

const attacks: readonly IAttack[] = [
  { what: 'rapid reset', by: 'resets', seen: resettable, each: (n) => join(get(own(n)), rawReset(own(n), 8)) },
  {
    ...{ what: 'rapid reset of requests with content', by: 'resets', seen: resettable },
    each: (n) => join(post(own(n)), rawData(own(n), 100), rawReset(own(n), 8)),
  },
  {
    ...{ what: 'made you reset by WINDOW_UPDATE of 0', by: 'faults', seen: faulty },
    each: (n) => join(get(own(n)), rawWindowUpdate(own(n), 0)),
  },
  {
    ...{ what: 'made you reset by a window too large', by: 'faults', seen: faulty },
    each: (n) => join(get(own(n)), rawWindowUpdate(own(n), 0x7fff_ffff)),
  },
  {
    ...{ what: 'made you reset by PRIORITY of 4 octets', by: 'faults', seen: faulty },
    each: (n) => join(get(own(n)), rawFrame(2, 0, own(n), Buffer.alloc(4))),
  },
  {
    ...{ what: 'made you reset by PRIORITY on itself', by: 'faults', seen: faulty },
    each: (n) => join(get(own(n)), rawPriority(own(n), own(n))),
  },
  {
    ...{ what: 'made you reset by HEADERS on itself', by: 'faults' },
    each: (n) => rawHeaders(own(n), rawRequest('/hold'), { end: true, dependsOn: own(n) }),
  },
  {
    ...{ what: 'made you reset by DATA behind the end', by: 'faults', seen: faulty },
    each: (n) => join(get(own(n)), rawData(own(n), 1)),
  },
  {
    ...{ what: 'made you reset by HEADERS behind the end', by: 'faults', seen: faulty },
    each: (n) => join(get(own(n)), get(own(n))),
  },
  {
    ...{ what: 'made you reset by trailers that end nothing', by: 'faults', seen: faulty },
    each: (n) => join(post(own(n)), rawHeaders(own(n), ['a', 'b'])),
  },
  {
    ...{ what: 'made you reset by trailers too large', by: 'faults', seen: faulty },
    each: (n) => join(post(own(n)), rawHeaders(own(n), bomb(8), { end: true })),
    most: 1_000,
  },
  {
    // Content is looked at once there is somewhere to send it; until then the streams live.
    ...{ what: 'made you reset by too much content', by: 'faults', or: 'refusals', seen: faulty },
    each: (n) => join(post(own(n), 'content-length', '1'), rawData(own(n), 5)),
  },
  {
    ...{ what: 'made you reset by too little content', by: 'faults', or: 'refusals', seen: faulty },
    each: (n) => join(post(own(n), 'content-length', '9'), rawData(own(n), 5, { end: true })),
  },
  {
    ...{ what: 'made you reset by a malformed request', by: 'faults' },
    each: (n) => rawHeaders(own(n), rawRequest('/hold', 'GET', 'Large', 'x'), { end: true }),
  },
  {
    ...{ what: 'made you reset by pseudo-fields in trailers', by: 'faults', seen: faulty },
    each: (n) => join(post(own(n)), rawHeaders(own(n), [':path', '/'], { end: true })),
  },
  { what: 'streams beyond those allowed', by: 'refusals', seen: atATime, each: (n) => get(own(n)) },
  {
    ...{ what: 'CONTINUATION without end', by: 'continuations' },
    first: rawHeaders(1, rawRequest('/hold'), { whole: false }),
    each: () => rawContinuation(1, literalBlock(['a', 'b']), false),
  },
  {
    ...{ what: 'empty CONTINUATION without end', by: 'continuations' },
    first: rawHeaders(1, rawRequest('/hold'), { whole: false }),
    each: () => rawContinuation(1, Buffer.alloc(0), false),
  },
  {
    ...{ what: 'large CONTINUATION without end', by: 'continuations', most: 2_000 },
    first: rawHeaders(1, rawRequest('/hold'), { whole: false }),
    each: () => rawContinuation(1, Buffer.alloc(16_000, 0x82), false),
  },
  { what: 'SETTINGS', by: 'settings', each: () => rawSettings(4, 65_535, 1, 4_096) },
  {
    what: 'SETTINGS that shift all windows',
    by: 'settings',
    seen: 1,
    first: get(1),
    each: (n) => rawSettings(4, n % 9),
  },
  { what: 'acknowledgements', by: 'settings', each: () => rawSettingsAck() },
  { what: 'PING', by: 'pings', each: () => rawPing('12345678') },
  { what: 'PING whose answers are not read', by: 'pings', deaf: true, each: () => rawPing('12345678') },
  { what: 'empty DATA', by: 'emptyFrames', seen: 1, first: post(1), each: () => rawData(1, 0) },
  {
    what: 'DATA of padding',
    by: 'emptyFrames',
    seen: 1,
    first: post(1),
    each: () => rawData(1, 0, { pad: 255 }),
    most: 3_000,
  },
  { what: 'empty header blocks', by: 'faults', each: (n) => rawHeaders(own(n), Buffer.alloc(0), { end: true }) },
  { what: 'PRIORITY', by: 'priorities', each: (n) => rawPriority(own(n % 1_000), 0) },
  { what: 'PRIORITY_UPDATE', by: 'priorities', each: (n) => rawPriorityUpdate(own(n % 100), 'u=0') },
  { what: 'WINDOW_UPDATE', by: 'windowUpdates', each: () => rawWindowUpdate(0, 1) },
  { what: 'WINDOW_UPDATE of a stream', by: 'windowUpdates', seen: 1, first: get(1), each: () => rawWindowUpdate(1, 1) },
  {
    ...{ what: 'windows of one octet', by: 'windowUpdates', seen: 1, settings: [4, 0] },
    ...{ first: get(1, '/large'), each: () => rawWindowUpdate(1, 1) },
  },
  { what: 'frames of no known type', by: 'unknownFrames', each: () => rawFrame(0x99, 0, 0, Buffer.alloc(100)) },
  { what: 'GOAWAY', by: 'goaways', seen: 1, first: get(1), each: () => rawGoaway(0, 0) },
  {
    ...{ what: 'content for a stream that is reset', by: 'lateFrames', seen: 1 },
    first: join(get(1), rawData(1, 1)),
    each: () => rawData(1, 1),
  },
];

tap.test('an innocent client is answered before any attack', async () => {
  const { innocent } = await world;
  expect((await innocent.fetch('/innocent')).text).toEqual('innocent');
});

for (const { what, by, or = by, seen = 0, ...how } of attacks) {
  tap.test(`${what}: cut off by ${by}, at the cost of the attacker alone`, async (t) => {
    const { count } = (await world).origin;
    const seenBefore = count.seen;
    const watch = await watchAttack();
    for (let time = 0; time < times; time++) {
      const words = await lastWords(await flood(watch.port, how));
      expect(['', by, or]).toContain(words);
    }
    t.diagnostic(await watch.end());
    // Of faults and budgets: not by a limit of time, nor by the end of the attack.
    expect(await watch.ended('protocol_error', times)).toEqual(times);
    expect(count.seen - seenBefore).toBeLessThan(seen * times + 1);
    // What was cancelled may be on its way still when the next one comes.
    expect(count.most).toBeLessThan(2 * atATime + 1);
  });
}

interface IStanding {
  readonly what: string;
  readonly count: number;
  /** Each of them, until what it does has come to rest. */
  readonly attack: (peer: RawPeer) => Promise<void>;
  readonly settings?: readonly number[];
  /** They are cut off by this limit of time; else they may stay. */
  readonly end?: TEnd;
}

const all = (make: (n: number) => Buffer, count = atATime): Buffer =>
  join(...Array.from({ length: count }, (_, n) => make(n)));
/** Until what was sent is read and answered. */
const isRead = async (peer: RawPeer): Promise<void> => void (await peer.sync());

const standing: readonly IStanding[] = [
  {
    ...{ what: 'large answers and windows of zero', count: 2, settings: [4, 0] },
    async attack(peer) {
      peer.send(all((n) => get(own(n), '/large')));
      await isRead(peer);
    },
  },
  {
    ...{ what: 'large answers, large windows, and nothing is read', count: 2, settings: [4, 0x7fff_ffff] },
    async attack(peer) {
      peer.send(rawWindowUpdate(0, 0x7fff_0000));
      await isRead(peer);
      peer.socket.pause();
      peer.send(all((n) => get(own(n), '/large')));
    },
  },
  {
    ...{ what: 'lists of fields as large as may be', count: 2 },
    async attack(peer) {
      peer.send(all((n) => rawHeaders(own(n), rawRequest('/hold', 'GET', 'x', 'y'.repeat(15_000)), { end: true })));
      await isRead(peer);
    },
  },
  {
    ...{ what: 'lists of fields that are short as they are sent', count: 2 },
    async attack(peer) {
      peer.send(all((n) => rawHeaders(own(n), bomb(12_000), { end: true })));
      await isRead(peer);
    },
  },
  {
    ...{ what: 'content that no target takes', count: 2 },
    async attack(peer) {
      for (let n = 0; n < atATime; n++) {
        const content = [rawData(own(n), 16_000), rawData(own(n), 16_000), rawData(own(n), 16_000)];
        peer.send(rawHeaders(own(n), rawRequest('/stuck', 'POST')), ...content);
        if (n % 8 === 7) await isRead(peer);
      }
    },
  },
  {
    ...{ what: 'header blocks that never end', count: 50, end: 'headers_timeout' },
    async attack(peer) {
      peer.send(rawHeaders(1, rawRequest('/hold'), { whole: false }));
    },
  },
  {
    ...{ what: 'frames that never end', count: 50, end: 'headers_timeout' },
    async attack(peer) {
      peer.send(get(1).subarray(0, 12));
    },
  },
  {
    ...{ what: 'SETTINGS that are never acknowledged', count: 50, end: 'headers_timeout' },
    async attack() {},
  },
  {
    ...{ what: 'many connections with nothing to say', count: long ? 2_000 : 300 },
    async attack(peer) {
      await isRead(peer);
    },
  },
];

for (const { what, count, attack, settings = [], end } of standing) {
  tap.test(`${what}: memory stays, and others are answered`, async (t) => {
    const watch = await watchAttack();
    const peers: RawPeer[] = [];
    for (let n = 0; n < count; n++) {
      const peer = await connectRaw(watch.port, ...settings);
      attackers.add(peer);
      if (end === undefined) peer.send(rawSettingsAck());
      peers.push(peer);
      await attack(peer);
    }
    if (end !== undefined) {
      await Promise.all(peers.map((peer) => peer.untilEnded()));
    }
    t.diagnostic(await watch.end(() => peers.map(({ socket }) => socket.destroy())));
    if (end !== undefined) expect(await watch.ended(end, count)).toEqual(count);
    expect((await world).origin.count.most).toBeLessThan(count * atATime + 1);
  });
}

tap.test('the innocent client has kept its connection through all of it', async () => {
  const { origin, proxy, innocent } = await world;
  expect((await innocent.fetch('/innocent')).text).toEqual('innocent');
  expect(innocent.goaways).toEqual([]);
  expect((await proxy.state()).live).toEqual(1);
  await innocent[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

export default tap.start();
