import { ProxyError } from '../../../ts/base/errors.js';
import type { IProbeRequest } from '../../../ts/flow/forward/target-types.js';
import { makeRoute } from '../../helpers/make-route.js';
import {
  ejecting,
  makeForward,
  makeRegistry,
  pickFirst,
  pickHosts,
  probed,
  refusal,
  someClient,
  someContext,
} from '../../helpers/make-targets.js';
import { expect, tap } from '../../helpers/tapbundle.js';

tap.test('an update of the routes keeps the place in the round', async () => {
  await using world = makeRegistry();
  const { registry } = world;
  const targets = [{ host: 'a.test', weight: 3 }, 'b.test', 'c.test'];
  const straight = makeRegistry();
  const unbroken = makeForward(targets);
  straight.registry.attach([unbroken]);
  const expected = pickHosts(straight.registry, unbroken, 20);
  const got: string[] = [];
  for (let update = 0; update < 10; update++) {
    const route = makeForward(targets);
    registry.attach([route]);
    got.push(...pickHosts(registry, route, 2));
  }
  expect(got).toEqual(expected);
  await straight.registry.cleanup();
});

tap.test('an update that changes the targets starts evenly among the new ones', async () => {
  await using world = makeRegistry();
  const first = makeForward(['a.test', 'b.test']);
  world.registry.attach([first]);
  pickHosts(world.registry, first, 1);
  const second = makeForward(['a.test', 'b.test', 'c.test']);
  world.registry.attach([second]);
  expect(pickHosts(world.registry, second, 30).filter((host) => host === 'c.test')).toHaveLength(10);
});

tap.test('three failed dials in a row eject a target, once', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test', 'b.test'], { healthCheck: ejecting });
  world.registry.attach([route]);
  const failing = Array.from({ length: 10 }, () => pickFirst(world.registry, route));
  for (const { host, lease } of failing) {
    if (host === 'a.test') lease.failed(refusal());
    else lease.release();
  }
  expect(world.events).toEqual(['down a.test:80: ejected for 10 s after 3 failed dials, last: ECONNREFUSED']);
  expect(pickHosts(world.registry, route, 4)).toEqual(['b.test', 'b.test', 'b.test', 'b.test']);
  world.clock.advance(9_999);
  expect(world.events).toHaveLength(1);
  world.clock.advance(1);
  expect(world.events[1]).toEqual('up a.test:80: its ejection is over');
  expect(pickHosts(world.registry, route, 4)).toContain('a.test');
});

tap.test('each further ejection takes twice as long, up to the limit, until a connection succeeds', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test'], { healthCheck: ejecting });
  world.registry.attach([route]);
  const fail = () => pickFirst(world.registry, route).lease.failed(refusal());
  fail();
  fail();
  for (const seconds of [10, 20, 40, 60, 60]) {
    fail();
    expect(world.events.at(-1)).toMatch(new RegExp(`^down a.test:80: ejected for ${seconds} s after`));
    world.clock.advance(seconds * 1_000 - 1);
    expect(world.events.at(-1)).toMatch(/^down/);
    world.clock.advance(1);
    expect(world.events.at(-1)).toMatch(/^up/);
  }
  const { lease } = pickFirst(world.registry, route);
  lease.connected();
  lease.release();
  fail();
  fail();
  expect(world.events.at(-1)).toMatch(/^up/);
  fail();
  expect(world.events.at(-1)).toMatch(/ejected for 10 s after 3 failed dials/);
});

tap.test('a connection that succeeds ends the ejection and the streak', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test'], { healthCheck: ejecting });
  world.registry.attach([route]);
  const early = pickFirst(world.registry, route);
  for (let at = 0; at < 3; at++) pickFirst(world.registry, route).lease.failed(refusal());
  early.lease.connected();
  expect(world.events.at(-1)).toEqual('up a.test:80: a connection succeeded');
  expect(world.clock.pending).toEqual(0);
  early.lease.release();
});

