import { ProxyError } from '../../ts/base/errors.js';
import type { IRouteConfig } from '../../ts/config/types.js';
import { ExchangeWorld, type FakeOrigin } from '../helpers/exchange-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

const forward: IRouteConfig = {
  match: { ports: 80, path: '/*' },
  action: { type: 'forward', target: { host: 'b.test', port: 8080 } },
  timeouts: { stallTimeout: 60_000, responseTimeout: 20_000 },
};
const rates = { minRequestBytesPerSecond: 100, minResponseBytesPerSecond: 100, rateGrace: 10_000 };
const post = { method: 'POST', contentLength: 100_000 };

const begin = (head: object = post, http: object = rates) => {
  const world = new ExchangeWorld([forward], { http });
  world.clock.advance(1_000);
  const asked = world.ask(head);
  const origin = world.last.give();
  const { connection } = world.visitor;
  const leftMs = () =>
    connection.limitMs === 0 ? 0 : Math.round(connection.limitFromMs + connection.limitMs - world.clock.nowMs());
  const told = () => {
    const [{ status, error } = { status: 0, error: null }] = world.records;
    return [status, error instanceof ProxyError ? error.code : error];
  };
  return { ...asked, world, origin, leftMs, told };
};

const answer = (origin: FakeOrigin) =>
  origin.to.answerHead({ status: 200, reason: '', fields: [], contentLength: 100_000 });

tap.test('content has the grace, and a second for each so many bytes that came', async () => {
  const { world, exchange, leftMs, told } = begin();
  await using _ = world;
  expect(leftMs()).toEqual(10_000);
  world.clock.advance(4_000);
  exchange.requestData(Buffer.alloc(1_000));
  expect(leftMs()).toEqual(16_000);
  world.clock.advance(15_000);
  exchange.requestData(Buffer.alloc(50));
  expect(leftMs()).toEqual(1_500);
  world.clock.advance(1_500);
  exchange.timedOut();
  expect(told()).toEqual([408, 'CLIENT_TOO_SLOW']);
});

tap.test('each piece has the time of a stall at most, and a client that is held back is not judged', async () => {
  const { world, exchange, leftMs, origin } = begin();
  await using _ = world;
  exchange.requestData(Buffer.alloc(50_000));
  expect(leftMs()).toEqual(60_000);
  origin.hasRoom = false;
  world.clock.advance(5_000);
  exchange.requestData(Buffer.alloc(1));
  world.clock.advance(50_000);
  origin.hasRoom = true;
  origin.to.originDrained();
  world.clock.advance(55_000);
  exchange.requestData(Buffer.alloc(1));
  // 510 s for what came, of which 60 s are over; it was held for 50.
  for (let at = 0; at < 7; at++) {
    world.clock.advance(59_000);
    exchange.requestData(Buffer.alloc(1));
  }
  expect(leftMs()).toEqual(510_000 + 9 * 10 - 60_000 - 7 * 59_000);
});

tap.test('gRPC says what it has to say when it has to: its content is let be', async () => {
  const { world, leftMs, exchange } = begin({
    ...post,
    contentLength: -1,
    fields: ['Content-Type', 'application/grpc+proto'],
  });
  await using _ = world;
  expect(leftMs()).toEqual(60_000);
  exchange.requestData(Buffer.alloc(1));
  expect(leftMs()).toEqual(60_000);
});

tap.test('who waits for 100 waits for the target: 504, not 408; who was told to send is judged', async () => {
  const silent = begin({ ...post, expectsContinue: true });
  await using _ = silent.world;
  expect(silent.leftMs()).toEqual(20_000);
  silent.world.clock.advance(20_000);
  silent.exchange.timedOut();
  expect(silent.told()).toEqual([504, 'RESPONSE_TIMEOUT']);
  const told = begin({ ...post, expectsContinue: true });
  await using __ = told.world;
  told.world.clock.advance(15_000);
  told.origin.to.answerInform(100, []);
  expect(told.leftMs()).toEqual(10_000);
  told.world.clock.advance(10_000);
  told.exchange.timedOut();
  expect(told.told()).toEqual([408, 'CLIENT_TOO_SLOW']);
});

tap.test(
  'a reader has the grace, and a second for each so many bytes, of the time in which it takes nothing',
  async () => {
    const { world, exchange, leftMs, origin, side, told } = begin({});
    await using _ = world;
    answer(origin);
    origin.to.answerData(Buffer.alloc(2_000));
    expect(leftMs()).toEqual(0);
    world.clock.advance(600_000);
    side.hasRoom = false;
    origin.to.answerData(Buffer.alloc(1_000));
    expect(leftMs()).toEqual(40_000);
    world.clock.advance(30_000);
    side.hasRoom = true;
    exchange.clientDrained();
    expect(leftMs()).toEqual(0);
    world.clock.advance(600_000);
    side.hasRoom = false;
    origin.to.answerData(Buffer.alloc(100));
    expect(leftMs()).toEqual(11_000);
    world.clock.advance(11_000);
    exchange.timedOut();
    expect(side.calls.at(-1)).toEqual('cut client_too_slow');
    expect(told()).toEqual([200, 'CLIENT_TOO_SLOW']);
  },
);

tap.test('0 switches each rate off', async () => {
  const off = { minRequestBytesPerSecond: 0, minResponseBytesPerSecond: 0 };
  const { world, exchange, leftMs, origin, side } = begin(post, off);
  await using _ = world;
  expect(leftMs()).toEqual(60_000);
  exchange.requestData(Buffer.alloc(100_000));
  exchange.requestEnd(null);
  expect(leftMs()).toEqual(20_000);
  answer(origin);
  side.hasRoom = false;
  origin.to.answerData(Buffer.alloc(100));
  expect(leftMs()).toEqual(0);
});

tap.test('what the proxy cuts by a limit of its own is told as that, not as a client that left', async () => {
  for (const [end, code, status] of [
    ['inactivity_timeout', 'TIMEOUT', 504],
    ['stall_timeout', 'TIMEOUT', 504],
    ['max_lifetime', 'TIMEOUT', 504],
    ['client_aborted', 'CLIENT_LEFT', 499],
  ] as const) {
    const early = begin({});
    await using _ = early.world;
    early.world.visitor.connection.end = end;
    early.exchange.clientGone('left');
    expect(early.told()).toEqual([status, code]);
    const late = begin({});
    await using __ = late.world;
    answer(late.origin);
    late.world.visitor.connection.end = end;
    late.exchange.clientGone('left');
    expect(late.told()).toEqual([code === 'TIMEOUT' ? 200 : 499, code]);
  }
});

export default tap.start();
