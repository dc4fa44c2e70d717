import { IdleShelf } from '../../ts/base/idle-shelf.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';

function makeShelf(idleTimeoutMs = 5000) {
  const clock = makeFakeClock();
  const gone: string[] = [];
  const state = { mayLeave: true };
  const shelf = new IdleShelf<string>({
    clock,
    idleTimeoutMs,
    mayLeave: () => state.mayLeave,
    left: (item) => gone.push(`${item}@${clock.nowMs()}`),
  });
  return { clock, shelf, gone, state };
}

tap.test('the last put there is taken first', async () => {
  const { shelf } = makeShelf();
  for (const item of ['a', 'b', 'c']) shelf.push(item);
  expect([shelf.pop(), shelf.pop(), shelf.size, shelf.pop(), shelf.pop()]).toEqual(['c', 'b', 1, 'a', undefined]);
});

tap.test('each thing leaves after its own time', async () => {
  const { clock, shelf, gone } = makeShelf();
  for (const item of ['a', 'b', 'c']) {
    shelf.push(item);
    clock.advance(1000);
  }
  clock.advance(10_000);
  expect(gone).toEqual(['a@5000', 'b@6000', 'c@7000']);
  expect(clock.pending).toEqual(0);
});

tap.test('taking one out of the middle does not mix up the times of the others', async () => {
  const { clock, shelf, gone } = makeShelf();
  for (const item of ['a', 'b', 'c']) {
    shelf.push(item);
    clock.advance(1000);
  }
  expect(shelf.remove('b')).toBeTrue();
  expect(shelf.remove('b')).toBeFalse();
  clock.advance(10_000);
  expect(gone).toEqual(['a@5000', 'c@7000']);
});

tap.test('what was taken and put back has its whole time again', async () => {
  const { clock, shelf, gone } = makeShelf();
  shelf.push('a');
  clock.advance(4000);
  shelf.push(shelf.pop() as string);
  clock.advance(4999);
  expect(gone).toEqual([]);
  clock.advance(1);
  expect(gone).toEqual(['a@9000']);
});

tap.test('what may not leave stays, and is looked at again without haste', async () => {
  const { clock, shelf, gone, state } = makeShelf(0);
  state.mayLeave = false;
  shelf.push('a');
  let looks = 0;
  const setTimer = clock.setTimer;
  clock.setTimer = (fire, delayMs) => {
    looks++;
    return setTimer(fire, delayMs);
  };
  clock.advance(10_000);
  expect(looks).toBeLessThanOrEqual(11);
  state.mayLeave = true;
  clock.advance(1000);
  expect(gone).toHaveLength(1);
});

tap.test('without a time-out nothing leaves and no timer runs', async () => {
  const { clock, shelf, gone } = makeShelf(Number.POSITIVE_INFINITY);
  shelf.push('a');
  expect(clock.pending).toEqual(0);
  clock.advance(10 ** 9);
  expect([gone.length, shelf.size]).toEqual([0, 1]);
});

tap.test('clear forgets things and timer', async () => {
  const { clock, shelf, gone } = makeShelf();
  shelf.push('a');
  shelf.clear();
  expect([shelf.size, clock.pending]).toEqual([0, 0]);
  shelf.push('b');
  clock.advance(5000);
  expect(gone).toEqual(['b@5000']);
});

export default tap.start();