tap.test('dials that began before an ejection do not prolong it', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test'], { healthCheck: ejecting });
  world.registry.attach([route]);
  const dials = Array.from({ length: 4 }, () => pickFirst(world.registry, route));
  for (const { lease } of dials.slice(0, 3)) lease.failed(refusal());
  world.clock.advance(10_000);
  dials[3]?.lease.failed(refusal());
  expect(world.events.map((line) => line.split(' ')[0])).toEqual(['down', 'up']);
});

tap.test('nor do dials for lack of anybody better, but they count for the next one', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test'], { healthCheck: ejecting });
  world.registry.attach([route]);
  const fail = () => pickFirst(world.registry, route).lease.failed(refusal());
  for (let at = 0; at < 10; at++) fail();
  world.clock.advance(10_000);
  expect(world.events.map((line) => line.split(' ')[0])).toEqual(['down', 'up']);
  fail();
  expect(world.events[2]).toMatch(/ejected for 20 s after 11 failed dials/);
});

tap.test('what is not the fault of the target is not held against it', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test'], { healthCheck: ejecting });
  world.registry.attach([route]);
  const innocent = [
    new ProxyError('CLIENT_LEFT', 'gone'),
    new ProxyError('TARGET_DENIED', 'private'),
    new DOMException('aborted', 'AbortError'),
    Object.assign(new Error('too many open files'), { code: 'EMFILE', syscall: 'connect' }),
    new ProxyError('TARGET_UNRESOLVED', 'x', { cause: Object.assign(new Error('x'), { code: 'EADDRNOTAVAIL' }) }),
    Object.assign(new Error('x'), { code: 'ERR_SOCKET_CLOSED' }),
    new TypeError('a defect'),
    'text',
  ];
  for (let round = 0; round < 3; round++) {
    for (const error of innocent) pickFirst(world.registry, route).lease.failed(error);
  }
  expect(world.events).toEqual([]);
  const guilty = [new ProxyError('TARGET_TIMEOUT', 'too slow'), new ProxyError('TARGET_UNRESOLVED', 'x'), refusal()];
  for (const error of guilty) pickFirst(world.registry, route).lease.failed(error);
  expect(world.events).toHaveLength(1);
});

tap.test('a lease is given back once, whatever is called afterwards', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test'], { healthCheck: ejecting });
  world.registry.attach([route]);
  const { lease } = pickFirst(world.registry, route);
  const active = () => world.registry.targets()[0]?.active;
  expect(active()).toEqual(1);
  lease.connected();
  expect(active()).toEqual(1);
  lease.release();
  lease.release();
  for (let at = 0; at < 5; at++) lease.failed(refusal());
  lease.connected();
  expect(active()).toEqual(0);
  expect(world.events).toEqual([]);
});

tap.test('an ejection outlives an update, and its end is heard of', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test', 'b.test'], { healthCheck: ejecting });
  world.registry.attach([route]);
  for (const { host, lease } of Array.from({ length: 6 }, () => pickFirst(world.registry, route))) {
    if (host === 'a.test') lease.failed(refusal());
    else lease.release();
  }
  const updated = makeForward(['b.test', 'a.test', 'c.test'], { healthCheck: ejecting, name: 'other' });
  world.registry.attach([updated]);
  expect(new Set(pickHosts(world.registry, updated, 10))).toEqual(new Set(['b.test', 'c.test']));
  world.clock.advance(10_000);
  expect(world.events).toHaveLength(2);
  expect(pickHosts(world.registry, updated, 3).toSorted()).toEqual(['a.test', 'b.test', 'c.test']);
});

