// Streams that are given up at any moment, by the client or by the target, at a whole proxy that speaks HTTP/2 on both sides:
// nothing of them is left, and what was not given up is whole. LONG=1 takes ten thousand.

import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connectH2, type IH2Client } from '../helpers/h2-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { watchInnerParts } from '../helpers/inner-parts.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, long, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

// More would be a risk: after ten thousand or so Node 20 itself may abort (corrupted size vs. prev_size), also with the proxy in
// another process than its http2 module.
const streams = long ? 10_000 : 200;
const atATime = 100;

/** The same numbers every time. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const content = Buffer.alloc(60_000, 'c');

/** When a client gives up: never, before anything, at a turn of the event loop, at the head, within the content. */
const moments = ['never', 'at once', 'a turn later', 'some turns later', 'at the head', 'in the content'] as const;

/** Answers in pieces, with turns between them; gives up itself where its path says so. */
async function startFickleTarget() {
  const sessions = new Set<http2.ServerHttp2Session>();
  const live = new Set<http2.ServerHttp2Stream>();
  // Node ends connections whose peer resets too many streams; here all of them come by one.
  const patience = { streamResetBurst: 1e6, streamResetRate: 1e6 };
  const server = http2.createServer({ maxSessionMemory: 1_000, ...patience });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('stream', async (stream, headers) => {
    live.add(stream);
    stream.on('close', () => live.delete(stream));
    stream.on('error', () => {});
    stream.resume();
    const path = String(headers[':path']);
    const turns = Number(/\d+$/.exec(path)?.[0] ?? 0) % 4;
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    if (path.startsWith('/refuse')) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    if (stream.destroyed || stream.closed) return;
    stream.respond({ ':status': 200, 'content-length': content.length });
    stream.write(content.subarray(0, 20_000));
    await new Promise(setImmediate);
    if (stream.destroyed || stream.closed) return;
    if (path.startsWith('/cut')) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    else stream.end(content.subarray(20_000));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    live,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One request, given up or not. True: its answer was whole. */
async function ask(client: IH2Client, random: (below: number) => number, number: number): Promise<string> {
  const moment = moments[random(moments.length)] ?? 'never';
  const kind = ['/whole', '/whole', '/cut', '/refuse'][random(4)] ?? '/whole';
  const hasContent = random(2) === 0;
  const stream = client.open(`${kind}/${number}`, { method: hasContent ? 'POST' : 'GET', endStream: !hasContent });
  stream.on('error', () => {});
  let given = (): void => {};
  // Node does not always tell that a stream is over which was closed before anything came.
  const over = new Promise<void>((resolve) => {
    given = () => setImmediate(resolve);
    stream.once('close', resolve);
  });
  const cancel = (): void => {
    stream.close(http2.constants.NGHTTP2_CANCEL);
    given();
  };
  let bytes = 0;
  let status = 0;
  stream.on('response', (fields) => {
    status = Number(fields[':status']);
    if (moment === 'at the head') cancel();
  });
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (moment === 'in the content') cancel();
  });
  if (hasContent) {
    // Within one window: of more, an early answer makes the proxy wait for a while.
    stream.write(content.subarray(0, random(20_000)));
    if (random(2) === 0) stream.end(content.subarray(0, 30_000));
    else setImmediate(() => stream.end());
  }
  if (moment === 'at once') cancel();
  else if (moment !== 'never') {
    const turns = moment === 'a turn later' ? 1 : random(8);
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    if (moment === 'some turns later' || moment === 'a turn later') cancel();
  }
  await over;
  const isWhole = status === 200 && bytes === content.length && stream.rstCode === 0;
  if (moment === 'never' && kind === '/whole' && !isWhole)
    throw new Error(`${kind}/${number}: ${status}, ${bytes} bytes`);
  // Its reset may overtake its head.
  if (moment === 'never' && kind === '/cut' && stream.rstCode === 0 && status !== 502)
    throw new Error(`${kind}/${number} seemed whole: ${status}, ${bytes} bytes, ${hasContent}`);
  return isWhole ? 'whole' : 'not whole';
}

for (const versions of ['http2', 'http1'] as const) {
  tap.test(`${streams} streams given up at random, to targets of ${versions}: nothing is left of them`, async () => {
    using inner = watchInnerParts();
    await using fickle = await startFickleTarget();
    await using plain = await startHttpOrigin((request, response) => {
      request.resume();
      response.on('error', () => {});
      if (request.url?.startsWith('/refuse')) return void request.socket.destroy();
      response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 20_000));
      setImmediate(() => {
        if (request.url?.startsWith('/cut')) request.socket.destroy();
        else response.end(content.subarray(20_000));
      });
    });
    const port = versions === 'http2' ? fickle.port : plain.port;
    const action = { type: 'forward', target: { host: '127.0.0.1', port }, backendProtocol: versions } as const;
    await using started = await startProxy({ routes: [makeHttpRoute(port, { action })], http: { h2c: true } });
    const reports = reportsOf(started);
    const random = makeRandom(4_711);
    const outcomes: string[] = [];
    let asked = 0;
    while (asked < streams) {
      // A connection gives up no more often than its budget allows.
      await using client = await connectH2(started.port);
      const share = Math.min(streams - asked, 250);
      let next = 0;
      const run = async (): Promise<void> => {
        while (next++ < share) outcomes.push(await ask(client, random, asked++));
      };
      await Promise.all(Array.from({ length: Math.min(atATime, share) }, run));
      expect(client.goaways).toEqual([]);
      // While the connection lives: its end would end everything.
      await until(
        () => inner.leases + fickle.live.size === 0,
        15_000,
        () => `nothing under way, has ${inner.leases} leases, ${fickle.live.size} streams at the target`,
      );
      expect((await client.fetch('/whole/0')).body.length).toEqual(content.length);
    }
    expect(outcomes.filter((each) => each === 'whole').length > streams / 20).toBeTrue();
    await until(
      () => {
        const { open, idle, waiting } = inner.upstreams;
        const atTarget = started.proxy.getConnections().length + fickle.live.size;
        return atTarget + inner.leases + waiting === 0 && open === idle;
      },
      15_000,
      () =>
        `nothing left, has ${fickle.live.size} streams at the target, ${inner.leases} leases, ${JSON.stringify(inner.upstreams)}`,
    );
    // Each request that came has been told of, once; those that were taken back before they were sent were none.
    expect(new Set(reports.all.map(({ path }) => path)).size <= streams + 1).toBeTrue();
  });
}

export default tap.start();
