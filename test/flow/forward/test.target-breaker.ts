import { ProxyError } from '../../../ts/base/errors.js';
import { TargetBreaker } from '../../../ts/flow/forward/target-breaker.js';
import type { IPickSession, ITargetPick } from '../../../ts/flow/forward/target-types.js';
import { ejecting, makeForward, makeRegistry, noContext, refusal, someClient } from '../../helpers/make-targets.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const rule = { failures: 3, openMs: 1_000 };
const broke = () => new ProxyError('TARGET_BROKE', 'no answer');

/** A registry with one route, and what a request of it gets. */
function makeWorld(hosts: readonly string[], parts: Parameters<typeof makeForward>[1] = {}) {
  const made = makeRegistry();
  const route = makeForward(hosts, { circuitBreaker: rule, ...parts });
  made.registry.attach([route]);
  const begin = (): IPickSession => made.registry.pickerFor(route).session(someClient, noContext);
  const why = (): string[] =>
    made.registry
      .pickerFor(route)
      .explain(someClient, noContext)
      .map(({ host, chosen, why: text }) => `${host}${chosen ? ' *' : ''} ${text}`);
  return { ...made, route, begin, why };
}

function need(session: IPickSession): ITargetPick {
  const pick = session.next();
  if (pick === null) throw new Error('no target');
  return pick;
}

const codeOf = (work: () => unknown): string => {
  try {
    return `got ${String(work())}`;
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
};

tap.test('opens at failures in a row, lets one try after its time, and closes or opens again by that', () => {
  let nowMs = 5;
  const breaker = new TargetBreaker(rule, () => nowMs);
  expect([breaker.missed(false), breaker.missed(false), breaker.passed(false)]).toEqual([false, false, false]);
  expect([breaker.missed(false), breaker.missed(false), breaker.missed(false)]).toEqual([false, false, true]);
  expect([breaker.refuses, breaker.openMs]).toEqual([true, 1_000]);
  nowMs += 999;
  expect(breaker.refuses).toEqual(true);
  nowMs += 1;
  expect([breaker.refuses, breaker.begin(), breaker.refuses]).toEqual([false, true, true]);
  // Answers to what was asked before it opened say nothing.
  expect([breaker.passed(false), breaker.missed(false), breaker.refuses]).toEqual([false, false, true]);
  expect([breaker.missed(true), breaker.refuses, breaker.openMs]).toEqual([true, true, 1_000]);
  nowMs += 1_000;
  breaker.begin();
  breaker.gaveUp();
  expect([breaker.refuses, breaker.begin(), breaker.passed(true), breaker.refuses]).toEqual([false, true, true, false]);
  expect([breaker.begin(), breaker.openMs]).toEqual([false, null]);
});

tap.test(
  'answers of 5xx and requests without an answer open the circuit of a target; others get its requests',
  async () => {
    await using world = makeWorld(['a.test', 'b.test']);
    for (let left = 6; left > 0; left--) {
      const pick = need(world.begin());
      if (pick.host === 'b.test') pick.lease.answered(true);
      else if (left > 3) pick.lease.answered(false);
      else pick.lease.failed(broke());
      pick.lease.release();
    }
    expect(need(world.begin()).host).toEqual('b.test');
    expect(need(world.begin()).host).toEqual('b.test');
    expect(world.why()[0]).toEqual('a.test its circuit is open for another 1 s after 3 failed requests');
  },
);

tap.test('where all circuits are open a request is refused; once the time is over one request tries', async () => {
  await using world = makeWorld(['a.test']);
  for (let left = 3; left > 0; left--) {
    const { lease } = need(world.begin());
    lease.answered(false);
    lease.release();
  }
  expect(codeOf(() => world.begin().next())).toEqual('CIRCUIT_OPEN');
  expect(world.why()).toEqual(['a.test its circuit is open for another 1 s after 3 failed requests']);
  world.clock.advance(1_000);
  const trial = need(world.begin());
  expect(codeOf(() => world.begin().next())).toEqual('CIRCUIT_OPEN');
  trial.lease.answered(true);
  trial.lease.release();
  need(world.begin()).lease.release();
});

tap.test('a trial that nobody waits for any more leaves room for another', async () => {
  await using world = makeWorld(['a.test']);
  for (let left = 3; left > 0; left--) need(world.begin()).lease.failed(broke());
  world.clock.advance(1_000);
  const given = need(world.begin());
  expect(codeOf(() => world.begin().next())).toEqual('CIRCUIT_OPEN');
  given.lease.release();
  need(world.begin()).lease.release();
});

tap.test(
  'a request that failed may try those whose circuits are closed, and then learns that there is nobody else',
  async () => {
    await using world = makeWorld(['a.test', 'b.test']);
    const failing = ['a.test', 'a.test', 'a.test'];
    while (failing.length > 0) {
      const pick = need(world.begin());
      if (pick.host === failing[0]) {
        failing.shift();
        pick.lease.failed(refusal());
      } else {
        pick.lease.answered(true);
        pick.lease.release();
      }
    }
    const session = world.begin();
    expect(need(session).host).toEqual('b.test');
    expect(codeOf(() => session.next())).toEqual('CIRCUIT_OPEN');
  },
);

tap.test('what is not the fault of the target opens nothing', async () => {
  await using world = makeWorld(['a.test']);
  for (let left = 9; left > 0; left--) need(world.begin()).lease.failed(new ProxyError('CLIENT_LEFT', 'left'));
  for (let left = 9; left > 0; left--) need(world.begin()).lease.failed(new ProxyError('POOL_EXHAUSTED', 'full'));
  need(world.begin()).lease.release();
});

tap.test('requests without an answer eject a target; any answer ends the streak', async () => {
  await using world = makeWorld(['a.test', 'b.test'], { circuitBreaker: null, healthCheck: ejecting });
  const ask = (fate: (pick: ITargetPick) => void) => {
    for (let left = 2; left > 0; left--) {
      const pick = need(world.begin());
      if (pick.host === 'a.test') fate(pick);
      pick.lease.release();
    }
  };
  ask(({ lease }) => lease.failed(broke()));
  ask(({ lease }) => lease.failed(broke()));
  ask(({ lease }) => lease.answered(false));
  ask(({ lease }) => lease.failed(broke()));
  ask(({ lease }) => lease.failed(broke()));
  expect(world.events).toEqual([]);
  ask(({ lease }) => lease.failed(broke()));
  expect(world.events).toEqual(['down a.test:80: ejected for 10 s after 3 failed dials, last: no answer']);
});

export default tap.start();
