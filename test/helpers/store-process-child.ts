// A process that shares a store of certificates with others: see store-process.ts.

import { appendFileSync } from 'node:fs';
import type { IClock } from '../../ts/base/clock.js';
import { systemClock } from '../../ts/base/clock.js';
import { ProxyError } from '../../ts/base/errors.js';
import { silentLogger } from '../../ts/base/logger.js';
import { FileCertStore } from '../../ts/certs/store/file-store.js';
import type { ICertLock } from '../../ts/certs/store/store-types.js';
import { makeStored } from './make-stored.js';
import { eventLine, type IStoreEvent, type IStoreProcessOptions } from './store-process.js';

const { folder, mode, log, times, cert, key } = JSON.parse(process.argv[2] ?? '{}') as IStoreProcessOptions;

/** When the clock was last looked at: the moment at which a lock said that it is held. */
let lookedMs = 0;
const clock: IClock = {
  ...systemClock,
  nowMs() {
    lookedMs = Number(process.hrtime.bigint()) / 1e6;
    return lookedMs;
  },
};
const store = new FileCertStore({ folder, clock, logger: silentLogger, times });

// What was done must be known although the process is killed right after.
const tell = (event: IStoreEvent) => appendFileSync(log, eventLine(event));

function tellIfHeld(lock: ICertLock): boolean {
  const isLost = lock.lost;
  const atMs = lookedMs;
  if (!isLost) tell({ what: 'holds', token: lock.token, value: 0, atMs });
  return !isLost;
}

async function countUp(lock: ICertLock): Promise<string> {
  const value = Number((await store.readRecord<number[]>('count'))?.[0] ?? 0);
  tell({ what: 'read', token: lock.token, value, atMs: 0 });
  tellIfHeld(lock);
  try {
    // Long enough for a kill in the middle of it.
    await store.writeRecord('count', Array(5_000).fill(value + 1), lock);
    tell({ what: 'wrote', token: lock.token, value: value + 1, atMs: 0 });
    await store.writeCertificate('shared', makeStored({ cert, key }), lock);
    tellIfHeld(lock);
    return 'wrote';
  } catch (error) {
    if (!(error instanceof ProxyError && error.code === 'STORE_LOCK_LOST')) throw error;
    tell({ what: 'refused', token: lock.token, value: value + 1, atMs: 0 });
    return error.code;
  }
}

async function work(): Promise<void> {
  for (;;) {
    const lock = await store.lock('shared');
    // A stop is most likely to come in the middle of this, and then the next look comes after it.
    for (let i = 0; i < 20 && tellIfHeld(lock); i++) await new Promise((resolve) => setTimeout(resolve, 1));
    if (!lock.lost) await countUp(lock);
    await lock.release();
  }
}

let held: ICertLock | null = null;

async function obey(order: string): Promise<string> {
  if (order === 'lock') held = await store.lock('shared');
  if (held === null) return 'nothing held';
  if (order === 'write') return countUp(held);
  if (order === 'release') await held.release();
  return order === 'lost' ? String(held.lost) : String(held.token);
}

process.on('message', async (order) => process.send?.(await obey(String(order))));
// Not even a test that is killed leaves it behind.
process.on('disconnect', () => process.exit());
process.send?.('ready');
if (mode === 'work') await work();
