// A lock that several processes share, in a folder: it outlives the death of a holder and never has two.
//
// Each holding is a file named for its number, made with O_EXCL; the highest number holds, and is never removed before
// there is a higher one, so that numbers only grow. A second file, `<number>.free`, says that the holding is over.
// A holder counts up a beat in its file, and takes itself for lost when it could not do so for `leaseMs`. Others take
// over when they have seen the beat stand still for `staleMs`, each by its own clock, or when the holder is dead.

import type { IClock, ITimer } from '../../base/clock.js';
import { AsyncFileSystem } from '../../base/fs-utils.js';
import * as plugins from '../../plugins.js';
import type { IHolder } from './holder.js';
import { createFile, overwrite, systemCodeOf } from './plain-files.js';
import type { ICertLock } from './store-types.js';

export interface ILockTimes {
  readonly beatMs: number;
  /** How long a holder trusts its last beat. */
  readonly leaseMs: number;
  /** How long others watch a beat stand still; more than the lease. */
  readonly staleMs: number;
  /** Between two looks of one who waits. */
  readonly lookMs: number;
}

export const lockTimes: ILockTimes = { beatMs: 2_000, leaseMs: 8_000, staleMs: 12_000, lookMs: 250 };

export interface ILockParts {
  readonly folder: string;
  readonly clock: IClock;
  readonly times: ILockTimes;
  readonly holder: IHolder | null;
}

/** Made by `claim` alone. */
export class FileLock implements ICertLock {
  readonly token: number;
  readonly #parts: ILockParts;
  readonly #beatsAt: number;
  #beats = 0;
  /** By the clock that never goes back, which also counts while the process is stopped. */
  #trustedUntilMs: number;
  #lost = false;
  #released = false;
  #timer: ITimer | null = null;

  private constructor(token: number, parts: ILockParts, beatsAt: number, beganMs: number) {
    this.token = token;
    this.#parts = parts;
    this.#beatsAt = beatsAt;
    this.#trustedUntilMs = beganMs + parts.times.leaseMs;
    this.#schedule();
  }

  /** Null if another was faster. */
  static async claim(token: number, parts: ILockParts): Promise<FileLock | null> {
    const { folder, clock, holder } = parts;
    const beganMs = clock.nowMs();
    const head = `${JSON.stringify(holder)}\n`;
    if (!(await createFile(pathOf(folder, token), head + beatText(0), { durable: false }))) return null;
    const lock = new FileLock(token, parts, Buffer.byteLength(head), beganMs);
    const held = await lock.isHeld().catch(() => false);
    if (held) await removeBelow(folder, token).catch(() => {});
    else await lock.release();
    return held ? lock : null;
  }

  get lost(): boolean {
    if (!this.#released && this.#parts.clock.nowMs() >= this.#trustedUntilMs) this.#lose();
    return this.#lost;
  }

  /** Looks whether another took over, which may have happened while nobody here could notice. */
  async isHeld(): Promise<boolean> {
    if (this.lost || this.#released) return false;
    if ((await newestIn(this.#parts.folder)).token !== this.token) this.#lose();
    return !this.lost && !this.#released;
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#timer?.cancel();
    // Where it cannot be given back, the others wait until it is stale. Of one that is lost it says nothing new.
    await createFile(freePathOf(this.#parts.folder, this.token), '', { durable: false }).catch(() => {});
  }

  #schedule(): void {
    this.#timer = this.#parts.clock.setTimer(() => void this.#beat(), this.#parts.times.beatMs);
  }

  /** A beat that fails is tried again, for as long as the lease lasts. */
  async #beat(): Promise<void> {
    const { clock, folder, times } = this.#parts;
    const beganMs = clock.nowMs();
    try {
      await overwrite(pathOf(folder, this.token), beatText(++this.#beats), this.#beatsAt);
      // What came too late renews nothing: another may have made up its mind before.
      if (await this.isHeld()) this.#trustedUntilMs = beganMs + times.leaseMs;
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') this.#lose();
    }
    if (!this.lost && !this.#released) this.#schedule();
  }

  #lose(): void {
    this.#lost = true;
    this.#timer?.cancel();
  }
}

export interface INewest {
  /** 0: nobody held it yet. */
  readonly token: number;
  readonly isFree: boolean;
}

export async function newestIn(folder: string): Promise<INewest> {
  const names = await AsyncFileSystem.listNames(folder);
  const token = Math.max(0, ...names.map(tokenOf));
  return { token, isFree: token === 0 || names.includes(plugins.path.basename(freePathOf(folder, token))) };
}

/** Never the highest: its number would be given again. */
async function removeBelow(folder: string, token: number): Promise<void> {
  const old = (await AsyncFileSystem.listNames(folder)).filter((name) => Number.parseInt(name, 10) < token);
  await Promise.all(old.map((name) => AsyncFileSystem.remove(plugins.path.join(folder, name))));
}

/** 0 for what is no holding. Nobody has come to the last of the numbers: what is there was put there. */
const tokenOf = (name: string): number => (/^(?!99)\d{12}$/.test(name) ? Number(name) : 0);

export const pathOf = (folder: string, token: number): string =>
  plugins.path.join(folder, String(token).padStart(12, '0'));
const freePathOf = (folder: string, token: number): string => `${pathOf(folder, token)}.free`;

/** Always as long, so that it can be written over. */
const beatText = (beats: number): string => `${String(beats).padStart(12, '0')}\n`;
