import { ProxyError } from '../../ts/base/errors.js';
import type { IRouteConfig } from '../../ts/config/types.js';
import { ExchangeWorld, FakeSide } from '../helpers/exchange-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

const forward: IRouteConfig = {
  name: 'web',
  match: { ports: 80, path: '/*' },
  action: { type: 'forward', target: { host: 'a.test', port: 80 } },
};
const post = { method: 'POST', contentLength: -1 } as const;
const bytes = (text: string) => Buffer.from(text);

tap.test('content is asked for when somebody takes it, and passed on as it comes', async () => {
  await using world = new ExchangeWorld([forward]);
  const { exchange, side } = world.ask(post);
  expect(side.calls).toEqual([]);
  const origin = world.last.give();
  expect(side.calls).toEqual(['pull']);
  exchange.requestData(bytes('ab'));
  origin.hasRoom = false;
  exchange.requestData(bytes('cd'));
  expect(side.calls).toEqual(['pull', 'hold']);
  origin.to.originDrained();
  expect(side.calls).toEqual(['pull', 'hold', 'pull']);
  exchange.requestEnd(null);
  expect([origin.body, origin.calls]).toEqual(['abcd', ['send', 'data', 'data', 'end']]);
});

tap.test('an answer goes to the client at its pace, with what belongs to it', async () => {
  await using world = new ExchangeWorld([forward]);
  const { exchange, side } = world.ask();
  const { to, calls } = world.last.give();
  to.answerInform(103, ['Link', '</a>', 'Connection', 'close']);
  to.answerHead({ status: 200, reason: '', fields: ['X-A', '1', 'Keep-Alive', 'timeout=5'], contentLength: -1 });
  side.hasRoom = false;
  to.answerData(bytes('ab'));
  to.answerPause();
  expect(calls).toEqual(['send', 'hold']);
  side.hasRoom = true;
  exchange.clientDrained();
  to.answerData(bytes('cd'));
  to.answerEnd(['X-Sum', 'z']);
  expect(calls).toEqual(['send', 'hold', 'pull']);
  expect(side.calls).toEqual(['inform 103', 'head 200', 'data', 'flush', 'data', 'end X-Sum z']);
  expect(side.fields.filter((_, at) => at % 2 === 0)).toEqual(['X-A', 'Date']);
  expect(world.records.map(({ status, route, target }) => [status, route, target?.host])).toEqual([
    [200, 'web', 'a.test'],
  ]);
});

tap.test(
  'an answer that comes before the end of the content ends the exchange; what still comes goes nowhere',
  async () => {
    await using world = new ExchangeWorld([forward]);
    const { exchange, side } = world.ask(post);
    const origin = world.last.give();
    exchange.requestData(bytes('ab'));
    origin.answer(413, [], 'no');
    expect(side.calls).toEqual(['pull', 'head 413', 'data', 'end']);
    exchange.requestData(bytes('cd'));
    exchange.requestEnd(null);
    exchange.clientGone('left');
    expect([origin.body, origin.calls, world.records.length]).toEqual(['ab', ['send', 'data'], 1]);
  },
);

tap.test('a failure is answered where nothing was, and cuts what was begun', async () => {
  const broken = { error: new ProxyError('TARGET_MALFORMED', 'nonsense'), unsent: false, stale: false };
  await using world = new ExchangeWorld([forward]);
  const before = world.ask();
  world.last.give().to.originFailed(broken);
  expect(before.side.calls).toEqual(['head 502', 'data', 'end']);
  const amid = world.ask();
  const { to } = world.last.give();
  to.answerHead({ status: 200, reason: '', fields: [], contentLength: 4 });
  to.answerData(bytes('ab'));
  to.originFailed(broken);
  expect(amid.side.calls).toEqual(['head 200', 'data', 'cut target_error']);
  expect(world.records.map(({ status, error }) => [status, error === null])).toEqual([
    [502, false],
    [200, false],
  ]);
  expect(world.errors).toEqual([]);
});

