import fc from 'fast-check';
import { normaliseDomainPattern } from '../../ts/config/domain-pattern.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const normalised = (text: string): string | null => {
  const pattern = normaliseDomainPattern(text);
  return pattern.want === null ? pattern.value : null;
};

tap.test('names and patterns come out in one form', () => {
  const cases: [string, string][] = [
    ['A.Com', 'a.com'],
    ['a.com.', 'a.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['*.BÜCHER.example.', '*.xn--bcher-kva.example'],
    ['*.a.com', '*.a.com'],
    ['a.*', 'a.*'],
    ['*.a.*', '*.a.*'],
    ['*.a*', '*.a*'],
    ['*', '*'],
    ['**', '*'],
    ['**.a.com', '*.a.com'],
    ['web?.a.com', 'web?.a.com'],
    ['web[0-9].a.com', 'web[0-9].a.com'],
    ['web[!a-c].a.com', 'web[!a-c].a.com'],
    ['_dmarc.a.com', '_dmarc.a.com'],
  ];
  for (const [text, value] of cases) expect([text, normalised(text)]).toEqual([text, value]);
});

tap.test('what no host can be, and what a list says better, is refused', () => {
  const refused = [
    '',
    '.',
    '*..com',
    'a b.*',
    '{a,b}.com',
    '@(a|b).com',
    '!(a).com',
    '!a.com',
    'a.com:443',
    '*.a.com/x',
  ];
  const more = ['1.2.3.4', '::1', '[::1]', '127.1', '*.bü*.de', 'a[.com', 'a].com', 'a[].com', `*.${'a'.repeat(260)}`];
  for (const text of [...refused, ...more]) expect([text, normalised(text)]).toEqual([text, null]);
  expect(normaliseDomainPattern('10.0.0.1').want).toContain('clientIp');
  expect(normaliseDomainPattern('{a,b}.com').want).toContain('list');
});

tap.test('patterns that have to be searched have few stars', () => {
  expect(normalised('*?*a*.b')).toEqual('*?*a*.b');
  expect(normalised('*?*a*b*.c')).toBeNull();
  expect(normalised('*a*b*c*d*e*')).toEqual('*a*b*c*d*e*');
});

tap.test('the normal form is its own normal form', () => {
  const text = fc.string({ unit: fc.constantFrom(...'aB9-_.*?[]!é%(){}: '), maxLength: 12 });
  fc.assert(
    fc.property(text, (pattern) => {
      const value = normalised(pattern);
      if (value !== null) expect(normalised(value)).toEqual(value);
    }),
    { seed: 11, numRuns: numRuns(5000) },
  );
});

export default tap.start();
