import * as fc from 'fast-check';
import { SuffixIndex } from '../../../ts/flow/match/suffix-index.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

/** Every suffix of `host` that is in the index, shortest first. */
function allOf<T>(index: SuffixIndex<T>, host: string): T[] {
  const found: T[] = [];
  let hash = 0;
  for (let at = host.length - 1; at >= 0; at--) {
    hash = SuffixIndex.extend(hash, host.charCodeAt(at));
    const value = index.find(hash, host, host.length - at);
    if (value !== undefined) found.push(value);
  }
  return found;
}

tap.test('a host finds each of its suffixes', async () => {
  const index = new SuffixIndex<string>();
  for (const suffix of ['.a.com', '.com', '.b.com', '.x.a.com']) index.set(suffix, suffix);
  expect(allOf(index, 'y.x.a.com')).toEqual(['.com', '.a.com', '.x.a.com']);
  expect(allOf(index, 'a.com')).toEqual(['.com']);
  expect(allOf(index, 'a.net')).toEqual([]);
  expect(index.longest).toEqual(8);
});

tap.test('suffixes with the same hash are told apart', async () => {
  const hashOf = (text: string) =>
    [...text].reverse().reduce((hash, c) => SuffixIndex.extend(hash, c.charCodeAt(0)), 0);
  const [one, two] = ['.ab', '.Bc'] as const;
  expect(hashOf(one)).toEqual(hashOf(two));
  const index = new SuffixIndex<string>();
  index.set(one, one);
  index.set(two, two);
  expect(allOf(index, `x${one}`)).toEqual([one]);
  expect(allOf(index, `x${two}`)).toEqual([two]);
});

tap.test('it finds what endsWith finds', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'B', 'c', '.'), maxLength: 6 });
  const property = fc.property(fc.uniqueArray(text.map((tail) => `.${tail}`)), text, (suffixes, host) => {
    const index = new SuffixIndex<string>();
    for (const suffix of suffixes) index.set(suffix, suffix);
    expect(new Set(allOf(index, host))).toEqual(new Set(suffixes.filter((suffix) => host.endsWith(suffix))));
  });
  fc.assert(property, { seed: 12, numRuns: numRuns() });
});

export default tap.start();
