import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ProxyError } from '../../ts/base/errors.js';
import { AsyncFileSystem } from '../../ts/base/fs-utils.js';
import { expect, tap } from '../helpers/tapbundle.js';

const promises = fs.promises;

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await promises.mkdtemp(join(tmpdir(), 'fs-utils-'));
  t.after(() => promises.rm(folder, { recursive: true, force: true }));
  return folder;
}

async function failsWith(path: string, code: string, working: Promise<unknown>): Promise<void> {
  const error = await working.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProxyError);
  expect((error as ProxyError).code).toEqual('FILE_FAILED');
  expect((error as ProxyError).message).toContain(path);
  expect(((error as ProxyError).cause as { code: string }).code).toEqual(code);
}

const modeOf = async (path: string) => ((await promises.stat(path)).mode & 0o777).toString(8);

const withCode = (code: string) => Object.assign(new Error(code), { code });

tap.test('exists tells what is there from what is not', async (t) => {
  const folder = await makeFolder(t);
  const file = join(folder, 'a');
  expect(await AsyncFileSystem.exists(file)).toBeFalse();
  await promises.writeFile(file, '');
  expect(await AsyncFileSystem.exists(file)).toBeTrue();
  expect(await AsyncFileSystem.exists(folder)).toBeTrue();
  expect(await AsyncFileSystem.exists(join(file, 'below'))).toBeFalse();
  await failsWith('x\0y', 'ERR_INVALID_ARG_VALUE', AsyncFileSystem.exists('x\0y'));
});

tap.test('folders are made as deep as needed, again and again', async (t) => {
  const deep = join(await makeFolder(t), 'a/b/c');
  await AsyncFileSystem.ensureDir(deep);
  await AsyncFileSystem.ensureDir(deep);
  expect((await promises.stat(deep)).isDirectory()).toBeTrue();
  await promises.writeFile(join(deep, 'file'), '');
  await failsWith('c/file', 'EEXIST', AsyncFileSystem.ensureDir(join(deep, 'file')));
});

tap.test(
  'folders that are made with a mode have it, whatever the umask; those that were there keep theirs',
  async (t) => {
    const folder = await makeFolder(t);
    await promises.chmod(folder, 0o755);
    const umask = process.umask(0o377);
    t.after(() => process.umask(umask));
    await AsyncFileSystem.ensureDir(join(folder, 'a/b'), { mode: 0o700 });
    process.umask(0);
    await AsyncFileSystem.ensureDir(join(folder, 'a/c'), { mode: 0o711 });
    await AsyncFileSystem.ensureDir(join(folder, 'a/b'), { mode: 0o755 });
    const modes = await Promise.all(['', 'a', 'a/b', 'a/c'].map((name) => modeOf(join(folder, name))));
    expect(modes).toEqual(['755', '700', '700', '711']);
  },
);

tap.test('names are listed, and none where no folder is', async (t) => {
  const folder = await makeFolder(t);
  for (const name of ['b', 'a/c']) await AsyncFileSystem.writeFile(join(folder, name), '');
  expect(await AsyncFileSystem.listNames(folder)).toEqual(['a', 'b']);
  expect(await AsyncFileSystem.listNames(join(folder, 'absent'))).toEqual([]);
  await failsWith('/b', 'ENOTDIR', AsyncFileSystem.listNames(join(folder, 'b')));
});

tap.test('what is written is read back, in new folders too', async (t) => {
  const file = join(await makeFolder(t), 'new/folder/file');
  await AsyncFileSystem.writeFile(file, 'grüße');
  expect(await AsyncFileSystem.readFile(file)).toEqual('grüße');
  expect(await AsyncFileSystem.readFile(file, 'hex')).toEqual('6772c3bcc39f65');
  expect(await AsyncFileSystem.readFileBuffer(file)).toEqual(Buffer.from('grüße'));
  await AsyncFileSystem.writeFile(file, new Uint8Array([1, 2]));
  expect(await AsyncFileSystem.readFileBuffer(file)).toEqual(Buffer.from([1, 2]));
  expect(await promises.readdir(join(file, '..'))).toEqual(['file']);
});

