import { ProxyError } from '../../ts/base/errors.js';
import type { IForwardAction } from '../../ts/config/types.js';
import { ExchangeWorld } from '../helpers/exchange-world.js';
import { expect, tap } from '../helpers/tapbundle.js';

const hosts = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test'];

const routes = (more: Partial<IForwardAction> = {}) => [
  {
    name: 'web',
    match: { ports: 80, path: '/*' },
    action: { type: 'forward', target: { host: hosts, port: 80 }, ...more } as const,
  },
];

const broke = (more = {}) => ({
  ...{ error: new ProxyError('TARGET_BROKE', 'closed'), unsent: false, stale: false },
  ...more,
});
const refused = { error: new ProxyError('TARGET_UNREACHABLE', 'refused'), unsent: true, stale: false };

tap.test('a stale connection costs no attempt: the same target gets a new one, once', async () => {
  await using world = new ExchangeWorld(routes({ retry: { attempts: 1 } }));
  const { side } = world.ask();
  const [first] = world.asked;
  first?.give().to.originFailed(broke({ stale: true }));
  expect(world.asked.map(({ to }) => to)).toEqual(['a.test:80', 'a.test:80 fresh']);
  world.last.give().to.originFailed(broke({ stale: true }));
  expect(side.calls).toEqual(['head 502', 'data', 'end']);
  expect(world.records.map(({ status, attempts }) => [status, attempts])).toEqual([[502, 2]]);
});

tap.test('what was not sent is tried elsewhere, whatever it is, as often as attempts say', async () => {
  await using world = new ExchangeWorld(routes({ retry: { attempts: 3 } }));
  const { side } = world.ask({ method: 'POST', contentLength: 5 });
  for (const _ of [1, 2, 3]) world.last.fail(refused);
  expect(world.asked.map(({ to }) => to)).toEqual(['a.test:80', 'b.test:80', 'c.test:80']);
  // Nobody asked the client for its content.
  expect(side.calls).toEqual(['head 502', 'data', 'end']);
});

tap.test('a request that was sent is tried elsewhere only if twice does what once does', async () => {
  for (const [method, tries] of [
    ['GET', 3],
    ['DELETE', 3],
    ['POST', 1],
    ['PATCH', 1],
  ] as const) {
    await using world = new ExchangeWorld(routes());
    const { side } = world.ask({ method });
    for (let count = 0; count < tries; count++) world.last.give().to.originFailed(broke());
    expect([method, world.asked.length, side.calls.includes('head 502')]).toEqual([method, tries, true]);
  }
});

tap.test('content that is at hand as a whole is sent again; more, or a part of it, is not', async () => {
  const put = { method: 'PUT', contentLength: 4 } as const;
  await using world = new ExchangeWorld(routes());
  const { exchange } = world.ask(put);
  const first = world.last.give();
  exchange.requestData(Buffer.from('ab'));
  exchange.requestData(Buffer.from('cd'));
  exchange.requestEnd(null);
  first.to.originFailed(broke());
  const second = world.last.give();
  expect([first.body, second.body, second.calls]).toEqual(['abcd', 'abcd', ['send', 'data', 'end']]);

  await using half = new ExchangeWorld(routes());
  const partly = half.ask(put);
  const only = half.last.give();
  partly.exchange.requestData(Buffer.from('ab'));
  only.to.originFailed(broke());
  expect([half.asked.length, partly.side.calls.includes('head 502')]).toEqual([1, true]);

  await using large = new ExchangeWorld(routes());
  const { exchange: upload } = large.ask({ method: 'PUT', contentLength: -1 });
  const taker = large.last.give();
  upload.requestData(Buffer.alloc(16_385));
  upload.requestEnd(null);
  taker.to.originFailed(broke());
  expect(large.asked).toHaveLength(1);
});

tap.test('answers with the listed statuses are asked for elsewhere, and the last one is passed on', async () => {
  await using world = new ExchangeWorld(routes({ retry: { attempts: 2, statuses: [503] } }));
  const { side } = world.ask();
  const first = world.last.give();
  first.to.answerHead({ status: 503, reason: '', fields: [], contentLength: 0 });
  expect([first.calls, world.last.to]).toEqual([['send', 'cancel'], 'b.test:80']);
  world.last.give().answer(503, [], 'still not');
  expect(side.calls).toEqual(['head 503', 'data', 'end']);
  // A POST is not repeated for an answer.
  const { side: other } = world.ask({ method: 'POST' });
  world.last.give().answer(503);
  expect(other.calls).toContain('head 503');
});

