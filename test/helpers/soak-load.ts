// Mixed traffic for as long as one likes: every kind of client in lanes of its own, each answer compared.

import type { ClientHttp2Session } from 'node:http2';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { connectH2 } from './h2-clients.js';
import { fetchThrough, type IFetchOptions, keepAliveAgent } from './http-clients.js';
import { bytesOfLength, digestOf } from './soak-origins.js';
import { connectWebSocket } from './websockets.js';

/** What a lane did: how often what it wanted came, and what came instead. */
export interface ISoakCounts {
  readonly good: Map<string, number>;
  /** Ends that its kind of traffic is there for: a target that is dead. */
  readonly expected: Map<string, number>;
  readonly unexpected: string[];
}

export interface ISoakLoad {
  readonly counts: ISoakCounts;
  /** Resolves when every lane has ended what it was doing. */
  stop(): Promise<void>;
}

interface IWorld {
  readonly port: number;
  /** The authority of the certificate for p.test. */
  readonly ca: string;
  readonly random: (below: number) => number;
}

type TTurn = (world: IWorld) => Promise<void>;

/** Lanes of each kind, and the longest pause between two turns of one. */
const kinds: readonly (readonly [name: string, lanes: number, pauseMs: number, turn: TTurn])[] = [
  ['kept connections', 4, 20, keepAlive],
  ['one request a connection', 3, 40, oneRequest],
  ['HTTPS', 2, 60, secureRequests],
  ['HTTP/2', 3, 60, streams],
  ['aborts', 4, 30, abort],
  ['WebSockets', 3, 60, webSocket],
  ['WebSockets over TLS', 2, 80, secureWebSocket],
  ['SNI passthrough', 3, 40, passthrough],
  ['bytes', 3, 40, bytes],
];

/** Whose target dies and returns: failures in good order are what it is for. */
const mortal: readonly (readonly [name: string, lanes: number, pauseMs: number, turn: TTurn])[] = [
  ['requests to a mortal', 3, 40, mortalRequests],
];

