// What is too large for a request: the status that says so, and a proxy whose memory does not follow what it is sent.

import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { rawExchange } from '../helpers/http-clients.js';
import { okAnswer, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startOrigin } from '../helpers/origins.js';
import { type IProxyProcess, startProxyProcess } from '../helpers/proxy-process.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.timeout(120_000);

const mib = 1 << 20;
const get = (target: string, ...fields: string[]): string =>
  `GET ${target} HTTP/1.1\r\nHost: a.test\r\n${fields.map((line) => `${line}\r\n`).join('')}\r\n`;
const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `X-${at}: y`);

const tooLarge: readonly [name: string, status: number, bytes: string][] = [
  ['a head of 64 kB in one field', 431, get('/', `X: ${'y'.repeat(65_536)}`)],
  ['a head of 64 kB in many fields', 431, get('/', ...many(20).map((line) => line + 'y'.repeat(3_300)))],
  ['a head of 64 kB in Cookie fields', 431, get('/', ...many(640).map(() => `Cookie: ${'c'.repeat(95)}`))],
  ['5 000 fields', 431, get('/', ...many(5_000))],
  ['101 fields', 431, get('/', ...many(100))],
  ['a URI of 64 kB', 414, get(`/${'a'.repeat(65_536)}`)],
  ['a query of 64 kB', 414, get(`/?${'a'.repeat(65_536)}`)],
  ['an authority of 64 kB', 400, `GET / HTTP/1.1\r\nHost: ${'a'.repeat(10_000)}\r\n\r\n`],
  ['a method of 300 octets', 400, get('/').replace('GET', 'M'.repeat(300))],
  ['a field name of 20 kB', 431, get('/', `${'x'.repeat(20_000)}: y`)],
  ['64 kB without a line end', 414, `GET /${'a'.repeat(65_536)}`],
  ['64 kB of a field without an end', 431, `GET / HTTP/1.1\r\nHost: a.test\r\nX: ${'a'.repeat(65_536)}`],
];

/** Both a first request of a connection and a later one. */
async function statuses(port: number, bytes: string): Promise<readonly number[]> {
  const first = await rawExchange(port, bytes);
  const later = await rawExchange(port, get('/first') + bytes);
  return [...first.answers, ...later.answers].map(({ status }) => status);
}

async function world() {
  const origin = await startRecordingOrigin(okAnswer());
  const proxy = await startProxyProcess({ routes: [{ ...makeHttpRoute(origin.port) }] });
  return { origin, proxy };
}

const usedBytes = async (proxy: IProxyProcess): Promise<number> => {
  const { heapBytes, bufferBytes } = await proxy.state();
  return heapBytes + bufferBytes;
};

/** What stays: connections that are still closing hold memory, and a late machine is slow to close them. */
const keptBytes = async (proxy: IProxyProcess): Promise<number> => {
  for (let look = 0; look < 100 && (await proxy.state()).live > 0; look++) await delay(20);
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 5; look++) {
    least = Math.min(least, await usedBytes(proxy));
    await delay(20);
  }
  return least;
};

tap.test('what is too large is refused with the status that says so, and reaches no target', async () => {
  const { origin, proxy } = await world();
  await using _origin = origin;
  await using _proxy = proxy;
  const wrong: string[] = [];
  for (const [name, status, bytes] of tooLarge) {
    const got = await statuses(proxy.port, bytes);
    if (got.join() !== [status, 200, status].join()) wrong.push(`${name}: ${got.join()}`);
  }
  expect(wrong).toEqual([]);
  expect(origin.requests.filter(({ url }) => url !== '/first').length).toEqual(0);
});

tap.test('refusing what is too large leaves the memory of the proxy as it was', async () => {
  const { origin, proxy } = await world();
  await using _origin = origin;
  await using _proxy = proxy;
  const round = async () => {
    for (const [, , bytes] of tooLarge) await rawExchange(proxy.port, bytes);
  };
  for (let count = 0; count < 10; count++) await round();
  const before = await keptBytes(proxy);
  const { cpuMs: cpuBeforeMs } = await proxy.state();
  for (let count = 0; count < 40; count++) await round();
  const tookMs = (await proxy.state()).cpuMs - cpuBeforeMs;
  // If it kept what it refused, that would be 20 MB.
  expect((await keptBytes(proxy)) - before).toBeLessThan(10 * mib);
  // Far above what it takes; a refusal whose cost grows with the square of its size would be more.
  expect(tookMs / 40 / tooLarge.length).toBeLessThan(500);
});

