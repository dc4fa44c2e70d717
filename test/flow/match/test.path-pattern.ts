import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { compilePath, pathOf } from '../../../ts/flow/match/path-pattern.js';
import { leastCpuMs } from '../../helpers/least-cpu.js';
import { makeRoute } from '../../helpers/make-route.js';
import { rowsOf } from '../../helpers/markdown.js';
import { root } from '../../helpers/source-text.js';
import { expect, numRuns, tap } from '../../helpers/tapbundle.js';

const rows: readonly (readonly [pattern: string, matching: readonly string[], others: readonly string[]])[] = [
  ['/api/users', ['/api/users'], ['/api/users/', '/api/user', '/API/users', '/api/users/1']],
  ['/', ['/'], ['', '*', '/a']],
  ['/api/*', ['/api/', '/api/users', '/api/a/b', '/api//'], ['/api', '/apis', '/', '/x/api/']],
  ['/*', ['/', '/a', '/a/b', '//'], ['*', '']],
  [
    '/users/:id/files',
    ['/users/5/files', '/users/%2F/files'],
    ['/users//files', '/users/5/files/', '/users/5/6/files'],
  ],
  ['/users/:id', ['/users/5'], ['/users/', '/users/5/', '/users/5/6']],
  ['/users/:id/*', ['/users/5/', '/users/5/a/b'], ['/users/5', '/users//a']],
  ['/:a/:b', ['/x/y'], ['/x', '/x/', '/x/y/z', '//y']],
  ['/a/*/c', ['/a/b/c'], ['/a//c', '/a/c', '/a/b/b/c']],
  ['/img/*.png', ['/img/a.png', '/img/.png', '/img/.png.png'], ['/img/a/b.png', '/img/a.pngx', '/img/']],
  ['/img/a*b*c', ['/img/abc', '/img/axbxc', '/img/abcbc'], ['/img/ab', '/img/acb', '/img/ab/c']],
  ['/**/*.css', ['/a.css', '/x/a.css', '/x/y/a.css'], ['/x/a.js', '/a.css/']],
  ['/a/**/b/**/c', ['/a/b/c', '/a/x/b/y/z/c', '/a/b/b/c/c'], ['/a/c', '/a/b', '/a/b/cc']],
  ['/a/**', ['/a/', '/a/b/c'], ['/a', '/ab']],
  ['/v?/x', ['/v1/x', '/v2/x'], ['/v/x', '/v12/x', '/v//x']],
  ['/v[1-3]/x', ['/v1/x', '/v3/x'], ['/v4/x', '/v/x', '/v-/x']],
  ['/v[!1-3]/x', ['/v4/x', '/va/x'], ['/v1/x', '/v//x']],
  ['/v[z-a]/x', [], ['/vz/x', '/v-/x']],
  ['/a[', ['/a['], ['/a']],
  ['/user:id', ['/user:id'], ['/user5']],
  ['/bücher/*.ä', ['/b%C3%BCcher/a.%C3%A4'], ['/bücher/a.ä']],
  ['/%7ea/%c3%bc', ['/~a/%C3%BC'], ['/%7Ea/%C3%BC']],
  ['/ü/:id', ['/%C3%BC/1'], ['/u/1']],
];

for (const [pattern, matching, others] of rows) {
  tap.test(`${pattern} matches what it says, as a test and as a match`, async () => {
    const compiled = compilePath(pattern);
    for (const path of matching)
      expect([path, compiled.test(path), compiled.match(path) !== null]).toEqual([path, true, true]);
    for (const path of others) expect([path, compiled.test(path), compiled.match(path)]).toEqual([path, false, null]);
    if (compiled.form !== 'exact') for (const path of matching) expect(path.startsWith(compiled.key)).toBeTrue();
  });
}

tap.test('the documentation tells what patterns match', async () => {
  const rows = rowsOf(await readFile(join(root, 'docs/matching.md'), 'utf8')).filter(([word]) => word?.startsWith('/'));
  const pathsIn = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
  expect(rows.length).toBeGreaterThan(6);
  for (const [pattern = '', yes, no] of rows) {
    const asked = [...pathsIn(yes), ...pathsIn(no)];
    expect(pathsIn(yes).length).toBeGreaterThan(0);
    expect([pattern, asked.filter((path) => compilePath(pattern).test(path))]).toEqual([pattern, pathsIn(yes)]);
  }
});