tap.test('a mode is set exactly, and kept by later writes without one', async (t) => {
  const file = join(await makeFolder(t), 'key');
  const umask = process.umask(0o077);
  t.after(() => process.umask(umask));
  await AsyncFileSystem.writeFile(file, '1', { mode: 0o644 });
  expect(await modeOf(file)).toEqual('644');
  await AsyncFileSystem.writeFile(file, '2', { mode: 0o600 });
  process.umask(0);
  await AsyncFileSystem.writeFile(file, '3');
  expect([await AsyncFileSystem.readFile(file), await modeOf(file)]).toEqual(['3', '600']);
  process.umask(0o027);
  const plain = join(file, '../plain');
  await AsyncFileSystem.writeFile(plain, '');
  expect(await modeOf(plain)).toEqual('640');
});

tap.test('a failing write leaves the old content and no other file', async (t) => {
  const folder = await makeFolder(t);
  const file = join(folder, 'file');
  await AsyncFileSystem.writeFile(file, 'old');
  const rename = t.mock.method(promises, 'rename', () => Promise.reject(withCode('EIO')));
  await failsWith(file, 'EIO', AsyncFileSystem.writeFile(file, 'new'));
  rename.mock.restore();
  expect(await AsyncFileSystem.readFile(file)).toEqual('old');
  expect(await promises.readdir(folder)).toEqual(['file']);
});

tap.test('readers during many writes see whole files only', async (t) => {
  const file = join(await makeFolder(t), 'file');
  const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
  await AsyncFileSystem.writeFile(file, contents[0] as string);
  let writing = true;
  const writes = Promise.all(contents.map((content) => AsyncFileSystem.writeFile(file, content))).finally(() => {
    writing = false;
  });
  do {
    expect(contents).toContain(await AsyncFileSystem.readFile(file));
  } while (writing);
  await writes;
  expect(await promises.readdir(join(file, '..'))).toEqual(['file']);
});

tap.test('writing through a symbolic link keeps the link', async (t) => {
  const folder = await makeFolder(t);
  await promises.mkdir(join(folder, 'real'));
  await promises.writeFile(join(folder, 'real/file'), 'old');
  await promises.symlink('real/file', join(folder, 'link'));
  await AsyncFileSystem.writeFile(join(folder, 'link'), 'new');
  expect((await promises.lstat(join(folder, 'link'))).isSymbolicLink()).toBeTrue();
  expect(await AsyncFileSystem.readFile(join(folder, 'real/file'))).toEqual('new');
});

tap.test('JSON is written for people and read strictly', async (t) => {
  const file = join(await makeFolder(t), 'a.json');
  await AsyncFileSystem.writeJSON(file, { a: [1] }, { mode: 0o600 });
  expect(await AsyncFileSystem.readFile(file)).toEqual('{\n  "a": [\n    1\n  ]\n}\n');
  expect(await AsyncFileSystem.readJSON(file)).toEqual({ a: [1] });
  expect(await modeOf(file)).toEqual('600');
  await AsyncFileSystem.writeFile(file, '{');
  await expect(AsyncFileSystem.readJSON(file)).rejects.toThrow(/could not parse .*a\.json/);
  await expect(AsyncFileSystem.writeJSON(file, undefined)).rejects.toThrow(/no JSON form/);
  await expect(AsyncFileSystem.writeJSON(file, 1n)).rejects.property('code').toEqual('FILE_FAILED');
});

tap.test('removing what is not there is no failure, other failures are', async (t) => {
  const folder = await makeFolder(t);
  const file = join(folder, 'file');
  await AsyncFileSystem.writeFile(file, '');
  await AsyncFileSystem.remove(file);
  await AsyncFileSystem.remove(file);
  expect(await AsyncFileSystem.exists(file)).toBeFalse();
  await AsyncFileSystem.writeFile(file, '');
  await failsWith('file/below', 'ENOTDIR', AsyncFileSystem.remove(join(file, 'below')));
  await AsyncFileSystem.removeDir(folder);
  await AsyncFileSystem.removeDir(folder);
  expect(await AsyncFileSystem.exists(folder)).toBeFalse();
});

