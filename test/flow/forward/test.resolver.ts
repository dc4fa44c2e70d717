import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, ProxyError } from '../../../ts/base/errors.js';
import { type IResolverOptions, Resolver } from '../../../ts/flow/forward/resolver.js';
import { type IFakeDnsServer, startDnsServer } from '../../helpers/dns-server.js';
import { type IFakeClock, makeFakeClock, settle } from '../../helpers/fake-clock.js';
import { closedPort } from '../../helpers/origins.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

interface IWorld extends AsyncDisposable {
  readonly clock: IFakeClock;
  readonly server: IFakeDnsServer;
  readonly resolver: Resolver;
  /** Names that came to the system's lookup. */
  readonly looked: string[];
}

const nowhere = async (): Promise<readonly string[]> => {
  throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
};

async function startWorld(options: Partial<IResolverOptions> = {}): Promise<IWorld> {
  const server = await startDnsServer();
  const clock = makeFakeClock();
  const looked: string[] = [];
  const resolver = new Resolver({
    clock,
    servers: [server.address],
    hostsPath: '/does/not/exist',
    ...options,
    lookup: (name) => {
      looked.push(name);
      return (options.lookup ?? nowhere)(name);
    },
  });
  const end = async () => {
    resolver.cleanup();
    await server[Symbol.asyncDispose]();
  };
  return { clock, server, resolver, looked, [Symbol.asyncDispose]: end };
}

/** What came of it: the addresses, or the code of the error. */
async function outcome(answer: readonly string[] | Promise<readonly string[]>): Promise<readonly string[] | string> {
  try {
    return await answer;
  } catch (error) {
    return error instanceof ProxyError ? error.code : String(error);
  }
}

tap.test('an address is its own answer, without a promise', async () => {
  await using world = await startWorld();
  for (const address of ['192.0.2.7', '2001:db8::7', '::1', 'fe80::1%lo']) {
    expect(world.resolver.resolve(address)).toEqual([address]);
  }
  expect(world.server.asked).toHaveLength(0);
});

tap.test('localhost and the names below it are the loopback addresses, whatever DNS says', async () => {
  await using world = await startWorld();
  world.server.set('localhost', { a: ['192.0.2.1'] });
  for (const name of ['localhost', 'LOCALHOST.', 'db.localhost']) {
    expect(world.resolver.resolve(name)).toEqual(['127.0.0.1', '::1']);
  }
  expect(world.server.asked).toHaveLength(0);
});

tap.test('both families are asked for, IPv4 comes first, and a known name needs no promise', async () => {
  await using world = await startWorld();
  world.server.set('both.test', { a: ['192.0.2.1'], aaaa: ['2001:db8::1'] });
  const answer = world.resolver.resolve('Both.Test.');
  expect(answer).toBeInstanceOf(Promise);
  expect(await answer).toEqual(['192.0.2.1', '2001:db8::1']);
  expect(world.resolver.resolve('both.test')).toEqual(['192.0.2.1', '2001:db8::1']);
  expect(world.server.asked.toSorted()).toEqual(['both.test A', 'both.test AAAA']);
});

tap.test('an answer holds as long as its shortest record, then the changed one is fetched', async () => {
  await using world = await startWorld();
  world.server.set('moving.test', (type) => ({ a: ['192.0.2.1'], aaaa: ['2001:db8::1'], ttl: type === 'A' ? 30 : 20 }));
  await world.resolver.resolve('moving.test');
  world.server.set('moving.test', { a: ['192.0.2.2'] });
  world.clock.advance(17_900);
  expect(world.resolver.resolve('moving.test')).toEqual(['192.0.2.1', '2001:db8::1']);
  world.clock.advance(2_100);
  expect(await world.resolver.resolve('moving.test')).toEqual(['192.0.2.2']);
  expect(world.server.count('moving.test')).toEqual(2);
});