tap.test('parameters are decoded once, and stay as they are where they cannot be', async () => {
  const ask = (path: string) => compilePath('/users/:id/files/:name').match(path)?.params;
  expect(ask('/users/5/files/a')).toEqual({ id: '5', name: 'a' });
  expect(ask('/users/a%20b/files/%252F')).toEqual({ id: 'a b', name: '%2F' });
  expect(ask('/users/%FF/files/%E0%A4%A')).toEqual({ id: '%FF', name: '%E0%A4%A' });
  expect(Object.hasOwn(compilePath('/:__proto__').match('/x')?.params ?? {}, '__proto__')).toBeTrue();
});

tap.test('the remainder is what the star at the end stands for, as it is', async () => {
  expect(compilePath('/api/*').match('/api/a%20b/c')).toEqual({ params: null, remainder: 'a%20b/c' });
  expect(compilePath('/api/*').match('/api/')).toEqual({ params: null, remainder: '' });
  expect(compilePath('/u/:id/*').match('/u/7/a/b')).toEqual({ params: { id: '7' }, remainder: 'a/b' });
  expect(compilePath('/**/:id/x/*').match('/a/b/x/c/x/d')).toEqual({ params: { id: 'b' }, remainder: 'c/x/d' });
  expect(compilePath('/a').match('/a')).toEqual({ params: null, remainder: null });
});

tap.test('exact goes before parameters, these before the longer prefix, that before globs', async () => {
  const inOrder = ['/a/b', '/a/:id', '/:a/:b', '/a/b/*', '/a/*', '/*', '/a/*.png', '/**/b', '/a*'];
  const ranks = inOrder.map((pattern) => compilePath(pattern).specificity);
  expect([...ranks].sort((a, b) => b - a)).toEqual(ranks);
  expect(new Set(ranks).size).toEqual(ranks.length);
  const long = 'x'.repeat(20_000);
  expect(compilePath(`/${long}/*`).specificity).toBeLessThan(compilePath('/:a').specificity);
  expect(compilePath(`/${long}*y`).specificity).toBeLessThan(compilePath('/*').specificity);
});

tap.test('a route keeps its compiled path', async () => {
  const route = makeRoute({ match: { path: '/a/*' } });
  expect(pathOf(route)).toBe(pathOf(route));
  expect(pathOf(makeRoute())).toBeNull();
});

/** By a regular expression, which may take any time. */
function obviousPath(pattern: string): RegExp {
  const open = pattern.endsWith('/*');
  const body = (open ? pattern.slice(0, -2) : pattern)
    .split('/')
    .slice(1)
    .map((segment) => {
      if (segment === '**') return '(?:/[^/]*)*';
      if (segment === '*' || segment.startsWith(':')) return '/[^/]+';
      return `/${segment.replace(/\*+/g, '[^/]*').replaceAll('?', '[^/]')}`;
    });
  return new RegExp(`^${body.join('')}${open ? '/.*' : ''}$`);
}

const part = fc.constantFrom('a', 'b', 'ab', '*', '**', ':x', ':y', 'a*', '*b', 'a*b', '*a*b*', '?', 'a?', '');
const patterns = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`);
const paths = fc.stringMatching(/^(?:\/[ab]{0,3}){1,6}$/);

tap.test('patterns and regular expressions agree', async () => {
  let matched = 0;
  const property = fc.property(patterns, fc.array(paths, { minLength: 1, maxLength: 8 }), (pattern, asked) => {
    fc.pre(!pattern.endsWith('/**'));
    const compiled = compilePath(pattern);
    for (const path of asked) {
      const want = obviousPath(pattern).test(path);
      matched += want ? 1 : 0;
      expect([pattern, path, compiled.test(path)]).toEqual([pattern, path, want]);
      expect(compiled.match(path) !== null).toEqual(want);
      if (want && compiled.form !== 'exact') expect(path.startsWith(compiled.key)).toBeTrue();
    }
  });
  fc.assert(property, { seed: 20, numRuns: numRuns(2_000) });
  expect(matched).toBeGreaterThan(200);
});

tap.test('hostile paths take no time', async () => {
  const hostile = ['a'.repeat(65_536), 'a/'.repeat(32_768), '/'.repeat(65_536), `${'ab'.repeat(32_768)}c`];
  for (const pattern of [
    '/*a*a*a*a*b',
    '/**/*a*b/**/a',
    '/**/a/**/a/**/b',
    '/:x/**/:y/z',
    '/[ab]*[ab]*[ab]*c?',
    '/a/*',
  ]) {
    const compiled = compilePath(pattern);
    compiled.test('/a');
    for (const path of hostile) expect(leastCpuMs(() => void compiled.test(`/${path}`))).toBeLessThan(30);
  }
});

export default tap.start();