tap.test('content beyond the limit is 413, and the target is left', async () => {
  await using world = new ExchangeWorld([forward], { http: { maxBodyBytes: 3 } });
  const { exchange, side } = world.ask(post);
  const origin = world.last.give();
  exchange.requestData(bytes('ab'));
  exchange.requestData(bytes('cd'));
  expect([origin.body, origin.calls.at(-1)]).toEqual(['ab', 'cancel']);
  expect(side.calls).toEqual(['pull', 'head 413', 'data', 'end']);
});

tap.test('who is too slow is told by the status', async () => {
  await using world = new ExchangeWorld([forward]);
  const noContent = world.ask(post);
  world.last.give();
  noContent.exchange.timedOut();
  expect(noContent.side.calls.slice(1)).toEqual(['head 408', 'data', 'end']);
  const noAnswer = world.ask();
  const origin = world.last.give();
  noAnswer.exchange.timedOut();
  expect([noAnswer.side.calls, origin.calls]).toEqual([
    ['head 504', 'data', 'end'],
    ['send', 'cancel'],
  ]);
  const noEnd = world.ask();
  world.last.give().to.answerHead({ status: 200, reason: '', fields: [], contentLength: -1 });
  noEnd.exchange.timedOut();
  expect(noEnd.side.calls).toEqual(['head 200', 'cut request_timeout']);
});

tap.test('the time for an answer counts from the end of the request, and the whole has its own', async () => {
  const timeouts = { responseTimeout: 5_000 };
  await using world = new ExchangeWorld([{ ...forward, timeouts }], { http: { requestTimeout: 8_000 } });
  const { connection } = world.visitor;
  const { exchange } = world.ask(post);
  const { to } = world.last.give();
  const leftMs = () => connection.limitFromMs + connection.limitMs - world.clock.nowMs();
  expect(leftMs()).toEqual(8_000);
  world.clock.advance(2_000);
  exchange.requestEnd(null);
  expect(leftMs()).toEqual(5_000);
  world.clock.advance(1_000);
  to.answerHead({ status: 200, reason: '', fields: [], contentLength: -1 });
  expect(leftMs()).toEqual(5_000);
  world.clock.advance(1_000);
  expect([leftMs(), connection.limitEnd]).toEqual([4_000, 'request_timeout']);
});

tap.test('each piece of content has the time of what is stalled, whoever it waits for', async () => {
  await using world = new ExchangeWorld([{ ...forward, timeouts: { stallTimeout: 7_000, responseTimeout: 0 } }]);
  const { connection } = world.visitor;
  const { exchange } = world.ask(post);
  const origin = world.last.give();
  const limit = () => [connection.limitFromMs, connection.limitMs];
  world.clock.advance(1_000);
  exchange.requestData(bytes('ab'));
  expect(limit()).toEqual([1_000, 7_000]);
  world.clock.advance(1_000);
  origin.hasRoom = false;
  exchange.requestData(bytes('cd'));
  expect(limit()).toEqual([2_000, 7_000]);
  world.clock.advance(1_000);
  origin.to.originDrained();
  expect(limit()).toEqual([3_000, 7_000]);
  exchange.requestEnd(null);
  expect(connection.limitMs).toEqual(0);
});

tap.test('a second request on a connection cannot be handed to a socket handler: 421', async () => {
  const handler: IRouteConfig = {
    match: { ports: 80, path: '/raw/*' },
    action: { type: 'socket-handler', socketHandler: () => {} },
  };
  await using world = new ExchangeWorld([forward, handler]);
  const later = world.ask({ target: '/raw/x' });
  expect(later.side.calls).toEqual(['head 421', 'data', 'end']);
  const side = new FakeSide();
  side.first = bytes('GET /raw/x HTTP/1.1\r\n\r\n');
  world.ask({ target: '/raw/x' }, side);
  expect(side.calls).toEqual(['detach']);
});

tap.test('a defect costs its request, and is logged', async () => {
  await using world = new ExchangeWorld([forward]);
  const { side } = world.ask();
  const origin = world.last.give();
  // A head that no code of ours would make. Nothing went out yet: the client can still be told.
  origin.to.answerHead({ status: 200, reason: '', fields: null as never, contentLength: 0 });
  expect([side.calls, origin.calls]).toEqual([
    ['head 500', 'data', 'end'],
    ['send', 'cancel'],
  ]);
  expect([world.errors.length, world.records.length]).toEqual([1, 1]);
});

export default tap.start();