tap.test('a TTL of 0 counts as a second, one of a week as five minutes', async () => {
  await using world = await startWorld();
  world.server.set('brief.test', { a: ['192.0.2.1'], ttl: 0 });
  world.server.set('long.test', { a: ['192.0.2.1'], ttl: 604_800 });
  await world.resolver.resolve('brief.test');
  await world.resolver.resolve('long.test');
  world.clock.advance(890);
  expect(world.resolver.resolve('brief.test')).toEqual(['192.0.2.1']);
  world.clock.advance(110);
  expect(await world.resolver.resolve('brief.test')).toEqual(['192.0.2.1']);
  expect(world.server.count('brief.test')).toEqual(2);
  world.clock.advance(298_999);
  expect(Array.isArray(world.resolver.resolve('long.test'))).toBeTrue();
  world.clock.advance(1);
  await world.resolver.resolve('long.test');
  expect(world.server.count('long.test')).toEqual(2);
});

tap.test('a name in use gets its new answer before the old one ends', async () => {
  await using world = await startWorld();
  world.server.set('busy.test', { a: ['192.0.2.1'], ttl: 100 });
  await world.resolver.resolve('busy.test');
  world.server.set('busy.test', { a: ['192.0.2.2'], ttl: 100 });
  world.clock.advance(91_000);
  expect(world.resolver.resolve('busy.test')).toEqual(['192.0.2.1']);
  const renewed = () => {
    const answer = world.resolver.resolve('busy.test');
    return Array.isArray(answer) && answer[0] === '192.0.2.2';
  };
  await until(renewed, 5_000, () => 'a new answer');
  expect(world.server.count('busy.test')).toEqual(2);
  world.clock.advance(10_000);
  expect(world.resolver.resolve('busy.test')).toEqual(['192.0.2.2']);
});

tap.test('however many ask for a name, the server is asked once', async () => {
  await using world = await startWorld();
  world.server.set('one.test', { a: ['192.0.2.1'] });
  const answers = await Promise.all(Array.from({ length: 50 }, () => world.resolver.resolve('one.test')));
  expect(answers).toHaveLength(50);
  expect(world.server.count('one.test')).toEqual(1);
});

