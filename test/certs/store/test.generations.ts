import * as fs from 'node:fs';
import { join } from 'node:path';
import { Generations, type IGenerationFiles } from '../../../ts/certs/store/generations.js';
import { makeFolder } from '../../helpers/make-folder.js';
import { expect, long, tap } from '../../helpers/tapbundle.js';

const { mkdir, readdir, utimes, writeFile } = fs.promises;

const name = 'a'.repeat(64);
const hourMs = 3_600_000;

function world(folder: string) {
  const complaints: string[] = [];
  const skipped = (path: string) => void complaints.push(path);
  const generations = new Generations({ folder, fileNames: ['value'], skipped, wallMs: () => Date.now() });
  const write = (value: string, isHeld: (() => Promise<boolean>) | null = null) =>
    generations.write(name, () => new Map([['value', value]]), isHeld);
  const read = () => generations.read(name, valueIn);
  return { generations, complaints, write, read, home: join(folder, name) };
}

const valueIn = ({ generation, files }: IGenerationFiles): string => `${generation}: ${files.get('value')}`;

tap.test('writes at once all succeed, each with a number of its own', async () => {
  await using folder = await makeFolder();
  const { write, read, home } = world(folder.path);
  await Promise.all(Array.from({ length: 10 }, (_, i) => write(String(i))));
  expect(await read()).toMatch(/^10: \d$/);
  expect((await readdir(home)).filter((entry) => !entry.endsWith('.tmp'))).toEqual(['000000009', '000000010']);
});

tap.test('readers during many writes find a whole generation each time, never none', async () => {
  await using folder = await makeFolder();
  const { write, read, complaints } = world(folder.path);
  await write('0');
  let isWriting = true;
  let last = 1;
  const writing = (async () => {
    for (let i = 1; i < (long ? 2_000 : 60); i++) await write(String(i));
    isWriting = false;
  })();
  while (isWriting) {
    const [generation, value] = ((await read()) ?? 'none').split(': ').map(Number);
    expect(generation).toBeGreaterThanOrEqual(last);
    expect(value).toEqual(Number(generation) - 1);
    last = Number(generation);
  }
  await writing;
  expect(complaints).toEqual([]);
});

tap.test('a writer that stood still after its look at the lock does not write over its successor', async () => {
  await using folder = await makeFolder();
  const { write, read, home } = world(folder.path);
  await write('first');
  let looks = 0;
  // The successor writes after the look and before the folder has its number; the lock is lost from then on.
  const stale = write('stale', async () => {
    if (looks++ > 0) return false;
    await write('successor', async () => true);
    return true;
  });
  await expect(stale).rejects.property('code').toEqual('STORE_LOCK_LOST');
  expect(await read()).toEqual('2: successor');
  expect(await readdir(home)).toEqual(['000000001', '000000002']);
});

tap.test('a writer that stood still does not bring back what its successor removed', async () => {
  await using folder = await makeFolder();
  const { generations, write, read } = world(folder.path);
  await write('first');
  let looks = 0;
  const stale = write('stale', async () => {
    if (looks++ > 0) return false;
    await generations.remove(name, async () => true);
    return true;
  });
  await expect(stale).rejects.property('code').toEqual('STORE_LOCK_LOST');
  expect(await read()).toEqual(null);
  expect(await readdir(join(folder.path, name)).catch(() => [])).toEqual([]);
});

tap.test('a successor that meets the number of a late writer takes the next one', async () => {
  await using folder = await makeFolder();
  const { write, read } = world(folder.path);
  let isFirst = true;
  await write('successor', async () => {
    if (isFirst) {
      isFirst = false;
      await write('late');
    }
    return true;
  });
  expect(await read()).toEqual('2: successor');
});

tap.test(
  'where reading fails it is not said that nothing is there, unless an older generation can be read',
  async (t) => {
    await using folder = await makeFolder();
    const { write, read, complaints } = world(folder.path);
    await write('first');
    const { open } = fs.promises;
    const failing = Object.assign(new Error('too many'), { code: 'EMFILE' });
    const mock = t.mock.method(fs.promises, 'open', () => Promise.reject(failing));
    await expect(read()).rejects.toThrow('too many');
    mock.mock.restore();
    await write('second');
    t.mock.method(fs.promises, 'open', (path: string, flags: number) =>
      path.includes('000000002') ? Promise.reject(failing) : open(path, flags),
    );
    expect(await read()).toEqual('1: first');
    expect(complaints).toHaveLength(2);
  },
);

tap.test('what dead processes left is removed when it is old; under a lock at once', async () => {
  await using folder = await makeFolder();
  const { generations, write, home } = world(folder.path);
  await write('first');
  const leave = async (path: string, ageMs: number) => {
    await mkdir(path);
    await writeFile(join(path, 'value'), 'torn');
    const seconds = (Date.now() - ageMs) / 1_000;
    await utimes(path, seconds, seconds);
  };
  await leave(join(home, 'new-1.tmp'), 2 * hourMs);
  await leave(join(home, 'new-2.tmp'), 0);
  await leave(join(folder.path, `${name}.1.tmp`), 2 * hourMs);
  await generations.removeLeftovers();
  expect([await readdir(folder.path), await readdir(home)]).toEqual([[name], ['000000001', 'new-2.tmp']]);
  await leave(join(home, 'new-3.tmp'), 2 * hourMs);
  await write('second');
  expect(await readdir(home)).toEqual(['000000001', '000000002', 'new-2.tmp']);
  await write('third', async () => true);
  expect(await readdir(home)).toEqual(['000000002', '000000003']);
});

tap.test('a write that fails leaves nothing, and what was there', async (t) => {
  await using folder = await makeFolder();
  const { write, read, home } = world(folder.path);
  await write('first');
  const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
  const rename = t.mock.method(fs.promises, 'rename', () => Promise.reject(full));
  await expect(write('second')).rejects.toThrow('full');
  rename.mock.restore();
  expect([await read(), await readdir(home)]).toEqual(['1: first', ['000000001']]);
});

tap.test('only names of sets are names', async () => {
  await using folder = await makeFolder();
  const { generations } = world(folder.path);
  expect(await generations.names()).toEqual([]);
  for (const entry of [name, `${name}.1.tmp`, 'b', '.x']) await mkdir(join(folder.path, entry));
  expect(await generations.names()).toEqual([name]);
});

tap.test('a number that nobody has come to is not gone on from: what is written after it is found', async () => {
  await using folder = await makeFolder();
  const { write, read, home } = world(folder.path);
  await mkdir(join(home, '999999999'), { recursive: true });
  await write('a');
  await write('b');
  expect(await read()).toEqual('2: b');
});

export default tap.start();