tap.test('routes share what is known about a target only if they check it alike', async () => {
  await using world = makeRegistry();
  const one = makeForward(['a.test', 'b.test'], { healthCheck: ejecting, name: 'one' });
  const two = makeForward(['a.test', 'b.test'], { healthCheck: ejecting, name: 'two' });
  const unchecked = makeForward(['a.test', 'b.test'], { name: 'unchecked' });
  world.registry.attach([one, two, unchecked]);
  expect(world.registry.size).toEqual(4);
  for (const { host, lease } of Array.from({ length: 6 }, () => pickFirst(world.registry, one))) {
    if (host === 'a.test') lease.failed(refusal());
    else lease.release();
  }
  expect(pickHosts(world.registry, two, 4)).not.toContain('a.test');
  expect(pickHosts(world.registry, unchecked, 4)).toContain('a.test');
});

tap.test('nothing is left when nobody refers to a target any more', async () => {
  await using world = makeRegistry({ probe: async () => {} });
  const one = makeForward(['a.test', 'b.test'], { healthCheck: probed, name: 'one' });
  const two = makeForward(['b.test', 'c.test'], { healthCheck: probed, name: 'two' });
  world.registry.attach([one, two]);
  expect(world.registry.size).toEqual(3);
  expect(world.clock.pending).toEqual(3);
  world.registry.attach([two]);
  expect(world.registry.size).toEqual(2);
  expect(world.clock.pending).toEqual(2);
  world.registry.attach([]);
  expect(world.registry.size).toEqual(0);
  expect(world.clock.pending).toEqual(0);
});

tap.test('a target that was removed is remembered while connections use it', async () => {
  await using world = makeRegistry();
  const route = makeForward(['a.test'], { healthCheck: ejecting, algorithm: 'least-connections' });
  world.registry.attach([route]);
  const { lease } = pickFirst(world.registry, route);
  world.registry.attach([]);
  expect(world.registry.targets()).toEqual([{ target: 'a.test:80', up: true, why: null, active: 1 }]);
  const again = makeForward(['a.test', 'b.test'], { healthCheck: ejecting, algorithm: 'least-connections' });
  world.registry.attach([again]);
  expect(pickHosts(world.registry, again, 2)).toEqual(['b.test', 'b.test']);
  world.registry.attach([]);
  lease.release();
  expect(world.registry.size).toEqual(0);
});

tap.test('a connection that was matched before an update still gets its old targets', async () => {
  await using world = makeRegistry();
  const old = makeForward(['old.test'], { healthCheck: ejecting });
  world.registry.attach([old]);
  world.registry.attach([makeForward(['new.test'], { healthCheck: ejecting })]);
  expect(pickHosts(world.registry, old, 2)).toEqual(['old.test', 'old.test']);
  world.registry.attach([old]);
  expect(pickHosts(world.registry, old, 1)).toEqual(['old.test']);
});

tap.test('three failed probes take a target out, two good ones bring it back', async () => {
  const answers: (() => Promise<void>)[] = [];
  const requests: IProbeRequest[] = [];
  const bad = () => Promise.reject(refusal());
  const good = () => Promise.resolve();
  const probe = (request: IProbeRequest) => {
    requests.push(request);
    return (answers.shift() ?? good)();
  };
  await using world = makeRegistry({ probe, random: () => 0.5 });
  const route = makeForward([{ host: 'a.test', sendProxyProtocol: 2 }, 'b.test'], { healthCheck: probed });
  world.registry.attach([route]);
  // Two targets, so every second answer is the first one's.
  answers.push(bad, good, bad, good, good, good, bad, good, bad, good);
  await world.clock.advanceAsync(45_000);
  expect(world.events).toEqual([]);
  answers.push(bad, good, bad, good, bad, good, good, good, bad, good, good, good);
  await world.clock.advanceAsync(30_000);
  expect(world.events).toEqual(['down a.test:80: unhealthy: 3 failed probes, last: ECONNREFUSED']);
  expect(pickHosts(world.registry, route, 3)).toEqual(['b.test', 'b.test', 'b.test']);
  await world.clock.advanceAsync(30_000);
  expect(world.events).toHaveLength(1);
  await world.clock.advanceAsync(10_000);
  expect(world.events[1]).toEqual('up a.test:80: 2 successful probes');
  const asked = requests.slice(0, 2).map(({ host, port, proxyHeader }) => ({ host, port, proxyHeader }));
  expect(asked).toEqual([
    { host: 'a.test', port: 80, proxyHeader: 2 },
    { host: 'b.test', port: 80, proxyHeader: 0 },
  ]);
});

