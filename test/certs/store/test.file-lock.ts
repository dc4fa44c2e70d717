import * as fs from 'node:fs';
import { join } from 'node:path';
import { FileLock, type ILockTimes, newestIn } from '../../../ts/certs/store/file-lock.js';
import { type IFakeClock, makeFakeClock } from '../../helpers/fake-clock.js';
import { makeFolder } from '../../helpers/make-folder.js';
import { expect, tap } from '../../helpers/tapbundle.js';
import { until } from '../../helpers/until.js';

const times: ILockTimes = { beatMs: 2_000, leaseMs: 8_000, staleMs: 12_000, lookMs: 100 };

async function claim(folder: string, clock: IFakeClock, token: number): Promise<FileLock> {
  const lock = await FileLock.claim(token, { folder, clock, times, holder: null });
  if (lock === null) throw new Error(`another has ${token}`);
  return lock;
}

/** Lets what the last timer began come to its end on the disk. */
const settleDisk = () => new Promise((resolve) => setTimeout(resolve, 30));

tap.test('numbers grow with each holding, and only the last one keeps files', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  expect(await newestIn(folder.path)).toEqual({ token: 0, isFree: true });
  const first = await claim(folder.path, clock, 1);
  expect([first.token, first.lost, await first.isHeld()]).toEqual([1, false, true]);
  expect(await newestIn(folder.path)).toEqual({ token: 1, isFree: false });
  await first.release();
  await first.release();
  expect(await first.isHeld()).toBeFalse();
  expect(await newestIn(folder.path)).toEqual({ token: 1, isFree: true });
  const second = await claim(folder.path, clock, 2);
  expect(await fs.promises.readdir(folder.path)).toEqual(['000000000002']);
  await second.release();
  expect(clock.pending).toEqual(0);
});

tap.test('a number that is taken, or behind, gives no lock', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const parts = { folder: folder.path, clock, times, holder: null };
  const held = await claim(folder.path, clock, 5);
  expect(await FileLock.claim(5, parts)).toEqual(null);
  expect(await FileLock.claim(3, parts)).toEqual(null);
  expect([await held.isHeld(), clock.pending]).toEqual([true, 1]);
  await held.release();
  const claims = await Promise.all(Array.from({ length: 20 }, () => FileLock.claim(6, parts)));
  const won = claims.filter((lock) => lock !== null);
  expect(won).toHaveLength(1);
  await won[0]?.release();
});

tap.test('a holder that beats keeps its lock for as long as it wants', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const lock = await claim(folder.path, clock, 1);
  const seen = new Set<string>();
  for (let i = 0; i < 10; i++) {
    await clock.advanceAsync(times.beatMs);
    // The next beat is set when this one is on the disk.
    while (clock.pending === 0) await settleDisk();
    seen.add(await fs.promises.readFile(join(folder.path, '000000000001'), 'utf8'));
    expect(lock.lost).toBeFalse();
  }
  expect(seen.size).toEqual(10);
  expect(new Set([...seen].map(({ length }) => length)).size).toEqual(1);
  await lock.release();
});

tap.test('a holder that stood still finds its lock lost before it does anything, and for good', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const lock = await claim(folder.path, clock, 1);
  clock.advance(times.leaseMs - 1);
  expect(lock.lost).toBeFalse();
  clock.advance(1);
  expect(lock.lost).toBeTrue();
  await settleDisk();
  expect([lock.lost, await lock.isHeld(), clock.pending]).toEqual([true, false, 0]);
});

tap.test('a beat that comes after the lease renews nothing, though nobody asked meanwhile', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const lock = await claim(folder.path, clock, 1);
  clock.advance(times.leaseMs);
  await settleDisk();
  expect([clock.pending, lock.lost]).toEqual([0, true]);
});

tap.test('beats that fail are tried again as long as the lease lasts', async (t) => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const lock = await claim(folder.path, clock, 1);
  const open = t.mock.method(fs.promises, 'open', () =>
    Promise.reject(Object.assign(new Error('broken'), { code: 'EIO' })),
  );
  const beat = async () => {
    await clock.advanceAsync(times.beatMs);
    while (clock.pending === 0 && !lock.lost) await settleDisk();
  };
  for (let i = 0; i < 2; i++) await beat();
  expect(lock.lost).toBeFalse();
  open.mock.restore();
  for (let i = 0; i < 3; i++) await beat();
  expect(lock.lost).toBeFalse();
  t.mock.method(fs.promises, 'open', () => Promise.reject(Object.assign(new Error('broken'), { code: 'EIO' })));
  for (let i = 0; i < 4; i++) await beat();
  expect(lock.lost).toBeTrue();
});

tap.test('a lock is lost when another has a higher number or its file is gone', async () => {
  await using folder = await makeFolder();
  const clock = makeFakeClock();
  const lock = await claim(folder.path, clock, 1);
  await fs.promises.writeFile(join(folder.path, '000000000002'), '');
  expect(lock.lost).toBeFalse();
  expect([await lock.isHeld(), lock.lost, clock.pending]).toEqual([false, true, 0]);

  const next = await claim(folder.path, clock, 3);
  await fs.promises.rm(folder.path, { recursive: true });
  await clock.advanceAsync(times.beatMs);
  await until(
    () => next.lost,
    10_000,
    () => 'the lock to be lost',
  );
  expect(clock.pending).toEqual(0);
  await next.release();
});

tap.test('names that are no holdings do not count', async () => {
  await using folder = await makeFolder();
  for (const name of [
    '999',
    '9999999999999',
    '000000000009.free',
    'x',
    '00000000000a',
    '000000000004',
    '999999999999',
  ]) {
    await fs.promises.writeFile(join(folder.path, name), '');
  }
  expect(await newestIn(folder.path)).toEqual({ token: 4, isFree: false });
});

export default tap.start();
