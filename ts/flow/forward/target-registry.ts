// What is known about targets, outside of any configuration, so that an update of the routes keeps it.

import type { IClock } from '../../base/clock.js';
import { ProxyError } from '../../base/errors.js';
import { LifecycleComponent } from '../../base/lifecycle-component.js';
import type { ILogger } from '../../base/logger.js';
import type { IResolvedRoute } from '../../config/resolved.js';
import * as plugins from '../../plugins.js';
import { HealthWatch } from './health-watch.js';
import { PassingPools } from './passing-pools.js';
import { type IPickerDeps, TargetPicker } from './target-picker.js';
import type { TargetPool } from './target-pool.js';
import { type IStateOwner, type IStatePlace, placeName, stateKey, TargetState } from './target-state.js';
import type { TCompilePath } from './target-tiers.js';
import type { ITargetPicker, TProbe } from './target-types.js';

export interface ITargetRegistryDeps {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly probe: TProbe;
  /** A target is passed over from now on. Called once a transition; `target` is like `a.test:80` or `[::1]:80`. */
  readonly onDown: (target: string, why: string) => void;
  /** A target is back. */
  readonly onUp: (target: string, why: string) => void;
  /** Compiles the paths that targets match; needed where one does. */
  readonly compilePath?: TCompilePath;
  /** What the tokens of sticky cookies are made with: processes that share it know each other's. Default: random. */
  readonly stickyKey?: Uint8Array;
  /** 0 to 1, evenly. Default Math.random. */
  readonly random?: () => number;
}

/** A target as shown to people. */
export interface ITargetHealth {
  /** `a.test:80` */
  readonly target: string;
  readonly up: boolean;
  /** Why it is down; null while it is up. */
  readonly why: string | null;
  /** Connections and dials at present. */
  readonly active: number;
}

interface IAttached {
  readonly route: IResolvedRoute;
  readonly picker: TargetPicker;
}

export class TargetRegistry extends LifecycleComponent {
  readonly #deps: ITargetRegistryDeps;
  readonly #watch: HealthWatch;
  readonly #passing: PassingPools;
  readonly #states = new Map<string, TargetState>();
  /** The present routes, by their key. */
  #attached: ReadonlyMap<string, IAttached> = new Map();
  /** Pickers of past routes too, as long as a connection knows the route. */
  readonly #pickers = new WeakMap<IResolvedRoute, TargetPicker>();
  readonly #health = { version: 0 };
  readonly #owner: IStateOwner;
  readonly #pickerDeps: IPickerDeps;

  constructor(deps: ITargetRegistryDeps) {
    super();
    const random = deps.random ?? Math.random;
    this.#deps = deps;
    this.#watch = new HealthWatch({ clock: deps.clock, probe: deps.probe, random });
    this.#passing = new PassingPools(deps.clock, (pool) => this.#releaseAll(pool));
    this.#owner = {
      nowMs: () => deps.clock.nowMs(),
      changed: (state, why) => this.#changed(state, why),
      rescheduled: (state) => this.#watch.reschedule(state),
      circuitChanged: (state, why) =>
        deps.logger.warn({ target: placeName(state.host, state.port), why }, 'circuit breaker'),
    };
    const stickyKey = deps.stickyKey ?? plugins.crypto.randomBytes(32);
    this.#pickerDeps = {
      random,
      compilePath: deps.compilePath ?? noPaths,
      token: (routeKey, place) =>
        plugins.crypto.createHmac('sha256', stickyKey).update(`${routeKey}\n${place}`).digest('base64url').slice(0, 16),
      health: this.#health,
      acquire: (place) => this.#acquire(place),
      release: (state) => this.#release(state),
      glance: (place) => this.#states.get(stateKey(place)) ?? new TargetState(place, this.#owner),
      passing: (key, make) => (this.isShuttingDown ? make() : this.#passing.use(key, make)),
      glanceAtPassing: (key) => this.#passing.glance(key),
      unused: (state) => this.#forgetIfUnused(state),
    };
  }

  /** How many places something is known about. */
  get size(): number {
    return this.#states.size;
  }

  /** Makes these the present routes. What is known about targets that they share with the former ones is kept. */
  attach(routes: readonly IResolvedRoute[]): void {
    if (this.isShuttingDown) return;
    const before = this.#attached;
    const after = new Map<string, IAttached>();
    for (const route of routes) {
      if (route.action.type !== 'forward') continue;
      const former = before.get(route.key);
      if (former?.route === route) {
        after.set(route.key, former);
        continue;
      }
      const picker = this.#pickerOf(route);
      picker.hold(route, former?.picker ?? null);
      after.set(route.key, { route, picker });
    }
    this.#attached = after;
    // Only now, so that a state that both refer to is never without a holder.
    for (const [key, former] of before) {
      if (after.get(key) !== former) former.picker.letGo();
    }
  }

  /** The picker of a route that forwards, also of a past one. */
  pickerFor(route: IResolvedRoute): ITargetPicker {
    return this.#pickerOf(route);
  }

  /** All places that something is known about. */
  targets(): readonly ITargetHealth[] {
    return Array.from(this.#states.values(), (state) => {
      const { host, port, up, active } = state;
      return { target: placeName(host, port), up, why: state.ailment(), active };
    });
  }

  protected override onCleanup(): void {
    for (const { picker } of this.#attached.values()) picker.letGo();
    this.#attached = new Map();
    this.#passing.clear();
  }

  #pickerOf(route: IResolvedRoute): TargetPicker {
    const known = this.#pickers.get(route);
    if (known) return known;
    if (route.action.type !== 'forward') {
      throw new ProxyError('NO_TARGET', `route ${route.key} does not forward`);
    }
    const picker = new TargetPicker(route.action, route.key, this.#pickerDeps);
    this.#pickers.set(route, picker);
    return picker;
  }

  #acquire(place: IStatePlace): TargetState {
    const key = stateKey(place);
    let state = this.#states.get(key);
    if (!state) {
      state = new TargetState(place, this.#owner);
      this.#states.set(key, state);
    }
    state.refs++;
    if (state.refs === 1 && !this.isShuttingDown) this.#watch.start(state);
    return state;
  }

  #release(state: TargetState): void {
    state.refs--;
    if (state.refs > 0) return;
    this.#watch.stop(state);
    this.#forgetIfUnused(state);
  }

  #releaseAll(pool: TargetPool): void {
    for (const { state } of pool.candidates) this.#release(state);
  }

  /** A state without routes is kept as long as connections of past routes count on it. */
  #forgetIfUnused(state: TargetState): void {
    if (state.refs > 0 || state.active > 0 || this.#states.get(state.key) !== state) return;
    this.#states.delete(state.key);
  }

  #changed(state: TargetState, why: string): void {
    this.#health.version++;
    // A connection of a past route may still learn something about a place that has been forgotten or begun anew.
    if (this.#states.get(state.key) !== state) return;
    const target = placeName(state.host, state.port);
    this.#deps.logger[state.up ? 'info' : 'warn']({ target, why }, state.up ? 'target is up' : 'target is down');
    if (state.up) this.#deps.onUp(target, why);
    else this.#deps.onDown(target, why);
  }
}

function noPaths(): never {
  throw new Error('a target matches a path, but nothing compiles it');
}
