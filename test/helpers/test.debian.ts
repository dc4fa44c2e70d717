import { readFile } from 'node:fs/promises';
import { locate, needs, pathOf } from './debian.js';
import { expect, tap } from './tapbundle.js';

tap.test('a program is found on the search path, and where only root looks', async () => {
  expect(locate('sh')).toMatch(/\/sh$/);
  expect(locate('sh', '')).toBeNull();
  expect(locate('no-such-program')).toBeNull();
});

tap.test('tests for programs that are there run as any other', async () => {
  expect(needs()).toEqual(tap.test);
});

tap.test('a program without a package in the list is a mistake of the test', async () => {
  expect(() => needs('no-such-program')).toThrow();
  expect(() => pathOf('no-such-program')).toThrow();
});

tap.test('every listed program has the name of a Debian package', async () => {
  const list = await readFile(new URL('../../scripts/debian-packages.json', import.meta.url), 'utf8');
  for (const name of Object.values(JSON.parse(list) as Record<string, string>)) {
    expect(name).toMatch(/^[a-z0-9][a-z0-9.+-]+$/);
  }
});

export default tap.start();