/** Sends `bytes` again and again, up to `total`, for as long as the connection takes them. */
async function pour(proxy: IProxyProcess, start: string, bytes: string, totalBytes: number) {
  const socket = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  let answer = '';
  let isOpen = true;
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.once('close', () => {
    isOpen = false;
  });
  socket.write(start, 'latin1');
  const block = Buffer.from(bytes, 'latin1');
  let mostBytes = 0;
  let sent = 0;
  for (; sent < totalBytes && isOpen; sent += block.length) {
    if (!socket.write(block)) {
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    }
    if (sent % (8 * mib) < block.length) mostBytes = Math.max(mostBytes, await usedBytes(proxy));
  }
  socket.end();
  const status = Number(answer.slice(9, 12));
  socket.destroy();
  await closed;
  return { status, mostBytes };
}

tap.test('100 MB of chunk extensions, of chunk heads and of trailers are refused early, in little memory', async () => {
  const { origin, proxy } = await world();
  await using _origin = origin;
  await using _proxy = proxy;
  const post = 'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n';
  const floods: readonly [start: string, block: string][] = [
    [`${post}5;`, 'a'.repeat(65_536)],
    [`${post}5;a="`, 'b'.repeat(65_536)],
    [post, '1;abcdefg\r\nx\r\n'.repeat(5_000)],
    [post, '0'.repeat(65_536)],
    [`${post}0\r\n`, 'X-Trailer: y\r\n'.repeat(5_000)],
    [`${post}0\r\nX: `, 'y'.repeat(65_536)],
  ];
  const before = await usedBytes(proxy);
  for (const [start, block] of floods) {
    const { status, mostBytes } = await pour(proxy, start, block, 100 * mib);
    expect([start.slice(post.length), status]).toEqual([start.slice(post.length), 400]);
    // What was just read and dropped may still be counted.
    expect(mostBytes - before).toBeLessThan(40 * mib);
    expect((await keptBytes(proxy)) - before).toBeLessThan(6 * mib);
  }
  expect(origin.requests.filter(({ message }) => message.isComplete)).toEqual([]);
});

tap.test('6 MB of chunks of one octet pass, in little memory', async () => {
  const { origin, proxy } = await world();
  await using _origin = origin;
  await using _proxy = proxy;
  const post = 'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n';
  const before = await usedBytes(proxy);
  const { mostBytes } = await pour(proxy, post, '1\r\nx\r\n'.repeat(10_000), 6 * mib);
  expect(mostBytes - before).toBeLessThan(16 * mib);
});

tap.test('a target that pours 100 MB where a head, a chunk size or a trailer belongs is cut off early', async () => {
  const floods: readonly [start: string, block: string, status: number | null][] = [
    ['HTTP/1.1 200 OK\r\nX: ', 'y'.repeat(65_536), 502],
    ['HTTP/1.1 200 OK\r\n', 'X: y\r\n'.repeat(10_000), 502],
    ['HTTP/1.1 200 ', 'O'.repeat(65_536), 502],
    ['', 'HTTP/1.1 103 E\r\nLink: <a>\r\n\r\n'.repeat(2_000), 502],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;', 'a'.repeat(65_536), null],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n', 'X: y\r\n'.repeat(10_000), null],
  ];
  let flood = floods[0];
  let poured = 0;
  await using origin = await startOrigin((socket) => {
    socket.on('data', () => {
      const [start = '', text = ''] = flood ?? [];
      const block = Buffer.from(text, 'latin1');
      socket.write(start, 'latin1');
      const pour = () => {
        while (!socket.destroyed && poured < 100 * mib) {
          poured += block.length;
          if (!socket.write(block)) return;
        }
      };
      socket.on('drain', pour);
      pour();
    });
  });
  await using proxy = await startProxyProcess({ routes: [makeHttpRoute(origin.port)] });
  const before = await usedBytes(proxy);
  for (const [start, text, status] of floods) {
    flood = [start, text, status];
    poured = 0;
    const { answers, ended } = await rawExchange(proxy.port, get('/'), { answers: 1 });
    const final = answers.find((answer) => answer.status >= 200);
    if (status === null) expect([final?.isComplete ?? false, ended === 'open']).toEqual([false, false]);
    else expect(final?.status).toEqual(status);
    expect(poured).toBeLessThan(32 * mib);
    expect((await keptBytes(proxy)) - before).toBeLessThan(6 * mib);
  }
});

export default tap.start();
