import { h2Error } from '../../ts/codec/http2-frame.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import {
  type IRawFrame,
  literalBlock,
  rawContinuation,
  rawData,
  rawGoaway,
  rawHeaders,
  rawPriorityUpdate,
  rawRequest,
  rawReset,
  rawSettings,
  rawSettingsAck,
  rawWindowUpdate,
  readRawFrames,
} from '../helpers/h2-raw.js';
import { makeH2World, RecordedOwner } from '../helpers/h2-session-world.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const get = (stream: number): Buffer => rawHeaders(stream, rawRequest(), { end: true });
const post = (stream: number): Buffer => rawHeaders(stream, rawRequest('/', 'POST'));
const ok = [':status', '200'];

const answer = (owner: RecordedOwner, content = ''): void => {
  owner.stream?.sendHeaders(ok, content === '');
  if (content === '') return;
  owner.stream?.sendData(Buffer.from(content));
  owner.stream?.sendEnd(null);
};

const contentOf = (frames: readonly IRawFrame[]): number =>
  frames.reduce((sum, { name, payload }) => sum + (name === 'DATA' ? payload.length : 0), 0);

const settingsOf = ({ payload }: IRawFrame): Map<number, number> => {
  const settings = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return settings;
};

tap.test('a server begins with its settings and acknowledges those of the peer, in one write', async () => {
  await using world = await makeH2World();
  const { peer } = world;
  const first = settingsOf(await peer.next('SETTINGS'));
  expect([...first]).toEqual([
    [3, 128],
    [4, 65_535],
    [6, 65_536],
    [9, 1],
    [8, 1],
  ]);
  await peer.next('WINDOW_UPDATE', 0);
  const ack = await peer.next('SETTINGS');
  expect([ack.flags, ack.payload.length]).toEqual([1, 0]);
  expect(world.listener.settings).toEqual(1);
});

tap.test('a client begins with the preface and refuses push (§3.4, §6.5.2)', async () => {
  await using world = await makeH2World({ role: 'target-side' });
  const settings = settingsOf(await world.peer.next('SETTINGS'));
  expect(settings.get(2)).toEqual(0);
  expect(settings.get(4)).toEqual(65_535);
});

tap.test('joins head, small content and the end of an answer in one write, with END_STREAM on the DATA', async () => {
  await using world = await makeH2World();
  const { peer } = world;
  await peer.sync();
  const reads: Buffer[] = [];
  peer.socket.on('data', (chunk) => reads.push(chunk));
  world.listener.serve = (_stream, owner) => {
    answer(owner, 'hello');
    return owner;
  };
  peer.send(get(1), get(3), get(5));
  await peer.next('DATA', 5);
  expect(reads.length).toEqual(1);
  const { frames } = readRawFrames(reads[0] ?? Buffer.alloc(0));
  expect(frames.map(({ name, stream, flags }) => `${name} ${stream} ${flags}`)).toEqual([
    ...['HEADERS 1 4', 'HEADERS 3 4', 'HEADERS 5 4', 'DATA 1 1', 'DATA 3 1', 'DATA 5 1'],
  ]);
  expect(world.listener.overs).toEqual(3);
  expect(world.session.streams).toEqual(0);
});

tap.test('ends a stream by the header block that still waits, where no content came', async () => {
  await using world = await makeH2World();
  world.listener.serve = (stream, owner) => {
    stream.sendHeaders(ok, false);
    stream.sendEnd(null);
    return owner;
  };
  world.peer.send(get(1));
  const headers = await world.peer.next('HEADERS', 1);
  expect(headers.flags).toEqual(5);
  expect((await world.peer.sync()).some(({ name }) => name === 'DATA')).toBeFalse();
});

tap.test('delivers head, content, trailers and pauses in order, and counts the content', async () => {
  await using world = await makeH2World();
  world.peer.send(
    post(1),
    rawData(1, 'hello', { pad: 7 }),
    rawData(1, ' you'),
    rawHeaders(1, ['x-check', 'yes'], { end: true }),
  );
  const owner = await world.owner();
  await until(
    () => owner.heard.includes('pause'),
    15_000,
    () => owner.heard.join(),
  );
  expect(owner.heard).toEqual(['data 5', 'data 4', 'headers end', 'pause']);
  expect(owner.content.toString()).toEqual('hello you');
  expect(owner.blocks).toEqual([['x-check', 'yes']]);
  expect(owner.stream?.received).toEqual(9);
  expect(world.listener.requests[0]?.fields).toEqual(rawRequest('/', 'POST'));
});

