// What a peer may do as often as it likes, and what not. Budgets are asked for by their names, as an operator sees them.

import { h2Error } from '../../ts/codec/http2-frame.js';
import { H2Budget } from '../../ts/http/h2-budget.js';
import { defaultH2Limits, type TH2BudgetName } from '../../ts/http/h2-limits.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import {
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
import { makeH2World } from '../helpers/h2-session-world.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const get = (stream: number): Buffer => rawHeaders(stream, rawRequest(), { end: true });
const post = (stream: number): Buffer => rawHeaders(stream, rawRequest('/', 'POST'));

tap.test('lets a burst pass, then so many a second, and counts all', async () => {
  const clock = makeFakeClock();
  const budget = new H2Budget({ ...defaultH2Limits.budgets, pings: { burst: 3, perSecond: 2 } }, clock);
  const spend = (times: number): boolean[] => Array.from({ length: times }, () => budget.spend('pings'));
  expect(spend(4)).toEqual([true, true, true, false]);
  clock.advance(1_000);
  expect(spend(2)).toEqual([true, false]);
  budget.earn('pings', 2);
  expect(spend(2)).toEqual([true, false]);
  expect(budget.total('pings')).toEqual(8);
  expect(budget.total('settings')).toEqual(0);
});

interface IAbuse {
  readonly budget: TH2BudgetName;
  readonly what: string;
  readonly first?: Buffer;
  /** The frames of the so many-th time. */
  readonly each: (index: number) => Buffer;
}

const own = (index: number): number => index * 2 + 1;

const abuses: readonly IAbuse[] = [
  {
    budget: 'resets',
    what: 'requests that it cancels at once',
    each: (index) => Buffer.concat([get(own(index)), rawReset(own(index), 8)]),
  },
  {
    budget: 'faults',
    what: 'requests that make us reset them',
    each: (index) => Buffer.concat([get(own(index)), rawWindowUpdate(own(index), 0)]),
  },
  {
    budget: 'faults',
    what: 'streams that depend on themselves',
    each: (index) => rawHeaders(own(index), rawRequest(), { dependsOn: own(index) }),
  },
  { budget: 'refusals', what: 'streams over the limit', each: (index) => get(own(index)) },
  { budget: 'settings', what: 'SETTINGS', each: () => rawSettings() },
  { budget: 'settings', what: 'acknowledgements of nothing', first: rawSettingsAck(), each: () => rawSettingsAck() },
  { budget: 'pings', what: 'PING', each: () => rawPing('12345678') },
  { budget: 'pings', what: 'answers to no PING', each: () => rawPing('12345678', true) },
  { budget: 'emptyFrames', what: 'empty DATA', first: post(1), each: () => rawData(1, 0) },
  { budget: 'emptyFrames', what: 'DATA of padding alone', first: post(1), each: () => rawData(1, 0, { pad: 10 }) },
  { budget: 'windowUpdates', what: 'WINDOW_UPDATE for the connection', each: () => rawWindowUpdate(0, 1) },
  { budget: 'windowUpdates', what: 'WINDOW_UPDATE for a stream', first: post(1), each: () => rawWindowUpdate(1, 1) },
  { budget: 'priorities', what: 'PRIORITY', each: (index) => rawPriority(own(index), 0) },
  { budget: 'priorities', what: 'PRIORITY_UPDATE', each: () => rawPriorityUpdate(1, 'u=1') },
  { budget: 'unknownFrames', what: 'frames of unknown types', each: () => rawFrame(0x77, 0, 0, Buffer.alloc(20)) },
  { budget: 'goaways', what: 'GOAWAY', first: post(1), each: () => rawGoaway(0, 0) },
  {
    budget: 'lateFrames',
    what: 'content for a stream that we have reset',
    first: Buffer.concat([get(1), rawData(1, 1)]),
    each: () => rawData(1, 1),
  },
];

