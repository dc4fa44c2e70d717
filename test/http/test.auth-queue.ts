import { Secret } from '../../ts/config/secret.js';
import { HashQueue, type IComparison, type TComparison } from '../../ts/http/auth-queue.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** Comparisons that end when the test says so. */
function makeWorld() {
  const clock = makeFakeClock();
  const running: { readonly password: string; end(same: boolean): void; fail(): void }[] = [];
  const queue = new HashQueue(clock, (_, password) => {
    return new Promise((resolve, reject) => {
      running.push({ password, end: resolve, fail: () => reject(new Error('no')) });
    });
  });
  const ask = (password: string, client = password, signal = new AbortController().signal): Promise<TComparison> => {
    const comparison: IComparison = { key: password, hash: new Secret('x'), password, client, signal };
    return queue.compare(comparison);
  };
  return { clock, running, queue, ask };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const count = (length: number) => Array.from({ length }, (_, index) => index);

tap.test('few are compared at a time, in the order in which they came, and what is the same only once', async () => {
  const { running, queue, ask } = makeWorld();
  const asked = [ask('a'), ask('b'), ask('c'), ask('a'), ask('c')];
  await settle();
  expect(running.map(({ password }) => password)).toEqual(['a', 'b']);
  expect(queue.stats).toEqual({ running: 2, waiting: 1, clients: 3 });
  running[1]?.end(false);
  await settle();
  expect(running.map(({ password }) => password)).toEqual(['a', 'b', 'c']);
  running[0]?.end(true);
  running[2]?.fail();
  expect(await Promise.all(asked)).toEqual([true, false, false, true, false]);
  expect(queue.stats).toEqual({ running: 0, waiting: 0, clients: 0 });
});

tap.test('one client has few places, and all together a limited number', async () => {
  const { running, queue, ask } = makeWorld();
  const own = count(6).map((index) => ask(`own-${index}`, '192.0.2.1'));
  expect(await Promise.all(own.slice(4))).toEqual(['busy', 'busy']);
  const others = count(70).map((index) => ask(`other-${index}`));
  await settle();
  expect(queue.stats.waiting).toEqual(64);
  expect((await Promise.all(others.slice(-8))).every((outcome) => outcome === 'busy')).toBeTrue();
  for (let at = 0; at < running.length; at++) {
    running[at]?.end(true);
    await settle();
  }
  expect(await own[0]).toBeTrue();
  expect(queue.stats).toEqual({ running: 0, waiting: 0, clients: 0 });
});

tap.test('whoever leaves gives its place back, but not that of others who wait for the same', async () => {
  const { running, queue, ask } = makeWorld();
  const busy = [ask('a'), ask('b')];
  await settle();
  const [one, two, three] = count(3).map(() => new AbortController()) as [
    AbortController,
    AbortController,
    AbortController,
  ];
  const shared = [ask('c', 'x', one.signal), ask('c', 'y', two.signal), ask('d', 'z', three.signal)];
  await settle();
  one.abort();
  three.abort();
  expect([await shared[0], await shared[2], queue.stats.waiting]).toEqual(['busy', 'busy', 1]);
  running[0]?.end(true);
  running[1]?.end(true);
  await Promise.all(busy);
  await settle();
  expect(running.map(({ password }) => password)).toEqual(['a', 'b', 'c']);
  running[2]?.end(true);
  expect(await shared[1]).toBeTrue();
  expect(await ask('e', 'e', one.signal)).toEqual('busy');
  expect(queue.stats).toEqual({ running: 0, waiting: 0, clients: 0 });
});

tap.test('nobody waits for ever', async () => {
  const { clock, queue, ask } = makeWorld();
  void ask('a');
  void ask('b');
  const waiting = ask('c');
  await settle();
  clock.advance(10_000);
  expect(await waiting).toEqual('busy');
  expect(queue.stats).toEqual({ running: 2, waiting: 0, clients: 2 });
});

export default tap.start();
