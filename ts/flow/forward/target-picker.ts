// Chooses among the targets of one route: which of them serve the port, where they lead, whose turn it is.

import { messageOf } from '../../base/errors.js';
import type { IResolvedForward, IResolvedRoute } from '../../config/resolved.js';
import type { IRouteContext } from '../../config/types.js';
import { hashesClient, hashText } from './balancer.js';
import { explainPool, explainUnfit } from './target-explain.js';
import { cookieValue, hashedText, stickySetCookie } from './target-keys.js';
import { isAsked, placesOf } from './target-places.js';
import { type IPlace, type IPoolDeps, TargetPool } from './target-pool.js';
import { type IPoolSource, PickSession } from './target-session.js';
import { type IStatePlace, placeName, type TargetState } from './target-state.js';
import {
  compileRequestTest,
  type ITier,
  isFallback,
  samplePorts,
  type TCompilePath,
  type TRequestTest,
  tierFor,
  tierOf,
} from './target-tiers.js';
import type { IPickFacts, IPickRequest, IPickSession, ITargetPicker, ITargetVerdict } from './target-types.js';

/** What a picker needs from the registry. */
export interface IPickerDeps extends Omit<IPoolDeps, 'algorithm' | 'tokenOf' | 'slowStartMs'> {
  readonly compilePath: TCompilePath;
  /** What a sticky cookie of a route calls a place: says nothing about it to those who do not know the key. */
  token(routeKey: string, place: string): string;
  /** The shared state of a place, held until `release`. */
  acquire(place: IStatePlace): TargetState;
  release(state: TargetState): void;
  /** The shared state of a place, or one of its own that nobody else will see. */
  glance(place: IStatePlace): TargetState;
  /** The pool for places that are known only when a connection comes; `make` is called if there is none yet. */
  passing(key: string, make: () => TargetPool): TargetPool;
  /** That pool if there is one; it does not count as used. */
  glanceAtPassing(key: string): TargetPool | undefined;
  unused(state: TargetState): void;
}

let pickersMade = 0;

export class TargetPicker implements ITargetPicker, IPoolSource {
  readonly #action: IResolvedForward;
  readonly #deps: IPickerDeps;
  readonly #poolDeps: IPoolDeps;
  readonly #hashes: boolean;
  /** Tells its passing pools from those of other pickers. */
  readonly #serial = ++pickersMade;
  /** Pools that it holds, by tier and, where that matters, port. */
  readonly #held = new Map<string, TargetPool>();
  readonly #tiers = new Map<number, ITier | null>();
  /** The held pool of every port, where the port does not matter. */
  #only: TargetPool | null = null;
  /** What its targets ask of requests, in their order; null: nothing. */
  readonly #tests: readonly TRequestTest[] | null;
  /** `hold` was called, `letGo` not yet: pools may be held. */
  #isHolding = false;

  constructor(action: IResolvedForward, routeKey: string, deps: IPickerDeps) {
    this.#action = action;
    this.#deps = deps;
    const { algorithm, slowStartMs, sticky, targets } = action;
    const tokenOf = sticky === null ? null : (place: string) => deps.token(routeKey, place);
    this.#poolDeps = { algorithm, health: deps.health, random: deps.random, tokenOf, slowStartMs };
    this.#hashes = hashesClient(algorithm);
    const isAnyPicky = targets.some(({ matchRequest }) => matchRequest !== null);
    this.#tests = isAnyPicky ? targets.map((target) => compileRequestTest(target, deps.compilePath)) : null;
  }

  session(facts: IPickFacts, contextOf: () => IRouteContext): IPickSession {
    return new PickSession(this, facts, contextOf);
  }

  explain(facts: IPickFacts, contextOf: () => IRouteContext): readonly ITargetVerdict[] {
    const { targets, algorithm } = this.#action;
    const tier = this.#tierOf(facts);
    const unfit = explainUnfit(targets, tier?.targets ?? [], facts.port);
    if (tier === null) return unfit;
    try {
      const pool = this.#glanceAt(tier, facts.port, placesOf(tier.targets, facts.port, contextOf));
      return [...explainPool(pool, algorithm, this.clientHash(facts)), ...unfit];
    } catch (error) {
      return [{ host: '(function)', port: null, chosen: false, why: messageOf(error) }, ...unfit];
    }
  }

