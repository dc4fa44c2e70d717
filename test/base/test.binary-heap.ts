import fc from 'fast-check';
import { BinaryHeap } from '../../ts/base/binary-heap.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

interface IItem {
  readonly key: number;
  rank: number;
}

const byRank = (a: IItem, b: IItem) => a.rank - b.rank || a.key - b.key;
const makeHeap = () => new BinaryHeap<IItem, number>(byRank, (item) => item.key);

tap.test('an empty heap has nothing to give', async () => {
  const heap = makeHeap();
  expect(heap.isEmpty()).toBeTrue();
  expect(heap.size).toEqual(0);
  expect(heap.peek()).toBeUndefined();
  expect(heap.extract()).toBeUndefined();
  expect(heap.remove(1)).toBeUndefined();
  expect(heap.get(1)).toBeUndefined();
  expect(heap.update({ key: 1, rank: 1 })).toBeFalse();
});

tap.test('the smallest item is seen by peek and taken by extract', async () => {
  const heap = new BinaryHeap<number>((a, b) => a - b);
  for (const value of [5, 3, 8, 3, 1]) heap.insert(value);
  expect(heap.peek()).toEqual(1);
  const out: (number | undefined)[] = [];
  while (!heap.isEmpty()) out.push(heap.extract());
  expect(out).toEqual([1, 3, 3, 5, 8]);
});

tap.test('an item can be found and removed by its key, wherever it stands', async () => {
  const heap = makeHeap();
  for (let key = 0; key < 20; key++) heap.insert({ key, rank: (key * 7) % 20 });
  expect(heap.has(13)).toBeTrue();
  expect(heap.get(13)).toEqual({ key: 13, rank: 11 });
  expect(heap.remove(13)).toEqual({ key: 13, rank: 11 });
  expect(heap.has(13)).toBeFalse();
  expect(heap.size).toEqual(19);
});

tap.test('update moves an item whose rank has changed, both ways, and keeps the new object', async () => {
  const heap = makeHeap();
  const items = [4, 5, 6, 7, 8].map((rank, key) => ({ key, rank }));
  for (const item of items) heap.insert(item);
  const last = items[4] as IItem;
  last.rank = 1;
  expect(heap.update(last)).toBeTrue();
  expect(heap.peek()).toBe(last);
  const replacement = { key: 4, rank: 99 };
  expect(heap.update(replacement)).toBeTrue();
  expect(heap.get(4)).toBe(replacement);
  expect(heap.peek()).toEqual({ key: 0, rank: 4 });
});

tap.test('a second item with the same key is refused and changes nothing', async () => {
  const heap = makeHeap();
  heap.insert({ key: 1, rank: 1 });
  expect(() => heap.insert({ key: 1, rank: 0 })).toThrow(/key 1/);
  heap.extract();
  heap.insert({ key: 2, rank: 1 });
  expect(() => heap.insert({ key: 2, rank: 0 })).toThrow(/key 2/);
  heap.insert({ key: 3, rank: 0 });
  expect(heap.size).toEqual(2);
  expect(heap.extract()).toEqual({ key: 3, rank: 0 });
  expect(heap.extract()).toEqual({ key: 2, rank: 1 });
});

tap.test('a heap without keys says so when searched', async () => {
  const heap = new BinaryHeap<number>((a, b) => a - b);
  heap.insert(1);
  expect(() => heap.has(1)).toThrow(/extractKey/);
  expect(() => heap.get(1)).toThrow(/extractKey/);
  expect(() => heap.remove(1)).toThrow(/extractKey/);
  expect(() => heap.update(1)).toThrow(/extractKey/);
});

tap.test('clear empties it for use again', async () => {
  const heap = makeHeap();
  for (let key = 0; key < 5; key++) heap.insert({ key, rank: key });
  heap.clear();
  expect(heap.isEmpty()).toBeTrue();
  expect(heap.has(3)).toBeFalse();
  heap.insert({ key: 3, rank: 1 });
  expect(heap.extract()).toEqual({ key: 3, rank: 1 });
});

type TStep = readonly ['insert' | 'update' | 'remove' | 'extract' | 'clear', number, number];

const steps = fc.array(
  fc.tuple(
    fc.constantFrom<TStep[0]>(
      'insert',
      'insert',
      'insert',
      'update',
      'update',
      'remove',
      'extract',
      'extract',
      'clear',
    ),
    fc.integer({ min: 0, max: 30 }),
    fc.integer({ min: 0, max: 12 }),
  ),
  { maxLength: 120, size: 'max' },
);

tap.test('any sequence of operations agrees with a sorted array', async () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const heap = makeHeap();
      let model: IItem[] = [];
      const without = (key: number) => model.filter((item) => item.key !== key);
      for (const [step, key, rank] of sequence) {
        const known = model.find((item) => item.key === key);
        if (step === 'insert' && !known) {
          heap.insert({ key, rank });
          model.push({ key, rank });
        } else if (step === 'update') {
          expect(heap.update({ key, rank })).toBe(known !== undefined);
          if (known) model = [...without(key), { key, rank }];
        } else if (step === 'remove') {
          expect(heap.remove(key)).toEqual(known);
          model = without(key);
        } else if (step === 'extract') {
          model.sort(byRank);
          expect(heap.extract()).toEqual(model.shift());
        } else if (step === 'clear' && rank === 0) {
          heap.clear();
          model = [];
        }
        model.sort(byRank);
        expect(heap.size).toBe(model.length);
        expect(heap.peek()).toEqual(model[0]);
        for (const item of model) expect(heap.get(item.key)).toEqual(item);
      }
      const rest: (IItem | undefined)[] = [];
      while (!heap.isEmpty()) rest.push(heap.extract());
      expect(rest).toEqual(model);
    }),
    { seed: 20_260_101, numRuns: numRuns(200) },
  );
});

tap.test('comparisons grow with the logarithm of the size', async () => {
  const size = 4096;
  let comparisons = 0;
  const counting = (a: IItem, b: IItem) => {
    comparisons++;
    return a.rank - b.rank;
  };
  const heap = new BinaryHeap<IItem, number>(counting, (item) => item.key);
  const worstOf = (operation: () => void) => {
    comparisons = 0;
    operation();
    return comparisons;
  };
  let worst = 0;
  // Falling ranks: each insert climbs to the top.
  for (let key = 0; key < size; key++)
    worst = Math.max(
      worst,
      worstOf(() => heap.insert({ key, rank: -key })),
    );
  for (let key = 0; key < size; key += 7)
    worst = Math.max(
      worst,
      worstOf(() => heap.update({ key, rank: key * 3 })),
    );
  for (let key = 0; key < size; key += 5)
    worst = Math.max(
      worst,
      worstOf(() => heap.remove(key)),
    );
  while (!heap.isEmpty())
    worst = Math.max(
      worst,
      worstOf(() => heap.extract()),
    );
  expect(worst).toBeLessThanOrEqual(2 * Math.log2(size) + 1);
});

export default tap.start();