tap.test('keeps what is not asked for, in few parts, and then gives it before the end', async () => {
  await using world = await makeH2World();
  world.listener.serve = (_stream, owner) => {
    owner.pulls = false;
    return owner;
  };
  world.peer.send(
    post(1),
    ...Array.from('0123456789'.repeat(100), (digit) => rawData(1, digit)),
    rawData(1, 0, { end: true }),
  );
  await world.peer.sync();
  const owner = await world.owner();
  expect(owner.heard).toEqual([]);
  owner.stream?.pull();
  expect(owner.content.toString()).toEqual('0123456789'.repeat(100));
  expect(owner.heard.length < 15).toBeTrue();
  expect(owner.heard.at(-1)).toEqual('end');
});

tap.test('stops in the middle of what waits when it is held again', async () => {
  await using world = await makeH2World();
  world.listener.serve = (_stream, owner) => {
    owner.pulls = false;
    return owner;
  };
  world.peer.send(post(1), rawData(1, 5_000), rawData(1, 6_000), rawData(1, 7_000, { end: true }));
  await world.peer.sync();
  const owner = await world.owner();
  owner.react = (heard) => heard === 'data 5000' && owner.stream?.hold();
  owner.stream?.pull();
  expect(owner.heard).toEqual(['data 5000']);
  owner.stream?.pull();
  expect(owner.heard).toEqual(['data 5000', 'data 6000', 'data 7000', 'end']);
});

tap.test(
  'opens the window of a stream only as its content is taken, that of the connection on arrival (§5.2)',
  async () => {
    await using world = await makeH2World({ limits: { connectionWindowBytes: 65_535 } });
    world.listener.serve = (_stream, owner) => {
      owner.pulls = false;
      return owner;
    };
    const { peer } = world;
    peer.send(rawSettingsAck(), post(1), ...Array.from({ length: 4 }, () => rawData(1, 16_000)));
    const before = (await peer.sync()).filter(({ name }) => name === 'WINDOW_UPDATE');
    expect(before.map(({ stream }) => stream)).toEqual([0]);
    expect(before[0]?.payload.readUInt32BE(0)).toEqual(48_000);
    (await world.owner()).stream?.pull();
    const update = await peer.next('WINDOW_UPDATE', 1);
    expect(update.payload.readUInt32BE(0)).toEqual(48_000);
  },
);

tap.test(
  'lets the window of a stream grow whose content is taken as it comes, as far as the connection allows',
  async () => {
    await using world = await makeH2World({ limits: { maxWindowBytes: 200_000, grownWindowBytes: 150_000 } });
    const { peer } = world;
    peer.send(post(1), post(3));
    const windows = [65_535, 65_535];
    const fill = async (index: number, frames: number): Promise<void> => {
      for (let sent = 0; sent < frames; sent++) {
        peer.send(rawData(index * 2 + 1, 10_000));
        windows[index] = (windows[index] ?? 0) - 10_000;
        for (const { name, stream, payload } of await peer.sync()) {
          if (name === 'WINDOW_UPDATE' && stream > 0)
            windows[(stream - 1) / 2] = (windows[(stream - 1) / 2] ?? 0) + payload.readUInt32BE(0);
        }
      }
    };
    await fill(0, 60);
    const largest = windows[0] ?? 0;
    expect(largest > 100_000 && largest <= 200_000).toBeTrue();
    await fill(1, 60);
    expect((windows[1] ?? 0) <= 65_535 + 150_000 - (200_000 - 65_535)).toBeTrue();
    // What one needs no more the next may have.
    peer.send(rawReset(1, h2Error.cancel));
    await fill(1, 60);
    expect((windows[1] ?? 0) > 100_000).toBeTrue();
    expect(world.listener.over).toEqual(null);
  },
);

