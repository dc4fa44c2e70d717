// Challenges of authorities: what one worker answers, all answer.

import type { IChallengeRelay, TOwnChallenge, TOwnSolvers, TShownChallenge } from '../certs/challenge-relay.js';
import type { IChallengeToShow } from '../certs/manager/manager-types.js';
import type { TToPrimaryWire } from './worker-parts.js';

/** The primary waits for each of the others shorter than that. */
const withinMs = 20_000;

export class WorkerChallenges implements IChallengeRelay {
  readonly #wire: TToPrimaryWire;
  #local: TOwnSolvers | null = null;
  /** Those of others, by what they are; solvers tell them apart by the object. */
  readonly #shown = new Map<string, IChallengeToShow>();

  constructor(wire: TToPrimaryWire) {
    this.#wire = wire;
  }

  attach(local: TOwnSolvers): void {
    this.#local = local;
  }

  async show(kind: TOwnChallenge, challenge: TShownChallenge): Promise<void> {
    await this.#wire.ask('showChallenge', { kind, challenge }, withinMs);
  }

  async hide(kind: TOwnChallenge, challenge: TShownChallenge): Promise<void> {
    await this.#wire.ask('hideChallenge', { kind, challenge }, withinMs).catch(() => {});
  }

  /** Of another worker. */
  async showHere(kind: TOwnChallenge, challenge: TShownChallenge): Promise<void> {
    const key = keyOf(kind, challenge);
    if (this.#local === null || this.#shown.has(key)) return;
    const shown = { ...challenge, kind, dnsValue: '' } as IChallengeToShow;
    this.#shown.set(key, shown);
    await this.#local[kind].present(shown, new AbortController().signal);
  }

  async hideHere(kind: TOwnChallenge, challenge: TShownChallenge): Promise<void> {
    const key = keyOf(kind, challenge);
    const shown = this.#shown.get(key);
    this.#shown.delete(key);
    if (shown !== undefined) await this.#local?.[kind].cleanup(shown);
  }
}

const keyOf = (kind: TOwnChallenge, { name, token }: TShownChallenge): string => `${kind} ${name} ${token}`;
