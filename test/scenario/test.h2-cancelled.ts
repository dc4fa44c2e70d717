// Streams that are given up at any moment, by the client or by the target, at a whole proxy that speaks HTTP/2 on both sides:
// nothing of them is left, what was not given up is whole, and what was cut never seems so. LONG=1 takes ten thousand.
// Both ends are raw frames: an end that is a library would have to be right about all of this as well.

import { h2Error } from '../../ts/codec/http2-frame.js';
import { rawRequest } from '../helpers/h2-raw.js';
import { connectRawStreams, type RawStream, type RawStreams, startRawTarget } from '../helpers/h2-raw-streams.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { watchInnerParts } from '../helpers/inner-parts.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, long, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const streams = long ? 10_000 : 1_000;
const atATime = 100;
/** More would go beyond what a connection may reset. */
const perConnection = 250;

tap.timeout(long ? 600_000 : 60_000);

const { noError, internal, cancel, refusedStream } = h2Error;
const turn = () => new Promise<void>(setImmediate);

/** The same numbers every time. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What a client does: never, before anything, at a turn of the event loop, within its content, at the head, within the answer's content. */
const moments = ['never', 'never', 'at once', 'later', 'in its content', 'at the head', 'in the content'] as const;

/**
 * What a target does. `whole`: it answers what it has heard to its end. `slow`: at once, but in pieces. `early`: at once, and wants no
 * more of the request. `deny`: it refuses it unheard, the first time. `refuse`: it resets it. `cut`: within its answer.
 */
const kinds = ['whole', 'whole', 'slow', 'early', 'deny', 'refuse', 'cut'] as const;
const wholeKinds: ReadonlySet<string> = new Set(['whole', 'slow', 'early', 'deny']);

const answerBytes = 60_000;
/** Each request has octets of its own, so that none can be another's. */
const octetOf = (number: number): number => 32 + (number % 90);
const contents = Array.from({ length: 90 }, (_, at) => Buffer.alloc(answerBytes, 32 + at));
const contentOf = (number: number): Buffer => contents[number % 90] as Buffer;
const isOf = (piece: Buffer, number: number): boolean =>
  piece.length === 0 || (piece[0] === octetOf(number) && piece.at(-1) === octetOf(number));

/** `/kind/number/length of the content`. */
function readPath(path: string) {
  const [, kind = '', number = '', length = ''] = path.split('/');
  return { kind, number: Number(number), length: Number(length) };
}

/** A target of HTTP/2 that gives up where the path says so, and notes what it should not have seen. */
async function startFickleTarget() {
  const wrong: string[] = [];
  const denied = new Set<number>();
  const serve = (stream: RawStream): void => {
    let path: ReturnType<typeof readPath> | null = null;
    stream.on = (event) => {
      if (event === 'head' && path === null) {
        path = readPath(stream.field(':path'));
        void answer(stream, path);
      }
      if (path === null) return;
      if (event === 'data' && !isOf(stream.last, path.number)) wrong.push(`content of another than ${path.number}`);
      if (event === 'end' && stream.received !== path.length) wrong.push(`${path.number} seemed whole`);
    };
  };
  const answer = async (stream: RawStream, { kind, number }: ReturnType<typeof readPath>): Promise<void> => {
    for (let turns = number % 5; turns > 0; turns--) await turn();
    if (kind === 'refuse') return stream.reset(number % 2 === 0 ? internal : noError);
    if (kind === 'deny' && !denied.has(number)) {
      denied.add(number);
      return stream.reset(refusedStream);
    }
    while ((kind === 'whole' || kind === 'deny') && !stream.gotEnd && !stream.isOver) await turn();
    const content = contentOf(number);
    stream.head([':status', '200', 'content-length', `${content.length}`]);
    if (kind === 'whole' || kind === 'deny') return stream.data(content, true);
    if (kind === 'early') return answerEarly(stream, content);
    stream.data(content.subarray(0, 20_000));
    for (let turns = number % 3; turns >= 0; turns--) await turn();
    if (kind === 'cut') stream.reset([internal, cancel, noError][number % 3] as number);
    else stream.data(content.subarray(20_000), true);
  };
  /** RFC 9113 §8.1 */
  const answerEarly = (stream: RawStream, content: Buffer): void => {
    const { on } = stream;
    stream.data(content, true);
    if (stream.sentEnd) return stream.reset(noError);
    stream.on = (event) => {
      on(event);
      if (stream.sentEnd) stream.reset(noError);
    };
  };
  const target = await startRawTarget(serve);
  return { target, wrong };
}