tap.test('refuses content beyond the window of a stream, padding counted (§6.9.1)', async () => {
  await using world = await makeH2World();
  world.listener.serve = (_stream, owner) => {
    owner.pulls = false;
    return owner;
  };
  const { peer } = world;
  peer.send(post(1), ...Array.from({ length: 4 }, () => rawData(1, 16_128, { pad: 255 })));
  const reset = await peer.next('RST_STREAM', 1);
  expect(reset.payload.readUInt32BE(0)).toEqual(h2Error.flowControl);
  expect((await world.owner()).heard).toEqual(['closed 3']);
  expect(world.listener.overs).toEqual(1);
});

tap.test('a stream that nobody reads stops no other', async () => {
  await using world = await makeH2World({ limits: { connectionWindowBytes: 65_535 } });
  world.listener.serve = (_stream, owner) => {
    owner.pulls = world.listener.requests.length > 1;
    return owner;
  };
  const { peer } = world;
  const much = Array.from({ length: 3 }, () => 16_384);
  peer.send(post(1), ...much.map((bytes) => rawData(1, bytes)), post(3), ...much.map((bytes) => rawData(3, bytes)));
  await peer.sync();
  expect((await world.owner(1)).content.length).toEqual(3 * 16_384);
  expect((await world.owner(0)).heard).toEqual([]);
  expect(world.listener.over).toEqual(null);
});

tap.test('sends content by the windows of stream and connection (§6.9)', async () => {
  await using world = await makeH2World({ settings: [4, 10] });
  const { peer } = world;
  peer.send(get(1));
  const owner = await world.owner();
  owner.stream?.sendHeaders(ok, false);
  owner.stream?.sendData(Buffer.from('0123456789abcdef'));
  owner.stream?.sendEnd(['x-sum', '16']);
  expect((await peer.next('DATA', 1)).payload.toString()).toEqual('0123456789');
  expect(owner.stream?.waitingBytes).toEqual(6);
  peer.send(rawWindowUpdate(1, 2));
  expect((await peer.next('DATA', 1)).payload.toString()).toEqual('ab');
  peer.send(rawWindowUpdate(1, 100));
  const last = await peer.next('DATA', 1);
  expect([last.payload.toString(), last.flags]).toEqual(['cdef', 0]);
  const trailers = await peer.next('HEADERS', 1);
  expect(trailers.flags).toEqual(5);
  expect(world.listener.overs).toEqual(1);
});

tap.test('lets a window become negative when the peer makes it smaller (§6.9.2)', async () => {
  await using world = await makeH2World({ settings: [4, 10] });
  const { peer } = world;
  peer.send(get(1));
  const owner = await world.owner();
  owner.stream?.sendHeaders(ok, false);
  owner.stream?.sendData(Buffer.from('0123456789abcdef'));
  await peer.next('DATA', 1);
  peer.send(rawSettings(4, 4), rawWindowUpdate(1, 6));
  expect((await peer.sync()).filter(({ name }) => name === 'DATA')).toEqual([]);
  peer.send(rawWindowUpdate(1, 1));
  expect((await peer.next('DATA', 1)).payload.toString()).toEqual('a');
  peer.send(rawSettings(4, 100));
  expect((await peer.next('DATA', 1)).payload.toString()).toEqual('bcdef');
});

tap.test('waits for the window of the connection, and then serves streams in turn', async () => {
  await using world = await makeH2World({ settings: [4, 1_000_000] });
  const { peer } = world;
  peer.send(get(1), get(3));
  const owners = [await world.owner(0), await world.owner(1)];
  for (const { stream } of owners) {
    stream?.sendHeaders(ok, false);
    for (let part = 0; part < 4; part++) stream?.sendData(Buffer.alloc(40_000));
    stream?.sendEnd(null);
  }
  await until(
    () => contentOf(peer.frames) === 65_535,
    15_000,
    () => 'content',
  );
  const first = (await peer.sync()).filter(({ name }) => name === 'DATA');
  expect(first.reduce((sum, { payload }) => sum + payload.length, 0)).toEqual(65_535);
  peer.send(rawWindowUpdate(0, 1_000_000));
  await until(
    () => contentOf(peer.frames) === 320_000 - 65_535,
    15_000,
    () => 'content',
  );
  const rest = (await peer.sync()).filter(({ name }) => name === 'DATA');
  const frames = [...first, ...rest];
  expect(frames.reduce((sum, { payload }) => sum + payload.length, 0)).toEqual(320_000);
  expect(
    rest
      .slice(0, 4)
      .map(({ stream }) => stream)
      .sort(),
  ).toEqual([1, 1, 3, 3]);
  expect(frames.filter(({ flags }) => flags === 1).length).toEqual(2);
  expect(world.session.streams).toEqual(0);
});