tap.test('several addresses take turns being first, each family among itself', async () => {
  await using world = await startWorld();
  world.server.set('many.test', { a: ['192.0.2.1', '192.0.2.2', '192.0.2.3'], aaaa: ['2001:db8::1', '2001:db8::2'] });
  await world.resolver.resolve('many.test');
  const firsts = new Set<string | undefined>();
  for (let turn = 0; turn < 3; turn++) {
    const answer = await world.resolver.resolve('many.test');
    firsts.add(answer[0]);
    expect(answer.toSorted()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2']);
    expect(answer.slice(3).every((address) => address.includes(':'))).toBeTrue();
  }
  expect(firsts.size).toEqual(3);
});

tap.test('a name that is nowhere is refused at once for two seconds, then asked for again', async () => {
  await using world = await startWorld();
  expect(await outcome(world.resolver.resolve('gone.test'))).toEqual('TARGET_UNRESOLVED');
  expect(world.looked).toEqual(['gone.test']);
  world.server.set('gone.test', { a: ['192.0.2.1'] });
  world.clock.advance(1_999);
  expect(await outcome(world.resolver.resolve('gone.test'))).toEqual('TARGET_UNRESOLVED');
  expect(world.server.count('gone.test')).toEqual(1);
  world.clock.advance(1);
  expect(await outcome(world.resolver.resolve('gone.test'))).toEqual(['192.0.2.1']);
});

tap.test('a name that the server does not know is looked up by the system, which may have search domains', async () => {
  await using world = await startWorld({ lookup: async () => ['192.0.2.9'] });
  expect(await outcome(world.resolver.resolve('db'))).toEqual(['192.0.2.9']);
  world.server.set('refused.test', 'refused');
  expect(await outcome(world.resolver.resolve('refused.test'))).toEqual(['192.0.2.9']);
  world.server.set('mail-only.test', {});
  expect(await outcome(world.resolver.resolve('mail-only.test'))).toEqual(['192.0.2.9']);
  expect(world.looked).toEqual(['db', 'refused.test', 'mail-only.test']);
});

tap.test('where no name server listens the system is asked', async () => {
  const servers = [`127.0.0.1:${await closedPort()}`];
  await using world = await startWorld({ servers, lookup: async () => ['192.0.2.9'] });
  expect(await outcome(world.resolver.resolve('any.test'))).toEqual(['192.0.2.9']);
});

tap.test('four silent names and four hanging lookups do not hold up the next name', async () => {
  const lookups: (() => void)[] = [];
  await using world = await startWorld({
    lookup: () => new Promise((resolve) => lookups.push(() => resolve([]))),
  });
  const hanging = ['s1', 's2', 's3', 's4'].map((name) => {
    world.server.set(`${name}.test`, 'silent');
    return outcome(world.resolver.resolve(`${name}.test`));
  });
  hanging.push(...['h1', 'h2', 'h3', 'h4'].map((name) => outcome(world.resolver.resolve(`${name}.test`))));
  await until(
    () => lookups.length === 2,
    5_000,
    () => 'two lookups',
  );
  world.server.set('fifth.test', { a: ['192.0.2.5'] });
  expect(await outcome(world.resolver.resolve('fifth.test'))).toEqual(['192.0.2.5']);
  await settle();
  expect(lookups).toHaveLength(2);
  await world.clock.advanceAsync(5_000);
  expect(await Promise.all(hanging)).toEqual(Array(8).fill('TARGET_UNRESOLVED'));
  expect(world.clock.pending).toEqual(0);
  for (const answer of lookups) answer();
  await settle();
  // The others' time was up before their turn came.
  expect(lookups).toHaveLength(2);
});

tap.test('a family that does not answer delays the other by 50 ms', async () => {
  await using world = await startWorld();
  world.server.set('half.test', (type) => (type === 'A' ? { a: ['192.0.2.1'] } : 'silent'));
  const answer = outcome(world.resolver.resolve('half.test'));
  // The time limit, then the wait for the other family.
  await until(
    () => world.clock.pending === 2,
    5_000,
    () => 'an answer for A',
  );
  world.clock.advance(50);
  expect(await answer).toEqual(['192.0.2.1']);
  expect(world.clock.pending).toEqual(0);
});

tap.test('while the servers fail the old answer is given, for five minutes', async () => {
  await using world = await startWorld();
  world.server.set('old.test', { a: ['192.0.2.1'], ttl: 10 });
  await world.resolver.resolve('old.test');
  world.server.set('old.test', 'servfail');
  world.clock.advance(10_000);
  expect(await outcome(world.resolver.resolve('old.test'))).toEqual(['192.0.2.1']);
  const asked = world.server.count('old.test');
  world.clock.advance(999);
  expect(world.resolver.resolve('old.test')).toEqual(['192.0.2.1']);
  expect(world.server.count('old.test')).toEqual(asked);
  world.clock.advance(298_000);
  expect(await outcome(world.resolver.resolve('old.test'))).toEqual(['192.0.2.1']);
  world.clock.advance(2_000);
  expect(await outcome(world.resolver.resolve('old.test'))).toEqual('TARGET_UNRESOLVED');
  world.server.set('old.test', { a: ['192.0.2.2'] });
  world.clock.advance(1_000);
  expect(await outcome(world.resolver.resolve('old.test'))).toEqual(['192.0.2.2']);
});

tap.test('a server that says the name is gone is believed at once', async () => {
  await using world = await startWorld();
  world.server.set('removed.test', { a: ['192.0.2.1'], ttl: 10 });
  await world.resolver.resolve('removed.test');
  world.server.set('removed.test', 'absent');
  world.clock.advance(10_000);
  expect(await outcome(world.resolver.resolve('removed.test'))).toEqual('TARGET_UNRESOLVED');
});

tap.test('with an old answer at hand nobody waits longer than a second for the new one', async () => {
  await using world = await startWorld();
  world.server.set('slow.test', { a: ['192.0.2.1'], ttl: 10 });
  await world.resolver.resolve('slow.test');
  world.server.set('slow.test', 'silent');
  world.clock.advance(10_000);
  const answer = outcome(world.resolver.resolve('slow.test'));
  await world.clock.advanceAsync(1_000);
  expect(await answer).toEqual(['192.0.2.1']);
});

tap.test('a caller that leaves gets its own reason; the others get the answer', async () => {
  await using world = await startWorld();
  world.server.set('waited.test', { a: ['192.0.2.1'] });
  const leaving = new AbortController();
  const left = outcome(world.resolver.resolve('waited.test', leaving.signal));
  const stayed = outcome(world.resolver.resolve('waited.test', new AbortController().signal));
  leaving.abort(new ProxyError('CLIENT_LEFT', 'gone'));
  expect(await left).toEqual('CLIENT_LEFT');
  expect(await outcome(world.resolver.resolve('waited.test', leaving.signal))).toEqual('CLIENT_LEFT');
  expect(await stayed).toEqual(['192.0.2.1']);
});

tap.test('of a huge answer, fetched by TCP, 64 addresses are kept', async () => {
  await using world = await startWorld();
  const a = Array.from({ length: 500 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  world.server.set('huge.test', { a });
  const answer = await world.resolver.resolve('huge.test');
  expect(answer).toHaveLength(64);
  expect(world.server.asked).toContain('huge.test A tcp');
});

tap.test('the names that were learnt longest ago make room', async () => {
  await using world = await startWorld({ maxNames: 10 });
  for (let at = 0; at < 30; at++) {
    world.server.set(`n${at}.test`, { a: ['192.0.2.1'] });
    await world.resolver.resolve(`n${at}.test`);
  }
  expect(world.resolver.size).toEqual(10);
  expect(Array.isArray(world.resolver.resolve('n20.test'))).toBeTrue();
  const forgotten = world.resolver.resolve('n19.test');
  expect(forgotten).toBeInstanceOf(Promise);
  expect(await forgotten).toEqual(['192.0.2.1']);
});

tap.test('more than 512 names at a time are refused, not queued', async () => {
  await using world = await startWorld();
  const waiting = Array.from({ length: 512 }, (_, at) => {
    world.server.set(`w${at}.test`, 'silent');
    return outcome(world.resolver.resolve(`w${at}.test`));
  });
  await settle();
  const late = Promise.resolve(world.resolver.resolve('late.test')).then(String, messageOf);
  expect(await late).toEqual('cannot resolve late.test: too many names are being resolved');
  await world.clock.advanceAsync(5_000);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['TARGET_UNRESOLVED']));
});

tap.test('the hosts file comes before DNS and is read again when it changes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hosts-'));
  const hostsPath = join(folder, 'hosts');
  await writeFile(hostsPath, '# remark\n::1 Both\n192.0.2.1\tBoth other # remark\r\nnonsense x\n\n');
  try {
    await using world = await startWorld({ hostsPath });
    world.server.set('both', { a: ['192.0.2.99'] });
    expect(await world.resolver.resolve('both')).toEqual(['192.0.2.1', '::1']);
    expect(world.resolver.resolve('OTHER')).toEqual(['192.0.2.1']);
    expect(world.server.asked).toHaveLength(0);
    await writeFile(hostsPath, '192.0.2.2 both\n');
    world.clock.advance(4_999);
    expect(world.resolver.resolve('both')).toEqual(['192.0.2.1', '::1']);
    world.clock.advance(1);
    await until(
      () => String(world.resolver.resolve('both')) === '192.0.2.2',
      5_000,
      () => 'the new line',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

tap.test('after its end it knows nothing, asks nothing and leaves no timer', async () => {
  await using world = await startWorld();
  world.server.set('known.test', { a: ['192.0.2.1'] });
  world.server.set('silent.test', 'silent');
  await world.resolver.resolve('known.test');
  const waiting = outcome(world.resolver.resolve('silent.test'));
  await settle();
  world.resolver.cleanup();
  expect(await waiting).toEqual('TARGET_UNRESOLVED');
  const asked = world.server.asked.length;
  expect(await outcome(world.resolver.resolve('known.test'))).toEqual('TARGET_UNRESOLVED');
  expect(world.server.asked).toHaveLength(asked);
  expect(world.resolver.size).toEqual(0);
  expect(world.clock.pending).toEqual(0);
});

export default tap.start();
