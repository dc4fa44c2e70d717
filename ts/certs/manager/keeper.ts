// The needs that are kept, and the clockwork that begins whatever falls due for one of them.

import type { ITimer } from '../../base/clock.js';
import { messageOf, ProxyError } from '../../base/errors.js';
import * as plugins from '../../plugins.js';
import type { IStoredCertificate } from '../store/store-types.js';
import type { IWorkshop } from './attempt.js';
import {
  attemptAt,
  dueAtOf,
  eventOf,
  forgetFailures,
  type IKept,
  isBetter,
  makeAgenda,
  ranked,
  sourcesOf,
  spreadOf,
} from './kept.js';
import type { ICertManagerParts, ICertNeed, TCertificateEventKind } from './manager-types.js';
import { askWindow, recallWindow } from './renewal-info.js';
import { expiryStageOf, tickMs } from './schedule.js';
import { readPlans } from './slots.js';
import { StoreIndex } from './store-index.js';
import { makeEnding, settledWithin } from './waiting.js';

export class Keeper {
  readonly #shop: IWorkshop;
  readonly #parts: Pick<ICertManagerParts, 'onCertificate' | 'onEvent' | 'logger' | 'provision'>;
  readonly kept = new Map<string, IKept>();
  /** The same, the next to be looked at first. */
  readonly #agenda = makeAgenda();
  readonly #loading = new Map<string, Promise<void>>();
  /** Each reads several files: thousands at a time would use up the descriptors. */
  readonly #loads = plugins.pLimit(loadsAtOnce);
  /** What an attempt is made with; given later, since it hands its certificates to `serve`. */
  #attempt: ((kept: IKept) => Promise<void>) | null = null;
  readonly inStore: StoreIndex;
  #listing: Promise<void> | null = null;
  /** Others have written since it began. */
  #heard = false;
  #timer: ITimer | null = null;
  /** By the wall. */
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #lastTickMs = 0;
  #listAgainAtMs = 0;
  #stopped = false;
  readonly #ending = makeEnding();