tap.test('serves the more urgent first, and what is wanted whole before what is not (RFC 9218 §10)', async () => {
  await using world = await makeH2World({ settings: [4, 0] });
  const { peer } = world;
  const asking = (stream: number, priority: string): Buffer =>
    rawHeaders(stream, rawRequest('/', 'GET', 'priority', priority), { end: true });
  peer.send(asking(1, 'u=5'), asking(3, 'i'), asking(5, 'u=1'), asking(7, 'u=3'));
  const owners = [await world.owner(0), await world.owner(1), await world.owner(2), await world.owner(3)];
  for (const { stream } of owners) {
    stream?.sendHeaders(ok, false);
    for (let part = 0; part < 3; part++) stream?.sendData(Buffer.alloc(10_000));
    stream?.sendEnd(null);
  }
  peer.send(Buffer.concat([rawWindowUpdate(0, 1_000_000), rawSettings(4, 1_000_000)]));
  await until(
    () => world.session.streams === 0,
    15_000,
    () => 'the answers',
  );
  const frames = await peer.sync();
  const lastOf = (stream: number): number =>
    frames.findIndex((frame) => frame.stream === stream && frame.name === 'DATA' && frame.flags === 1);
  expect(lastOf(5) < lastOf(7)).toBeTrue();
  expect(lastOf(7) < lastOf(3)).toBeTrue();
  expect(lastOf(3) < lastOf(1)).toBeTrue();
});

tap.test(
  'PRIORITY_UPDATE before its stream holds once that is there, instead of its field (RFC 9218 §7.1)',
  async () => {
    await using world = await makeH2World({ settings: [4, 0] });
    const { peer } = world;
    peer.send(rawPriorityUpdate(3, 'u=1'), rawPriorityUpdate(5, 'u=7'), rawPriorityUpdate(5, 'u=0'));
    for (const stream of [1, 3, 5]) {
      peer.send(rawHeaders(stream, rawRequest('/', 'GET', 'priority', 'u=6'), { end: true }));
    }
    for (const { stream } of [await world.owner(0), await world.owner(1), await world.owner(2)]) {
      stream?.sendHeaders(ok, false);
      stream?.sendData(Buffer.alloc(10_000));
      stream?.sendEnd(null);
    }
    peer.send(Buffer.concat([rawWindowUpdate(0, 1_000_000), rawSettings(4, 1_000_000)]));
    await until(
      () => world.session.streams === 0,
      15_000,
      () => 'the answers',
    );
    const content = (await peer.sync()).filter(({ name }) => name === 'DATA');
    expect(content.map(({ stream }) => stream)).toEqual([5, 3, 1]);
  },
);

tap.test('tells an owner to wait where windows are shut, and when there is room again', async () => {
  await using world = await makeH2World({ settings: [4, 0], limits: { maxStreamUnsentBytes: 20_000 } });
  const { peer } = world;
  peer.send(get(1));
  const owner = await world.owner();
  owner.stream?.sendHeaders(ok, false);
  expect(owner.stream?.sendData(Buffer.alloc(15_000))).toBeTrue();
  expect(owner.stream?.sendData(Buffer.alloc(15_000))).toBeFalse();
  peer.send(rawWindowUpdate(1, 19_000));
  await peer.next('DATA', 1);
  await peer.sync();
  expect(owner.heard).toEqual([]);
  peer.send(rawWindowUpdate(1, 2_000));
  await peer.next('DATA', 1);
  await until(
    () => owner.heard.includes('drained'),
    15_000,
    () => 'room',
  );
  expect(owner.stream?.waitingBytes).toEqual(9_000);
});

