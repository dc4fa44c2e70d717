// No two tables have the same half of marks.

import { MarkPrefixes, releasePrefix, takePrefix } from '../../ts/nftables/mark-prefixes.js';
import { expect, tap } from '../helpers/tapbundle.js';

tap.test('the same text gives the same prefix once it is free again, and another one while it is not', () => {
  const first = takePrefix('a', new Set());
  const second = takePrefix('a', new Set());
  expect(second).not.toEqual(first);
  releasePrefix(first);
  expect(takePrefix('a', new Set())).toEqual(first);
  for (const each of [first, second]) releasePrefix(each);
});

tap.test('one that another process has is none, and 0 is none', () => {
  const first = takePrefix('a', new Set());
  releasePrefix(first);
  const second = takePrefix('a', new Set([first]));
  expect(second).not.toEqual(first);
  releasePrefix(second);
  const allButZero = new Set(Array.from({ length: 65_535 }, (_, i) => i + 1));
  expect(() => takePrefix('a', allButZero)).toThrow('all marks');
  allButZero.delete(7);
  expect(takePrefix('a', allButZero)).toEqual(7);
  releasePrefix(7);
});

tap.test('a proxy keeps the prefixes of its tables as long as it has them', () => {
  const prefixes = new MarkPrefixes();
  const none = new Set<number>();
  const [a, b] = [prefixes.of('a', 'x', none), prefixes.of('b', 'x', none)];
  expect(a === b).toBeFalse();
  expect(prefixes.of('a', 'y', none)).toEqual(a);
  prefixes.keep(new Set(['b']));
  expect([prefixes.has('a'), prefixes.has('b')]).toEqual([false, true]);
  expect(new MarkPrefixes().of('c', 'x', none)).toEqual(a);
  releasePrefix(a);
  prefixes.keep(new Set());
});

export default tap.start();
