// The candidates that one connection may choose from, in their order: primaries, backups, then all of them.

import type { IResolvedTarget } from '../../config/resolved.js';
import {
  hashesClient,
  hashText,
  type IBalancerMemory,
  type ICandidate,
  type IDraw,
  select,
  type TAlgorithm,
} from './balancer.js';
import { placeName, type TargetState } from './target-state.js';

/** A target with its host and port settled. */
export interface IPlace {
  readonly host: string;
  readonly port: number;
  readonly target: IResolvedTarget;
}

/** Changes whenever any target goes up or down; pools compare it with what they have seen. */
export interface IHealthVersion {
  version: number;
}

export interface IPoolDeps {
  readonly algorithm: TAlgorithm;
  readonly health: IHealthVersion;
  readonly random: () => number;
  /** The token of a place, by its name; null: no sticky cookie. */
  readonly tokenOf: ((place: string) => string) | null;
  /** 0: none. */
  readonly slowStartMs: number;
}

const otherSeed = 0x2545f491;

export class TargetPool implements IBalancerMemory {
  cursor = 0;
  readonly random: () => number;
  readonly candidates: readonly ICandidate[];
  /** Some of them have a circuit breaker. */
  readonly guarded: boolean;
  readonly #algorithm: TAlgorithm;
  readonly #health: IHealthVersion;
  #seen = -1;
  #primaries: ICandidate[] = [];
  #backups: ICandidate[] = [];
  readonly #slowStartMs: number;
  /** Some weights are not full yet. */
  #warming = false;

  /** `stateOf` is called once for each candidate. A place that is given twice counts once, with the weights added. */
  constructor(deps: IPoolDeps, places: readonly IPlace[], stateOf: (place: IPlace) => TargetState) {
    this.#algorithm = deps.algorithm;
    this.#health = deps.health;
    this.#slowStartMs = hashesClient(deps.algorithm) ? 0 : deps.slowStartMs;
    this.random = deps.random;
    const merged = new Map<string, { place: IPlace; weight: number }>();
    for (const place of places) {
      const { backup, sendProxyProtocol, weight } = place.target;
      const key = `${placeName(place.host, place.port)} ${backup} ${sendProxyProtocol}`;
      const same = merged.get(key);
      if (same) same.weight += weight;
      else merged.set(key, { place, weight });
    }
    this.candidates = Array.from(merged.values(), ({ place, weight }) =>
      candidateOf(place, weight, stateOf(place), deps),
    );
    this.guarded = this.candidates.some(({ state }) => state.circuit !== null);
  }

  /** Those whose circuit breakers refuse requests; null: nobody's. They are passed over even if all are down. */
  barred(): Set<ICandidate> | null {
    let barred: Set<ICandidate> | null = null;
    if (!this.guarded) return barred;
    for (const candidate of this.candidates) {
      if (!candidate.state.circuit?.refuses) continue;
      barred ??= new Set();
      barred.add(candidate);
    }
    return barred;
  }

  /** The one that a sticky cookie names, as long as it is up; undefined: it does not. */
  stuckTo(token: string): ICandidate | undefined {
    return this.candidates.find((candidate) => candidate.token === token && candidate.state.up);
  }

  /** Primaries that are up, then backups that are up, then whoever is left. */
  choose(draw: IDraw): ICandidate | null {
    if (this.#seen !== this.#health.version) this.#look();
    if (this.#warming) this.#warm();
    return (
      select(this.#algorithm, this.#primaries, draw, this) ??
      select(this.#algorithm, this.#backups, draw, this) ??
      // Panic: better a target that is thought to be down than none.
      select(this.#algorithm, this.candidates, draw, this)
    );
  }

  /** Takes over where `before` stands, for the places that both have. */
  inherit(before: TargetPool): void {
    this.cursor = before.cursor;
    const credits = new Map(before.candidates.map(({ state, credit }) => [placeName(state.host, state.port), credit]));
    for (const candidate of this.candidates) {
      candidate.credit = credits.get(placeName(candidate.state.host, candidate.state.port)) ?? 0;
    }
  }

  #look(): void {
    this.#seen = this.#health.version;
    this.#primaries = this.candidates.filter(({ state, target }) => state.up && !target.backup);
    this.#warming = this.#slowStartMs > 0;
    this.#backups = this.candidates.filter(({ state, target }) => state.up && target.backup);
  }

  /** A target that is new, or came back, gets its share bit by bit: what is cold, or was overrun, is not overrun at once. */
  #warm(): void {
    this.#warming = false;
    for (const candidate of this.candidates) {
      const { state, fullWeight } = candidate;
      candidate.weight = fullWeight;
      const share = (state.nowMs() - state.upSinceMs) / this.#slowStartMs;
      if (share >= 1) continue;
      candidate.weight = fullWeight * Math.max(leastShare, share);
      this.#warming = true;
    }
  }
}

/** Of its weight, that a target which is starting has at least. */
const leastShare = 0.1;

function candidateOf({ host, port, target }: IPlace, weight: number, state: TargetState, deps: IPoolDeps): ICandidate {
  const name = placeName(host, port);
  const hash = hashText(name);
  const otherHash = hashText(name, otherSeed);
  const token = deps.tokenOf === null ? '' : deps.tokenOf(name);
  return { state, target, fullWeight: weight, weight, token, hash, otherHash, credit: 0 };
}
