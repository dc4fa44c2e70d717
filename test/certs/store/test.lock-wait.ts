import * as fs from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../ts/base/clock.js';
import type { FileLock, ILockTimes } from '../../../ts/certs/store/file-lock.js';
import { type IHolder, thisHolder } from '../../../ts/certs/store/holder.js';
import { takeLock } from '../../../ts/certs/store/lock-wait.js';
import { type IFakeClock, makeFakeClock } from '../../helpers/fake-clock.js';
import { makeFolder } from '../../helpers/make-folder.js';
import { expect, tap } from '../../helpers/tapbundle.js';

const times: ILockTimes = { beatMs: 2_000, leaseMs: 8_000, staleMs: 12_000, lookMs: 500 };

/**
 * Moves the clock by `ms` in small steps, or until `waiting` is over. Before each step the disk has as much time as it
 * needs: those who take part have their `timers` set again.
 */
async function pass(clock: IFakeClock, ms: number, waiting: Promise<unknown>, timers = 1): Promise<boolean> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  waiting.then(end, end);
  const endMs = clock.nowMs() + ms;
  while (!isOver && clock.nowMs() < endMs) {
    do await new Promise((resolve) => setTimeout(resolve, 1));
    while (!isOver && clock.pending < timers);
    if (!isOver) clock.advance(50);
  }
  return isOver;
}

function world(folder: string, holder: IHolder | null = null) {
  const clock = makeFakeClock();
  const take = (signal?: AbortSignal): Promise<FileLock> => takeLock({ folder, clock, times, holder }, signal);
  return { clock, take, fileOf: (token: number) => join(folder, String(token).padStart(12, '0')) };
}

tap.test('a lock is held at once if nobody has it, and waited for as long as its holder lives', async () => {
  await using folder = await makeFolder();
  const { clock, take } = world(folder.path);
  const first = await take();
  const waiting = take();
  expect(await pass(clock, 3 * times.staleMs, waiting, 2)).toBeFalse();
  expect(first.lost).toBeFalse();
  await first.release();
  expect(await pass(clock, 5_000, waiting)).toBeTrue();
  const second = await waiting;
  expect([second.token, second.lost]).toEqual([2, false]);
  await second.release();
  expect(clock.pending).toEqual(0);
});

tap.test('a holder that shows no life is waited for exactly as long as the waiter has watched it', async () => {
  await using folder = await makeFolder();
  const { clock, take, fileOf } = world(folder.path);
  await fs.promises.writeFile(fileOf(1), '{"torn');
  // What the file system says of the age of a file plays no part.
  await fs.promises.utimes(fileOf(1), 1_000, 1_000);
  const waiting = take();
  expect(await pass(clock, times.staleMs - 1_000, waiting)).toBeFalse();
  await fs.promises.writeFile(fileOf(1), '{"torn again');
  expect(await pass(clock, times.staleMs - 1_000, waiting)).toBeFalse();
  expect(await pass(clock, 3_000, waiting)).toBeTrue();
  expect((await waiting).token).toEqual(2);
  await (await waiting).release();
});

tap.test('where files cannot be read nobody is taken for dead', async (t) => {
  await using folder = await makeFolder();
  const { clock, take, fileOf } = world(folder.path);
  await fs.promises.writeFile(fileOf(1), 'x');
  const open = t.mock.method(fs.promises, 'open', () =>
    Promise.reject(Object.assign(new Error('too many'), { code: 'EMFILE' })),
  );
  const waiting = take();
  expect(await pass(clock, 2 * times.staleMs, waiting)).toBeFalse();
  open.mock.restore();
  expect(await pass(clock, times.staleMs - 1_000, waiting)).toBeFalse();
  expect(await pass(clock, 3_000, waiting)).toBeTrue();
  await (await waiting).release();
});

tap.test('what is no file stands in the way only until it is stale', async () => {
  await using folder = await makeFolder();
  const { clock, take, fileOf } = world(folder.path);
  await fs.promises.symlink('/dev/zero', fileOf(7));
  const waiting = take();
  expect(await pass(clock, times.staleMs + 3_000, waiting)).toBeTrue();
  expect((await waiting).token).toEqual(8);
  await (await waiting).release();
});

tap.test('a holder that is dead is replaced without waiting, one on another system is not', async () => {
  await using folder = await makeFolder();
  const self = await thisHolder();
  if (self === null) throw new Error('this system does not tell of its processes');
  const { clock, take, fileOf } = world(folder.path, self);
  await fs.promises.writeFile(fileOf(1), `${JSON.stringify({ ...self, pid: 2 ** 22 + 1 })}\n000000000000\n`);
  const lock = await take();
  expect([lock.token, clock.nowMs()]).toEqual([2, 0]);
  await lock.release();

  await fs.promises.writeFile(fileOf(3), `${JSON.stringify({ ...self, pid: 2 ** 22 + 1, boot: 'x' })}\n000000000000\n`);
  const waiting = take();
  expect(await pass(clock, times.staleMs - 1_000, waiting)).toBeFalse();
  expect(await pass(clock, 3_000, waiting)).toBeTrue();
  await (await waiting).release();
});

tap.test('waiting ends with its signal and leaves nothing behind', async () => {
  await using folder = await makeFolder();
  const { clock, take } = world(folder.path);
  const held = await take();
  const controller = new AbortController();
  const reason = new Error('enough');
  const waiting = take(controller.signal);
  expect(await pass(clock, 1_000, waiting, 2)).toBeFalse();
  controller.abort(reason);
  await expect(waiting).rejects.toThrow('enough');
  await expect(take(AbortSignal.abort(reason))).rejects.toThrow('enough');
  await held.release();
  expect(clock.pending).toEqual(0);
  const next = await take();
  expect(next.token).toEqual(2);
  await next.release();
});

tap.test('of many who wait each has its turn, alone', async () => {
  await using folder = await makeFolder();
  // Nothing here is a matter of time.
  const patient: ILockTimes = { beatMs: 2_000, leaseMs: 60_000, staleMs: 120_000, lookMs: 2 };
  const parts = { folder: folder.path, clock: systemClock, times: patient, holder: null };
  let inside = 0;
  const tokens: number[] = [];
  const turns = Array.from({ length: 12 }, async () => {
    const lock = await takeLock(parts);
    expect(++inside).toEqual(1);
    tokens.push(lock.token);
    await new Promise((resolve) => setTimeout(resolve, 2));
    inside--;
    await lock.release();
  });
  await Promise.all(turns);
  expect(tokens).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
});

export default tap.start();