export function startSoakLoad(port: number, ca: string, seed = 7): ISoakLoad {
  const counts: ISoakCounts = { good: new Map(), expected: new Map(), unexpected: [] };
  const random = randomBelow(seed);
  const world: IWorld = { port, ca, random };
  let isOver = false;
  const lane = async (name: string, pauseMs: number, turn: TTurn, isMortal: boolean) => {
    while (!isOver) {
      try {
        await turn(world);
        count(counts.good, name);
      } catch (error) {
        const text = `${name}: ${error instanceof Error ? error.message : error}`;
        if (isMortal && isDeath(text)) count(counts.expected, text);
        else if (counts.unexpected.length < 20) counts.unexpected.push(text);
      }
      await delay(random(pauseMs));
    }
  };
  const running = [
    ...kinds.flatMap(([name, lanes, pauseMs, turn]) => times(lanes, () => lane(name, pauseMs, turn, false))),
    ...mortal.flatMap(([name, lanes, pauseMs, turn]) => times(lanes, () => lane(name, pauseMs, turn, true))),
  ];
  return {
    counts,
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
const count = (map: Map<string, number>, name: string): void => void map.set(name, (map.get(name) ?? 0) + 1);

/** A target that is not there is 502 or 503 in good order; one that dies in the middle is a 502, or a cut that is seen. */
const isDeath = (text: string): boolean => /status 50[234]|ECONNRESET|socket hang up|aborted/.test(text);

async function ask({ port }: IWorld, path: string, options: IFetchOptions, want: string): Promise<void> {
  const { status, body } = await fetchThrough(port, path, options);
  if (status !== 200) throw new Error(`status ${status} of ${path}: ${body.toString('latin1', 0, 80)}`);
  const got = path.startsWith('/bytes') ? digestOf(body) : body.toString('latin1');
  if (got !== want) throw new Error(`another answer to ${path}: ${body.length} bytes`);
}

/** A download or an upload of any size. */
function askAny(world: IWorld, options: IFetchOptions): Promise<void> {
  const size = [0, 7, 900, 20_000, 300_000][world.random(5)] ?? 0;
  const content = bytesOfLength(size);
  if (world.random(2) === 0) return ask(world, `/bytes/${size}`, options, digestOf(content));
  const upload = { method: 'POST', body: content, chunked: world.random(2) === 0 };
  return ask(world, '/digest', { ...options, ...upload }, digestOf(content));
}

async function keepAlive(world: IWorld): Promise<void> {
  using agent = keepAliveAgent();
  for (let left = world.random(40); left >= 0; left--) await askAny(world, { agent });
}

function oneRequest(world: IWorld): Promise<void> {
  return askAny(world, { headers: { connection: 'close' } });
}

async function secureRequests(world: IWorld): Promise<void> {
  using agent = keepAliveAgent(true);
  for (let left = world.random(10); left >= 0; left--) await askAny(world, { agent, tls: {} });
}

async function mortalRequests(world: IWorld): Promise<void> {
  using agent = keepAliveAgent();
  const content = bytesOfLength(20_000);
  const options = { agent, host: 'mortal.test' };
  for (let left = world.random(10); left >= 0; left--) await ask(world, '/bytes/20000', options, digestOf(content));
}

/** Streams at a time over one connection, some of which are cancelled in the middle. */
async function streams(world: IWorld): Promise<void> {
  await using client = await connectH2(world.port, { tls: {} });
  for (let left = world.random(4); left >= 0; left--) {
    await Promise.all(
      times(1 + world.random(12), async () => {
        if (world.random(4) === 0) return await cancel(client.session, world.random(3));
        const content = bytesOfLength(1 + world.random(30_000));
        const { status, text } = await client.fetch('/digest', { method: 'POST', body: content });
        if (status !== 200 || text !== digestOf(content)) throw new Error(`status ${status}, ${text.length} bytes`);
      }),
    );
  }
  await new Promise<void>((resolve) => client.session.close(resolve));
}

async function cancel(session: ClientHttp2Session, afterMs: number): Promise<void> {
  const stream = session.request({ ':path': '/bytes/300000', ':authority': 'a.test' });
  stream.on('error', () => {});
  stream.on('data', () => {});
  const closed = new Promise((resolve) => stream.once('close', resolve));
  await delay(afterMs);
  stream.close(8);
  await closed;
}

/** Leaves anywhere in a request or its answer, by a reset or in order. */
async function abort({ port, random }: IWorld): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const whole =
    random(2) === 0
      ? 'GET /bytes/300000 HTTP/1.1\r\nHost: a.test\r\n\r\n'
      : `POST /digest HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000\r\n\r\n${'x'.repeat(5_000)}`;
  socket.write(random(3) === 0 ? whole : whole.slice(0, random(whole.length)));
  socket.on('data', () => {});
  await delay(random(8));
  if (random(2) === 0) socket.resetAndDestroy();
  else socket.destroy();
  await closed;
}

async function talk(world: IWorld, url: string, options: object): Promise<void> {
  await using client = await connectWebSocket(url, options);
  const wanted: string[] = [];
  for (let left = world.random(12); left >= 0; left--) {
    const message = `${wanted.length} ${'w'.repeat([3, 200, 70_000][world.random(3)] ?? 3)}`;
    wanted.push(message);
    client.socket.send(message);
    if (world.random(2) === 0) await client.messages(wanted.length);
  }
  const got = await client.messages(wanted.length);
  if (got.some((message, n) => message !== wanted[n])) throw new Error('another message');
  const how = world.random(3);
  if (how === 0) return client.socket.terminate();
  client.socket.close(1000, 'done');
  const { code } = await client.closed;
  if (code !== 1000) throw new Error(`closed with ${code}`);
}

function webSocket(world: IWorld): Promise<void> {
  return talk(world, `ws://127.0.0.1:${world.port}/ws`, { headers: { host: 'a.test' } });
}

function secureWebSocket(world: IWorld): Promise<void> {
  return talk(world, `wss://127.0.0.1:${world.port}/ws`, {
    headers: { host: 'a.test' },
    servername: 'a.test',
    rejectUnauthorized: false,
  });
}

/** The certificate of the target itself is verified. */
async function passthrough(world: IWorld): Promise<void> {
  const raw = net.connect({ port: world.port, host: '127.0.0.1' });
  raw.on('error', () => {});
  await echoed(tls.connect({ socket: raw, servername: 'p.test', ca: world.ca }), world);
}

function bytes(world: IWorld): Promise<void> {
  return echoed(net.connect({ port: world.port, host: '127.0.0.1' }), world);
}

async function echoed(socket: net.Socket, { random }: IWorld): Promise<void> {
  const wanted = Buffer.concat([Buffer.from('\0soak'), bytesOfLength(random(40_000))]);
  let got = 0;
  const ended = new Promise<void>((resolve, reject) => {
    socket.on('error', reject).on('close', () => reject(new Error('closed before its end')));
    socket.on('end', resolve);
  });
  socket.on('data', (part: Buffer) => {
    if (Buffer.compare(part, wanted.subarray(got, got + part.length)) !== 0) socket.destroy(new Error('other bytes'));
    got += part.length;
    if (got === wanted.length) socket.end();
  });
  socket.write(wanted);
  await ended;
  if (got !== wanted.length) throw new Error(`${got} bytes of ${wanted.length}`);
  if (!socket.destroyed) socket.destroy();
}

/** A linear congruence, good enough to mix. */
function randomBelow(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}
