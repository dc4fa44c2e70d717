import fc from 'fast-check';
import { ConfigFileError, keysOf, placing } from '../../ts/cli/faults.js';
import { pathText, type TKey } from '../../ts/config/faults.js';
import { ConfigError } from '../../ts/index.js';
import { anyText } from '../helpers/any-text.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const caughtFrom = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

tap.test('the keys of a place are those that it was written from', async () => {
  expect(keysOf('')).toEqual([]);
  expect(keysOf('routes[3].match["odd key"].x')).toEqual(['routes', 3, 'match', 'odd key', 'x']);
  // Longer names are shortened in faults.
  const name = anyText({ maxLength: 50 }).filter((text) => !text.endsWith('…'));
  const keys = fc.array(fc.oneof(name, fc.nat(1000)), { maxLength: 6 });
  const property = fc.property(keys, (given: TKey[]) => {
    expect(keysOf(pathText(given))).toEqual(given);
  });
  fc.assert(property, { seed: 7, numRuns: numRuns() });
});

tap.test('a place ends before a name that was shortened', async () => {
  expect(keysOf(pathText(['routes', 0, 'x y'.repeat(50), 'z']))).toEqual(['routes', 0]);
});

tap.test('faults get their places and come in the order of the file', async () => {
  const places = new Map([
    ['b', { line: 9, column: 2 }],
    ['c', { line: 3, column: 8 }],
    ['d', { line: 3, column: 1 }],
  ]);
  const faults = ['a', 'b', 'c', 'd'].map((path) => ({ path, want: 'x', got: 'y' }));
  const error = caughtFrom(() =>
    placing(
      'f.yaml',
      (path) => places.get(path) ?? null,
      () => {
        throw new ConfigError(faults);
      },
    ),
  );
  if (!(error instanceof ConfigFileError)) throw error;
  expect(error.faults.map(({ path }) => path)).toEqual(['a', 'd', 'c', 'b']);
  expect(error.message.split('\n')).toEqual([
    '4 faults in f.yaml:',
    '  f.yaml: a: want x, got y',
    '  f.yaml:3:1: d: want x, got y',
    '  f.yaml:3:8: c: want x, got y',
    '  f.yaml:9:2: b: want x, got y',
  ]);
});

tap.test('other errors pass as they are, and so do results', async () => {
  const other = new Error('other');
  const caught = caughtFrom(() =>
    placing(
      'f.yaml',
      () => null,
      () => {
        throw other;
      },
    ),
  );
  expect(caught === other).toBeTrue();
  const unplaced = () => null;
  expect(placing('f.yaml', unplaced, () => 5)).toEqual(5);
});

export default tap.start();