tap.test('a copy has the content and the mode', async (t) => {
  const folder = await makeFolder(t);
  const from = join(folder, 'from');
  const to = join(folder, 'new/to');
  await AsyncFileSystem.writeFile(from, 'x', { mode: 0o640 });
  await AsyncFileSystem.copyFile(from, to);
  expect([await AsyncFileSystem.readFile(to), await modeOf(to)]).toEqual(['x', '640']);
  await AsyncFileSystem.writeFile(from, 'y');
  await AsyncFileSystem.copyFile(from, to);
  expect(await AsyncFileSystem.readFile(to)).toEqual('y');
  await failsWith('absent', 'ENOENT', AsyncFileSystem.copyFile(join(folder, 'absent'), to));
  expect(await promises.readdir(join(folder, 'new'))).toEqual(['to']);
});

tap.test('a move renames, and copies between file systems', async (t) => {
  const folder = await makeFolder(t);
  const [first, second, third] = [join(folder, '1'), join(folder, 'b/2'), join(folder, 'c/3')];
  await AsyncFileSystem.writeFile(first, 'x', { mode: 0o600 });
  await AsyncFileSystem.moveFile(first, second);
  expect(await AsyncFileSystem.listFiles(folder, { recursive: true })).toEqual([second]);

  const rename = promises.rename;
  t.mock.method(promises, 'rename', (from: string, to: string) =>
    from === second ? Promise.reject(withCode('EXDEV')) : rename(from, to),
  );
  await AsyncFileSystem.moveFile(second, third);
  expect(await AsyncFileSystem.listFiles(folder, { recursive: true })).toEqual([third]);
  expect([await AsyncFileSystem.readFile(third), await modeOf(third)]).toEqual(['x', '600']);
  await failsWith('absent', 'ENOENT', AsyncFileSystem.moveFile(join(folder, 'absent'), first));
});

tap.test('files are listed, sorted, with those below only when asked for', async (t) => {
  const folder = await makeFolder(t);
  for (const name of ['b', 'a', 'sub/c']) await AsyncFileSystem.writeFile(join(folder, name), '');
  await promises.symlink('sub/c', join(folder, 'link'));
  await promises.symlink('..', join(folder, 'sub/loop'));
  await promises.symlink('absent', join(folder, 'dangling'));
  const named = (...names: string[]) => names.map((name) => join(folder, name));
  expect(await AsyncFileSystem.listFiles(folder)).toEqual(named('a', 'b', 'link'));
  expect(await AsyncFileSystem.listFiles(folder, { recursive: true })).toEqual(named('a', 'b', 'link', 'sub/c'));
  await failsWith('absent', 'ENOENT', AsyncFileSystem.listFiles(join(folder, 'absent')));
});

tap.test('streams write and read', async (t) => {
  const file = join(await makeFolder(t), 'stream');
  const writer = AsyncFileSystem.createWriteStream(file, { mode: 0o600 });
  await new Promise<void>((resolve, reject) => writer.on('error', reject).end('streamed', resolve));
  let text = '';
  for await (const chunk of AsyncFileSystem.createReadStream(file)) text += chunk;
  expect([text, await modeOf(file)]).toEqual(['streamed', '600']);
});

tap.test('every failure names the path and keeps its cause', async (t) => {
  const absent = join(await makeFolder(t), 'absent');
  await failsWith(absent, 'ENOENT', AsyncFileSystem.readFile(absent));
  await failsWith(absent, 'ENOENT', AsyncFileSystem.readFileBuffer(absent));
  await failsWith(absent, 'ENOENT', AsyncFileSystem.readJSON(absent));
  const file = join(absent, '../file');
  await AsyncFileSystem.writeFile(file, '');
  await failsWith('file/below', 'ENOTDIR', AsyncFileSystem.writeFile(join(file, 'below'), ''));
});

export default tap.start();
