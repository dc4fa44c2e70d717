// The certificates that the proxy gets by itself, by the names that clients ask for: from authorities, or from our own.

import type { IClock } from '../base/clock.js';
import { messageOf, ProxyError } from '../base/errors.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import type { ILogger } from '../base/logger.js';
import { isIpLiteral, normaliseHost } from '../codec/host.js';
import type { IResolvedAcme, IResolvedConfig, IResolvedRoute, IResolvedTls } from '../config/resolved.js';
import type { IChallengeSource } from '../flow/challenge-source.js';
import { ChallengeAnswers } from './challenge-answers.js';
import { type IChallengeRelay, relayed } from './challenge-relay.js';
import type { IManagedPairs } from './context-source.js';
import { DnsAnswers } from './dns-answers.js';
import { InternalAuthority } from './internal-authority.js';
import { InternalLeaves } from './internal-leaves.js';
import { needIdOf } from './manager/kept.js';
import type { ICertificateEvent, ICertificateStatus, ICertNeed } from './manager/manager-types.js';
import { SmartCertManager } from './manager/smart-cert-manager.js';
import { statusOfPair } from './pair-status.js';
import type { IKeyPair } from './pem.js';
import { FileCertStore } from './store/file-store.js';
import type { ICertStore, IStoredCertificate } from './store/store-types.js';

export interface IManagedCertificatesParts {
  readonly config: IResolvedConfig['certificates'];
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly onEvent: (event: ICertificateEvent) => void;
  readonly onError: (error: ProxyError) => void;
  /** Whether a pattern of `match.domains` takes a name. */
  readonly domainTakes: (pattern: string, name: string) => boolean;
  /** Tells other processes what to answer. Default: there are none. */
  readonly relay?: IChallengeRelay | undefined;
}

/** What the routes with the same settings ask for. */
interface INames {
  /** Ids of certificates by name, wildcards included. */
  readonly ids: Map<string, string>;
  readonly routes: string[];
}

/** What the routes of a configuration ask for, all together. By id. */
interface IWanted {
  readonly config: IResolvedConfig | null;
  readonly needs: ReadonlyMap<string, ICertNeed>;
  readonly leaves: ReadonlyMap<string, readonly string[]>;
}

export class ManagedCertificates extends LifecycleComponent implements IManagedPairs {
  /** Where orders' challenges are answered from. */
  readonly challenges: IChallengeSource;
  readonly manager: SmartCertManager;
  readonly authority: InternalAuthority;
  readonly store: ICertStore;
  readonly #leaves: InternalLeaves;
  readonly #logger: ILogger;
  readonly #domainTakes: IManagedCertificatesParts['domainTakes'];
  /** Also of former configurations, for connections that arrived under them. */
  readonly #names = new WeakMap<IResolvedTls, INames>();
  readonly #pairs = new Map<string, IKeyPair>();
  /** Of the configuration in force. */
  #inForce: IWanted = { config: null, needs: new Map(), leaves: new Map() };
  /** Of the last that was made ready for. */
  #next = this.#inForce;
  /** Whether any certificate was ever ordered or looked for: else the store is not touched. */
  #used = false;
  #listed = false;

