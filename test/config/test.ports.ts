import fc from 'fast-check';
import { mergePorts, portsText } from '../../ts/config/ports.js';
import type { TPortRange } from '../../ts/config/types.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('ranges are sorted and joined where they touch', () => {
  const cases: [TPortRange, string][] = [
    [443, '443'],
    [{ from: 5, to: 5 }, '5'],
    [[443, 80], '80,443'],
    [[80, 81, 82], '80-82'],
    [[{ from: 10, to: 20 }, { from: 15, to: 30 }, 31, 5], '5,10-31'],
    [[{ from: 10, to: 50 }, 20], '10-50'],
    [[80, 80], '80'],
    [[1, 0], '0,1'],
    [[0, 0], '0'],
  ];
  for (const [range, text] of cases) expect(portsText(mergePorts(range))).toEqual(text);
});

tap.test('merging keeps exactly the ports that were given', () => {
  const port = fc.integer({ min: 1, max: 60 });
  const span = fc.tuple(port, port).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
  fc.assert(
    fc.property(fc.array(fc.oneof(port, span), { minLength: 1, maxLength: 8 }), (range) => {
      const wanted = new Set<number>();
      for (const entry of range) {
        const { from, to } = typeof entry === 'number' ? { from: entry, to: entry } : entry;
        for (let at = from; at <= to; at++) wanted.add(at);
      }
      const got: number[] = [];
      let last = -1;
      for (const { from, to } of mergePorts(range)) {
        expect(from > last + 1).toBeTrue();
        for (let at = from; at <= to; at++) got.push(at);
        last = to;
      }
      expect(got).toEqual([...wanted].sort((a, b) => a - b));
    }),
    { seed: 3, numRuns: numRuns() },
  );
});

tap.test('the user list is left alone and the result is frozen', () => {
  const range = [{ from: 9, to: 9 }, 3];
  const merged = mergePorts(range);
  expect(range).toEqual([{ from: 9, to: 9 }, 3]);
  expect(Object.isFrozen(merged) && merged.every((span) => Object.isFrozen(span))).toBeTrue();
});

export default tap.start();