tap.test('caps what waits for all streams of a connection together', async () => {
  await using world = await makeH2World({ settings: [4, 0], limits: { maxUnsentBytes: 30_000 } });
  world.peer.send(get(1), get(3), get(5));
  await world.owner(2);
  const results = world.listener.owners.map(({ stream }) => {
    stream?.sendHeaders(ok, false);
    return stream?.sendData(Buffer.alloc(14_000));
  });
  expect(results).toEqual([true, true, false]);
});

tap.test('reads a header block from any number of frames', async () => {
  await using world = await makeH2World();
  const block = literalBlock(rawRequest('/long', 'GET', 'x-much', 'y'.repeat(3_000)));
  const parts = [0, 500, 1_000, 1_000, 2_000].map((from, index, all) => block.subarray(from, all[index + 1]));
  world.peer.send(
    rawHeaders(1, parts[0] ?? block, { end: true, whole: false }),
    ...parts.slice(1).map((part, index) => rawContinuation(1, part, index === parts.length - 2)),
  );
  await world.owner();
  expect(world.listener.requests[0]?.fields.at(-1)).toEqual('y'.repeat(3_000));
  expect(world.listener.requests[0]?.end).toBeTrue();
});

tap.test('sends a large header block in frames that the peer takes, which it reads as one', async () => {
  await using server = await makeH2World();
  server.peer.send(get(1));
  const owner = await server.owner();
  const value = 'Z!'.repeat(20_000);
  owner.stream?.sendHeaders([...ok, 'x-large', value], true);
  const head = await server.peer.next('HEADERS', 1);
  expect([head.flags, head.payload.length]).toEqual([1, 16_384]);
  const second = await server.peer.next('CONTINUATION', 1);
  const third = await server.peer.next('CONTINUATION', 1);
  expect([second.flags, third.flags]).toEqual([0, 4]);
  const whole = { ...head, flags: 5, payload: Buffer.concat([head.payload, second.payload, third.payload]) };
  expect(server.peer.fields(whole)).toEqual([...ok, 'x-large', value]);
});

tap.test('says so where a header list is over the limit', async () => {
  await using world = await makeH2World({ limits: { maxHeaderBytes: 1_000 } });
  world.peer.send(rawHeaders(1, rawRequest('/', 'GET', 'x', 'y'.repeat(1_000)), { end: true }));
  answer(await world.owner());
  await world.peer.next('HEADERS', 1);
  expect(world.listener.requests[0]?.tooLarge).toBeTrue();
});

tap.test('refuses streams over the limit, and those that nobody takes (§5.1.2)', async () => {
  await using world = await makeH2World({ limits: { maxConcurrentStreams: 2 } });
  const { peer } = world;
  peer.send(get(1), get(3), get(5));
  const reset = await peer.next('RST_STREAM', 5);
  expect(reset.payload.readUInt32BE(0)).toEqual(h2Error.refusedStream);
  answer(await world.owner(0));
  await peer.next('HEADERS', 1);
  world.listener.serve = () => null;
  peer.send(get(7));
  expect((await peer.next('RST_STREAM', 7)).payload.readUInt32BE(0)).toEqual(h2Error.refusedStream);
  expect(world.session.streams).toEqual(1);
  expect(world.listener.overs).toEqual(1);
});

tap.test("tells the peer's reset to the owner, once, and does nothing for the stream then", async () => {
  await using world = await makeH2World();
  const { peer } = world;
  peer.send(get(1));
  const owner = await world.owner();
  peer.send(rawReset(1, h2Error.cancel));
  await peer.sync();
  expect(owner.heard).toEqual(['closed 8']);
  answer(owner, 'too late');
  owner.stream?.reset(h2Error.cancel);
  expect((await peer.sync()).length).toEqual(0);
  expect([world.listener.overs, world.session.streams]).toEqual([1, 0]);
});

