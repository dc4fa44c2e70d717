// The candidates that one connection may choose from, in their order: primaries, backups, then all of them.

import type { IResolvedTarget } from '../../config/resolved.js';
import { hashText, type IBalancerMemory, type ICandidate, type IDraw, select, type TAlgorithm } from './balancer.js';
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
}

const otherSeed = 0x2545f491;

export class TargetPool implements IBalancerMemory {
  cursor = 0;
  readonly random: () => number;
  readonly candidates: readonly ICandidate[];
  readonly #algorithm: TAlgorithm;
  readonly #health: IHealthVersion;
  #seen = -1;
  #primaries: ICandidate[] = [];
  #backups: ICandidate[] = [];

  /** `stateOf` is called once for each candidate. A place that is given twice counts once, with the weights added. */
  constructor(deps: IPoolDeps, places: readonly IPlace[], stateOf: (place: IPlace) => TargetState) {
    this.#algorithm = deps.algorithm;
    this.#health = deps.health;
    this.random = deps.random;
    const merged = new Map<string, { place: IPlace; weight: number }>();
    for (const place of places) {
      const { backup, sendProxyProtocol, weight } = place.target;
      const key = `${placeName(place.host, place.port)} ${backup} ${sendProxyProtocol}`;
      const same = merged.get(key);
      if (same) same.weight += weight;
      else merged.set(key, { place, weight });
    }
    this.candidates = Array.from(merged.values(), ({ place, weight }) => candidateOf(place, weight, stateOf(place)));
  }

  /** Primaries that are up, then backups that are up, then whoever is left. */
  choose(draw: IDraw): ICandidate | null {
    if (this.#seen !== this.#health.version) this.#look();
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
    this.#backups = this.candidates.filter(({ state, target }) => state.up && target.backup);
  }
}

function candidateOf({ host, port, target }: IPlace, weight: number, state: TargetState): ICandidate {
  const name = placeName(host, port);
  return { state, target, weight, hash: hashText(name), otherHash: hashText(name, otherSeed), credit: 0 };
}
