// Files that are watched: whichever way they change, it is told, and told once their changes have settled.

import { mkdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../ts/base/clock.js';
import { FileWatch } from '../../ts/certs/file-watch.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { makeFolder } from '../helpers/make-folder.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const told = (calls: readonly unknown[], count: number) =>
  until(
    () => calls.length >= count,
    5_000,
    () => `${count} changes, has ${calls.length}`,
  );

tap.test('a file that is written, replaced or removed is told of', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'a');
  await writeFile(file, '1');
  const calls: (readonly string[])[] = [];
  const watch = new FileWatch({ clock: systemClock, changed: (paths) => calls.push(paths) });
  watch.watch([file]);
  const changes = [
    () => writeFile(file, '2'),
    () => writeFile(`${file}.new`, '3').then(() => rename(`${file}.new`, file)),
    () => unlink(file),
  ];
  for (const change of changes) {
    const before = calls.length;
    await change();
    await told(calls, before + 1);
    expect(calls.at(-1)).toEqual([file]);
  }
  watch.close();
});

tap.test('several changes in a row are told of once, after they have settled', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const calls: unknown[] = [];
  const watch = new FileWatch({ clock, changed: (paths) => calls.push(paths) });
  const files = ['a', 'b'].map((name) => join(folder.path, name));
  watch.watch(files);
  const idle = clock.pending;
  for (const file of files) await writeFile(file, '1');
  await until(
    () => clock.pending > idle,
    5_000,
    () => 'a timer that lets the changes settle',
  );
  expect(calls).toEqual([]);
  clock.advance(1_000);
  expect(calls).toEqual([files]);
  watch.close();
  expect(clock.pending).toEqual(0);
});

tap.test('a folder that is not there is no error, and found when it comes', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const calls: (readonly string[])[] = [];
  const watch = new FileWatch({ clock, changed: (paths) => calls.push(paths) });
  const file = join(folder.path, 'later', 'a');
  watch.watch([file]);
  clock.advance(60_000);
  await mkdir(join(folder.path, 'later'));
  await writeFile(file, '1');
  await until(
    () => {
      clock.advance(60_000);
      return calls.length > 0;
    },
    5_000,
    () => 'the file',
  );
  expect(calls[0]).toEqual([file]);
  watch.close();
});

tap.test('what is not watched any more is not told of', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const calls: unknown[] = [];
  const watch = new FileWatch({ clock, changed: (paths) => calls.push(paths) });
  watch.watch([join(folder.path, 'a')]);
  watch.watch([]);
  expect(clock.pending).toEqual(0);
  await writeFile(join(folder.path, 'a'), '1');
  clock.advance(200_000);
  expect(calls).toEqual([]);
});

export default tap.start();
