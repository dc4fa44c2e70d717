import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  createFile,
  overwrite,
  placeFolder,
  readPlainFile,
  removeFolder,
  removeLeftovers,
  systemCodeOf,
} from '../../../ts/certs/store/plain-files.js';
import { makeFolder } from '../../helpers/make-folder.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } = fs.promises;

tap.test('only regular files within the limit are read; a pipe does not hold anybody up', async () => {
  await using folder = await makeFolder();
  const at = (name: string) => join(folder.path, name);
  await writeFile(at('file'), 'grüße');
  await symlink('file', at('link'));
  await mkdir(at('folder'));
  await promisify(execFile)('mkfifo', [at('pipe')]);
  expect(await readPlainFile(at('file'), 7)).toEqual('grüße');
  await expect(readPlainFile(at('file'), 6)).rejects.toThrow(/longer than 6 bytes/);
  await expect(readPlainFile(at('link'), 99)).rejects.toThrow(/ELOOP/);
  await expect(readPlainFile(at('folder'), 9_999)).rejects.toThrow(/no regular file/);
  await expect(readPlainFile(at('pipe'), 99)).rejects.toThrow(/no regular file/);
  await expect(readPlainFile(at('absent'), 99)).rejects.toThrow(/ENOENT/);
});

tap.test('of many that make one file at once, one does, for its own eyes', async (t) => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'file');
  const umask = process.umask(0o000);
  t.after(() => process.umask(umask));
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, i) => createFile(path, String(i), { durable: i % 2 === 0 })),
  );
  expect(made.filter((isMade) => isMade)).toHaveLength(1);
  expect(await readFile(path, 'utf8')).toEqual(String(made.indexOf(true)));
  expect((await stat(path)).mode & 0o777).toEqual(0o600);
  await symlink('absent', join(folder.path, 'link'));
  expect(await createFile(join(folder.path, 'link'), '', { durable: false })).toBeFalse();
  await expect(createFile(join(folder.path, 'no/file'), '', { durable: false })).rejects.toThrow(/ENOENT/);
});

tap.test('a part is written over, and a file that is gone does not come back', async () => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, 'abcdef');
  await overwrite(path, 'XY', 2);
  expect(await readFile(path, 'utf8')).toEqual('abXYef');
  await expect(overwrite(join(folder.path, 'absent'), 'XY', 2)).rejects.toThrow(/ENOENT/);
  expect(await readdir(folder.path)).toEqual(['file']);
});

tap.test('of many folders one gets the name, and none that holds something is replaced', async () => {
  await using folder = await makeFolder();
  const at = (name: string) => join(folder.path, name);
  for (let i = 0; i < 10; i++) {
    await mkdir(at(`new${i}`));
    await writeFile(at(`new${i}/file`), String(i));
  }
  const placed = await Promise.all(Array.from({ length: 10 }, (_, i) => placeFolder(at(`new${i}`), at('name'))));
  expect(placed.filter((isPlaced) => isPlaced)).toHaveLength(1);
  expect(await readFile(at('name/file'), 'utf8')).toEqual(String(placed.indexOf(true)));
  await writeFile(at('taken'), '');
  expect(await placeFolder(at('name'), at('taken'))).toBeFalse();
  await expect(placeFolder(at('absent'), at('other'))).rejects.toThrow(/ENOENT/);
});

tap.test('a folder goes at once with all that is in it, and one that is not there is no failure', async () => {
  await using folder = await makeFolder();
  await mkdir(join(folder.path, 'a/b'), { recursive: true });
  await writeFile(join(folder.path, 'a/b/file'), '');
  await removeFolder(join(folder.path, 'a'));
  await removeFolder(join(folder.path, 'a'));
  expect(await readdir(folder.path)).toEqual([]);
});

tap.test('what was left behind goes when it is old, and nothing else does', async () => {
  await using folder = await makeFolder();
  const at = (name: string) => join(folder.path, name);
  for (const name of ['old.tmp', 'young.tmp', 'old']) await writeFile(at(name), '');
  await mkdir(at('folder.tmp/below'), { recursive: true });
  for (const name of ['old.tmp', 'old', 'folder.tmp']) await utimes(at(name), 1_000, 1_000);
  await removeLeftovers(folder.path, 1_000_001);
  expect(await readdir(folder.path)).toEqual(['old', 'young.tmp']);
  await removeLeftovers(folder.path, Number.POSITIVE_INFINITY);
  expect(await readdir(folder.path)).toEqual(['old']);
  await removeLeftovers(at('absent'), 0);
});

tap.test('the code of a failure is found, also where it is the cause', () => {
  const error = Object.assign(new Error('full'), { code: 'ENOSPC' });
  expect(systemCodeOf(error)).toEqual('ENOSPC');
  expect(systemCodeOf(new Error('outer', { cause: error }))).toEqual('ENOSPC');
  expect(systemCodeOf(new Error('plain'))).toEqual('');
  expect(systemCodeOf(null)).toEqual('');
});

export default tap.start();
