// What is known about one place to dial: is it up, how many connections it has. Shared by all routes that lead there.

import type { IResolvedHealthCheck, IResolvedUpstreamTls } from '../../config/resolved.js';
import type { TBackendProtocol } from '../../config/types.js';
import { TargetBreaker, type TBreakerRule } from './target-breaker.js';

/** What makes two targets share a state. */
export interface IStatePlace {
  /** A name or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly check: IResolvedHealthCheck;
  /** Version of the PROXY header that it gets; 0: none. Probes depend on it. */
  readonly proxyHeader: 0 | 1 | 2;
  /** What HTTP probes go through; null: plain. */
  readonly tls: IResolvedUpstreamTls | null;
  /** The version of HTTP probes. */
  readonly backendProtocol: TBackendProtocol;
  /** null: no circuit breaker. */
  readonly breaker: TBreakerRule | null;
}

/** Told about changes. Implemented by TargetRegistry. */
export interface IStateOwner {
  /** `state.up` has just changed. */
  changed(state: TargetState, why: string): void;
  /** `state.ejectedUntilMs` has just changed. */
  rescheduled(state: TargetState): void;
  /** Its circuit breaker has just opened or closed. */
  circuitChanged(state: TargetState, why: string): void;
  nowMs(): number;
}

/** The key of a state: same place, same checks. */
export function stateKey({ host, port, check, proxyHeader, tls, backendProtocol, breaker }: IStatePlace): string {
  const { active, passive } = check;
  const how = active?.http ? JSON.stringify([active.http, tls?.key, backendProtocol]) : '';
  const probes = active
    ? `${active.intervalMs},${active.timeoutMs},${active.healthyThreshold},${active.unhealthyThreshold},${proxyHeader}${how}`
    : '';
  const ejection = passive ? `${passive.failures},${passive.ejectTimeMs},${passive.maxEjectTimeMs}` : '';
  const circuit = breaker ? `${breaker.failures},${breaker.openMs}` : '';
  return `${placeName(host, port)} ${probes} ${ejection} ${circuit}`;
}

