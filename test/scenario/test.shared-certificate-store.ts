// Several processes on one store of certificates, killed and stopped while they work.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../ts/base/clock.js';
import type { ILogger } from '../../ts/base/logger.js';
import { silentLogger } from '../../ts/base/logger.js';
import type { ILockTimes } from '../../ts/certs/store/file-lock.js';
import { FileCertStore } from '../../ts/certs/store/file-store.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeFolder } from '../helpers/make-folder.js';
import { makeStored } from '../helpers/make-stored.js';
import { type IStoreEvent, type IStoreProcess, readEvents, startStoreProcess } from '../helpers/store-process.js';
import { expect, long, tap } from '../helpers/tapbundle.js';

const times: ILockTimes = { beatMs: 50, leaseMs: 300, staleMs: 600, lookMs: 5 };
const slow: ILockTimes = { beatMs: 2_000, leaseMs: 20_000, staleMs: 60_000, lookMs: 5 };

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** A store that fails the test by what it has to complain about. */
function makeStrictStore(folder: string, complaints: unknown[], times = slow): FileCertStore {
  const logger: ILogger = { ...silentLogger, warn: (fields) => void complaints.push(fields) };
  return new FileCertStore({ folder, clock: systemClock, logger, times });
}

/** Each value that was taken belongs to one holder, and each holder has seen what those before it wrote. */
function judge(events: readonly IStoreEvent[]): void {
  const wrote = events.filter(({ what }) => what === 'wrote').sort((a, b) => a.value - b.value);
  expect(new Set(wrote.map(({ value }) => value)).size).toEqual(wrote.length);
  const tokens = wrote.map(({ token }) => token);
  expect(tokens).toEqual([...tokens].sort((a, b) => a - b));

  const spans = new Map<number, { from: number; to: number }>();
  for (const { what, token, atMs } of events) {
    if (what !== 'holds') continue;
    const { from, to } = spans.get(token) ?? { from: atMs, to: atMs };
    spans.set(token, { from: Math.min(from, atMs), to: Math.max(to, atMs) });
  }
  const inOrder = [...spans].sort(([a], [b]) => a - b).map(([, span]) => span);
  const overlaps = inOrder.filter((span, i) => span.to > (inOrder[i + 1]?.from ?? Number.POSITIVE_INFINITY));
  expect(overlaps).toEqual([]);
}

tap.timeout(long ? 1_800_000 : 120_000);

tap.test(
  'processes that are killed and stopped at any moment never hold one lock together nor tear a file',
  async () => {
    const rounds = long ? 200 : 8;
    await using folder = await makeFolder();
    const log = join(folder.path, 'log');
    const options = { folder: join(folder.path, 'store'), mode: 'work', log, times } as const;
    const pair = await makeCertificate({ names: ['shared.test'] });
    const start = () => startStoreProcess({ ...options, cert: pair.cert, key: pair.key });
    const complaints: unknown[] = [];
    const reader = makeStrictStore(options.folder, complaints);
    const processes: IStoreProcess[] = await Promise.all([start(), start(), start()]);
    try {
      for (let round = 0; round < rounds; round++) {
        const at = round % processes.length;
        const victim = processes[at] as IStoreProcess;
        await wait(Math.random() * 200);
        if (round % 2 === 0) {
          await victim.kill();
          processes[at] = await start();
        } else {
          victim.child.kill('SIGSTOP');
          await wait(Math.random() * 2 * times.staleMs);
          victim.child.kill('SIGCONT');
        }
        await reader.readCertificate('shared');
        await reader.readRecord('count');
      }
    } finally {
      await Promise.all(processes.map((process) => process.kill()));
    }
    const events = await readEvents(log);
    judge(events);
    const wrote = events.filter(({ what }) => what === 'wrote').map(({ value }) => value);
    expect(wrote.length).toBeGreaterThan(rounds / 4);
    expect(Number((await reader.readRecord<number[]>('count'))?.[0])).toBeGreaterThanOrEqual(Math.max(...wrote));
    expect((await reader.readCertificate('shared'))?.cert).toEqual(pair.cert);
    expect(complaints).toEqual([]);
    const modes = await Promise.all(
      (await filesBelow(options.folder)).map(async (path) => (await stat(path)).mode & 0o777),
    );
    expect(modes.filter((mode) => mode !== 0o600)).toEqual([]);
  },
);

tap.test(
  'files are whole although writers are killed in the middle, and what they left goes with the next write',
  async () => {
    const kills = long ? 200 : 4;
    await using folder = await makeFolder();
    const log = join(folder.path, 'log');
    const store = join(folder.path, 'store');
    const pair = await makeCertificate({ names: ['shared.test'] });
    const complaints: unknown[] = [];
    const reader = makeStrictStore(store, complaints);
    for (let i = 0; i < kills; i++) {
      await using writer = await startStoreProcess({ folder: store, mode: 'work', log, times: slow, ...pair });
      await wait(Math.random() * 150);
      await writer.kill();
      const lock = await reader.lock('shared');
      const before = Number((await reader.readRecord<number[]>('count'))?.[0] ?? 0);
      await reader.writeRecord('count', [before + 1], lock);
      await reader.writeCertificate('shared', makeStored(pair), lock);
      await lock.release();
    }
    judge(await readEvents(log));
    expect(complaints).toEqual([]);
    expect((await filesBelow(store)).filter((path) => path.includes('.tmp'))).toEqual([]);
  },
);

tap.test('a holder that stood still finds its lock lost and its writes refused', async () => {
  await using folder = await makeFolder();
  const log = join(folder.path, 'log');
  const pair = await makeCertificate({ names: ['shared.test'] });
  const options = { folder: join(folder.path, 'store'), mode: 'obey', log, times, ...pair } as const;
  await using holder = await startStoreProcess(options);
  const token = Number(await holder.ask('lock'));
  holder.child.kill('SIGSTOP');

  const store = new FileCertStore({
    folder: options.folder,
    clock: systemClock,
    logger: silentLogger,
    times: { ...slow, staleMs: times.staleMs },
  });
  const lock = await store.lock('shared');
  expect(lock.token).toBeGreaterThan(token);
  await store.writeRecord('count', [7], lock);
  holder.child.kill('SIGCONT');
  expect(await holder.ask('write')).toEqual('STORE_LOCK_LOST');
  expect(await holder.ask('lost')).toEqual('true');
  expect(await holder.ask('release')).toEqual(String(token));
  expect(await store.readRecord('count')).toEqual([7]);
  await store.writeRecord('count', [8], lock);
  expect(await store.readRecord('count')).toEqual([8]);
  await lock.release();
});

tap.test('the lock of a dead process is free at once', async () => {
  await using folder = await makeFolder();
  const pair = await makeCertificate({ names: ['shared.test'] });
  const options = {
    folder: join(folder.path, 'store'),
    mode: 'obey',
    log: join(folder.path, 'log'),
    times: slow,
    ...pair,
  } as const;
  await using holder = await startStoreProcess(options);
  const token = Number(await holder.ask('lock'));
  const store = makeStrictStore(options.folder, []);
  const waiting = store.lock('shared');
  await holder.kill();
  // Before anybody could call it stale: the test would not end in time.
  const lock = await waiting;
  expect(lock.token).toEqual(token + 1);
  await lock.release();
});

export default tap.start();
