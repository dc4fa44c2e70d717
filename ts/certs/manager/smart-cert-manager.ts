// Keeps a valid certificate for every need: loads what is there, orders what is missing, renews what gets old.

import { ProxyError } from '../../base/errors.js';
import type { IStoredCertificate } from '../store/store-types.js';
import { Accounts } from './accounts.js';
import type { IWorkshop } from './attempt.js';
import { locked } from './issuance.js';
import { Issuances } from './issuances.js';
import { IssuerBudgets } from './issuer-budgets.js';
import { Keeper } from './keeper.js';
import { attemptAt, eventOf, type IKept, makeKept, needIdOf, planOf, setPlan, statusOf } from './kept.js';
import { makeRealClient, realTools } from './manager-ports.js';
import type { ICertificateEvent, ICertificateStatus, ICertManagerParts, ICertNeed } from './manager-types.js';
import { OnDemand } from './on-demand.js';
import { lastFailureOf } from './plan.js';
import { isAuthority, planKeyOf, readPlans } from './slots.js';
import { stagingOf } from './staging.js';

export class SmartCertManager {
  readonly #parts: ICertManagerParts;
  readonly #shop: IWorkshop;
  readonly #keeper: Keeper;
  readonly #issuances: Issuances;
  readonly #onDemand: OnDemand;
  #watch: { close(): void } | null = null;