  constructor(shop: IWorkshop, parts: Pick<ICertManagerParts, 'onCertificate' | 'onEvent' | 'logger' | 'provision'>) {
    this.#shop = shop;
    this.#parts = parts;
    this.inStore = new StoreIndex(shop);
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get hasBegun(): boolean {
    return this.#attempt !== null;
  }

  sourcesOf(kept: IKept): readonly string[] {
    return sourcesOf(kept, this.#parts.provision !== null);
  }

  /** From now on attempts are made. */
  begin(attempt: (kept: IKept) => Promise<void>): void {
    if (this.#stopped) return;
    this.#attempt = attempt;
    this.#tick();
  }

  add(kept: IKept): void {
    this.kept.set(kept.id, kept);
    this.#agenda.insert(kept);
    const loading = this.#loads(() => this.#load(kept)).finally(() => {
      this.#loading.delete(kept.id);
      this.plan(kept);
    });
    this.#loading.set(kept.id, loading);
  }

  change(kept: IKept, need: ICertNeed): void {
    const same = kept.need.acme.key === need.acme.key;
    kept.need = need;
    kept.onDemand = false;
    if (same) return;
    kept.ending.abort(new ProxyError('NOT_RUNNING', 'the settings have changed'));
    kept.deferred.clear();
    kept.askAgainAtMs = 0;
    this.plan(kept);
  }

  drop(kept: IKept): void {
    this.kept.delete(kept.id);
    this.#agenda.remove(kept.id);
    kept.ending.abort(new ProxyError('NOT_RUNNING', 'nobody wants that certificate any more'));
    if (kept.stored !== null) this.#hand(kept, null);
  }

  /** Resolves when all that was added so far is loaded, or could not be. */
  async loaded(id?: string): Promise<void> {
    await (id === undefined ? Promise.all(this.#loading.values()) : this.#loading.get(id));
  }

  /** Takes a certificate into use and tells of it. */
  serve(kept: IKept, stored: IStoredCertificate, kind: TCertificateEventKind): void {
    const { clock, random } = this.#shop;
    const nowMs = clock.wallMs();
    kept.stored = stored;
    kept.spread = spreadOf(stored.meta.serial, kept.id);
    kept.window = null;
    kept.askAgainAtMs = nowMs + random() * firstAskMs;
    kept.stage = 0;
    this.inStore.add(kept.id, stored.meta);
    // A need that was dropped meanwhile has its certificate in the store and is not served.
    if (this.kept.get(kept.id) !== kept) return;
    const withdrawn = kept.need.acme.strictExpiry && nowMs >= stored.meta.notAfter;
    if (!withdrawn) this.#hand(kept, stored);
    this.#parts.onEvent(eventOf(kept, kind, nowMs));
    if (kind === 'issued' || kind === 'renewed') this.#parts.onEvent(eventOf(kept, 'swapped', nowMs));
  }

  /** Begins an attempt, unless one is under way. */
  start(kept: IKept): void {
    if (kept.running !== null || this.#attempt === null || this.#stopped) return;
    if (kept.ending.signal.aborted) kept.ending = makeEnding();
    kept.running = this.#attempt(kept).finally(() => {
      kept.running = null;
      this.plan(kept);
    });
  }

  /** Works out when a need is looked at next. */
  plan(kept: IKept): void {
    if (this.#stopped || this.kept.get(kept.id) !== kept) return;
    this.#due(kept, dueAtOf(kept, this.sourcesOf(kept), this.#shop.clock.wallMs()));
    if (kept.dueAtMs < this.#wakeAtMs) this.#arm(kept.dueAtMs);
  }

  /** Looks what is in the store now: other processes and the command line write there too. */
  list(): Promise<void> {
    this.#listing ??= this.#list().finally(() => {
      this.#listing = null;
      if (this.#heard) this.hear();
      this.#heard = false;
    });
    return this.#listing;
  }

  /** The same within a minute, however often it is called. */
  listSoon(withinMs = 60_000): void {
    this.#listAgainAtMs = Math.min(this.#listAgainAtMs, this.#shop.clock.wallMs() + withinMs);
    if (this.#listAgainAtMs < this.#wakeAtMs) this.#arm(this.#listAgainAtMs);
  }

  /** Others have written: at once, but with thousands of certificates not all the time. */
  hear(): void {
    if (this.#listing === null) this.listSoon(this.inStore.restMs(this.#shop.clock.nowMs()));
    else this.#heard = true;
  }

  /** Ends everything that is under way, within seconds. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    const reason = new ProxyError('NOT_RUNNING', 'certificates are not kept any more');
    this.#ending.abort(reason);
    for (const { ending } of this.kept.values()) ending.abort(reason);
    const underWay = [...this.kept.values()].flatMap(({ running, asking }) => [running, asking]);
    await settledWithin(this.#shop.clock, stopLimitMs, [...underWay, ...this.#loading.values(), this.#listing]);
  }

  async #load(kept: IKept): Promise<void> {
    const { store } = this.#shop;
    if (this.#stopped || this.kept.get(kept.id) !== kept) return;
    try {
      kept.plans = await readPlans(store, kept.id, sourcesOf(kept, true));
      const stored = await this.inStore.find(kept, this.#shop.clock.wallMs());
      if (stored === null || this.#stopped || this.kept.get(kept.id) !== kept) return;
      this.serve(kept, stored, 'loaded');
      // It came after the failures: whoever got it had no time to strike them out.
      forgetFailures(kept, this.#shop.clock.wallMs());
      await recallWindow(this.#shop, kept);
    } catch (error) {
      this.#parts.logger.error({ err: error, names: kept.need.names }, 'a certificate could not be loaded');
    }
  }

  async #list(): Promise<void> {
    const { clock, random } = this.#shop;
    this.#listAgainAtMs = clock.wallMs() + listMs * (0.9 + 0.2 * random());
    await this.inStore.look();
    for (const id of this.inStore.needs) await this.#compare(this.kept.get(id));
  }

  /** Takes what others have put into the store since, if it is better. */
  async #compare(kept: IKept | undefined): Promise<void> {
    const { store, clock } = this.#shop;
    if (kept === undefined || this.#loading.has(kept.id)) return;
    const better = this.inStore.entriesOf(kept.id).filter((entry) => isBetter(kept, entry, clock.wallMs()));
    // An attempt that is under way has looked, but maybe too early.
    if (better.length > 0 && kept.running !== null) return this.listSoon();
    for (const { id } of ranked(kept, better, clock.wallMs())) {
      const found = await store.readCertificate(id);
      if (kept.running !== null || this.#stopped || this.kept.get(kept.id) !== kept) return;
      if (found === null || !isBetter(kept, found, clock.wallMs())) continue;
      this.serve(kept, found, 'swapped');
      forgetFailures(kept, clock.wallMs());
      return this.plan(kept);
    }
  }

  #tick(): void {
    const { clock } = this.#shop;
    const nowMs = clock.wallMs();
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    if (nowMs < this.#lastTickMs - setBackMs) this.#setBack(nowMs);
    this.#lastTickMs = nowMs;
    if (nowMs >= this.#listAgainAtMs)
      this.list().catch((error) => this.#parts.logger.warn({ detail: messageOf(error) }, 'the store cannot be listed'));
    for (;;) {
      const kept = this.#agenda.peek();
      if (kept === undefined || kept.dueAtMs > nowMs) break;
      // What is loading is planned once it is there.
      if (this.#loading.has(kept.id)) this.#due(kept, Number.POSITIVE_INFINITY);
      else this.#look(kept, nowMs);
    }
    this.#arm(Math.min(this.#agenda.peek()?.dueAtMs ?? Number.POSITIVE_INFINITY, this.#listAgainAtMs));
  }

  #due(kept: IKept, atMs: number): void {
    kept.dueAtMs = atMs;
    this.#agenda.update(kept);
  }

  /** Clocks jump, so no sleep is long, however far off the next thing is. */
  #arm(dueAtMs: number): void {
    if (this.#stopped || this.#attempt === null) return;
    const { clock, random } = this.#shop;
    const sleepMs = tickMs(dueAtMs, clock.wallMs(), random());
    this.#timer?.cancel();
    this.#wakeAtMs = clock.wallMs() + sleepMs;
    this.#timer = clock.setTimer(() => this.#tick(), sleepMs);
  }

  #look(kept: IKept, nowMs: number): void {
    this.#warn(kept, nowMs);
    if (kept.stored !== null && kept.asking === null && kept.askAgainAtMs <= nowMs) {
      kept.asking = askWindow(this.#shop, kept, this.signal).finally(() => {
        kept.asking = null;
        this.plan(kept);
      });
    }
    if (attemptAt(kept, this.sourcesOf(kept), nowMs) <= nowMs) this.start(kept);
    // Whatever is still due is looked at again in a moment, not in the same turn.
    this.#due(kept, Math.max(dueAtOf(kept, this.sourcesOf(kept), nowMs), nowMs + 1));
  }

  #warn(kept: IKept, nowMs: number): void {
    if (kept.stored === null) return;
    const stage = expiryStageOf(kept.stored.meta, nowMs);
    if (stage <= kept.stage) return;
    kept.stage = stage;
    this.#parts.onEvent(eventOf(kept, stage === 3 ? 'expired' : 'expiring', nowMs));
    if (stage === 3 && kept.need.acme.strictExpiry) this.#hand(kept, null);
  }

  /** What was planned by a clock that ran ahead is planned again. */
  #setBack(nowMs: number): void {
    this.#listAgainAtMs = nowMs;
    for (const kept of this.kept.values()) {
      kept.deferred.clear();
      kept.askAgainAtMs = Math.min(kept.askAgainAtMs, nowMs + firstAskMs);
      const { stored, stage } = kept;
      if (stored !== null) kept.stage = expiryStageOf(stored.meta, nowMs);
      if (stage === 3 && kept.stage < 3 && kept.need.acme.strictExpiry) this.#hand(kept, stored);
      this.#due(kept, dueAtOf(kept, this.sourcesOf(kept), nowMs));
    }
  }

  #hand(kept: IKept, stored: IStoredCertificate | null): void {
    try {
      this.#parts.onCertificate(kept.id, stored, kept.need.names);
    } catch (error) {
      this.#parts.logger.error({ err: error, names: kept.need.names }, 'a certificate could not be taken into use');
    }
  }
}

const loadsAtOnce = 8;
/** Issuers are asked for a window some time within this, after a certificate came. */
const firstAskMs = 600_000;
/** What is wanted sooner calls `list`. */
const listMs = 6 * 3_600_000;
const setBackMs = 300_000;
const stopLimitMs = 5_000;
