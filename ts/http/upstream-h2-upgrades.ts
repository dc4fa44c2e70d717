// The HTTP/2 connections to one place, for requests that open WebSockets: those whose target allows it (RFC 8441 §3).

import { ProxyError } from '../base/errors.js';
import type { IOrigin } from './exchange-types.js';
import type { UpstreamH2Origin } from './upstream-h2-origin.js';
import type { IUpstreamPool, TPoolStats } from './upstream-types.js';

/** The pool whose connections they are. */
export interface IUpgradeSource {
  readonly name: string;
  readonly stats: TPoolStats;
  take(): UpstreamH2Origin | null;
  wait(fresh: boolean, signal: AbortSignal): Promise<UpstreamH2Origin>;
}

export class UpstreamH2Upgrades implements IUpstreamPool {
  readonly #source: IUpgradeSource;
  readonly #otherwise: IUpstreamPool | null;

  /** `otherwise`: of HTTP/1.1, where the target has that too. */
  constructor(source: IUpgradeSource, otherwise: IUpstreamPool | null) {
    this.#source = source;
    this.#otherwise = otherwise;
  }

  get forUpgrades(): IUpstreamPool {
    return this;
  }

  get stats(): TPoolStats {
    return this.#source.stats;
  }

  take(): UpstreamH2Origin | null {
    const origin = this.#source.take();
    if (origin === null || origin.allowsUpgrade) return origin;
    origin.cancel();
    return null;
  }

  async wait(fresh: boolean, signal: AbortSignal): Promise<IOrigin> {
    const origin = await this.#fromSource(fresh, signal);
    if (origin?.allowsUpgrade) return origin;
    origin?.cancel();
    if (this.#otherwise !== null) return await this.#otherwise.wait(fresh, signal);
    const { name } = this.#source;
    throw new ProxyError('TARGET_VERSION', `${name} is spoken to in HTTP/2, and takes no WebSockets by it`);
  }

  /** null: the target has chosen HTTP/1.1 meanwhile. */
  async #fromSource(fresh: boolean, signal: AbortSignal): Promise<UpstreamH2Origin | null> {
    try {
      return await this.#source.wait(fresh, signal);
    } catch (error) {
      if (this.#otherwise === null || signal.aborted || error instanceof ProxyError) throw error;
      return null;
    }
  }

  /** They are the source's to end. */
  async cleanup(): Promise<void> {}
}
