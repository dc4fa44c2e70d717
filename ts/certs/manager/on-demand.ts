// Certificates for names that nobody configured: who may have one is asked first, and strangers cost next to nothing.

import type { IClock } from '../../base/clock.js';
import type { ILogger } from '../../base/logger.js';
import { addressBytesOf } from '../names.js';
import type { IStoredCertificate } from '../store/store-types.js';
import type { ICertNeed } from './manager-types.js';
import { within } from './waiting.js';

interface IOnDemandParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  /** Keeps the name from now on, and gives its certificate once it was tried. */
  admit(need: ICertNeed): Promise<IStoredCertificate | null>;
  /** True for a name that has a certificate in the store: it costs no order. */
  isStored(need: ICertNeed): boolean;
  denied(need: ICertNeed): void;
  readonly signal: AbortSignal;
}

/** Names are limited in number everywhere here: any client can name any. */
export class OnDemand {
  readonly #parts: IOnDemandParts;
  /** Name -> until when it is refused unasked, by `nowMs`; the oldest first. */
  readonly #refused = new Map<string, number>();
  readonly #asking = new Map<string, Promise<IStoredCertificate | null>>();
  /** When new names were admitted, within the hour. */
  #admitted: number[] = [];

  constructor(parts: IOnDemandParts) {
    this.#parts = parts;
  }

  /** The certificate for a name; null: it gets none now. Whoever names it meanwhile waits for the same answer. */
  get(need: ICertNeed): Promise<IStoredCertificate | null> {
    const [name = ''] = need.names;
    const running = this.#asking.get(name);
    if (running !== undefined) return running;
    if (!isOrderable(name) || this.#isRefused(name) || this.#asking.size >= mostAsked) return Promise.resolve(null);
    const asked = this.#ask(name, need).finally(() => this.#asking.delete(name));
    this.#asking.set(name, asked);
    return asked;
  }

  /** Before a renewal: whether the name may still have one. */
  async mayRenew(need: ICertNeed): Promise<boolean> {
    return (await this.#isAllowed(need)) !== false;
  }

  /** For what failed too often: it is not worth asking for a while. */
  refuse(name: string, forMs: number): void {
    const nowMs = this.#parts.clock.nowMs();
    this.#refused.delete(name);
    this.#refused.set(name, nowMs + forMs);
    for (const oldest of this.#refused.keys()) {
      if (this.#refused.size <= mostRefused) break;
      this.#refused.delete(oldest);
    }
  }

  async #ask(name: string, need: ICertNeed): Promise<IStoredCertificate | null> {
    const allowed = await this.#isAllowed(need);
    if (this.#parts.signal.aborted) return null;
    if (allowed !== true) {
      this.refuse(name, allowed === null ? brokenMs : refusedMs);
      if (allowed === false) this.#parts.denied(need);
      return null;
    }
    if (!this.#parts.isStored(need) && !this.#takesBudget(need)) {
      this.refuse(name, brokenMs);
      return null;
    }
    return this.#parts.admit(need);
  }

  /** null: there is no answer. */
  async #isAllowed({ names, acme }: ICertNeed): Promise<boolean | null> {
    const { clock, signal, logger } = this.#parts;
    const [name = ''] = names;
    const { onDemand } = acme;
    if (onDemand === null) return false;
    const late = () => new Error('no answer in time');
    try {
      return (await within(clock, askLimitMs, signal, late, () => onDemand.ask(name))) === true;
    } catch (error) {
      logger.warn({ err: error, name }, 'nobody says whether that name may have a certificate');
      return null;
    }
  }

  #takesBudget({ acme }: ICertNeed): boolean {
    const nowMs = this.#parts.clock.nowMs();
    this.#admitted = this.#admitted.filter((at) => at > nowMs - hourMs);
    if (this.#admitted.length >= (acme.onDemand?.maxPerHour ?? 0)) return false;
    this.#admitted.push(nowMs);
    return true;
  }

  #isRefused(name: string): boolean {
    const until = this.#refused.get(name);
    if (until === undefined) return false;
    if (until > this.#parts.clock.nowMs()) return true;
    this.#refused.delete(name);
    return false;
  }
}

/** No issuer signs anything else: names of at least two labels, the last with a letter. */
export function isOrderable(name: string): boolean {
  return name.length <= 253 && orderable.test(name) && addressBytesOf(name) === null;
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const orderable = new RegExp(`^(?:${label}\\.)+(?=[a-z0-9-]*[a-z])${label}$`);

const askLimitMs = 10_000;
const refusedMs = 600_000;
const brokenMs = 30_000;
const hourMs = 3_600_000;
/** Questions under way. */
const mostAsked = 256;
const mostRefused = 1_000;