tap.test("sends the owner's reset, drops what waits, and lets pass what comes for it", async () => {
  await using world = await makeH2World({ settings: [4, 0] });
  const { peer } = world;
  peer.send(post(1));
  const owner = await world.owner();
  owner.stream?.sendHeaders(ok, false);
  owner.stream?.sendData(Buffer.alloc(100));
  owner.stream?.reset(h2Error.cancel);
  expect((await peer.next('RST_STREAM', 1)).payload.readUInt32BE(0)).toEqual(h2Error.cancel);
  peer.send(rawData(1, 5_000), rawWindowUpdate(1, 500), rawHeaders(1, ['x', 'y'], { end: true }));
  expect(await peer.sync()).toEqual([]);
  expect(owner.heard).toEqual([]);
  expect([world.listener.overs, world.session.streams]).toEqual([1, 0]);
});

tap.test(
  'sends RST_STREAM NO_ERROR behind an answer whose request is not wanted to its end (RFC 9113 §8.1)',
  async () => {
    await using world = await makeH2World({ settings: [4, 3] });
    const { peer } = world;
    peer.send(post(1));
    const owner = await world.owner();
    owner.stream?.sendHeaders(ok, false);
    owner.stream?.sendData(Buffer.from('hello'));
    owner.stream?.sendEnd(null);
    owner.stream?.reset(h2Error.noError);
    peer.send(rawData(1, 100));
    expect((await peer.next('DATA', 1)).payload.toString()).toEqual('hel');
    expect((await peer.sync()).filter(({ stream }) => stream === 1)).toEqual([]);
    peer.send(rawWindowUpdate(1, 100));
    expect((await peer.next('DATA', 1)).flags).toEqual(1);
    expect((await peer.next('RST_STREAM', 1)).payload.readUInt32BE(0)).toEqual(h2Error.noError);
    expect(owner.heard).toEqual([]);
    expect(world.session.streams).toEqual(0);
  },
);

tap.test('a client numbers its streams in the order of their heads and reads answers', async () => {
  await using world = await makeH2World({ role: 'target-side' });
  const { peer } = world;
  await until(
    () => world.listener.settings === 1,
    15_000,
    () => 'settings',
  );
  const first = world.open(rawRequest('/1'));
  const second = world.open(rawRequest('/2', 'POST'), false);
  second.stream?.sendData(Buffer.from('question'));
  second.stream?.sendEnd(null);
  expect([first.stream?.id, second.stream?.id]).toEqual([1, 3]);
  expect(peer.fields(await peer.next('HEADERS', 1))).toEqual(rawRequest('/1'));
  expect((await peer.next('DATA', 3)).flags).toEqual(1);
  peer.send(
    rawHeaders(3, [':status', '103']),
    rawHeaders(3, ok),
    rawData(3, 'answer'),
    rawHeaders(3, ['x-t', '1'], { end: true }),
    rawHeaders(1, [':status', '204'], { end: true }),
  );
  await until(
    () => world.session.streams === 0,
    15_000,
    () => 'answers',
  );
  await peer.sync();
  expect(second.heard).toEqual(['headers', 'headers', 'data 6', 'headers end']);
  expect(first.blocks).toEqual([[':status', '204']]);
  expect(world.listener.overs).toEqual(2);
});

tap.test("a client's stream lives until its content was taken", async () => {
  await using world = await makeH2World({ role: 'target-side' });
  const owner = world.open(rawRequest());
  owner.stream?.hold();
  world.peer.send(rawHeaders(1, ok), rawData(1, 'late', { end: true }));
  await world.peer.sync();
  expect([world.session.streams, owner.heard.includes('data 4')]).toEqual([1, false]);
  owner.stream?.pull();
  expect(owner.heard.slice(-2)).toEqual(['data 4', 'end']);
  expect(world.session.streams).toEqual(0);
});

tap.test('a client has room for as many streams as the server allows', async () => {
  await using world = await makeH2World({ role: 'target-side', settings: [3, 2, 8, 1] });
  await until(
    () => world.listener.settings === 1,
    15_000,
    () => 'settings',
  );
  expect([world.session.room, world.session.allowsConnectProtocol]).toEqual([2, true]);
  world.open(rawRequest());
  world.open(rawRequest());
  expect(world.session.room).toEqual(0);
  expect(world.session.open(new RecordedOwner())).toEqual(null);
  world.peer.send(rawHeaders(1, ok, { end: true }));
  await until(
    () => world.session.room === 1,
    15_000,
    () => 'room',
  );
});

