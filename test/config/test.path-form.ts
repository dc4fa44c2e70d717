import fc from 'fast-check';
import { normalisePath } from '../../ts/codec/http-path.js';
import { normalisePathPattern, pathPatternFault } from '../../ts/config/path-form.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('a pattern is brought to the form of paths', () => {
  expect(normalisePathPattern('/%7Euser/%2d')).toEqual('/~user/-');
  expect(normalisePathPattern('/a%2fb%c3%a9')).toEqual('/a%2Fb%C3%A9');
  expect(normalisePathPattern('/é/😀')).toEqual('/%C3%A9/%F0%9F%98%80');
  expect(normalisePathPattern('/a/*')).toEqual('/a/*');
});

tap.test('what could never match is refused', () => {
  for (const pattern of [
    'a',
    '',
    '//a',
    '/a/..',
    '/./b',
    '/%2e%2e/a',
    '/a?b',
    '/a#b',
    '/a b',
    '/\u0007',
    '/%g0',
    '/\\',
  ]) {
    expect([pattern, pathPatternFault(pattern) !== null]).toEqual([pattern, true]);
  }
});

tap.test('names of parameters are words, each once', () => {
  expect(pathPatternFault('/:id/x/:other_2')).toBeNull();
  for (const pattern of ['/:', '/:1', '/:a-b', '/:a/:a']) expect(typeof pathPatternFault(pattern)).toEqual('string');
  expect(pathPatternFault('/v1/messages:send')).toBeNull();
});

tap.test('length and stars are limited', () => {
  expect(pathPatternFault(`/${'a'.repeat(2047)}`)).toBeNull();
  expect(pathPatternFault(`/${'a'.repeat(2048)}`)).toContain('2048');
  expect(pathPatternFault('/*/*/*/*')).toBeNull();
  expect(pathPatternFault('/*/*/*/*/*')).toContain('4');
});

tap.test('a plain path is the same in both forms, and a second time', () => {
  const piece = fc.constantFrom('a', 'B', '9', '-', '~', '/', '%7e', '%2F', '%c3%a9', ':', '@', '+', ',', '%41', '%20');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const path = `/a${pieces.join('')}`;
      const form = normalisePathPattern(path);
      expect(form).toEqual(normalisePath(path));
      expect(normalisePathPattern(form)).toEqual(form);
    }),
    { seed: 277, numRuns: numRuns(1000) },
  );
});

export default tap.start();