/** The same of HTTP/1.1. */
function startPlainTarget(wrong: string[]) {
  return startHttpOrigin(async (request, response) => {
    const { kind, number, length } = readPath(request.url ?? '');
    response.on('error', () => {});
    request.on('error', () => {});
    let received = 0;
    request.on('data', (piece: Buffer) => {
      received += piece.length;
      if (!isOf(piece, number)) wrong.push(`content of another than ${number}`);
    });
    const ended = new Promise<void>((resolve) => {
      request.once('end', () => {
        if (received !== length) wrong.push(`${number} seemed whole`);
        resolve();
      });
    });
    if (kind === 'refuse') return void request.socket.destroy();
    if (kind === 'whole' || kind === 'deny') await ended;
    const content = contentOf(number);
    response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 20_000));
    setImmediate(() => {
      if (kind === 'cut') request.socket.destroy();
      else response.end(content.subarray(20_000));
    });
  });
}

/** One request, given up or not. True: its answer was whole. Rejects where what it got is not what it should be. */
async function ask(client: RawStreams, random: (below: number) => number, number: number): Promise<boolean> {
  const moment = moments[random(moments.length)] ?? 'never';
  const kind = kinds[random(kinds.length)] ?? 'whole';
  const hasContent = random(2) === 0;
  const length = hasContent ? 1 + random(answerBytes) : 0;
  const stated = hasContent && random(2) === 0 ? ['content-length', `${length}`] : [];
  const path = `/${kind}/${number}/${length}`;
  const stream = client.open(rawRequest(path, hasContent ? 'POST' : 'GET', ...stated), !hasContent);
  const what = (): string =>
    `${path}, ${moment}: ${stream.field(':status')}, ${stream.received} octets, end ${stream.gotEnd}, reset ${stream.resetCode}`;
  let isOther = false;
  const over = new Promise<void>((resolve) => {
    stream.on = (event) => {
      if (event === 'over') resolve();
      const isAnswer = stream.field(':status') === '200';
      if (event === 'data' && isAnswer) isOther ||= !isOf(stream.last, number);
      if (event === 'head' && moment === 'at the head') stream.reset(cancel);
      if (event === 'data' && moment === 'in the content') stream.reset(cancel);
    };
  });
  const content = contentOf(number).subarray(0, length);
  const half = moment === 'in its content' ? Math.floor(length / 2) : random(length + 1);
  if (hasContent) stream.data(content.subarray(0, half));
  if (moment === 'at once') stream.reset(cancel);
  else if (moment === 'later' || moment === 'in its content') {
    for (let turns = random(8); turns >= 0; turns--) await turn();
    stream.reset(cancel);
  } else if (hasContent) {
    if (random(2) === 0) await turn();
    stream.data(content.subarray(half), true);
  }
  await over;
  const isWhole = stream.field(':status') === '200' && stream.gotEnd;
  if (isOther || (isWhole && (stream.received !== answerBytes || !wholeKinds.has(kind)))) throw new Error(what());
  if (moment === 'never' && wholeKinds.has(kind) && !isWhole) throw new Error(what());
  return isWhole;
}

for (const versions of ['http2', 'http1'] as const) {
  tap.test(`${streams} streams given up at random, to targets of ${versions}: nothing is left of them`, async () => {
    using inner = watchInnerParts();
    const { target, wrong } = await startFickleTarget();
    await using fickle = target;
    await using plain = await startPlainTarget(wrong);
    const port = versions === 'http2' ? fickle.port : plain.port;
    const action = { type: 'forward', target: { host: '127.0.0.1', port }, backendProtocol: versions } as const;
    await using started = await startProxy({ routes: [makeHttpRoute(port, { action })], http: { h2c: true } });
    const reports = reportsOf(started);
    const random = makeRandom(4_711);
    let asked = 0;
    let whole = 0;
    while (asked < streams) {
      // Every second one has windows so small that answers need several.
      const client = await connectRawStreams(started.port, asked % (2 * perConnection) === 0 ? 65_535 : 20_000);
      await using _ = client.peer;
      let left = Math.min(streams - asked, perConnection);
      const run = async (): Promise<void> => {
        while (left-- > 0) if (await ask(client, random, asked++)) whole++;
      };
      await Promise.all(Array.from({ length: atATime }, run));
      // While the connection lives: its end would end everything.
      await until(
        () => inner.leases + fickle.live + client.live.size === 0,
        15_000,
        () => `nothing under way, has ${inner.leases} leases, ${fickle.live} streams at the target`,
      );
      expect(await ask(client, () => 0, 0)).toBeTrue();
      expect([client.goaways, client.faults, wrong, fickle.faults]).toEqual([[], [], [], []]);
    }
    expect(whole > streams / 10).toBeTrue();
    await until(
      () => {
        const { open, idle, waiting } = inner.upstreams;
        return started.proxy.getConnections().length + fickle.live + inner.leases + waiting === 0 && open === idle;
      },
      15_000,
      () =>
        `nothing left, has ${fickle.live} streams at the target, ${inner.leases} leases, ${JSON.stringify(inner.upstreams)}`,
    );
    // Each request that came has been told of, once; those that were taken back before they were sent were none.
    const paths = reports.all.map(({ path }) => path).filter((path) => !path.startsWith('/whole/0/'));
    expect(new Set(paths).size).toEqual(paths.length);
  });
}

export default tap.start();