const clientFaults: readonly (readonly [string, Buffer, number])[] = [
  ['HEADERS on a stream that we have not opened', rawHeaders(3, ok), h2Error.protocol],
  ["HEADERS on a server's stream", rawHeaders(2, ok), h2Error.protocol],
  ['PUSH_PROMISE', Buffer.concat([Buffer.of(0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2)]), h2Error.protocol],
  ['ENABLE_PUSH of 1 from a server', rawSettings(2, 1), h2Error.protocol],
];

for (const [what, bytes, code] of clientFaults) {
  tap.test(`a client ends the connection by ${what}`, async () => {
    await using world = await makeH2World({ role: 'target-side' });
    const owner = world.open(rawRequest());
    world.peer.send(bytes);
    expect((await world.untilOver()).code).toEqual(code);
    expect(owner.heard).toEqual([`closed ${code}`]);
  });
}

tap.test('a client resets a stream whose content comes before its head (RFC 9113 §8.1)', async () => {
  await using world = await makeH2World({ role: 'target-side' });
  const owner = world.open(rawRequest());
  world.peer.send(rawData(1, 'x'));
  expect((await world.peer.next('RST_STREAM', 1)).payload.readUInt32BE(0)).toEqual(h2Error.protocol);
  expect(owner.heard).toEqual(['closed 1']);
});

tap.test(
  'a client knows which requests were not processed: REFUSED_STREAM, and above the last of GOAWAY (§6.8)',
  async () => {
    await using world = await makeH2World({ role: 'target-side' });
    const owners = [world.open(rawRequest()), world.open(rawRequest()), world.open(rawRequest())];
    world.peer.send(rawReset(1, h2Error.refusedStream), rawGoaway(3, h2Error.noError));
    await until(
      () => world.listener.drains === 1,
      15_000,
      () => 'GOAWAY',
    );
    expect(owners.map(({ heard }) => heard)).toEqual([['unprocessed 7'], [], ['unprocessed 7']]);
    expect([world.session.usable, world.session.room, world.session.streams]).toEqual([false, 0, 1]);
    world.peer.send(rawHeaders(3, ok, { end: true }));
    expect(await world.untilOver()).toEqual({ code: 0, why: 'drained' });
  },
);

tap.test('drains in two steps: requests on their way are served, later ones are not (§6.8)', async () => {
  await using world = await makeH2World({ clock: makeFakeClock() });
  const { peer, session } = world;
  peer.send(get(1));
  const first = await world.owner(0);
  session.drain();
  const warning = await peer.next('GOAWAY');
  expect([warning.payload.readUInt32BE(0), warning.payload.readUInt32BE(4)]).toEqual([0x7fff_ffff, 0]);
  expect(session.usable).toBeFalse();
  const ping = await peer.next('PING');
  peer.send(get(3));
  const second = await world.owner(1);
  peer.send(Buffer.concat([Buffer.of(0, 0, 8, 6, 1, 0, 0, 0, 0), ping.payload]), get(5));
  expect((await peer.next('GOAWAY')).payload.readUInt32BE(0)).toEqual(3);
  answer(first);
  await peer.next('HEADERS', 1);
  expect(world.listener.over).toEqual(null);
  answer(second, 'bye');
  await peer.next('DATA', 3);
  expect(await world.untilOver()).toEqual({ code: 0, why: 'drained' });
  expect(world.listener.requests.length).toEqual(2);
});

tap.test('drains without an answer to its PING, after a while', async () => {
  const clock = makeFakeClock();
  await using world = await makeH2World({ clock });
  await world.peer.sync();
  world.session.drain();
  await world.peer.next('PING');
  expect(world.listener.over).toEqual(null);
  clock.advance(1_000);
  expect(world.listener.over).toEqual({ code: 0, why: 'drained' });
  expect((await world.peer.next('GOAWAY')).payload.readUInt32BE(0)).toEqual(0);
});

tap.test('aborts with a code and a word, and tells every owner', async () => {
  await using world = await makeH2World();
  world.peer.send(get(1), post(3));
  await world.owner(1);
  world.session.abort(h2Error.internal, 'a word');
  const goaway = await world.peer.next('GOAWAY');
  expect([goaway.payload.readUInt32BE(0), goaway.payload.toString('latin1', 8)]).toEqual([3, 'a word']);
  expect(world.listener.owners.map(({ heard }) => heard)).toEqual([['closed 2'], ['closed 2']]);
  expect([world.listener.overs, world.session.streams, world.session.usable]).toEqual([2, 0, false]);
});

