// Every time limit of a connection, on a clock that the test moves.

import type { Socket } from 'node:net';
import type { IResolvedTimeouts } from '../../ts/config/resolved.js';
import type { Connection } from '../../ts/flow/connection.js';
import { Deadlines } from '../../ts/flow/deadlines.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeConnection } from '../helpers/make-connection.js';
import { expect, tap } from '../helpers/tapbundle.js';

const noLimits: IResolvedTimeouts = {
  connectionTimeoutMs: 0,
  inactivityTimeoutMs: 0,
  maxConnectionLifetimeMs: 0,
  halfOpenTimeoutMs: 0,
  stallTimeoutMs: 0,
  enableHalfOpen: false,
  responseTimeoutMs: 0,
};

/** Deadlines that note what they end, and at what time: `inactivity_timeout at 100`. */
function makeWorld(initialDataTimeoutMs = 1_000) {
  const clock = makeFakeClock();
  const log: string[] = [];
  let made = 0;
  const deadlines = new Deadlines(
    clock,
    () => initialDataTimeoutMs,
    (connection, end) => {
      log.push(`${end} at ${clock.nowMs()}`);
      connection.end = end;
      deadlines.forget(connection);
    },
  );
  const watch = (parts: Partial<Connection>, timeouts: Partial<IResolvedTimeouts> = {}): Connection => {
    const connection = makeConnection({ acceptedMs: clock.nowMs() });
    made++;
    Object.assign(connection, { serial: made, phase: 'transfer', timeouts: { ...noLimits, ...timeouts }, ...parts });
    deadlines.watch(connection);
    return connection;
  };
  return { clock, log, deadlines, watch };
}

/** A socket of which only the queue is known. */
const makeReader = (queued: number): Socket & { queued: number } => {
  const reader = { queued, destroyed: false } as { queued: number };
  Object.defineProperty(reader, 'writableLength', { get: () => reader.queued });
  return reader as Socket & { queued: number };
};

tap.test('where activity is told, silence counts from it and not from when somebody looked', () => {
  for (const [tellsActivity, endMs] of [
    [true, 1_100],
    [false, 1_250],
  ] as const) {
    const { clock, log, watch } = makeWorld();
    const clear = { bytesRead: 5, bytesWritten: 7, writableLength: 0 };
    const limits = { inactivityTimeoutMs: 1_000, stallTimeoutMs: 1_000 };
    const connection = watch({ usingNetworkProxy: true, tellsActivity, noticedBytes: 12 }, limits);
    Object.defineProperty(connection, 'clear', { value: clear });
    clock.advance(100);
    clear.bytesWritten += 1;
    connection.lastActivityMs = clock.nowMs();
    clock.advance(2_000);
    expect(log).toEqual([`inactivity_timeout at ${endMs}`]);
  }
});

tap.test('first bytes have a time that begins when the connection was accepted', async () => {
  const { clock, log, watch } = makeWorld(500);
  watch({ phase: 'accept', timeouts: null });
  clock.advance(200);
  watch({ phase: 'peek', timeouts: null });
  clock.advance(299);
  expect(log).toEqual([]);
  clock.advance(1);
  clock.advance(200);
  expect(log).toEqual(['initial_data_timeout at 500', 'initial_data_timeout at 700']);
});

tap.test('activity costs nothing and moves the idle limit', async () => {
  const { clock, log, watch } = makeWorld();
  const connection = watch({}, { inactivityTimeoutMs: 100 });
  for (let at = 50; at <= 300; at += 50) {
    clock.advance(50);
    connection.lastActivityMs = clock.nowMs();
    expect(clock.pending).toEqual(1);
  }
  clock.advance(99);
  expect(log).toEqual([]);
  clock.advance(1);
  expect(log).toEqual(['inactivity_timeout at 400']);
  expect(clock.pending).toEqual(0);
});

tap.test('an age ends a busy connection, and one that dials', async () => {
  const { clock, log, watch } = makeWorld();
  const busy = watch({}, { maxConnectionLifetimeMs: 100, inactivityTimeoutMs: 60 });
  watch({ phase: 'dial' }, { maxConnectionLifetimeMs: 80 });
  for (let step = 0; step < 4; step++) {
    clock.advance(25);
    busy.lastActivityMs = clock.nowMs();
  }
  expect(log).toEqual(['max_lifetime at 80', 'max_lifetime at 100']);
});

