// One connection's choices, and its hold on the target it got.

import type { IRouteContext } from '../../config/types.js';
import type { ICandidate, IDraw } from './balancer.js';
import { blamesTarget, briefly } from './target-blame.js';
import type { TargetPool } from './target-pool.js';
import type { TargetState } from './target-state.js';
import type { IPickFacts, IPickSession, ITargetLease, ITargetPick } from './target-types.js';

/** What a session asks of its picker. */
export interface IPoolSource {
  /** The pool for a connection; null: no target fits its port. */
  poolFor(facts: IPickFacts, contextOf: () => IRouteContext): TargetPool | null;
  /** 0 where the algorithm does not look at the client. */
  clientHash(clientIp: string): number;
  /** A lease on `state` was the last one. */
  unused(state: TargetState): void;
}

/** It is its own draw: the first choice of most connections allocates a session and a pick, nothing else. */
export class PickSession implements IPickSession, IDraw {
  readonly commit = true;
  readonly clientHash: number;
  tried: Set<ICandidate> | null = null;

  readonly #source: IPoolSource;
  readonly #facts: IPickFacts;
  readonly #contextOf: () => IRouteContext;
  #pool: TargetPool | null | undefined;
  #last: ICandidate | null = null;

  constructor(source: IPoolSource, facts: IPickFacts, contextOf: () => IRouteContext) {
    this.#source = source;
    this.#facts = facts;
    this.#contextOf = contextOf;
    this.clientHash = source.clientHash(facts.clientIp);
  }

  next(): ITargetPick | null {
    if (this.#pool === undefined) this.#pool = this.#source.poolFor(this.#facts, this.#contextOf);
    if (this.#pool === null) return null;
    if (this.#last !== null) {
      this.tried ??= new Set();
      this.tried.add(this.#last);
    }
    const candidate = this.#pool.choose(this);
    if (candidate === null) return null;
    this.#last = candidate;
    return new TargetLease(candidate, this.#source);
  }
}

class TargetLease implements ITargetPick, ITargetLease {
  readonly #candidate: ICandidate;
  readonly #source: IPoolSource;
  /** The state's when the dial began. */
  readonly #epoch: number;
  #held = true;

  constructor(candidate: ICandidate, source: IPoolSource) {
    this.#candidate = candidate;
    this.#source = source;
    this.#epoch = candidate.state.epoch;
    candidate.state.active++;
  }

  get host() {
    return this.#candidate.state.host;
  }

  get port() {
    return this.#candidate.state.port;
  }

  get target() {
    return this.#candidate.target;
  }

  get lease() {
    return this;
  }

  connected(): void {
    if (this.#held) this.#candidate.state.dialSucceeded();
  }

  failed(error: unknown): void {
    if (!this.#held) return;
    if (blamesTarget(error)) this.#candidate.state.dialFailed(briefly(error), this.#epoch);
    this.release();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    const { state } = this.#candidate;
    state.active--;
    if (state.active === 0 && state.refs === 0) this.#source.unused(state);
  }
}