tap.test('tells an owner that is made while the connection ends', async () => {
  await using world = await makeH2World();
  world.listener.serve = (_stream, owner) => {
    world.session.abort(h2Error.internal, 'within');
    return owner;
  };
  world.peer.send(get(1));
  expect((await world.owner()).heard).toEqual(['closed 2']);
  expect([world.listener.overs, world.session.streams]).toEqual([1, 0]);
});

tap.test('tells every owner when the connection is lost, also those whose head was not sent', async () => {
  await using world = await makeH2World({ role: 'target-side' });
  const sent = world.open(rawRequest());
  const unsent = new RecordedOwner();
  world.session.open(unsent);
  world.session.lost();
  expect([sent.heard, unsent.heard]).toEqual([['closed 8'], ['unprocessed 8']]);
  expect([world.session.streams, world.listener.over]).toEqual([0, null]);
});

tap.test('leaves no timer and no listener behind', async () => {
  const clock = makeFakeClock();
  const world = await makeH2World({ clock });
  world.peer.send(rawSettingsAck(), get(1));
  await world.owner();
  world.session.ping(5_000);
  expect(clock.pending).toEqual(1);
  await world[Symbol.asyncDispose]();
  expect(clock.pending).toEqual(0);
});

tap.test('ends the connection where our settings are not acknowledged in time (§6.5.3)', async () => {
  const clock = makeFakeClock();
  await using world = await makeH2World({ clock });
  await world.peer.sync();
  clock.advance(9_999);
  expect(world.listener.over).toEqual(null);
  clock.advance(1);
  expect(world.listener.over).toEqual({ code: h2Error.settingsTimeout, why: 'settings' });
});

tap.test('ends the connection where a header block is not completed in time', async () => {
  const clock = makeFakeClock();
  await using world = await makeH2World({ clock });
  world.peer.send(rawSettingsAck(), get(1).subarray(0, 12));
  await until(
    () => clock.pending === 1,
    15_000,
    () => 'the timer',
  );
  world.peer.send(get(1).subarray(12));
  await world.owner();
  expect(clock.pending).toEqual(0);
  world.peer.send(rawHeaders(3, rawRequest(), { whole: false }));
  await until(
    () => clock.pending === 1,
    15_000,
    () => 'the timer',
  );
  clock.advance(10_000);
  expect(world.listener.over).toEqual({ code: h2Error.enhanceYourCalm, why: 'header block' });
});

tap.test('ends the connection where a PING is not answered in time', async () => {
  const clock = makeFakeClock();
  await using world = await makeH2World({ clock });
  world.peer.send(rawSettingsAck());
  await world.peer.sync();
  world.session.ping(3_000);
  const { payload } = await world.peer.next('PING');
  world.peer.send(Buffer.concat([Buffer.of(0, 0, 8, 6, 1, 0, 0, 0, 0), payload]));
  await world.peer.sync();
  expect(clock.pending).toEqual(0);
  world.session.ping(3_000);
  clock.advance(3_000);
  expect(world.listener.over?.why).toEqual('ping');
});

tap.test('holds a peer to smaller windows than usual only once it has acknowledged them (§6.9.2)', async () => {
  await using world = await makeH2World({ limits: { initialWindowBytes: 1_000 } });
  world.listener.serve = (_stream, owner) => {
    owner.pulls = false;
    return owner;
  };
  const { peer } = world;
  peer.send(post(1), rawData(1, 5_000));
  await peer.sync();
  expect((await world.owner()).heard).toEqual([]);
  peer.send(rawSettingsAck(), post(3), rawData(3, 1_000));
  expect((await peer.sync()).some(({ name }) => name === 'RST_STREAM')).toBeFalse();
  peer.send(rawData(3, 1));
  expect((await peer.next('RST_STREAM', 3)).payload.readUInt32BE(0)).toEqual(h2Error.flowControl);
});

export default tap.start();