tap.test('a dial that takes too long is handed back, as often as it is begun again', async () => {
  const { clock, log, deadlines, watch } = makeWorld();
  const handed: number[] = [];
  clock.advance(10);
  const connection = watch({ phase: 'dial' });
  const dial = () => {
    connection.dialingMs = clock.nowMs();
    connection.dialLimitMs = 50;
    deadlines.reschedule(connection);
  };
  connection.dialTimedOut = () => {
    handed.push(clock.nowMs());
    if (handed.length < 3) dial();
  };
  dial();
  clock.advance(1_000);
  expect(handed).toEqual([60, 110, 160]);
  expect(log).toEqual([]);
  expect(deadlines.size).toEqual(1);
});

tap.test('after the client has closed, silence is limited and an answer is not', async () => {
  const { clock, log, deadlines, watch } = makeWorld();
  const connection = watch({}, { halfOpenTimeoutMs: 100, inactivityTimeoutMs: 10_000 });
  clock.advance(50);
  connection.clientEndedMs = clock.nowMs();
  deadlines.reschedule(connection);
  for (let word = 0; word < 5; word++) {
    clock.advance(80);
    connection.lastActivityMs = clock.nowMs();
  }
  clock.advance(99);
  expect(log).toEqual([]);
  clock.advance(1);
  expect(log).toEqual(['half_open_timeout at 550']);
});

tap.test(
  'with enableHalfOpen, and under a handler whose client has closed its side, only the idle limit counts',
  async () => {
    const { clock, log, watch } = makeWorld();
    const closed = { clientEndedMs: 1, targetEndedMs: 2, flushedMs: 2 };
    watch(closed, { enableHalfOpen: true, halfOpenTimeoutMs: 10, inactivityTimeoutMs: 5_000 });
    const incoming = { bytesRead: 0, bytesWritten: 0 } as Socket;
    const handled = { incoming, handled: true } as Partial<Connection>;
    watch({ ...handled, clientEndedMs: 1 }, { halfOpenTimeoutMs: 10, inactivityTimeoutMs: 5_000 });
    clock.advance(4_999);
    expect(log).toEqual([]);
    clock.advance(1);
    expect(log).toEqual(['inactivity_timeout at 5000', 'inactivity_timeout at 5000']);
  },
);

tap.test('a handler that has ended its side is done with a client that stays silent', async () => {
  const { clock, log, watch } = makeWorld();
  const incoming = { bytesRead: 0, bytesWritten: 0 } as Socket;
  watch({ incoming, handled: true, flushedMs: 2 } as Partial<Connection>, { halfOpenTimeoutMs: 10 });
  clock.advance(11);
  expect(log).toEqual([]);
  clock.advance(1);
  expect(log).toEqual(['half_open_timeout at 12']);
});

tap.test("bytes of a handler's socket are activity", async () => {
  const { clock, log, watch } = makeWorld();
  const incoming = { bytesRead: 0, bytesWritten: 0 };
  watch({ incoming: incoming as Socket, handled: true } as Partial<Connection>, { inactivityTimeoutMs: 100 });
  clock.advance(90);
  incoming.bytesWritten = 5;
  clock.advance(10);
  incoming.bytesRead = 1;
  clock.advance(199);
  expect(log).toEqual([]);
  clock.advance(1);
  expect(log).toEqual(['inactivity_timeout at 300']);
});

tap.test("after the target's FIN a silent client is given 2 s, one that sends more, and none for ever", async () => {
  const { clock, log, watch } = makeWorld();
  const parts = { targetEndedMs: 1, flushedMs: 1 };
  clock.advance(1);
  watch(parts, { halfOpenTimeoutMs: 30_000 });
  const sending = watch(parts, { halfOpenTimeoutMs: 30_000 });
  const shortly = watch(parts, { halfOpenTimeoutMs: 500 });
  const closedBefore = watch({ ...parts, clientEndedMs: 1 }, { halfOpenTimeoutMs: 30_000 });
  for (let second = 0; second < 31; second++) {
    clock.advance(1_000);
    if (sending.end === null) sending.lastActivityMs = clock.nowMs();
  }
  expect(shortly.end).toEqual('target_closed');
  expect(closedBefore.end).toEqual('client_closed');
  expect(log.sort()).toEqual([
    'client_closed at 2001',
    'target_closed at 2001',
    'target_closed at 30001',
    'target_closed at 501',
  ]);
});