/** `a.test:80`, `[::1]:80`. */
export const placeName = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const seconds = (ms: number): string => `${Math.round(Math.max(0, ms) / 100) / 10} s`;
const times = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export class TargetState implements IStatePlace {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly check: IResolvedHealthCheck;
  readonly proxyHeader: 0 | 1 | 2;
  readonly tls: IResolvedUpstreamTls | null;
  readonly backendProtocol: TBackendProtocol;
  readonly breaker: TBreakerRule | null;
  /** What the rule of its breaker says now; null: it has none. */
  readonly circuit: TargetBreaker | null;

  /** Neither ejected nor found unhealthy by probes. Changes only in `#settle`. */
  up = true;
  /** How many pools hold it. Written by the registry. */
  refs = 0;
  /** Connections and dials at present. Written by leases. */
  active = 0;
  /** When its ejection is over, milliseconds of the clock; 0: not ejected. */
  ejectedUntilMs = 0;
  /** Counts ejections for ever: tells a lease whether its dial began before the latest one. */
  epoch = 0;
  /** When it came up, or became known, milliseconds of the clock. */
  upSinceMs: number;

  readonly #owner: IStateOwner;
  #healthy = true;
  /** Probes in a row. One of the two is 0. */
  #passed = 0;
  #missed = 0;
  #probeError = '';
  /** Dials, and requests that got no answer, in a row. */
  #failures = 0;
  #dialError = '';
  /** Ejections since the last success. */
  #ejections = 0;

  constructor(place: IStatePlace, owner: IStateOwner) {
    this.key = stateKey(place);
    this.host = place.host;
    this.port = place.port;
    this.check = place.check;
    this.proxyHeader = place.proxyHeader;
    this.tls = place.tls;
    this.backendProtocol = place.backendProtocol;
    this.breaker = place.breaker;
    this.circuit = place.breaker === null ? null : new TargetBreaker(place.breaker, () => owner.nowMs());
    this.upSinceMs = owner.nowMs();
    this.#owner = owner;
  }

  nowMs(): number {
    return this.#owner.nowMs();
  }

  /** A request, or a dial, has shown what the target is worth. `isTrial`: see TargetBreaker. */
  circuitPassed(isTrial: boolean): void {
    if (this.circuit?.passed(isTrial))
      this.#owner.circuitChanged(this, 'its circuit is closed: a request was answered');
  }

  circuitMissed(isTrial: boolean): void {
    if (this.circuit?.missed(isTrial)) this.#owner.circuitChanged(this, this.#openness());
  }

  dialSucceeded(): void {
    if (this.#failures === 0) return;
    this.#forgive('a connection succeeded');
  }

  /** `epoch` is the state's when the dial began: what began before an ejection does not prolong it. */
  dialFailed(why: string, epoch: number): void {
    const { passive } = this.check;
    if (passive === null || epoch !== this.epoch) return;
    this.#failures++;
    this.#dialError = why;
    if (this.#failures < passive.failures || this.ejectedUntilMs !== 0) return;
    // A streak outlives the ejection, so that one more failure is enough after it.
    const ejectMs = Math.min(passive.ejectTimeMs * 2 ** Math.min(this.#ejections, 30), passive.maxEjectTimeMs);
    this.#ejections++;
    this.epoch++;
    this.#passed = 0;
    this.ejectedUntilMs = this.#owner.nowMs() + ejectMs;
    this.#owner.rescheduled(this);
    this.#settle(`ejected for ${seconds(ejectMs)} after ${times(this.#failures, 'failed dial')}, last: ${why}`);
  }

  /** Ends an ejection whose time is up. */
  expire(): void {
    if (this.ejectedUntilMs === 0 || this.#owner.nowMs() < this.ejectedUntilMs) return;
    this.ejectedUntilMs = 0;
    this.#settle('its ejection is over');
  }

  probeSucceeded(): void {
    this.#missed = 0;
    this.#passed++;
    if (this.up || this.#passed < (this.check.active?.healthyThreshold ?? 1)) return;
    this.#healthy = true;
    this.#forgive(times(this.#passed, 'successful probe'));
  }

  probeFailed(why: string): void {
    this.#passed = 0;
    this.#missed++;
    this.#probeError = why;
    if (this.#missed < (this.check.active?.unhealthyThreshold ?? 1)) return;
    this.#healthy = false;
    this.#settle(this.#sickness());
  }

  /** Why it is passed over, for people; null while it is up. */
  ailment(): string | null {
    if (!this.#healthy) return this.#sickness();
    if (this.ejectedUntilMs === 0) return this.circuit?.refuses ? this.#openness() : null;
    const leftMs = this.ejectedUntilMs - this.#owner.nowMs();
    const failed = times(this.#failures, 'failed dial');
    return `ejected for another ${seconds(leftMs)} after ${failed}, last: ${this.#dialError}`;
  }

  #sickness(): string {
    return `unhealthy: ${times(this.#missed, 'failed probe')}, last: ${this.#probeError}`;
  }

  #openness(): string {
    const { openMs = 0, failures = 0 } = this.circuit ?? {};
    return `its circuit is open for another ${seconds(openMs ?? 0)} after ${times(failures, 'failed request')}`;
  }

  #forgive(why: string): void {
    this.#failures = 0;
    this.#ejections = 0;
    if (this.ejectedUntilMs !== 0) {
      this.ejectedUntilMs = 0;
      this.#owner.rescheduled(this);
    }
    this.#settle(why);
  }

  #settle(why: string): void {
    const up = this.#healthy && this.ejectedUntilMs === 0;
    if (up === this.up) return;
    this.up = up;
    if (up) this.upSinceMs = this.#owner.nowMs();
    this.#owner.changed(this, why);
  }
}