  constructor(given: ICertManagerParts) {
    const { store, clock, logger, solvers, tools = realTools, random = Math.random } = given;
    const { makeClient = (wish) => makeRealClient(wish, clock) } = given;
    this.#parts = { ...given, onEvent: (event) => this.#tell(given, event) };
    this.#shop = {
      ...{ store, clock, logger, solvers, tools, random },
      accounts: new Accounts({ store, clock, logger, tools, makeClient }),
      budgets: new IssuerBudgets(store, clock, random),
    };
    this.#keeper = new Keeper(this.#shop, this.#parts);
    const rules = { ...this.#parts, stagingOf: given.stagingOf ?? stagingOf };
    this.#issuances = new Issuances(this.#shop, rules, (...served) => this.#keeper.serve(...served));
    this.#onDemand = new OnDemand({
      ...{ clock, logger, signal: this.#keeper.signal },
      admit: (need) => this.#admit(need),
      isStored: (need) => this.#keeper.inStore.has(need),
      denied: (need) => this.#parts.onEvent(eventOf(makeKept(need, true), 'ask-denied', clock.wallMs())),
    });
  }

  /** Takes what the store has into use, and orders nothing. Rejects if the store cannot be read. */
  async initialize(): Promise<void> {
    this.#watch ??= this.#parts.store.watch?.(() => this.#keeper.hear()) ?? null;
    await this.#keeper.list();
    await this.#keeper.loaded();
  }

  /**
   * What is to be kept from now on. Needs that are gone stop at once; those that stay are left alone. New ones are loaded
   * and, once `provisionAllCertificates` was called, ordered. Names that clients asked for stay.
   */
  setNeeds(needs: readonly ICertNeed[]): void {
    const { kept } = this.#keeper;
    const wanted = new Map(needs.map((need) => [needIdOf(need.names), need]));
    for (const [id, one] of kept) if (!wanted.has(id) && !one.onDemand) this.#keeper.drop(one);
    for (const [id, need] of wanted) {
      const known = kept.get(id);
      if (known === undefined) this.#keeper.add(makeKept(need, false));
      else this.#keeper.change(known, need);
    }
    this.#shop.accounts.keep([...kept.values()].map(({ need }) => need.acme));
  }

  /** Resolves when what the store has for new needs is in use. What others wrote for the rest comes within a minute. */
  loaded(): Promise<void> {
    this.#keeper.listSoon();
    return this.#keeper.loaded();
  }

  /** Takes into use what others wrote into the store; by itself it looks when the store tells, and every few hours. */
  refresh(): Promise<void> {
    return this.#keeper.list();
  }

  /** Lets go of names that clients asked for, where no route wants them any more. */
  keepOnDemand(isWanted: (name: string) => boolean): void {
    for (const kept of this.#keeper.kept.values()) {
      if (kept.onDemand && !kept.need.names.every(isWanted)) this.#keeper.drop(kept);
    }
  }

  /** Begins to order. Resolves when everything that is due now was tried once, however that went. */
  async provisionAllCertificates(): Promise<void> {
    await this.#keeper.loaded();
    this.#keeper.begin((kept) => this.#attempt(kept));
    await Promise.all([...this.#keeper.kept.values()].map(({ running }) => running));
  }

  /**
   * Orders a new certificate now; backoff does not count, limits of issuers do.
   * @throws ProxyError CERTIFICATE_UNKNOWN, CERTIFICATE_FAILED, NOT_RUNNING before orders have begun
   */
  async renew(idOrName: string): Promise<void> {
    const kept = this.#find(idOrName);
    if (!this.#keeper.hasBegun) throw new ProxyError('NOT_RUNNING', 'certificates are not ordered yet');
    await this.#keeper.loaded(kept.id);
    const before = kept.stored?.meta.serial;
    // An order that is under way counts, if it brings one; one whose certificate is there already is being put away.
    await kept.running;
    if (kept.stored !== null && kept.stored.meta.serial !== before) return;
    kept.forced = true;
    this.#keeper.start(kept);
    await kept.running;
    if (kept.stored !== null && kept.stored.meta.serial !== before) return;
    const detail = lastFailureOf(kept.plans)?.detail ?? 'the issuer wants to be left alone for now';
    throw new ProxyError('CERTIFICATE_FAILED', `${kept.need.names.join(', ')}: ${detail}`);
  }

  /**
   * Tells the issuer that the present certificate is not to be trusted, and orders another; until then it is served.
   * @param reason RFC 5280 §5.3.1
   * @throws ProxyError CERTIFICATE_UNKNOWN; AcmeProblem
   */
  async revoke(idOrName: string, reason?: number): Promise<void> {
    const { accounts, store } = this.#shop;
    const { signal } = this.#keeper;
    const kept = this.#find(idOrName);
    await this.#keeper.loaded(kept.id);
    const { stored, need } = kept;
    if (stored === null || !isAuthority(stored.meta.issuer))
      throw new ProxyError('CERTIFICATE_UNKNOWN', `there is no certificate of an issuer for ${idOrName}`);
    const { issuer, serial } = stored.meta;
    const { client } = await accounts.get(issuer, need.acme, signal);
    await client.revoke(stored.cert, reason, signal);
    await locked(this.#shop, kept.id, issuer, signal, async (lock) => {
      kept.plans = await readPlans(store, kept.id, this.#keeper.sourcesOf(kept));
      setPlan(kept, issuer, { ...planOf(kept, issuer), revokedSerial: serial });
      await store.writeRecord(planKeyOf(kept.id, issuer), planOf(kept, issuer), lock);
    });
    this.#keeper.plan(kept);
  }

  /** Everything that is kept. */
  status(): readonly ICertificateStatus[] {
    const nowMs = this.#shop.clock.wallMs();
    return [...this.#keeper.kept.values()].map((kept) => statusOf(kept, this.#keeper.sourcesOf(kept), nowMs));
  }

  /**
   * The certificate for a name that a client asked for, ordered if it may have one; null: it gets none now. Waits for
   * an order as long as that takes: callers bound their own waiting. Never rejects.
   * @param template whose settings hold for it
   */
  async onDemand(name: string, template: Omit<ICertNeed, 'names'>): Promise<IStoredCertificate | null> {
    if (!this.#keeper.hasBegun || this.#keeper.signal.aborted) return null;
    const kept = this.#keeper.kept.get(needIdOf([name]));
    if (kept === undefined) return this.#onDemand.get({ ...template, names: [name] });
    await this.#keeper.loaded(kept.id);
    if (kept.stored === null) await kept.running;
    return kept.stored;
  }

  /** Ends everything that is under way, within seconds; no timer and no lock is left. */
  async stop(): Promise<void> {
    this.#watch?.close();
    await this.#keeper.stop();
    this.#shop.accounts.close();
  }

  async #attempt(kept: IKept): Promise<void> {
    const { need, stored } = kept;
    if (!kept.onDemand) return this.#issuances.run(kept);
    const nowMs = this.#shop.clock.wallMs();
    if (stored !== null && !(await this.#onDemand.mayRenew(need))) {
      if (stored.meta.notAfter <= nowMs) return this.#letGo(kept);
      // What is valid is served to its end, and whoever refused may change their mind.
      for (const source of this.#keeper.sourcesOf(kept)) kept.deferred.set(source, nowMs + dayMs);
      return;
    }
    await this.#issuances.run(kept);
    const failures = lastFailureOf(kept.plans)?.attempts ?? 0;
    if (kept.stored === null && failures >= mostFailures) this.#letGo(kept);
  }

  #letGo(kept: IKept): void {
    const [name = ''] = kept.need.names;
    this.#onDemand.refuse(name, letGoMs);
    this.#keeper.drop(kept);
  }

  async #admit(need: ICertNeed): Promise<IStoredCertificate | null> {
    const { kept, signal } = this.#keeper;
    const id = needIdOf(need.names);
    const known = kept.get(id);
    if (known === undefined && !this.#hasRoom()) return null;
    const one = known ?? makeKept(need, true);
    if (known === undefined) this.#keeper.add(one);
    await this.#keeper.loaded(id);
    const nowMs = this.#shop.clock.wallMs();
    if (signal.aborted) return null;
    if (attemptAt(one, this.#keeper.sourcesOf(one), nowMs) <= nowMs) this.#keeper.start(one);
    if (one.stored === null) await one.running;
    return one.stored;
  }

  #hasRoom(): boolean {
    const { kept } = this.#keeper;
    return kept.size < mostOnDemand || [...kept.values()].filter(({ onDemand }) => onDemand).length < mostOnDemand;
  }

  #find(idOrName: string): IKept {
    const { kept } = this.#keeper;
    const found = kept.get(idOrName) ?? [...kept.values()].find(({ need }) => need.names.includes(idOrName));
    if (found === undefined) throw new ProxyError('CERTIFICATE_UNKNOWN', `no certificate is kept for ${idOrName}`);
    return found;
  }

  #tell({ onEvent, logger }: ICertManagerParts, event: ICertificateEvent): void {
    try {
      onEvent(event);
    } catch (error) {
      logger.error({ err: error, event: event.kind }, 'a listener for certificates broke');
    }
  }
}

/** Names that clients asked for, kept at one time. */
const mostOnDemand = 10_000;
/** In a row, without any certificate; then the name is as good as refused. */
const mostFailures = 3;
const letGoMs = 100 * 60_000;
const dayMs = 86_400_000;