for (const { budget, what, first = Buffer.alloc(0), each } of abuses) {
  tap.test(
    `ends a connection over its budget ${budget}, by GOAWAY ENHANCE_YOUR_CALM that names it: ${what}`,
    async () => {
      const { burst } = defaultH2Limits.budgets[budget];
      await using world = await makeH2World({ clock: makeFakeClock() });
      const { peer } = world;
      peer.send(first, ...Array.from({ length: Math.floor(burst / 2) }, (_, index) => each(index)));
      await peer.sync();
      expect(world.listener.over).toEqual(null);
      const more = Array.from({ length: burst + 200 }, (_, index) => each(index + Math.floor(burst / 2)));
      peer.send(...more);
      expect(await world.untilOver()).toEqual({ code: h2Error.enhanceYourCalm, why: budget });
      expect((await peer.next('GOAWAY')).payload.toString('latin1', 8)).toEqual(budget);
      expect(world.session.counted(budget) > burst).toBeTrue();
      expect(world.session.streams).toEqual(0);
    },
  );
}

interface ICanceller {
  readonly what: string;
  /** How long a stream lives, and whether its answer begins before it is reset. */
  readonly livesMs: number;
  readonly answered?: boolean;
  readonly perSecond: number;
  /** When it is cut off, in seconds; null: never. */
  readonly cutS: readonly [number, number] | null;
}

const cancellers: readonly ICanceller[] = [
  { what: 'a map that is scrolled, whose tiles are slow', livesMs: 250, perSecond: 100, cutS: null },
  { what: 'a map that is scrolled, whose tiles have begun', livesMs: 10, answered: true, perSecond: 100, cutS: null },
  { what: 'twice as many', livesMs: 300, perSecond: 190, cutS: null },
  { what: 'many more', livesMs: 250, perSecond: 400, cutS: [7, 9] },
  { what: 'many more that are answered', livesMs: 10, answered: true, perSecond: 400, cutS: [7, 9] },
  { what: 'who hardly waits, as often', livesMs: 240, perSecond: 100, cutS: [7, 9] },
  { what: 'who waits for nothing, more often', livesMs: 0, perSecond: 400, cutS: [1, 2] },
];

for (const { what, livesMs, answered = false, perSecond, cutS } of cancellers) {
  tap.test(`resets of who waited, or is answered, count for less: ${what}`, async () => {
    const clock = makeFakeClock();
    // The test itself asks after each step whether all was heard.
    const budgets = { ...defaultH2Limits.budgets, pings: { burst: 10_000, perSecond: 1 } };
    await using world = await makeH2World({ clock, limits: { budgets } });
    const { peer, listener } = world;
    peer.send(rawSettingsAck());
    listener.serve = (_stream, owner) => {
      owner.askedMs = answered ? Number.NEGATIVE_INFINITY : clock.nowMs();
      return owner;
    };
    const tickMs = 10;
    let asked = 0;
    let reset = 0;
    for (let ms = 0; ms < 12_000 && listener.over === null; ms += tickMs) {
      const frames: Buffer[] = [];
      for (; asked < (ms * perSecond) / 1_000; asked++) frames.push(get(own(asked)));
      for (; reset < ((ms - livesMs) * perSecond) / 1_000; reset++) frames.push(rawReset(own(reset), 8));
      if (frames.length > 0) peer.send(...frames);
      await peer.sync().catch(() => {});
      clock.advance(tickMs);
    }
    if (cutS === null) expect([listener.over, reset > 1_000]).toEqual([null, true]);
    else {
      expect(listener.over).toEqual({ code: h2Error.enhanceYourCalm, why: 'resets' });
      const atS = clock.nowMs() / 1_000;
      expect(atS >= cutS[0] && atS <= cutS[1] + livesMs / 1_000).toBeTrue();
    }
  });
}

tap.test('a peer that opens its windows for every few kilobytes that it has read is no abuser', async () => {
  await using world = await makeH2World({ clock: makeFakeClock() });
  const { peer } = world;
  peer.send(get(1));
  const { stream } = await world.owner();
  stream?.sendHeaders([':status', '200'], false);
  const total = 8 << 20;
  stream?.sendData(Buffer.alloc(total));
  const step = 4_096;
  for (let read = 0; read < total; ) {
    const { payload } = await peer.next('DATA', 1);
    read += payload.length;
    for (let left = payload.length; left > 0; left -= step) {
      const more = Math.min(left, step);
      peer.send(rawWindowUpdate(0, more), rawWindowUpdate(1, more));
    }
  }
  await peer.sync();
  expect(world.listener.over).toEqual(null);
});