tap.test('a direction is stalled while bytes wait and none moves, whatever the other one does', async () => {
  const { clock, log, watch } = makeWorld();
  const incoming = makeReader(1_000);
  const outgoing = makeReader(1_000);
  const parts = { incoming, outgoing, spliced: true } as Partial<Connection>;
  const connection = watch(parts, { stallTimeoutMs: 400 });
  for (let step = 0; step < 20; step++) {
    clock.advance(100);
    // The target takes what it gets. The client does, with pauses, until it stops after a second.
    connection.bytesReceived += 10;
    if (step % 3 === 0 && step < 10) incoming.queued -= 10;
  }
  // It took something at 1000, which is seen at 1100.
  expect(log).toEqual(['stall_timeout at 1500']);
});

tap.test('a reader for whom nothing waits is not stalled', async () => {
  const { clock, log, watch } = makeWorld();
  const parts = { incoming: makeReader(0), outgoing: makeReader(0), spliced: true } as Partial<Connection>;
  watch(parts, { stallTimeoutMs: 400 });
  clock.advance(10_000);
  expect(log).toEqual([]);
});

for (const limit of ['inactivityTimeoutMs', 'halfOpenTimeoutMs'] as const) {
  tap.test(`a reader that slowly takes what waits for it is active (${limit})`, async () => {
    for (const stallTimeoutMs of [0, 8_000]) {
      const { clock, log, watch } = makeWorld();
      const incoming = makeReader(65_536);
      const parts = { incoming, outgoing: makeReader(0), spliced: true, clientEndedMs: 1 } as Partial<Connection>;
      const connection = watch(parts, { [limit]: 1_000, stallTimeoutMs });
      for (let step = 0; step < 60; step++) {
        clock.advance(100);
        incoming.queued -= 1_000;
      }
      expect([stallTimeoutMs, ...log]).toEqual([stallTimeoutMs]);
      clock.advance(2_000);
      expect(connection.end).toEqual(limit === 'halfOpenTimeoutMs' ? 'half_open_timeout' : 'inactivity_timeout');
    }
  });
}

tap.test('what is forgotten is not ended, and the last one takes the timer with it', async () => {
  const { clock, log, deadlines, watch } = makeWorld();
  const one = watch({}, { inactivityTimeoutMs: 100 });
  const other = watch({}, { inactivityTimeoutMs: 200 });
  deadlines.forget(one);
  expect(deadlines.size).toEqual(1);
  deadlines.forget(other);
  expect([deadlines.size, clock.pending]).toEqual([0, 0]);
  clock.advance(1_000);
  expect(log).toEqual([]);
  deadlines.reschedule(one);
  expect(clock.pending).toEqual(0);
});

tap.test('thousands of connections share one timer and end in order', async () => {
  const { clock, log, watch } = makeWorld();
  const count = 3_000;
  for (let index = 0; index < count; index++) watch({}, { inactivityTimeoutMs: 1 + ((index * 7_919) % count) });
  expect(clock.pending).toEqual(1);
  clock.advance(count);
  expect(log).toHaveLength(count);
  const times = log.map((line) => Number(line.split(' ').at(-1)));
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(clock.pending).toEqual(0);
});

tap.test('a limit of months is waited for in parts', async () => {
  const { clock, log, watch } = makeWorld();
  const monthsMs = 2 ** 31 * 3;
  watch({}, { maxConnectionLifetimeMs: monthsMs });
  clock.advance(monthsMs - 1);
  expect(log).toEqual([]);
  clock.advance(1);
  expect(log).toEqual([`max_lifetime at ${monthsMs}`]);
});

export default tap.start();
