// The certificates that the proxy gets by itself, by the names that clients ask for: from authorities, or from our own.

import type { IClock } from '../base/clock.js';
import { messageOf, ProxyError } from '../base/errors.js';
import { LifecycleComponent } from '../base/lifecycle-component.js';
import type { ILogger } from '../base/logger.js';
import { isIpLiteral, normaliseHost } from '../codec/host.js';
import type { IResolvedAcme, IResolvedConfig, IResolvedRoute, IResolvedTls } from '../config/resolved.js';
import type { IChallengeSource } from '../flow/challenge-source.js';
import { ChallengeAnswers } from './challenge-answers.js';
import type { IManagedPairs } from './context-source.js';
import { DnsAnswers } from './dns-answers.js';
import { InternalAuthority } from './internal-authority.js';
import { InternalLeaves } from './internal-leaves.js';
import { needIdOf } from './manager/kept.js';
import type { ICertificateEvent, ICertNeed } from './manager/manager-types.js';
import { SmartCertManager } from './manager/smart-cert-manager.js';
import type { IKeyPair } from './pem.js';
import { FileCertStore } from './store/file-store.js';
import type { ICertStore, IStoredCertificate } from './store/store-types.js';

export interface IManagedCertificatesParts {
  readonly config: IResolvedConfig['certificates'];
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly onEvent: (event: ICertificateEvent) => void;
  readonly onError: (error: ProxyError) => void;
}

/** What the routes with the same settings ask for. */
interface INames {
  /** Ids of certificates by name, wildcards included. */
  readonly ids: Map<string, string>;
  /** For clients that name nothing. */
  first: string | null;
  readonly routes: string[];
}

export class ManagedCertificates extends LifecycleComponent implements IManagedPairs {
  /** Where orders' challenges are answered from. */
  readonly challenges: IChallengeSource;
  readonly manager: SmartCertManager;
  readonly authority: InternalAuthority;
  readonly #leaves: InternalLeaves;
  readonly #logger: ILogger;
  /** Also of former configurations, for connections that arrived under them. */
  readonly #names = new WeakMap<IResolvedTls, INames>();
  readonly #pairs = new Map<string, IKeyPair>();
  /** Whether any certificate was ever ordered or looked for: else the store is not touched. */
  #used = false;

  constructor({ config, clock, logger, onEvent, onError }: IManagedCertificatesParts) {
    super();
    this.#logger = logger;
    const { provision } = config;
    const store = storeOf(config.store, clock, logger);
    const answers = new ChallengeAnswers();
    const records = new DnsAnswers({ clock, logger });
    this.challenges = answers;
    this.manager = new SmartCertManager({
      ...{ store, clock, logger, onEvent },
      onCertificate: (id, stored) => this.#serve(id, stored),
      solvers: {
        'http-01': answers.http,
        'tls-alpn-01': answers.tls,
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

  async attach({ routes }: IResolvedConfig): Promise<void> {
    const needs = new Map<string, ICertNeed>();
    const leaves: (readonly string[])[] = [];
    const bySettings = new Map<IResolvedTls, INames>();
    for (const route of routes) {
      const { tls } = route;
      if (tls === null || !('managed' in tls.certificate)) continue;
      const names: INames = bySettings.get(tls) ?? { ids: new Map(), first: null, routes: [] };
      bySettings.set(tls, names);
      for (const list of listsOf(route)) {
        const id = needIdOf(list);
        for (const name of list) names.ids.set(name, id);
        names.first ??= id;
        const { acme } = tls.certificate;
        if (acme === null) leaves.push(list);
        else needs.set(id, { names: list, acme, routes: [...(needs.get(id)?.routes ?? []), route.key] });
      }
      names.routes.push(route.key);
    }
    for (const [tls, names] of bySettings) this.#names.set(tls, names);
    await this.#keep([...needs.values()], leaves, bySettings);
  }

  pairFor(tls: IResolvedTls, name: string | null): IKeyPair | null {
    const names = this.#names.get(tls);
    if (names === undefined) return null;
    const id = idOf(names, name);
    return id === null ? null : (this.#pairs.get(id) ?? this.#leaves.pairOf(id));
  }

  coming(tls: IResolvedTls, name: string | null): Promise<void> | null {
    const { certificate } = tls;
    const names = this.#names.get(tls);
    if (!('managed' in certificate) || names === undefined || name === null || normaliseHost(name) !== name)
      return null;
    // What is written down is ordered already, and whoever asks for it comes too early.
    if (names.ids.has(name) || names.ids.has(wildcardOf(name))) return null;
    if (certificate.managed === 'internal') return this.#leaves.ask(name);
    return this.#order(name, certificate.acme, names.routes);
  }

  /** Begins to order: every port listens by now. */
  provision(): void {
    if (!this.#used) return;
    this.manager.provisionAllCertificates().catch((error: unknown) => {
      this.#logger.error({ error, why: messageOf(error) }, 'certificates are not ordered');
    });
  }

  protected override async onCleanup(): Promise<void> {
    this.#leaves.stop();
    await this.manager.stop();
  }

  async #keep(
    needs: readonly ICertNeed[],
    leaves: readonly (readonly string[])[],
    bySettings: ReadonlyMap<IResolvedTls, INames>,
  ): Promise<void> {
    const asked = [...bySettings.keys()].some(
      ({ certificate }) => 'managed' in certificate && certificate.acme?.onDemand,
    );
    this.#used ||= needs.length > 0 || asked;
    if (this.#used) {
      this.manager.setNeeds(needs);
      await this.manager.initialize();
    }
    await this.#leaves.want(leaves);
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

/** A route of our own authority's that names nothing serves the machine itself. */
function listsOf({ certificateNames, tls }: IResolvedRoute): readonly (readonly string[])[] {
  const isInternal = tls !== null && 'managed' in tls.certificate && tls.certificate.managed === 'internal';
  return isInternal && certificateNames.length === 0 ? [['localhost', '127.0.0.1', '::1']] : certificateNames;
}

/** Without SNI it is known at most which address a client came to, and any certificate is better than none. */
function idOf({ ids, first }: INames, name: string | null): string | null {
  if (name === null) return first;
  const known = ids.get(name) ?? ids.get(wildcardOf(name));
  return known ?? (isIpLiteral(name) ? first : needIdOf([name]));
}

/** RFC 6125 §6.4.3: a wildcard stands for one label. */
const wildcardOf = (name: string): string => `*${name.slice(name.indexOf('.'))}`;

function storeOf(store: string | (() => ICertStore), clock: IClock, logger: ILogger): ICertStore {
  return typeof store === 'string' ? new FileCertStore({ folder: store, clock, logger }) : store();
}
