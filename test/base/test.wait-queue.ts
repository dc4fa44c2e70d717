import { getEventListeners } from 'node:events';
import { WaitQueue } from '../../ts/base/wait-queue.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

function makeQueue() {
  const clock = makeFakeClock();
  const queue = new WaitQueue<string>(clock);
  let order = 0;
  const join = (priority = 0, signal?: AbortSignal) =>
    queue.wait({ priority, order: ++order, limitMs: 100, makeLimitError: () => new Error('too long'), signal });
  return { clock, queue, join };
}

tap.test('the highest priority goes first, then the one who came first', async () => {
  const { queue, join } = makeQueue();
  const waits = [join(0), join(1), join(0), join(1)];
  const orders = [queue.peek()?.order];
  for (let turn = 0; turn < 4; turn++) {
    const waiter = queue.take();
    orders.push(waiter?.order);
    waiter?.resolve(`turn ${turn}`);
  }
  expect(orders).toEqual([2, 2, 4, 1, 3]);
  expect(await Promise.all(waits)).toEqual(['turn 2', 'turn 0', 'turn 3', 'turn 1']);
  expect([queue.size, queue.peek(), queue.take()]).toEqual([0, undefined, undefined]);
});

tap.test('waiting ends at its limit', async () => {
  const { clock, queue, join } = makeQueue();
  const wait = join();
  clock.advance(99);
  expect(queue.size).toEqual(1);
  clock.advance(1);
  await expect(wait).rejects.toThrow('too long');
  expect(queue.size).toEqual(0);
});

tap.test('an abort ends one wait and no other', async () => {
  const { queue, join } = makeQueue();
  const controller = new AbortController();
  const stays = join();
  const leaves = join(5, controller.signal);
  controller.abort('enough');
  await expect(leaves).rejects.toEqual('enough');
  expect(queue.size).toEqual(1);
  queue.take()?.resolve('served');
  expect(await stays).toEqual('served');
});

tap.test('however a wait ends, no timer and no listener is left', async () => {
  const { clock, queue, join } = makeQueue();
  const { signal } = new AbortController();
  const waits = [join(0, signal), join(0, signal), join(0, signal)];
  expect([clock.pending, getEventListeners(signal, 'abort').length]).toEqual([3, 3]);
  queue.take()?.resolve('served');
  queue.take()?.reject(new Error('refused'));
  clock.advance(100);
  expect((await Promise.allSettled(waits)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect([clock.pending, getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
});

export default tap.start();