tap.test('a probe that takes too long has failed and is aborted; its late answer does not count', async () => {
  const requests: { signal: AbortSignal; answer: () => void }[] = [];
  const probe = ({ signal }: IProbeRequest) =>
    new Promise<void>((resolve) => requests.push({ signal, answer: () => resolve() }));
  await using world = makeRegistry({ probe, random: () => 0.5 });
  world.registry.attach([makeForward(['a.test'], { healthCheck: probed })]);
  await world.clock.advanceAsync(7_000);
  expect(requests[0]?.signal.aborted).toBeTrue();
  requests[0]?.answer();
  await world.clock.advanceAsync(24_000);
  expect(requests).toHaveLength(3);
  expect(world.events).toEqual(['down a.test:80: unhealthy: 3 failed probes, last: no answer within 2000 ms']);
});

tap.test('targets are probed at different moments, and no more than 32 at a time', async () => {
  let running = 0;
  let most = 0;
  const begun: number[] = [];
  await using world = makeRegistry({
    probe: ({ signal }) => {
      running++;
      most = Math.max(most, running);
      begun.push(world.clock.nowMs());
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          running--;
          reject(signal.reason);
        }),
      );
    },
  });
  const hosts = Array.from({ length: 500 }, (_, at) => `t${at}.test`);
  world.registry.attach([makeForward(hosts, { healthCheck: probed })]);
  expect(world.clock.pending).toEqual(500);
  await world.clock.advanceAsync(60_000);
  expect(most).toEqual(32);
  expect(world.clock.pending).toBeLessThan(501);
  expect(new Set(begun.slice(0, 32)).size).toBeGreaterThan(25);
  // Everybody's turn comes, although each takes as long as it may.
  expect(begun.length).toBeGreaterThan(900);
  await world.registry.cleanup();
  expect(running).toEqual(0);
  expect(world.clock.pending).toEqual(0);
});

tap.test('good probes end an ejection', async () => {
  await using world = makeRegistry({ probe: async () => {}, random: () => 0.5 });
  const passive = { failures: 1, ejectTimeMs: 300_000, maxEjectTimeMs: 300_000 };
  const route = makeForward(['a.test'], { healthCheck: { ...probed, passive } });
  world.registry.attach([route]);
  await world.clock.advanceAsync(60_000);
  pickFirst(world.registry, route).lease.failed(refusal());
  expect(world.clock.pending).toEqual(1);
  await world.clock.advanceAsync(10_000);
  expect(world.events).toHaveLength(1);
  await world.clock.advanceAsync(10_000);
  expect(world.events[1]).toEqual('up a.test:80: 2 successful probes');
});

tap.test('after its end nothing runs, and what still asks is served', async () => {
  const world = makeRegistry({ probe: () => new Promise(() => {}) });
  const route = makeForward(['a.test', { host: () => 'asked.test' }], { healthCheck: { ...probed, ...ejecting } });
  world.registry.attach([route]);
  await world.registry.cleanup();
  expect(world.registry.size).toEqual(0);
  const session = world.registry.pickerFor(route).session(someClient, someContext);
  expect(session.next()?.host).toEqual('a.test');
  expect(world.clock.pending).toEqual(0);
});

tap.test('a route that does not forward has no picker', async () => {
  await using world = makeRegistry();
  expect(() => world.registry.pickerFor(makeRoute())).toThrow(/does not forward/);
});

export default tap.start();
