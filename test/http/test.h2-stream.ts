// Both roles against each other: what one sends the other gets, whatever the windows, and nothing is left behind.

import type { Socket } from 'node:net';
import fc from 'fast-check';
import { systemClock } from '../../ts/base/clock.js';
import { h2Error } from '../../ts/codec/http2-frame.js';
import { defaultH2Limits, type IH2Limits } from '../../ts/http/h2-limits.js';
import { H2Session } from '../../ts/http/h2-session.js';
import { rawRequest } from '../helpers/h2-raw.js';
import { RecordedListener, RecordedOwner } from '../helpers/h2-session-world.js';
import { makeSocketPair } from '../helpers/socket-pair.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

interface IBoth extends AsyncDisposable {
  readonly server: H2Session;
  readonly client: H2Session;
  readonly serving: RecordedListener;
  readonly asking: RecordedListener;
}

async function makeBoth(limits: Partial<IH2Limits> = {}): Promise<IBoth> {
  const { near, far, ...pair } = await makeSocketPair();
  const make = (role: 'client-side' | 'target-side', socket: Socket, listener: RecordedListener): H2Session => {
    const all = { ...defaultH2Limits, ...limits };
    const session = new H2Session({ role, socket, listener, limits: all, clock: systemClock });
    socket.setNoDelay(true);
    socket.once('close', () => session.lost());
    session.start(null);
    return session;
  };
  const serving = new RecordedListener();
  const asking = new RecordedListener();
  const server = make('client-side', near, serving);
  const client = make('target-side', far, asking);
  await until(
    () => asking.settings > 0 && serving.settings > 0,
    15_000,
    () => 'settings',
  );
  return {
    ...{ server, client, serving, asking },
    async [Symbol.asyncDispose]() {
      server.lost();
      client.lost();
      near.destroy();
      far.destroy();
      await pair[Symbol.asyncDispose]?.();
    },
  };
}

/** Sends the parts as fast as it may, then ends. */
function sendAll(owner: RecordedOwner, parts: readonly Buffer[]): void {
  const left = [...parts];
  let ended = false;
  const more = (): void => {
    for (let part = left.shift(); part !== undefined; part = left.shift()) if (!owner.stream?.sendData(part)) return;
    if (!ended) owner.stream?.sendEnd(['x-parts', String(parts.length)]);
    ended = true;
  };
  const before = owner.react;
  owner.react = (heard) => {
    before(heard);
    if (heard === 'drained') more();
  };
  more();
}

const bytesOf = (size: number, seed: number): Buffer => {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; at++) bytes[at] = (at * 31 + seed) & 0xff;
  return bytes;
};

tap.test('carries any content both ways, whole and in order, by any windows', async () => {
  const sizes = fc.array(fc.oneof(fc.nat(50), fc.nat(5_000), fc.nat(80_000)), { maxLength: 6 });
  const limits = fc.record({
    initialWindowBytes: fc.constantFrom(1, 100, 16_384, 65_535, 300_000),
    maxStreamUnsentBytes: fc.constantFrom(1, 5_000, 65_536),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(sizes, sizes), { minLength: 1, maxLength: 5 }),
      limits,
      async (exchanges, given) => {
        // A window of one octet makes a frame an octet.
        const scale = given.initialWindowBytes < 1_000 ? 400 : 1;
        const parts = (list: readonly number[]): Buffer[] =>
          list.map((size, seed) => bytesOf(Math.ceil(size / scale), seed));
        const budgets = { ...defaultH2Limits.budgets, windowUpdates: { burst: 1e9, perSecond: 0 } };
        await using both = await makeBoth({ ...given, budgets });
        both.serving.serve = (stream, owner) => {
          const [, answer] = exchanges[(stream.id - 1) / 2] ?? [[], []];
          stream.sendHeaders([':status', '200'], false);
          sendAll(owner, parts(answer));
          return owner;
        };
        const owners = exchanges.map(([question]) => {
          const owner = new RecordedOwner();
          owner.stream = both.client.open(owner);
          owner.stream?.pull();
          owner.stream?.sendHeaders(rawRequest('/', 'POST'), false);
          sendAll(owner, parts(question));
          return owner;
        });
        await until(
          () => both.asking.overs === exchanges.length && both.serving.overs === exchanges.length,
          15_000,
          () => `${both.asking.overs}, ${both.serving.overs} of ${exchanges.length}`,
        );
        for (const [index, [question, answer]] of exchanges.entries()) {
          expect(owners[index]?.content.equals(Buffer.concat(parts(answer)))).toBeTrue();
          expect(owners[index]?.blocks.at(-1)).toEqual(['x-parts', String(answer.length)]);
          const served = both.serving.owners[index];
          // A server need not wait for the rest of a request that it has answered; here it takes all that comes before.
          const whole = Buffer.concat(parts(question));
          expect(whole.subarray(0, served?.content.length).equals(served?.content ?? whole)).toBeTrue();
        }
        expect([both.server.streams, both.client.streams]).toEqual([0, 0]);
      },
    ),
    { numRuns: numRuns(25) },
  );
});

tap.test('2,000 streams that either side cancels at random leave nothing behind', async () => {
  const budgets = { ...defaultH2Limits.budgets, resets: { burst: 1e9, perSecond: 0 } };
  await using both = await makeBoth({ budgets });
  const random = fc.sample(fc.nat(7), 4_000);
  let turn = 0;
  const next = (): number => random[turn++ % random.length] ?? 0;
  const act = (owner: RecordedOwner, choice: number): void => {
    if (choice === 0) owner.stream?.reset(h2Error.cancel);
    else if (choice === 1) setImmediate(() => owner.stream?.reset(h2Error.cancel));
    else sendAll(owner, [bytesOf(choice * 700, choice), bytesOf(choice, 0)]);
  };
  both.serving.serve = (stream, owner) => {
    stream.sendHeaders([':status', '200'], false);
    act(owner, next());
    return owner;
  };
  let opened = 0;
  while (opened < 2_000) {
    if (both.client.room === 0) await new Promise((resolve) => setImmediate(resolve));
    for (; both.client.room > 0 && opened < 2_000; opened++) {
      const owner = new RecordedOwner();
      owner.stream = both.client.open(owner);
      if (next() > 1) owner.stream?.pull();
      owner.stream?.sendHeaders(rawRequest('/', 'POST'), false);
      act(owner, next());
      // Who does not take content must give the stream up at some time.
      setImmediate(() => owner.stream?.pull());
    }
  }
  await until(
    () => both.client.streams === 0 && both.server.streams === 0,
    15_000,
    () => `${both.client.streams} live`,
  );
  expect(both.asking.overs).toEqual(2_000);
  expect(both.serving.overs).toEqual(both.serving.owners.length);
  expect([both.serving.over, both.asking.over]).toEqual([null, null]);
});

export default tap.start();
