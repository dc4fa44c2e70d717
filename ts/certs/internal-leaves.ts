// Certificates of our own authority for the names of routes: made when they are wanted, made anew before they end.

import type { IClock, ITimer } from '../base/clock.js';
import type { InternalAuthority } from './internal-authority.js';
import { needIdOf } from './manager/kept.js';
import type { IKeyPair } from './pem.js';

interface ILeaf {
  readonly names: readonly string[];
  /** False for a name that a client asked for. */
  kept: boolean;
  pair: IKeyPair;
  renewAtMs: number;
}

/** Of seven days. */
const renewAfterMs = 4 * 24 * 3_600_000;
const lookMs = 600_000;
/** Leaves begin an hour before they are made. */
const setBackMs = 1_800_000;
/** Names that clients asked for; the oldest leaves for another. */
const maxAsked = 1000;
/** Certificates being made at a time; a client that names one more is refused. */
const maxComing = 256;

export class InternalLeaves {
  readonly #authority: InternalAuthority;
  readonly #clock: IClock;
  readonly #onRenewed: (names: readonly string[]) => void;
  readonly #onError: (error: unknown) => void;
  readonly #leaves = new Map<string, ILeaf>();
  readonly #coming = new Map<string, Promise<void>>();
  #timer: ITimer | null = null;
  #over = false;

  constructor(parts: {
    readonly authority: InternalAuthority;
    readonly clock: IClock;
    readonly onRenewed: (names: readonly string[]) => void;
    readonly onError: (error: unknown) => void;
  }) {
    this.#authority = parts.authority;
    this.#clock = parts.clock;
    this.#onRenewed = parts.onRenewed;
    this.#onError = parts.onError;
  }

  /** Resolves when there is one for each list of names. By id. */
  async want(lists: ReadonlyMap<string, readonly string[]>): Promise<void> {
    await Promise.all([...lists].map(([id, names]) => this.#make(id, names, true)));
  }

  /** Lets go of all others, but for those that clients asked for. */
  keep(lists: ReadonlyMap<string, readonly string[]>): void {
    for (const [id, { kept }] of this.#leaves) if (kept && !lists.has(id)) this.#leaves.delete(id);
  }

  /** null: there is none (yet). */
  pairOf(id: string): IKeyPair | null {
    return this.#leaves.get(id)?.pair ?? null;
  }

  /** Resolves when there is one, or when it could not be made. */
  ask(name: string): Promise<void> {
    const id = needIdOf([name]);
    if (this.#coming.size >= maxComing && !this.#coming.has(id)) return Promise.resolve();
    return this.#make(id, [name], false).catch(this.#onError);
  }

  /** At once. */
  async renew(id: string): Promise<void> {
    const leaf = this.#leaves.get(id);
    if (leaf !== undefined) await this.#renew(id, leaf);
  }

  stop(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#leaves.clear();
  }

  #make(id: string, names: readonly string[], kept: boolean): Promise<void> {
    const present = this.#leaves.get(id);
    if (present !== undefined) present.kept ||= kept;
    if (present !== undefined || this.#over) return Promise.resolve();
    const known = this.#coming.get(id);
    if (known !== undefined) return known;
    const coming = this.#issue(names)
      .then((pair) => {
        if (this.#over) return;
        this.#leaves.set(id, { names, kept, pair, renewAtMs: this.#clock.wallMs() + renewAfterMs });
        if (!kept) this.#trim();
        this.#timer ??= this.#clock.setTimer(this.#look, lookMs);
      })
      .finally(() => this.#coming.delete(id));
    this.#coming.set(id, coming);
    return coming;
  }

  #trim(): void {
    const asked = [...this.#leaves].filter(([, { kept }]) => !kept);
    for (const [id] of asked.slice(0, Math.max(0, asked.length - maxAsked))) this.#leaves.delete(id);
  }

  async #issue(names: readonly string[]): Promise<IKeyPair> {
    const { cert, key } = await this.#authority.issue(names);
    return { cert, key, ca: null, passphrase: null };
  }

  /** By the wall, so that a machine that slept renews as soon as it wakes. */
  readonly #look = (): void => {
    this.#timer = this.#leaves.size === 0 ? null : this.#clock.setTimer(this.#look, lookMs);
    const nowMs = this.#clock.wallMs();
    for (const [id, leaf] of this.#leaves) {
      // Of one that was made by a clock that ran ahead nobody believes the beginning.
      const isOfNow = leaf.renewAtMs > nowMs && leaf.renewAtMs <= nowMs + renewAfterMs + setBackMs;
      if (isOfNow) continue;
      // Nobody may ever name it again; whoever does waits for another no longer than the first did.
      if (!leaf.kept) {
        this.#leaves.delete(id);
        continue;
      }
      leaf.renewAtMs = nowMs + lookMs;
      this.#renew(id, leaf).catch(this.#onError);
    }
  };

  async #renew(id: string, leaf: ILeaf): Promise<void> {
    const pair = await this.#issue(leaf.names);
    if (this.#over || this.#leaves.get(id) !== leaf) return;
    leaf.pair = pair;
    leaf.renewAtMs = this.#clock.wallMs() + renewAfterMs;
    this.#onRenewed(leaf.names);
  }
}
