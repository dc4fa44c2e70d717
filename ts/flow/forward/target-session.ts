// One connection's or one request's choices, and its hold on the target it got.

import { ProxyError } from '../../base/errors.js';
import type { IRouteContext } from '../../config/types.js';
import type { ICandidate, IDraw } from './balancer.js';
import { blamesTarget, briefly } from './target-blame.js';
import type { TargetPool } from './target-pool.js';
import type { TargetState } from './target-state.js';
import type { IPickFacts, IPickRequest, IPickSession, ITargetLease, ITargetPick } from './target-types.js';

/** What a session asks of its picker. */
export interface IPoolSource {
  /** The pool for a connection; null: no target fits its port. */
  poolFor(facts: IPickFacts, contextOf: () => IRouteContext): TargetPool | null;
  /** 0 where the algorithm does not look at the client. */
  clientHash(facts: IPickFacts): number;
  /** What the client's sticky cookie says, `''` if it has none; null: the route has no such cookie. */
  stickyToken(facts: IPickFacts): string | null;
  /** The value of the field that sets it. */
  setCookie(token: string, request: IPickRequest): string | null;
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
  readonly #token: string | null;

  constructor(source: IPoolSource, facts: IPickFacts, contextOf: () => IRouteContext) {
    this.#source = source;
    this.#facts = facts;
    this.#contextOf = contextOf;
    this.clientHash = source.clientHash(facts);
    this.#token = source.stickyToken(facts);
  }

  next(): ITargetPick | null {
    if (this.#pool === undefined) this.#pool = this.#source.poolFor(this.#facts, this.#contextOf);
    if (this.#pool === null) return null;
    if (this.#last !== null) {
      this.tried ??= new Set();
      this.tried.add(this.#last);
    }
    const isRefused = this.#pool.guarded && this.#bar(this.#pool);
    const candidate = this.#stuck(this.#pool) ?? this.#pool.choose(this);
    if (candidate === null) {
      if (isRefused) throw new ProxyError('CIRCUIT_OPEN', 'the circuits of all targets that are left are open');
      return null;
    }
    this.#last = candidate;
    return new TargetLease(candidate, this.#source);
  }

  stickyCookie(pick: ITargetPick): string | null {
    const { request } = this.#facts;
    if (this.#token === null || request === undefined || !(pick instanceof TargetLease)) return null;
    return pick.token === this.#token ? null : this.#source.setCookie(pick.token, request);
  }

  /** The target that the client was served by before. */
  #stuck(pool: TargetPool): ICandidate | null {
    if (this.#token === null || this.#token === '') return null;
    const candidate = pool.stuckTo(this.#token);
    return candidate === undefined || this.tried?.has(candidate) ? null : candidate;
  }

  /** True if circuit breakers keep somebody from being chosen. */
  #bar(pool: TargetPool): boolean {
    const barred = pool.barred();
    if (barred === null) return false;
    for (const candidate of this.tried ?? []) barred.add(candidate);
    this.tried = barred;
    return true;
  }
}

class TargetLease implements ITargetPick, ITargetLease {
  readonly #candidate: ICandidate;
  readonly #source: IPoolSource;
  /** The state's when the dial began. */
  readonly #epoch: number;
  /** The circuit was open, and this is the one that tries again. */
  #isTrial: boolean;
  #held = true;

  constructor(candidate: ICandidate, source: IPoolSource) {
    this.#candidate = candidate;
    this.#source = source;
    this.#epoch = candidate.state.epoch;
    this.#isTrial = candidate.state.circuit?.begin() ?? false;
    candidate.state.active++;
  }

  get token() {
    return this.#candidate.token;
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
    if (this.#held) this.#passed();
  }

  answered(ok: boolean): void {
    if (!this.#held) return;
    if (ok) return this.#passed();
    this.#candidate.state.dialSucceeded();
    this.#missed();
  }

  failed(error: unknown): void {
    if (!this.#held) return;
    if (blamesTarget(error)) {
      this.#candidate.state.dialFailed(briefly(error), this.#epoch);
      this.#missed();
    }
    this.release();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    const { state } = this.#candidate;
    if (this.#isTrial) state.circuit?.gaveUp();
    state.active--;
    if (state.active === 0 && state.refs === 0) this.#source.unused(state);
  }

  #passed(): void {
    const { state } = this.#candidate;
    state.dialSucceeded();
    if (state.circuit === null) return;
    state.circuitPassed(this.#isTrial);
    this.#isTrial = false;
  }

  #missed(): void {
    const { state } = this.#candidate;
    if (state.circuit === null) return;
    state.circuitMissed(this.#isTrial);
    this.#isTrial = false;
  }
}