tap.test('where the budget is spent nothing that was sent is tried again', async () => {
  await using world = new ExchangeWorld(routes({ retry: { attempts: 5, budget: 0 } }));
  const triesOf = () => {
    const before = world.asked.length;
    const { side } = world.ask();
    while (!side.calls.includes('head 502')) world.last.give().to.originFailed(broke());
    return world.asked.length - before;
  };
  // What a route may always do is spent by these.
  const tries = Array.from({ length: 4 }, triesOf);
  expect(tries).toEqual([5, 5, 3, 1]);
  // What was not sent multiplies nothing.
  world.ask();
  world.last.fail(refused);
  expect(world.last.to).not.toEqual(world.asked.at(-2)?.to);
  // A second earns one.
  world.clock.advance(1_000);
  expect(triesOf()).toEqual(2);
});

tap.test('where there is no other target nothing of the budget is spent', async () => {
  const target = { host: 'a.test', port: 80 };
  const action = { type: 'forward', target, retry: { attempts: 5, budget: 0, statuses: [503] } } as const;
  const single = { name: 'web', match: { ports: 80, path: '/*' }, action };
  await using world = new ExchangeWorld([single]);
  for (let at = 0; at < 30; at++) {
    const { side } = world.ask();
    const origin = world.last.give();
    if (at % 2 === 0) origin.to.originFailed(broke());
    else origin.answer(503);
    expect(side.calls[0]).toEqual(at % 2 === 0 ? 'head 502' : 'head 503');
  }
  // What a route may always do is all there.
  const { retries } = world.visitor.services;
  const taken = Array.from({ length: 12 }, () => retries.take('web'));
  expect(taken.filter(Boolean)).toHaveLength(10);
});

tap.test('open circuits are answered by 503 and are no defect; a function that throws is one', async () => {
  await using world = new ExchangeWorld([
    {
      name: 'web',
      match: { ports: 80, path: '/*' },
      action: {
        type: 'forward',
        target: { host: 'a.test', port: 80 },
        circuitBreaker: { failures: 1, openMs: 1_000 },
        retry: { attempts: 1 },
      },
    },
  ]);
  world.ask();
  world.last.give().answer(500);
  const { side } = world.ask();
  expect([side.calls[0], world.asked.length, world.errors]).toEqual(['head 503', 1, []]);
  expect(world.records.map(({ error }) => error instanceof ProxyError && error.code)).toEqual([false, 'CIRCUIT_OPEN']);
  world.clock.advance(1_000);
  world.ask();
  expect(world.asked).toHaveLength(2);

  await using broken = new ExchangeWorld([
    {
      match: { ports: 80, path: '/*' },
      action: {
        type: 'forward',
        target: {
          host: () => {
            throw new Error('on purpose');
          },
          port: 80,
        },
      },
    },
  ]);
  const { side: told } = broken.ask();
  expect([told.calls[0], broken.errors.length]).toEqual(['head 500', 1]);
});

tap.test('a client that leaves cancels what it waits for', async () => {
  await using world = new ExchangeWorld(routes());
  const waiting = world.ask();
  waiting.exchange.clientGone('left');
  expect(world.last.cancelled).toBeTrue();
  const asked = world.ask();
  const origin = world.last.give();
  asked.exchange.clientGone('left');
  expect(origin.calls).toEqual(['send', 'cancel']);
  expect(world.records.map(({ status }) => status)).toEqual([499, 499]);
});

tap.test(
  'what a target of HTTP/2 did not look at is sent again, of long content too, as far as that is kept',
  async () => {
    const untouched = broke({ unsent: true, stale: true });
    for (const [bytes, again] of [
      [160_000, true],
      [170_000, false],
    ] as const) {
      await using world = new ExchangeWorld(routes({ backendProtocol: 'http2' }));
      const { exchange, side } = world.ask({ method: 'POST', contentLength: 1_000_000 });
      const first = world.last.give();
      for (let given = 0; given < bytes; given += 10_000) exchange.requestData(Buffer.alloc(10_000, 'c'));
      side.calls.length = 0;
      first.to.originFailed(untouched);
      expect([side.calls.includes('head 502'), world.asked.length]).toEqual([!again, again ? 2 : 1]);
      if (!again) continue;
      const second = world.last.give();
      // No more is asked of the client before there is somebody to hear it.
      expect([side.calls, second.body.length]).toEqual([['hold', 'pull'], bytes]);
      exchange.requestData(Buffer.from('more'));
      expect(second.body.slice(-5)).toEqual('cmore');
    }
  },
);

tap.test('what is kept of content is given back, however its request goes on', async () => {
  await using world = new ExchangeWorld(routes({ backendProtocol: 'http2' }));
  const { held } = world.visitor.services;
  const ask = () => {
    const { exchange } = world.ask({ method: 'POST', contentLength: -1 });
    const origin = world.last.give();
    exchange.requestData(Buffer.from('some'));
    expect(held.bytes).toBeGreaterThan(0);
    return { exchange, origin };
  };
  ask().exchange.clientGone('left');
  expect(held.bytes).toEqual(0);
  ask().origin.to.originFailed(broke());
  expect(held.bytes).toEqual(0);
  ask().exchange.requestData(Buffer.alloc(170_000));
  expect(held.bytes).toEqual(0);
});

export default tap.start();
