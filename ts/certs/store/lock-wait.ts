// Waiting for a lock that several processes share, and judging when its holder is no longer one.

import { type IClock, maxDelayMs } from '../../base/clock.js';
import * as plugins from '../../plugins.js';
import { FileLock, type ILockParts, newestIn, pathOf } from './file-lock.js';
import { type IHolder, isDead } from './holder.js';
import { readPlainFile, systemCodeOf } from './plain-files.js';

/** Rejects with the signal's reason, or with what the file system says. The folder must be there. */
export async function takeLock(parts: ILockParts, signal?: AbortSignal): Promise<FileLock> {
  // A clock's timers let a process end, also one that has nothing else to do than to wait here.
  const stay = setInterval(() => {}, maxDelayMs);
  try {
    return await waitForLock(parts, signal);
  } finally {
    clearInterval(stay);
  }
}

async function waitForLock(parts: ILockParts, signal: AbortSignal | undefined): Promise<FileLock> {
  const watch = new HolderWatch(parts);
  for (;;) {
    signal?.throwIfAborted();
    const { token, isFree } = await newestIn(parts.folder);
    if (isFree || (await watch.isOver(token))) {
      const lock = await FileLock.claim(token + 1, parts);
      if (lock !== null && !signal?.aborted) return lock;
      await lock?.release();
    }
    // Chance keeps those who wait from looking in step.
    await pause(parts.clock, parts.times.lookMs * (0.5 + Math.random()), signal);
  }
}

/** One waiter's view of who holds the lock. */
class HolderWatch {
  readonly #parts: ILockParts;
  #token = 0;
  #text: string | null = null;
  #sinceMs = 0;

  constructor(parts: ILockParts) {
    this.#parts = parts;
  }

  /** True if the holder is dead, or was not seen to do anything for too long. */
  async isOver(token: number): Promise<boolean> {
    const { folder, clock, holder, times } = this.#parts;
    const lookedMs = clock.nowMs();
    const text = await textOf(pathOf(folder, token));
    if (text === null || token !== this.#token || text !== this.#text) {
      this.#token = token;
      this.#text = text;
      // After the reading: what was read may have been written just then.
      this.#sinceMs = clock.nowMs();
    } else if (lookedMs - this.#sinceMs >= times.staleMs) {
      return true;
    }
    const other = text === null ? null : holderIn(text);
    return holder !== null && other !== null && (await isDead(other, holder));
  }
}

/** Null for a file that was not written to its end, or tells of no process. */
function holderIn(text: string): IHolder | null {
  try {
    return holderSchema.parse(JSON.parse(text.slice(0, text.indexOf('\n'))));
  } catch {
    return null;
  }
}

const { zod } = plugins;
const holderSchema = zod.object({
  pid: zod.int().positive(),
  startedAt: zod.string(),
  boot: zod.string(),
  pidSpace: zod.string(),
});

/** What is no file of ours says nothing, for ever. Where reading failed, nothing can be said of the holder: null. */
async function textOf(path: string): Promise<string | null> {
  try {
    return await readPlainFile(path, limitBytes);
  } catch (error) {
    return ['', 'ELOOP', 'ENXIO'].includes(systemCodeOf(error)) ? '' : null;
  }
}

function pause(clock: IClock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

const limitBytes = 4_096;