  constructor({ config, clock, logger, onEvent, onError, domainTakes, relay }: IManagedCertificatesParts) {
    super();
    this.#logger = logger;
    this.#domainTakes = domainTakes;
    const { provision } = config;
    this.store = storeOf(config.store, clock, logger);
    const { store } = this;
    const answers = new ChallengeAnswers();
    const records = new DnsAnswers({ clock, logger });
    this.challenges = answers;
    this.manager = new SmartCertManager({
      ...{ store, clock, logger, onEvent },
      onCertificate: (id, stored) => this.#serve(id, stored),
      solvers: {
        ...relayed({ 'http-01': answers.http, 'tls-alpn-01': answers.tls }, relay),
        'dns-01': records.record,
        'dns-persist-01': records.persistent,
      },
      provision: provision === null || provision === undefined ? null : async (name) => await provision(name),
    });
    this.authority = new InternalAuthority({ store, clock });
    this.#leaves = new InternalLeaves({
      ...{ authority: this.authority, clock },
      onRenewed: (names) => logger.info({ names }, 'certificate of our own authority renewed'),
      onError: (error) => onError(new ProxyError('CERTIFICATE_FAILED', messageOf(error), { cause: error })),
    });
  }

  /** What the configuration in force has stays, until `settle` says that another one is. */
  async attach(config: IResolvedConfig): Promise<void> {
    const [next, bySettings] = wantedBy(config);
    this.#next = next;
    for (const [tls, names] of bySettings) this.#names.set(tls, names);
    const asked = [...bySettings.keys()].some(onDemandOf);
    this.#used ||= next.needs.size > 0 || asked;
    if (this.#used) {
      this.manager.setNeeds([...new Map([...this.#inForce.needs, ...next.needs]).values()]);
      // To list a store takes a while: for every change of a route, the proxy would stand still with thousands of them.
      await (this.#listed ? this.manager.loaded() : this.manager.initialize());
      this.#listed = true;
    }
    await this.#leaves.want(new Map([...this.#inForce.leaves, ...next.leaves]));
  }

  /** Lets go of what only former configurations had: the one that was attached last is in force, or is again. */
  settle(): void {
    const { needs, leaves, config } = this.#next;
    this.#inForce = this.#next;
    if (this.#used) {
      this.manager.setNeeds([...needs.values()]);
      this.manager.keepOnDemand((name) => this.#isOnDemand(name, config?.routes ?? []));
    }
    this.#leaves.keep(leaves);
  }

  /** Begins to order: every port listens by now. */
  provision(): void {
    this.settle();
    if (!this.#used) return;
    this.manager.provisionAllCertificates().catch((error: unknown) => {
      this.#logger.error({ error, why: messageOf(error) }, 'certificates are not ordered');
    });
  }

  pairFor(tls: IResolvedTls, name: string | null): IKeyPair | null {
    const names = this.#names.get(tls);
    if (names === undefined || !('managed' in tls.certificate)) return null;
    const { managed, acme } = tls.certificate;
    const pairOf = (id: string) => (managed === 'auto' ? (this.#pairs.get(id) ?? null) : this.#leaves.pairOf(id));
    const known = name === null ? undefined : (names.ids.get(name) ?? names.ids.get(wildcardOf(name)));
    if (known !== undefined) return pairOf(known);
    if (name !== null && !isIpLiteral(name)) {
      return managed === 'auto' && acme?.onDemand === null ? null : pairOf(needIdOf([name]));
    }
    // Without SNI it is known at most which address a client came to, and any certificate is better than none.
    for (const id of names.ids.values()) {
      const pair = pairOf(id);
      if (pair !== null) return pair;
    }
    return null;
  }

  coming(tls: IResolvedTls, name: string | null): Promise<void> | null {
    const { certificate } = tls;
    if (!('managed' in certificate) || name === null || !this.isAskable(tls, name)) return null;
    if (certificate.managed === 'internal') return this.#leaves.ask(name);
    return this.#order(name, certificate.acme, this.#names.get(tls)?.routes ?? []);
  }

  /** Whether a certificate for a name can come when a client asks for it. */
  isAskable(tls: IResolvedTls, name: string): boolean {
    const { certificate } = tls;
    const names = this.#names.get(tls);
    if (!('managed' in certificate) || names === undefined || normaliseHost(name) !== name) return false;
    // What is written down is ordered already, and whoever asks for it comes too early.
    if (names.ids.has(name) || names.ids.has(wildcardOf(name))) return false;
    return certificate.managed === 'internal' || onDemandOf(tls);
  }

  /** What is known of the certificates that a route has, or is to have. */
  statusesOf(route: IResolvedRoute): readonly ICertificateStatus[] {
    const { tls, key } = route;
    if (tls === null || !('managed' in tls.certificate)) return [];
    if (tls.certificate.managed === 'auto') {
      return this.#used ? this.manager.status().filter(({ routes }) => routes.includes(key)) : [];
    }
    return listsOf(route).map((names) => {
      const id = needIdOf(names);
      return statusOfPair({ id, names, routes: [key], source: 'internal', pair: this.#leaves.pairOf(id) });
    });
  }

  /** Of our own authority's. */
  renewLeaf(id: string): Promise<void> {
    return this.#leaves.renew(id);
  }

  protected override async onCleanup(): Promise<void> {
    this.#leaves.stop();
    await this.manager.stop();
  }

  /** Whether a route has certificates on demand for this name. */
  #isOnDemand(name: string, routes: readonly IResolvedRoute[]): boolean {
    return routes.some(({ tls, match: { domains } }) => {
      if (tls === null || !onDemandOf(tls)) return false;
      return domains === null || domains.some((pattern) => this.#domainTakes(pattern, name));
    });
  }

  #order(name: string, acme: IResolvedAcme | null, routes: readonly string[]): Promise<void> | null {
    if (acme === null || acme.onDemand === null) return null;
    return this.manager.onDemand(name, { acme, routes }).then(
      () => {},
      (error: unknown) => this.#logger.debug({ name, why: messageOf(error) }, 'no certificate on demand'),
    );
  }

  #serve(id: string, stored: IStoredCertificate | null): void {
    if (stored === null) this.#pairs.delete(id);
    else this.#pairs.set(id, { cert: stored.cert, key: stored.key, ca: null, passphrase: null });
  }
}

function wantedBy(config: IResolvedConfig): [IWanted, ReadonlyMap<IResolvedTls, INames>] {
  const needs = new Map<string, ICertNeed>();
  const leaves = new Map<string, readonly string[]>();
  const bySettings = new Map<IResolvedTls, INames>();
  for (const route of config.routes) {
    const { tls } = route;
    if (tls === null || !('managed' in tls.certificate)) continue;
    const names: INames = bySettings.get(tls) ?? { ids: new Map(), routes: [] };
    bySettings.set(tls, names);
    for (const list of listsOf(route)) {
      const id = needIdOf(list);
      for (const name of list) names.ids.set(name, id);
      const { acme } = tls.certificate;
      if (acme === null) leaves.set(id, list);
      else needs.set(id, { names: list, acme, routes: [...(needs.get(id)?.routes ?? []), route.key] });
    }
    names.routes.push(route.key);
  }
  return [{ config, needs, leaves }, bySettings];
}

const onDemandOf = ({ certificate }: IResolvedTls): boolean =>
  'managed' in certificate && certificate.acme !== null && certificate.acme.onDemand !== null;

/** A route of our own authority's that names nothing serves the machine itself. */
function listsOf({ certificateNames, tls }: IResolvedRoute): readonly (readonly string[])[] {
  const isInternal = tls !== null && 'managed' in tls.certificate && tls.certificate.managed === 'internal';
  return isInternal && certificateNames.length === 0 ? [['localhost', '127.0.0.1', '::1']] : certificateNames;
}

/** RFC 6125 §6.4.3: a wildcard stands for one label. */
const wildcardOf = (name: string): string => `*${name.slice(name.indexOf('.'))}`;

export function storeOf(store: string | (() => ICertStore), clock: IClock, logger: ILogger): ICertStore {
  return typeof store === 'string' ? new FileCertStore({ folder: store, clock, logger }) : store();
}
