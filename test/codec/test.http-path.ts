import fc from 'fast-check';
import { normalisePath, normalisePathAtRoot, splitTarget } from '../../ts/codec/http-path.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

tap.test('a target is split at its first question mark', async () => {
  expect(splitTarget('/a')).toEqual({ path: '/a', query: '' });
  expect(splitTarget('/a?')).toEqual({ path: '/a', query: '?' });
  expect(splitTarget('/a?b?c')).toEqual({ path: '/a', query: '?b?c' });
  expect(splitTarget('*')).toEqual({ path: '*', query: '' });
});

tap.test('paths have one normal form (RFC 3986 §6.2.2)', async () => {
  const rows = [
    ['/', '/'],
    ['*', '*'],
    ['', ''],
    ['/a/b.c/.d/..e/f..', '/a/b.c/.d/..e/f..'],
    ['/%41%7a%30%2d%2e%5F%7E', '/Az0-._~'],
    ['/%2f%5c%00%3b%25', '/%2F%5C%00%3B%25'],
    ['/%C3%A9', '/%C3%A9'],
    ['/%c3%a9', '/%C3%A9'],
    ['/a//b', '/a//b'],
    ['/a//', '/a//'],
    ['/.', '/'],
    ['/./', '/'],
    ['/a/.', '/a/'],
    ['/a/./b', '/a/b'],
    ['/a/..', '/'],
    ['/a/../', '/'],
    ['/a/b/../c', '/a/c'],
    ['/a/b/../../c', '/c'],
    ['/a//../b', '/a/b'],
    ['/a/%2E%2e/b', '/b'],
    ['/a/.%2e/b', '/b'],
    ['/...', '/...'],
    ['/a/..;/b', '/a/..;/b'],
    ['/%252e%252e/a', '/%252e%252e/a'],
  ] as const;
  for (const [path, normal] of rows) expect([path, normalisePath(path)]).toEqual([path, normal]);
});

tap.test('what cannot be understood has none', async () => {
  const paths = [
    '//',
    '//a',
    '/a\\b',
    '/%',
    '/%4',
    '/%4g',
    '/%g4',
    '/a%',
    '/..',
    '/../a',
    '/a/../..',
    '/%2e%2e/a',
    '/.//a',
    '/a/..//b',
    'a',
    './a',
    '?',
    '**',
  ];
  for (const path of paths) expect([path, normalisePath(path)]).toEqual([path, null]);
});

const parts = fc.constantFrom('/', '.', '..', 'a', '%2e', '%2F', '%41', '%c3', ';', '%', '//', 'b');
const paths = fc.array(parts, { maxLength: 12 }).map((texts) => `/${texts.join('')}`);

tap.test('a normal form is its own normal form and has no dot segments', async () => {
  fc.assert(
    fc.property(paths, (path) => {
      const normal = normalisePath(path);
      if (normal === null) return;
      expect(normalisePath(normal)).toEqual(normal);
      expect(/\/\.\.?(\/|$)|^\/\/|%(2e|41|7e)/i.test(normal)).toEqual(false);
    }),
    { seed: 451, numRuns: numRuns() },
  );
});

tap.test('dot segments are removed as the URL standard removes them', async () => {
  const plain = fc.array(fc.constantFrom('a', 'b', '.', '..', '', '...'), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(plain, (segments) => {
      const path = `/${segments.join('/')}`;
      const normal = normalisePath(path);
      if (normal !== null) expect(normal).toEqual(new URL(`http://a.test${path}`).pathname);
    }),
    { seed: 452, numRuns: numRuns() },
  );
});

tap.test('whoever stays at the root does so as the URL standard says', async () => {
  const plain = fc.array(fc.constantFrom('a', 'b', '.', '..', '%2e', '...'), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(plain, (segments) => {
      const path = `/${segments.join('/')}`;
      expect(normalisePathAtRoot(path)).toEqual(new URL(`http://a.test${path}`).pathname);
    }),
    { seed: 453, numRuns: numRuns() },
  );
  expect(normalisePathAtRoot('/%zz')).toBeNull();
});

export default tap.start();