tap.test('ends a header block of too many frames, whatever they carry', async () => {
  await using world = await makeH2World();
  world.peer.send(
    rawHeaders(1, rawRequest(), { whole: false }),
    ...Array.from({ length: 33 }, () => rawContinuation(1, Buffer.alloc(0), false)),
  );
  expect(await world.untilOver()).toEqual({ code: h2Error.enhanceYourCalm, why: 'continuations' });
});

tap.test('ends a header block of too many octets', async () => {
  await using world = await makeH2World({ limits: { maxHeaderBytes: 4_000 } });
  const part = Buffer.alloc(16_000);
  world.peer.send(
    rawHeaders(1, rawRequest(), { whole: false }),
    ...Array.from({ length: 5 }, () => rawContinuation(1, part, false)),
  );
  expect((await world.untilOver()).why).toEqual('continuations');
});

tap.test('ends a connection whose peer makes us answer and does not read', async () => {
  const budgets = { ...defaultH2Limits.budgets, pings: { burst: 1e9, perSecond: 0 } };
  await using world = await makeH2World({ limits: { budgets, maxUnreadBytes: 50_000 } });
  const { peer } = world;
  await peer.sync();
  peer.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 20_000 }, () => rawPing('12345678')));
  // How much the kernel takes before the answers wait is its own affair.
  const feed = (): void => {
    if (world.listener.over === null && !peer.socket.destroyed) peer.socket.write(pings, () => setImmediate(feed));
  };
  feed();
  expect(await world.untilOver()).toEqual({ code: h2Error.enhanceYourCalm, why: 'unread' });
});

tap.test('a browser that cancels half of its requests stays within all budgets', async () => {
  await using world = await makeH2World({ clock: makeFakeClock() });
  const { peer, listener } = world;
  listener.serve = (stream, owner) => {
    setImmediate(() => {
      stream.sendHeaders([':status', '200'], false);
      stream.sendData(Buffer.alloc(2_000));
      stream.sendEnd(null);
    });
    return owner;
  };
  for (let page = 0; page < 20; page++) {
    const streams = Array.from({ length: 100 }, (_, index) => (page * 100 + index) * 2 + 1);
    const frames = streams.flatMap((stream, index) => [
      ...[get(stream), rawPriorityUpdate(stream, 'u=4')],
      ...(index % 4 === 0 ? [rawReset(stream, 8)] : []),
    ]);
    peer.send(...frames, rawWindowUpdate(0, 150_000));
    await until(
      () => world.session.streams === 0 && listener.requests.length === (page + 1) * 100,
      15_000,
      () => 'a page',
    );
    // The one thing that time alone allows.
    if (listener.over !== null) break;
  }
  await peer.sync();
  expect(listener.over).toEqual(null);
});

tap.test(
  'a client of many small messages, each with its window updates and a PING now and then, does so too',
  async () => {
    await using world = await makeH2World({ clock: makeFakeClock() });
    const { peer, listener } = world;
    peer.send(post(1));
    const owner = await world.owner();
    owner.stream?.sendHeaders([':status', '200'], false);
    owner.react = (heard) => heard.startsWith('data') && owner.stream?.sendData(Buffer.from('small answer'));
    for (let message = 0; message < 1_200; message++) {
      peer.send(rawData(1, 'question'));
      await peer.next('DATA', 1);
      peer.send(rawWindowUpdate(1, 12), rawWindowUpdate(0, 12), ...(message % 3 === 0 ? [rawPing('bdp-ping')] : []));
    }
    await peer.sync();
    expect(listener.over).toEqual(null);
  },
);

tap.test('a target that resets what we ask of it costs us nothing', async () => {
  await using world = await makeH2World({ role: 'target-side', clock: makeFakeClock() });
  await until(
    () => world.listener.settings === 1,
    15_000,
    () => 'settings',
  );
  for (let request = 0; request < 500; request++) {
    const owner = world.open(rawRequest());
    world.peer.send(rawReset(owner.stream?.id ?? 0, h2Error.refusedStream));
    await until(
      () => owner.heard.length > 0,
      15_000,
      () => 'the reset',
    );
  }
  expect(world.listener.over).toEqual(null);
});

export default tap.start();
