// What certificates the store has, as far as we know: others write there too.

import type { IClock } from '../../base/clock.js';
import type { ICertificateMeta, ICertStore, IListedCertificate, IStoredCertificate } from '../store/store-types.js';
import type { IWorkshop } from './attempt.js';
import { type IKept, isOfIssuers, needIdOf, ranked } from './kept.js';
import type { ICertNeed } from './manager-types.js';
import { needOfSlot, readCertificates, slotOf } from './slots.js';

const restFactor = 20;
const longestRestMs = 60_000;

export class StoreIndex {
  readonly #store: ICertStore;
  readonly #clock: IClock;
  /** By need, then by place. null: nobody has looked yet. */
  #needs: Map<string, Map<string, ICertificateMeta>> | null = null;

  #looking: Promise<void> | null = null;
  /** When the last look ended, and how long it took. By the clock that never goes back. */
  #lookedMs = 0;
  #tookMs = 0;

  constructor({ store, clock }: Pick<IWorkshop, 'store' | 'clock'>) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Ids of needs for which there is something. */
  get needs(): readonly string[] {
    return [...(this.#needs?.keys() ?? [])];
  }

  /** How long to wait before the next look, so that looking takes a small part of the time. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#lookedMs + Math.min(this.#tookMs * restFactor, longestRestMs) - nowMs);
  }

  /** Looks at all of it. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /**
   * What is served until there is something better; null: nothing. That may be from an issuer that the settings named
   * before: a certificate is not dropped because another is wanted.
   */
  async find(kept: IKept, nowMs: number): Promise<IStoredCertificate | null> {
    const near = await readCertificates(this.#store, kept.id, kept.need.acme.directoryUrls);
    const [best = null] = ranked(kept, near, nowMs);
    if (best !== null && best.meta.notAfter > nowMs) return best;
    if (this.#needs === null) await this.look();
    for (const { id, meta } of ranked(kept, this.entriesOf(kept.id), nowMs)) {
      const found = meta.notAfter > nowMs ? await this.#store.readCertificate(id) : null;
      if (found !== null) return found;
    }
    return best;
  }

  entriesOf(need: string): readonly IListedCertificate[] {
    return [...(this.#needs?.get(need) ?? [])].map(([id, meta]) => ({ id, meta }));
  }

  /** True if there is one that the settings ask for. */
  has(need: ICertNeed): boolean {
    return this.entriesOf(needIdOf(need.names)).some(({ meta }) => isOfIssuers(need, meta.issuer));
  }

  /** One that was put in, or found, meanwhile. */
  add(need: string, meta: ICertificateMeta): void {
    this.#needs?.set(need, new Map(this.#needs.get(need)).set(slotOf(need, meta.issuer), meta));
  }

  async #look(): Promise<void> {
    const begunMs = this.#clock.nowMs();
    const needs = new Map<string, Map<string, ICertificateMeta>>();
    for (const { id, meta } of await this.#store.listCertificates()) {
      const places = needs.get(needOfSlot(id)) ?? new Map<string, ICertificateMeta>();
      needs.set(needOfSlot(id), places.set(id, meta));
    }
    this.#needs = needs;
    this.#lookedMs = this.#clock.nowMs();
    this.#tookMs = this.#lookedMs - begunMs;
  }
}
