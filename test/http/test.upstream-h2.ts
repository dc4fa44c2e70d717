// Streams of a target's HTTP/2 connection, asked as an exchange asks them; the target is played frame by frame.

import type { ProxyError } from '../../ts/base/errors.js';
import { h2Error } from '../../ts/codec/http2-frame.js';
import { h2Setting } from '../../ts/codec/http2-settings.js';
import type { IOrigin } from '../../ts/http/exchange-types.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import {
  type IRawServer,
  literalBlock,
  RawPeer,
  rawContinuation,
  rawData,
  rawGoaway,
  rawHeaders,
  rawReset,
  rawSettings,
  rawSettingsAck,
  rawWindowUpdate,
  startRawServer,
} from '../helpers/h2-raw.js';
import { startOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { Heard, makeHead, UpstreamWorld } from '../helpers/upstream-world.js';

const toH2 = { to: { backendProtocol: 'http2' } } as const;
const ok = [':status', '200'];

interface IAsked {
  readonly heard: Heard;
  readonly origin: IOrigin;
}

/** A target, and streams to it. */
class World implements AsyncDisposable {
  readonly world: UpstreamWorld;
  readonly server: IRawServer;

  constructor(world: UpstreamWorld, server: IRawServer) {
    this.world = world;
    this.server = server;
  }

  async ask(head: Parameters<typeof makeHead>[0] = {}): Promise<IAsked> {
    const origin = await this.world.acquire(this.world.want(this.server.port, toH2));
    const heard = new Heard();
    origin.send(makeHead(head), heard);
    return { heard, origin };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

async function makeWorld(...settings: number[]): Promise<World> {
  return new World(new UpstreamWorld(), await startRawServer(...settings));
}

/** One request, at the target; `frame` is its HEADERS. */
async function askOne(world: World, head: Parameters<typeof makeHead>[0] = {}) {
  const asked = await world.ask(head);
  const peer = await world.server.accept();
  const frame = await peer.next('HEADERS');
  return { ...asked, peer, frame };
}

const errorOf = ({ failure }: Heard): ProxyError => failure?.error as ProxyError;
const said = (heard: Heard): string => heard.calls.filter((call) => call !== 'pause').join(' ');
/** What is told of a failure: code, `unsent`, `stale`. */
const fate = (heard: Heard): string => {
  const { unsent = false, stale = false } = heard.failure ?? {};
  return [heard.code, unsent ? 'unsent' : '', stale ? 'stale' : ''].filter((word) => word !== '').join(' ');
};

tap.test('a request is one header block in lower case, without what belongs to a connection', async () => {
  await using world = await makeWorld();
  const fields = ['Accept', '*/*', 'Cookie', 'a=1; b=2', 'TE', 'trailers', 'Keep-Alive', '5', 'X-Odd', 'v'];
  const { peer, frame, heard } = await askOne(world, { target: '/a?b', fields });
  expect([frame.stream, frame.flags & 1]).toEqual([1, 1]);
  expect(peer.fields(frame)).toEqual([
    ...[':method', 'GET', ':scheme', 'http', ':path', '/a?b', ':authority', 'a.test'],
    ...['accept', '*/*', 'cookie', 'a=1; b=2', 'te', 'trailers', 'x-odd', 'v'],
  ]);
  peer.send(rawHeaders(1, [...ok, 'x-a', '1', 'content-length', '2']), rawData(1, 'ok', { end: true }));
  await heard.end();
  expect([said(heard), heard.body, heard.head?.contentLength]).toEqual(['head data end', 'ok', 2]);
  expect(heard.head?.fields).toEqual(['x-a', '1']);
  expect(world.world.upstreams.stats).toEqual({ pools: 1, open: 1, idle: 1, waiting: 0 });
});

tap.test('content and trailers go both ways; interim answers come before', async () => {
  await using world = await makeWorld();
  const { peer, origin, heard } = await askOne(world, { method: 'POST', contentLength: -1, expectsContinue: true });
  peer.send(rawHeaders(1, [':status', '100']), rawHeaders(1, [':status', '103', 'link', '</a>']));
  await until(
    () => heard.informs.length === 2,
    5_000,
    () => 'interim answers',
  );
  expect(heard.informs.map(({ status }) => status)).toEqual([100, 103]);
  origin.data(Buffer.from('content'));
  origin.end(['X-Sum', '7']);
  expect((await peer.next('DATA')).payload.toString()).toEqual('content');
  const trailers = await peer.next('HEADERS');
  expect([trailers.flags & 1, peer.fields(trailers).join()]).toEqual([1, 'x-sum,7']);
  peer.send(rawHeaders(1, ok), rawData(1, 'answer'), rawHeaders(1, ['x-end', 'z'], { end: true }));
  await heard.end();
  expect([heard.body, heard.trailers?.join()]).toEqual(['answer', 'x-end,z']);
});

tap.test('answers without content: to HEAD, 204, 304, and by the end of the head', async () => {
  await using world = await makeWorld();
  const cases = [
    { method: 'HEAD', block: [...ok, 'content-length', '5'], length: 5 },
    { method: 'HEAD', block: ok, length: -1 },
    { method: 'GET', block: [':status', '204'], length: 0 },
    { method: 'GET', block: [':status', '304', 'content-length', '9'], length: 9 },
    { method: 'GET', block: ok, length: 0 },
  ];
  const first = await world.ask({ method: 'HEAD' });
  const peer = await world.server.accept();
  for (const [index, { method, block, length }] of cases.entries()) {
    const { heard } = index === 0 ? first : await world.ask({ method });
    const { stream } = await peer.next('HEADERS');
    peer.send(rawHeaders(stream, block, { end: true }));
    await heard.end();
    expect([said(heard), heard.head?.contentLength]).toEqual(['head end', length]);
  }
  const late = await world.ask({ method: 'HEAD' });
  const { stream } = await peer.next('HEADERS');
  peer.send(rawHeaders(stream, ok), rawData(stream, '', { end: true }));
  expect(said(await late.heard.end())).toEqual('head end');
});

const h2 = (more: readonly string[]) => rawHeaders(1, [...ok, ...more]);

const large = literalBlock([...ok, 'x', 'y'.repeat(20_000)]);

const malformedAnswers: Record<string, readonly Buffer[]> = {
  'no status': [rawHeaders(1, ['server', 'x'], { end: true })],
  'a status that is none': [rawHeaders(1, [':status', '20'], { end: true })],
  'an interim answer that ends': [rawHeaders(1, [':status', '103'], { end: true })],
  'a switch of protocols': [rawHeaders(1, [':status', '101'])],
  'a field in upper case': [rawHeaders(1, [...ok, 'Server', 'x'], { end: true })],
  'a field of a connection': [rawHeaders(1, [...ok, 'connection', 'close'], { end: true })],
  'a value with a line break': [rawHeaders(1, [...ok, 'x', 'a\r\nb'], { end: true })],
  'content before its head': [rawData(1, 'x')],
  'nothing but content without bytes': [rawData(1, '', { end: true })],
  'a length that does not come': [rawHeaders(1, [...ok, 'content-length', '5'], { end: true })],
  'two lengths': [rawHeaders(1, [...ok, 'content-length', '5', 'content-length', '6'])],
  'more content than announced': [h2(['content-length', '2']), rawData(1, 'abc')],
  'less content than announced': [h2(['content-length', '4']), rawData(1, 'abc', { end: true })],
  'content of 204': [rawHeaders(1, [':status', '204']), rawData(1, 'x')],
  'trailers that end nothing': [h2([]), rawHeaders(1, ['x', 'y'])],
  'a trailer that may be none': [h2([]), rawHeaders(1, [':status', '200'], { end: true })],
  'too many interim answers': Array.from({ length: 33 }, () => rawHeaders(1, [':status', '103'])),
  'a head that is too large': [
    rawHeaders(1, large.subarray(0, 16_000), { whole: false }),
    rawContinuation(1, large.subarray(16_000), true),
  ],
};

for (const [what, frames] of Object.entries(malformedAnswers)) {
  tap.test(`malformed, and the others on the connection live: ${what}`, async () => {
    await using world = await makeWorld();
    const { peer, heard } = await askOne(world);
    peer.send(...frames);
    await heard.end();
    expect([fate(heard), errorOf(heard).status]).toEqual(['TARGET_MALFORMED', 502]);
    expect((await peer.next('RST_STREAM', 1)).payload.readUInt32BE(0)).not.toEqual(h2Error.noError);
    const next = await world.ask();
    const { stream } = await peer.next('HEADERS');
    peer.send(rawHeaders(stream, ok, { end: true }));
    expect(said(await next.heard.end())).toEqual('head end');
  });
}

tap.test('a head whose fields are more than allowed is malformed', async () => {
  await using world = await makeWorld();
  const { peer, heard } = await askOne(world);
  peer.send(h2(Array.from({ length: 240 }, (_, index) => `x${index}`)));
  expect(fate(await heard.end())).toEqual('TARGET_MALFORMED');
});

const resets: Record<string, readonly [number, answered: boolean, fate: string]> = {
  'REFUSED_STREAM: nothing was done': [h2Error.refusedStream, false, 'TARGET_BROKE unsent stale'],
  'CANCEL before the answer': [h2Error.cancel, false, 'TARGET_BROKE'],
  'CANCEL in the middle of it': [h2Error.cancel, true, 'TARGET_BROKE'],
  'NO_ERROR before it is complete': [h2Error.noError, true, 'TARGET_BROKE'],
  INTERNAL_ERROR: [h2Error.internal, false, 'TARGET_BROKE'],
  PROTOCOL_ERROR: [h2Error.protocol, false, 'TARGET_BROKE'],
  ENHANCE_YOUR_CALM: [h2Error.enhanceYourCalm, false, 'TARGET_BROKE'],
  'HTTP_1_1_REQUIRED, of which there is none': [h2Error.http11Required, false, 'TARGET_VERSION unsent'],
  'a code that nobody knows': [4_711, false, 'TARGET_BROKE'],
};

for (const [what, [code, answered, want]] of Object.entries(resets)) {
  tap.test(`a stream that the target resets: ${what}`, async () => {
    await using world = await makeWorld();
    const { peer, heard } = await askOne(world);
    peer.send(...(answered ? [rawHeaders(1, ok), rawData(1, 'half')] : []), rawReset(1, code));
    expect(fate(await heard.end())).toEqual(want);
    expect(said(heard)).toEqual(answered ? 'head data failed' : 'failed');
    expect(world.world.upstreams.stats.idle).toEqual(1);
  });
}

tap.test('a reset by NO_ERROR behind a complete answer takes nothing of it, though nobody reads it yet', async () => {
  await using world = await makeWorld();
  const { peer, origin, heard } = await askOne(world, { method: 'POST', contentLength: -1 });
  origin.hold();
  peer.send(rawHeaders(1, ok), rawData(1, 'whole', { end: true }), rawReset(1, h2Error.noError));
  await peer.sync();
  expect(said(heard)).toEqual('head');
  expect(origin.data(Buffer.from('late'))).toEqual(true);
  origin.pull();
  await heard.end();
  expect([said(heard), heard.body]).toEqual(['head data end', 'whole']);
  expect((await peer.sync()).filter(({ name }) => name === 'DATA')).toEqual([]);
});

tap.test('an answer that is complete before the request ends the request too', async () => {
  await using world = await makeWorld();
  const { peer, origin, heard } = await askOne(world, { method: 'POST', contentLength: 10 });
  origin.data(Buffer.from('half '));
  await peer.next('DATA');
  peer.send(rawHeaders(1, [':status', '413', 'content-length', '0'], { end: true }));
  await heard.end();
  expect([said(heard), heard.status]).toEqual(['head end', 413]);
  expect((await peer.next('RST_STREAM', 1)).payload.readUInt32BE(0)).toEqual(h2Error.cancel);
});

tap.test('answers on their way to very many requests that are cancelled at once cost the others nothing', async () => {
  await using world = await makeWorld(h2Setting.maxConcurrentStreams, 5_000);
  const first = await askOne(world);
  const { peer } = first;
  const many = await Promise.all(Array.from({ length: 1_200 }, () => world.ask()));
  const last = 2 * many.length + 1;
  await peer.next('HEADERS', last);
  for (const { origin } of many) origin.cancel();
  for (let stream = 3; stream <= last; stream += 2) {
    peer.send(rawHeaders(stream, ok), rawData(stream, 200), rawData(stream, 0, { end: true }));
  }
  peer.send(rawHeaders(1, ok), rawData(1, 'yes', { end: true }));
  expect((await first.heard.end()).body).toEqual('yes');
});

tap.test('a request that is cancelled is reset at once, and hears nothing any more', async () => {
  await using world = await makeWorld();
  const { peer, origin, heard } = await askOne(world);
  peer.send(rawHeaders(1, ok), rawData(1, 'half'));
  await until(
    () => heard.body === 'half',
    5_000,
    () => 'half of it',
  );
  origin.cancel();
  expect((await peer.next('RST_STREAM', 1)).payload.readUInt32BE(0)).toEqual(h2Error.cancel);
  peer.send(rawData(1, 'late', { end: true }));
  await peer.sync();
  expect(heard.over).toEqual(false);
  // Nothing was asked on this one: nothing is to be said.
  const unused = await world.world.acquire(world.world.want(world.server.port, toH2));
  unused.cancel();
  expect((await peer.sync()).filter(({ name }) => name === 'RST_STREAM')).toEqual([]);
  expect(world.world.upstreams.stats).toEqual({ pools: 1, open: 1, idle: 1, waiting: 0 });
});

tap.test(
  'content of another length than announced is the sender’s fault, and the target hears of a reset',
  async () => {
    await using world = await makeWorld();
    for (const [stream, content, ends] of [
      [1, 'too much', false],
      [3, 'few', true],
    ] as const) {
      const asked = await world.ask({ method: 'POST', contentLength: 5 });
      asked.origin.data(Buffer.from(content));
      if (ends) asked.origin.end(null);
      expect(fate(await asked.heard.end())).toEqual('REQUEST_MALFORMED');
      expect(stream).toBeGreaterThan(0);
    }
    const peer = await world.server.accept();
    await peer.next('RST_STREAM', 1);
    await peer.next('RST_STREAM', 3);
  },
);

tap.test(
  'GOAWAY: streams above its last one were not seen, those below are answered, new ones go elsewhere',
  async () => {
    await using world = await makeWorld();
    const { peer, heard } = await askOne(world);
    const above = await world.ask({ method: 'POST', contentLength: -1 });
    await peer.next('HEADERS', 3);
    peer.send(rawGoaway(1, h2Error.noError));
    expect(fate(await above.heard.end())).toEqual('TARGET_BROKE unsent stale');
    const next = await world.ask();
    const second = await world.server.accept();
    const { stream } = await second.next('HEADERS');
    second.send(rawHeaders(stream, ok, { end: true }));
    await next.heard.end();
    peer.send(rawHeaders(1, ok), rawData(1, 'still', { end: true }));
    expect((await heard.end()).body).toEqual('still');
    await peer.untilEnded();
    await until(
      () => world.world.upstreams.stats.open === 1,
      5_000,
      () => 'one connection',
    );
  },
);

tap.test('a connection that is lost: found dead, or in the middle of something', async () => {
  await using world = await makeWorld();
  const first = await askOne(world);
  first.peer.send(rawHeaders(1, ok, { end: true }));
  await first.heard.end();
  const quiet = await world.ask();
  await first.peer.next('HEADERS', 3);
  first.peer.socket.resetAndDestroy();
  expect(fate(await quiet.heard.end())).toEqual('TARGET_BROKE stale');
  // This one had never answered.
  const second = await askOne(world);
  second.peer.socket.end();
  expect(fate(await second.heard.end())).toEqual('TARGET_BROKE');
  const third = await askOne(world);
  third.peer.send(rawHeaders(1, ok, { end: true }));
  await third.heard.end();
  const [one, two] = [await world.ask(), await world.ask()];
  await third.peer.next('HEADERS', 5);
  third.peer.send(rawHeaders(3, ok), rawData(3, 'half'));
  await until(
    () => one.heard.body === 'half',
    5_000,
    () => 'half',
  );
  third.peer.socket.resetAndDestroy();
  // The target lived until then: it may have seen the other.
  expect([fate(await one.heard.end()), fate(await two.heard.end())]).toEqual(['TARGET_BROKE', 'TARGET_BROKE']);
  expect(world.world.upstreams.stats).toEqual({ pools: 1, open: 0, idle: 0, waiting: 0 });
});

tap.test('garbage in the middle of answers ends the connection, and all of them', async () => {
  await using world = await makeWorld();
  const { peer, heard } = await askOne(world);
  const other = await world.ask();
  peer.send(rawHeaders(1, ok), Buffer.alloc(64, 0xff));
  expect([fate(await heard.end()), fate(await other.heard.end())]).toEqual(['TARGET_MALFORMED', 'TARGET_MALFORMED']);
  expect((await peer.next('GOAWAY')).payload.readUInt32BE(4)).toBeGreaterThan(0);
  await peer.untilEnded();
  await until(
    () => world.world.upstreams.stats.open === 0,
    5_000,
    () => 'no connection',
  );
});

tap.test('a target that takes content slowly stops who sends it, and what waits is bounded', async () => {
  await using world = await makeWorld(h2Setting.initialWindowSize, 1_000);
  const { peer, origin, heard } = await askOne(world, { method: 'POST', contentLength: -1 });
  const chunk = Buffer.alloc(16_384, 'x');
  let given = 0;
  while (origin.data(chunk)) given += chunk.length;
  expect(given).toBeLessThan(100_000);
  expect((await peer.next('DATA')).payload.length).toEqual(1_000);
  expect(said(heard)).toEqual('');
  peer.send(rawWindowUpdate(1, 1_000_000), rawWindowUpdate(0, 1_000_000));
  await until(
    () => heard.calls.includes('drained'),
    5_000,
    () => 'room',
  );
  origin.end(null);
  let came = 1_000;
  while (came < given + chunk.length) came += (await peer.next('DATA')).payload.length;
  expect(came).toEqual(given + chunk.length);
});

tap.test('an answer that nobody reads is not asked for: what waits is a window', async () => {
  await using world = await makeWorld();
  const { peer, origin, heard } = await askOne(world);
  peer.send(rawSettingsAck(), rawHeaders(1, ok), rawData(1, 10));
  await until(
    () => heard.body.length === 10,
    5_000,
    () => 'the first bytes',
  );
  origin.hold();
  peer.send(...Array.from({ length: 3 }, () => rawData(1, 16_384)));
  const opened = (await peer.sync()).filter(({ name, stream }) => name === 'WINDOW_UPDATE' && stream === 1);
  expect([opened.length, heard.body.length]).toEqual([0, 10]);
  origin.pull();
  await until(
    () => heard.body.length === 10 + 3 * 16_384,
    5_000,
    () => 'all of it',
  );
  await peer.next('WINDOW_UPDATE', 1);
  // More than its window is the target's fault.
  origin.hold();
  peer.send(...Array.from({ length: 65 }, () => rawData(1, 16_384)));
  expect(fate(await heard.end())).toEqual('TARGET_MALFORMED');
});

tap.test('settings that change while requests are under way are kept to', async () => {
  await using world = await makeWorld();
  const { peer, origin } = await askOne(world, { method: 'POST', contentLength: -1 });
  peer.send(rawSettings(h2Setting.initialWindowSize, 5));
  await peer.sync();
  origin.data(Buffer.from('1234567890'));
  expect((await peer.next('DATA')).payload.toString()).toEqual('12345');
  peer.send(rawSettings(h2Setting.initialWindowSize, 10));
  expect((await peer.next('DATA')).payload.toString()).toEqual('67890');
});

for (const code of [h2Error.noError, h2Error.internal, h2Error.cancel]) {
  tap.test(`an answer that is whole, and not taken yet, outlives a reset with ${code}`, async () => {
    await using world = await makeWorld();
    const { peer, origin, heard } = await askOne(world, { method: 'POST', contentLength: 10 });
    origin.hold();
    peer.send(rawHeaders(1, ok), rawData(1, 'answer', { end: true }), rawReset(1, code));
    await until(
      () => heard.calls.includes('head'),
      5_000,
      () => 'the head',
    );
    await peer.sync();
    expect([said(heard), origin.data(Buffer.alloc(5))]).toEqual(['head', true]);
    origin.pull();
    await heard.end();
    expect([said(heard), heard.body]).toEqual(['head data end', 'answer']);
    // It is closed for both sides: nothing more is said of it.
    expect((await peer.sync()).filter(({ stream }) => stream === 1)).toEqual([]);
    expect(world.world.upstreams.stats.idle).toEqual(1);
  });
}

tap.test('what is over for both sides is not reset when nobody takes it', async () => {
  await using world = await makeWorld();
  const { peer, origin, heard } = await askOne(world);
  origin.hold();
  peer.send(rawHeaders(1, ok), rawData(1, 'answer', { end: true }));
  await until(
    () => heard.calls.includes('head'),
    5_000,
    () => 'the head',
  );
  await peer.sync();
  origin.cancel();
  expect((await peer.sync()).map(({ name }) => name)).toEqual([]);
  expect(world.world.upstreams.stats.idle).toEqual(1);
});

/** A WebSocket on the first stream of a connection; the sender's part has its head only. */
async function openTunnel(world: World) {
  const origin = await world.world.acquire({ ...world.world.want(world.server.port, toH2), upgrades: true });
  const heard = new Heard();
  const head = makeHead({ method: 'GET', upgrade: 'websocket' });
  origin.send(head, heard);
  const peer = await world.server.accept();
  expect(peer.fields(await peer.next('HEADERS')).slice(0, 4)).toEqual([':method', 'CONNECT', ':protocol', 'websocket']);
  peer.send(rawHeaders(1, ok));
  await heard.end();
  const { socket } = heard.switched ?? {};
  if (socket === undefined) throw new Error('no tunnel');
  return { peer, socket };
}

for (const reads of ['at once', 'later']) {
  tap.test(
    `a tunnel whose target has ended it and wants no more is closed; what came before is read ${reads}`,
    async () => {
      await using world = await makeWorld(h2Setting.enableConnectProtocol, 1);
      const { peer, socket } = await openTunnel(world);
      let text = '';
      if (reads === 'at once') socket.on('data', (chunk) => (text += chunk));
      socket.write('to it');
      expect((await peer.next('DATA')).payload.toString()).toEqual('to it');
      peer.send(rawData(1, 'from it', { end: true }), rawReset(1, h2Error.noError));
      await peer.sync();
      if (reads === 'later') socket.on('data', (chunk) => (text += chunk));
      await until(
        () => socket.destroyed,
        5_000,
        () => 'its end',
      );
      expect([text, world.world.upstreams.stats.idle]).toEqual(['from it', 1]);
      expect((await peer.sync()).filter(({ stream }) => stream === 1)).toEqual([]);
    },
  );
}

tap.test('a tunnel that left what was sent to be taken waits for nothing once that was taken', async () => {
  const clock = makeFakeClock();
  await using world = new World(new UpstreamWorld({ clock }), await startRawServer(h2Setting.enableConnectProtocol, 1));
  const { peer, socket } = await openTunnel(world);
  // More than the window takes.
  socket.end(Buffer.alloc(70_000));
  await until(
    () => socket.writableFinished,
    5_000,
    () => 'its end',
  );
  const before = clock.pending;
  socket.destroy();
  await until(
    () => clock.pending === before + 1,
    5_000,
    () => 'a limit',
  );
  peer.send(rawWindowUpdate(1, 70_000), rawWindowUpdate(0, 70_000));
  await peer.next('RST_STREAM', 1);
  expect([clock.pending, world.world.upstreams.stats.idle]).toEqual([before, 1]);
});

/** A target that takes something of an upload, answers, and closes with the rest of it unread. */
const startImpatient = (answer: readonly Buffer[], closed: () => void) =>
  startOrigin((socket) => {
    const peer = new RawPeer(socket, true);
    peer.begin(h2Setting.initialWindowSize, 10_000_000);
    peer.send(rawWindowUpdate(0, 10_000_000));
    void (async () => {
      await peer.next('DATA');
      socket.pause();
      // What comes now stays unread, so that the end is a reset.
      for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
      if (answer.length > 0) await new Promise((resolve) => socket.write(Buffer.concat(answer), resolve));
      socket.resetAndDestroy();
      closed();
    })().catch(() => {});
  });

for (const [what, answer, fate] of [
  ['an answer that came before a write failed is heard', [rawHeaders(1, ok), rawData(1, 'too big', { end: true })], ''],
  ['where there is none, the failure is told', [], 'TARGET_BROKE'],
] as const) {
  tap.test(what, async () => {
    // The write that meets the reset comes before anything is read.
    let more = (): void => {};
    await using target = await startImpatient(answer, () => more());
    await using world = new UpstreamWorld();
    for (let count = 0; count < 10; count++) {
      const origin = await world.acquire(world.want(target.port, toH2));
      const heard = new Heard();
      origin.send(makeHead({ method: 'POST', contentLength: 5_000_000 }), heard);
      more = () => {
        origin.data(Buffer.alloc(20_000));
        origin.data(Buffer.alloc(20_000));
      };
      more();
      setImmediate(more);
      await heard.end();
      expect([heard.code, heard.body]).toEqual([fate, fate === '' ? 'too big' : '']);
      await until(
        () => world.upstreams.stats.open === 0,
        5_000,
        () => 'the end of the connection',
      );
    }
    await until(
      () => target.open === 0,
      5_000,
      () => 'the end of all connections',
    );
  });
}

export default tap.start();
