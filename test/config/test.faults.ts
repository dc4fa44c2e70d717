import fc from 'fast-check';
import { finishFaults, gotText, pathText, quote, valueAt } from '../../ts/config/faults.js';
import { anyText } from '../helpers/any-text.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('a place is written as JavaScript would write it', () => {
  expect(pathText(['routes', 3, 'match', 'ports'])).toEqual('routes[3].match.ports');
  expect(pathText(['a b', 0, 'c-d', '$e'])).toEqual('["a b"][0]["c-d"].$e');
  expect(pathText([])).toEqual('');
});

tap.test('what was found is told without what it holds', () => {
  expect([undefined, null, '', 'x', 0, -0, NaN, true, [], [1, 2], {}, () => {}, 1n, Symbol('s')].map(gotText)).toEqual([
    'nothing',
    'null',
    'an empty string',
    '"x"',
    '0',
    '0',
    'NaN',
    'true',
    'an empty list',
    'a list of 2',
    'an object',
    'a function',
    'a bigint',
    'a symbol',
  ]);
});

tap.test('a password in front of a host is not shown', () => {
  expect(gotText('http://user:secret@host/')).toEqual('"…@host/"');
});

tap.test('quoted text is short and holds nothing that moves a terminal', () => {
  fc.assert(
    fc.property(anyText({ maxLength: 200 }), (text) => {
      const quoted = quote(text);
      expect(quoted).toMatch(/^"[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*"$/u);
      expect(quoted.length <= 60 * 10 + 10).toBeTrue();
    }),
    { seed: 7, numRuns: numRuns() },
  );
  expect(quote('x'.repeat(100))).toEqual(`"${'x'.repeat(60)}…"`);
  expect(quote('\u202e\u001b[31m')).toEqual('"\\u{202e}\\u001b[31m"');
});

tap.test('a value is found at its place, inherited ones are not', () => {
  const root = { a: [{ b: 5 }] };
  expect(valueAt(root, ['a', 0, 'b'])).toEqual(5);
  expect(valueAt(root, ['a', 1, 'b'])).toBeUndefined();
  expect(valueAt(root, ['toString'])).toBeUndefined();
});

tap.test('faults come once a place, with those of one route together', () => {
  const fault = (path: (string | number)[], want = 'w') => ({ path, want, got: 'g' });
  const paths = finishFaults([
    fault(['routes', 1, 'a']),
    fault(['x']),
    fault(['routes', 0, 'a'], 'first'),
    fault(['routes', 1, 'b']),
    fault(['routes', 0, 'a'], 'second'),
  ]);
  expect(paths.map(({ path }) => path)).toEqual(['x', 'routes[0].a', 'routes[1].a', 'routes[1].b']);
  expect(paths[1]?.want).toEqual('first');
});

export default tap.start();
