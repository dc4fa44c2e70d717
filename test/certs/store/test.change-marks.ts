// Whoever watches a store hears that others have written, and not of what it wrote itself.

import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../ts/base/clock.js';
import { ChangeMarks } from '../../../ts/certs/store/change-marks.js';
import { settle } from '../../helpers/fake-clock.js';
import { makeFolder } from '../../helpers/make-folder.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

/** One process's, with what it has heard. */
function open(folder: string) {
  const marks = new ChangeMarks({ folder, clock: systemClock });
  const heard: number[] = [];
  const watch = marks.watch(() => void heard.push(heard.length));
  const toHear = (count: number) =>
    until(
      () => heard.length >= count,
      5_000,
      () => `${count} changes, has ${heard.length}`,
    );
  return { marks, heard, watch, toHear };
}

tap.test('each hears of the others, again and again, and nobody of itself', async () => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'changes');
  const [one, two, three] = [open(path), open(path), open(path)];
  for (let turn = 1; turn <= 3; turn++) {
    const before = [two, three].map(({ heard }) => heard.length);
    await one.marks.mark();
    await Promise.all([two, three].map(({ toHear }, i) => toHear((before[i] ?? 0) + 1)));
  }
  expect(one.heard).toEqual([]);
  await two.marks.mark();
  await one.toHear(1);
  for (const { watch } of [one, two, three]) watch.close();
  expect((await readdir(path)).length).toEqual(2);
});

tap.test('many marks of one process at a time leave one file, and are heard', async () => {
  await using folder = await makeFolder();
  const [one, two] = [open(folder.path), open(folder.path)];
  await Promise.all(Array.from({ length: 50 }, () => one.marks.mark()));
  await two.toHear(1);
  expect((await readdir(folder.path)).length).toEqual(1);
  for (const { watch } of [one, two]) watch.close();
});

tap.test('who closes hears nothing more, and files of processes that are gone go', async () => {
  await using folder = await makeFolder();
  const [one, two] = [open(folder.path), open(folder.path)];
  two.watch.close();
  const [gone, leftover] = ['0123456789abcdef', 'new-x.tmp'].map((name) => join(folder.path, name));
  for (const path of [gone ?? '', leftover ?? '']) {
    await writeFile(path, '');
    await utimes(path, 1, 1);
  }
  await one.marks.mark();
  expect((await readdir(folder.path)).length).toEqual(1);
  await settle();
  expect(two.heard).toEqual([]);
  one.watch.close();
});

tap.test('a folder that cannot be made or written keeps nobody from anything', async () => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'a file');
  await writeFile(path, '');
  const blocked = open(join(path, 'changes'));
  await blocked.marks.mark();
  blocked.watch.close();
  const garbage = join(folder.path, 'garbage');
  await mkdir(join(garbage, '0123456789abcdef'), { recursive: true });
  const one = open(garbage);
  await one.marks.mark();
  expect(one.heard).toEqual([]);
  one.watch.close();
});

export default tap.start();