  poolFor(facts: IPickFacts, contextOf: () => IRouteContext): TargetPool | null {
    if (this.#only !== null) return this.#only;
    const { port } = facts;
    const tier = this.#tierOf(facts);
    if (tier === null) return null;
    if (!tier.asked) {
      const key = heldKey(tier, port);
      const held = this.#held.get(key);
      if (held) return held;
      if (this.#tests !== null && this.#isHolding && this.#held.size < maxHeld) {
        const pool = this.#makePool(placesOf(tier.targets, port, noContext));
        this.#held.set(key, pool);
        return pool;
      }
    }
    const places = placesOf(tier.targets, port, contextOf);
    return this.#deps.passing(this.#passingKey(tier, places), () => this.#makePool(places));
  }

  clientHash(facts: IPickFacts): number {
    return this.#hashes ? hashText(hashedText(this.#action, facts)) : 0;
  }

  stickyToken({ request }: IPickFacts): string | null {
    const { sticky } = this.#action;
    if (sticky === null || request === undefined) return null;
    return cookieValue(request.fields, sticky.cookie) ?? '';
  }

  setCookie(token: string, request: IPickRequest): string | null {
    const { sticky } = this.#action;
    return sticky === null ? null : stickySetCookie(sticky, token, request);
  }

  unused(state: TargetState): void {
    this.#deps.unused(state);
  }

  /** Makes and holds the pools that do not depend on a connection, taking over where `before` stands. */
  hold(route: IResolvedRoute, before: TargetPicker | null): void {
    const { targets } = this.#action;
    this.#isHolding = true;
    for (const port of samplePorts(route.match.ports, targets)) {
      if (this.#tests !== null) this.#holdPicky(port);
      const tier = this.#tierFor(port);
      // Port 0 stands for one that is not known yet.
      if (tier === null || tier.asked || (tier.byPort && port === 0)) continue;
      const key = heldKey(tier, port);
      if (this.#held.has(key)) continue;
      const pool = this.#makePool(placesOf(tier.targets, port, noContext));
      const former = before === null ? undefined : before.#held.get(key);
      if (former) pool.inherit(former);
      this.#held.set(key, pool);
      if (!tier.byPort && targets.every(isFallback)) this.#only = pool;
    }
  }

  /** Lets go of what it holds. It still serves connections that were matched before an update, by passing pools. */
  letGo(): void {
    for (const pool of this.#held.values()) {
      for (const { state } of pool.candidates) this.#deps.release(state);
    }
    this.#held.clear();
    this.#only = null;
    this.#isHolding = false;
  }

  /** Targets that match requests are probed from the start, though nobody chooses from this pool. */
  #holdPicky(port: number): void {
    const { targets } = this.#action;
    const tier = tierOf(targets, (target) => target.matchRequest !== null && !isAsked(target));
    if (tier === null || (tier.byPort && port === 0)) return;
    const key = `probed ${heldKey(tier, port)}`;
    if (!this.#held.has(key)) this.#held.set(key, this.#makePool(placesOf(tier.targets, port, noContext)));
  }

  #makePool(places: readonly IPlace[]): TargetPool {
    return new TargetPool(this.#poolDeps, places, (place) => this.#deps.acquire(this.#statePlace(place)));
  }

  /** As a connection would find it, without leaving a trace. */
  #glanceAt(tier: ITier, port: number, places: readonly IPlace[]): TargetPool {
    const found = this.#held.get(heldKey(tier, port)) ?? this.#deps.glanceAtPassing(this.#passingKey(tier, places));
    return found ?? new TargetPool(this.#poolDeps, places, (place) => this.#deps.glance(this.#statePlace(place)));
  }

  #statePlace({ host, port, target }: IPlace): IStatePlace {
    const { healthCheck, circuitBreaker } = this.#action;
    const { sendProxyProtocol: proxyHeader, tls, backendProtocol } = target;
    return { host, port, check: healthCheck, proxyHeader, tls, backendProtocol, breaker: circuitBreaker };
  }

  #tierOf({ port, request }: IPickFacts): ITier | null {
    const tests = this.#tests;
    if (tests === null || request === undefined) return this.#tierFor(port);
    const { targets } = this.#action;
    return tierFor(targets, port, (target) => tests[targets.indexOf(target)]?.(request) ?? false);
  }

  #tierFor(port: number): ITier | null {
    let tier = this.#tiers.get(port);
    if (tier === undefined) {
      tier = tierFor(this.#action.targets, port);
      this.#tiers.set(port, tier);
    }
    return tier;
  }

  #passingKey(tier: ITier, places: readonly IPlace[]): string {
    const names = places.map(({ host, port, target }) => `${tier.targets.indexOf(target)}/${placeName(host, port)}`);
    return `${this.#serial} ${tier.key} ${names.join(' ')}`;
  }
}

/** Pools of one route, of which requests that suit other targets make more. */
const maxHeld = 256;

const heldKey = (tier: ITier, port: number): string => (tier.byPort ? `${tier.key}:${port}` : tier.key);

function noContext(): never {
  throw new Error('a target without functions needs no context');
}
