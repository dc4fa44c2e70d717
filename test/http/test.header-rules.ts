// Rules for header fields, and what they cannot do.

import fc from 'fast-check';
import type { IResolvedHeaderRule } from '../../ts/config/resolved.js';
import { applyRules, authorityRule, setField } from '../../ts/http/header-rules.js';
import { anyText } from '../helpers/any-text.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const values = (given: Readonly<Record<string, string>> = {}) => ({ get: (name: string) => given[name] ?? '' });

const rule = (name: string, ...template: string[]): IResolvedHeaderRule => ({ name, template });
const removal = (name: string): IResolvedHeaderRule => ({ name, template: null });

tap.test('a rule replaces all fields of its name by one, in the first place', () => {
  const out = applyRules(['A', '1', 'X-B', '2', 'C', '3', 'x-b', '4'], [rule('x-b', 'new')], values());
  expect(out).toEqual(['A', '1', 'x-b', 'new', 'C', '3']);
});

tap.test('a rule adds what is not there, and null removes', () => {
  expect(applyRules(['A', '1', 'a', '2', 'B', '3'], [removal('a'), rule('d', '4')], values())).toEqual([
    'B',
    '3',
    'd',
    '4',
  ]);
});

tap.test('later rules see what earlier ones did', () => {
  expect(applyRules([], [rule('a', '1'), removal('a'), rule('a', '2')], values())).toEqual(['a', '2']);
});

tap.test('placeholders are filled', () => {
  const template = ['at ', 'domain', ':', 'port', ''];
  expect(applyRules([], [{ name: 'x', template }], values({ domain: 'a.test', port: '443' }))).toEqual([
    'x',
    'at a.test:443',
  ]);
  expect(applyRules([], [{ name: 'x', template: ['', 'tlsVersion', ''] }], values())).toEqual(['x', '']);
});

tap.test('no rule changes where a message ends or what becomes of the connection', () => {
  const names = [
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'te',
    'keep-alive',
    'proxy-connection',
    'host',
  ];
  expect(
    applyRules(
      ['A', '1'],
      names.map((name) => rule(name, '5')),
      values(),
    ),
  ).toEqual(['A', '1']);
});

tap.test('no value holds a control character, whatever it is made from', () => {
  fc.assert(
    fc.property(anyText(), fc.string({ unit: 'binary-ascii' }), (literal, given) => {
      const [, value = ''] = applyRules(
        [],
        [rule('x', literal, 'path', '')],
        values({ path: `${given}\r\nX-Evil: 1\0` }),
      );
      expect(/^[\t\x20-\x7e\x80-\xff]*$/.test(value)).toBeTrue();
    }),
    { numRuns: numRuns(500), seed: 5 },
  );
});

tap.test('text of other scripts becomes UTF-8, octets stay octets', () => {
  expect(applyRules([], [rule('x', 'größe')], values())).toEqual(['x', 'gr\xf6\xdfe']);
  expect(applyRules([], [rule('x', '大')], values())).toEqual(['x', Buffer.from('大').toString('latin1')]);
});

tap.test('a rule for host gives the authority', () => {
  expect(authorityRule([rule('x', '1')], values())).toEqual(null);
  expect(authorityRule([rule('host', 'b.test')], values())).toEqual('b.test');
  expect(authorityRule([rule('host', '', 'domain', ':8080')], values({ domain: 'a.test' }))).toEqual('a.test:8080');
  for (const bad of ['a b', 'a\r\nX: 1', 'u@a', 'a/b', ''])
    expect(authorityRule([rule('host', bad)], values())).toEqual(null);
});

tap.test('setField leaves longer names with the same beginning alone', () => {
  const fields = ['X-AB', '1'];
  setField(fields, 'x-a', '2');
  expect(fields).toEqual(['X-AB', '1', 'x-a', '2']);
});

export default tap.start();
