// The connections to one place whose targets choose the version of HTTP by ALPN: what one chose is remembered.

import type { Socket } from 'node:net';
import type { IOrigin } from './exchange-types.js';
import { type IHttp1Taker, SpeaksHttp1, UpstreamH2Pool } from './upstream-h2-pool.js';
import { UpstreamH2Upgrades } from './upstream-h2-upgrades.js';
import type { UpstreamPlace } from './upstream-place.js';
import { UpstreamPool } from './upstream-pool.js';
import type { IUpstreamPool, TPoolStats } from './upstream-types.js';

/** After so long a target that chose HTTP/1.1 is offered HTTP/2 again. */
const rememberMs = 300_000;

export class UpstreamAutoPool implements IUpstreamPool, IHttp1Taker {
  readonly pool: UpstreamPool;
  readonly #place: UpstreamPlace;
  readonly #h2: UpstreamH2Pool;
  readonly #upgrades: UpstreamH2Upgrades;
  /** Until then HTTP/1.1 is what it speaks. */
  #http1UntilMs = Number.NEGATIVE_INFINITY;

  constructor(place: UpstreamPlace) {
    this.#place = place;
    this.pool = new UpstreamPool(place);
    this.#h2 = new UpstreamH2Pool(place, this);
    this.#upgrades = new UpstreamH2Upgrades(this.#h2, this.pool);
  }

  /** A connection that is there and allows it; else one of HTTP/1.1, which needs no permission. */
  get forUpgrades(): IUpstreamPool {
    return this.#h2.takesUpgrades ? this.#upgrades : this.pool;
  }

  get stats(): TPoolStats {
    const [one, two] = [this.pool.stats, this.#h2.stats];
    return { open: one.open + two.open, idle: one.idle + two.idle, waiting: one.waiting + two.waiting };
  }

  take(fresh: boolean): IOrigin | null {
    return this.#isHttp1 ? this.pool.take(fresh) : this.#h2.take();
  }

  async wait(fresh: boolean, signal: AbortSignal): Promise<IOrigin> {
    if (this.#isHttp1) return await this.pool.wait(fresh, signal);
    try {
      return await this.#h2.wait(fresh, signal);
    } catch (error) {
      if (!(error instanceof SpeaksHttp1)) throw error;
      return await this.pool.wait(fresh, signal);
    }
  }

  speaksHttp1(socket: Socket | null): void {
    this.#http1UntilMs = this.#place.forward.clock.nowMs() + rememberMs;
    if (socket !== null) this.pool.adopt(socket);
  }

  async cleanup(): Promise<void> {
    await Promise.all([this.pool.cleanup(), this.#h2.cleanup()]);
  }

  get #isHttp1(): boolean {
    return this.#place.forward.clock.nowMs() < this.#http1UntilMs;
  }
}
