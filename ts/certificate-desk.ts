// The certificates of a configuration without a proxy that runs: for the command line, and for scripts.

import { type IClock, systemClock } from './base/clock.js';
import { ProxyError } from './base/errors.js';
import { silentLogger } from './base/logger.js';
import { importPair } from './certs/import-pair.js';
import { InternalAuthority } from './certs/internal-authority.js';
import { storeOf } from './certs/managed-certificates.js';
import { makeKept, needIdOf, ranked, sourcesOf } from './certs/manager/kept.js';
import type { ICertificateFailure, ICertificateStatus, ICertNeed } from './certs/manager/manager-types.js';
import { lastFailureOf, plansSince } from './certs/manager/plan.js';
import { needOfSlot, readPlans } from './certs/manager/slots.js';
import type { ICertificateMeta, ICertStore, IListedCertificate } from './certs/store/store-types.js';
import { resolveConfig } from './config/resolve.js';
import type { IResolvedConfig, IResolvedRoute } from './config/resolved.js';
import type { ISmartProxyOptions } from './config/types.js';
import { takeSnapshot } from './flow/snapshot.js';
import * as plugins from './plugins.js';
import { type IProxyParts, makeProxyParts } from './proxy-parts.js';

/** A certificate that is in the store, or that a route wants. Times are milliseconds since 1970. */
export interface IDeskEntry {
  readonly names: readonly string[];
  /** Keys of the routes that want it. */
  readonly routes: readonly string[];
  /** null: there is none in the store, and so for what follows. */
  readonly issuer: string | null;
  readonly serial: string | null;
  readonly notBefore: number | null;
  readonly notAfter: number | null;
  /** Why the last order failed; null: it did not. */
  readonly lastError: ICertificateFailure | null;
}

export class CertificateDesk {
  readonly #options: ISmartProxyOptions;
  readonly #config: IResolvedConfig;
  readonly #clock: IClock = systemClock;
  readonly #store: ICertStore;

  /** @throws ConfigError with every fault */
  constructor(options: ISmartProxyOptions) {
    this.#options = options;
    this.#config = resolveConfig(options);
    this.#store = storeOf(this.#config.certificates.store, this.#clock, silentLogger);
  }

  /** Those that routes want first. @throws ProxyError STORE_NOT_READABLE */
  async list(): Promise<readonly IDeskEntry[]> {
    const left = new Set(await this.#store.listCertificates());
    const byNeed = new Map<string, IListedCertificate[]>();
    for (const one of left) byNeed.set(needOfSlot(one.id), [...(byNeed.get(needOfSlot(one.id)) ?? []), one]);
    const entries: IDeskEntry[] = [];
    for (const [id, need] of this.#wanted()) {
      const kept = makeKept(need, false);
      const [served] = ranked(kept, byNeed.get(id) ?? [], this.#clock.wallMs());
      if (served !== undefined) left.delete(served);
      const plans = await readPlans(this.#store, id, sourcesOf(kept, true));
      const lastError = lastFailureOf(plansSince(plans, served?.meta.issuedAt ?? 0, this.#clock.wallMs()));
      entries.push({ names: need.names, routes: need.routes ?? [], ...factsOf(served?.meta), lastError });
    }
    for (const { meta } of left) entries.push({ names: meta.names, routes: [], ...factsOf(meta), lastError: null });
    return entries;
  }

  /**
   * Orders what is missing or due, listening where challenges are answered for as long as that takes.
   * @param name of which alone; null: of all
   * @throws ProxyError CERTIFICATE_UNKNOWN; LISTEN_FAILED if that port is taken
   */
  issue(name: string | null = null): Promise<readonly ICertificateStatus[]> {
    return this.#order(name, (status) => status.serial === null || (status.renewAt ?? 0) <= this.#clock.wallMs());
  }

  /** Orders anew, whether it is due or not. @throws ProxyError as `issue` */
  renew(name: string | null = null): Promise<readonly ICertificateStatus[]> {
    return this.#order(name, () => true);
  }

  /** @param reason RFC 5280 §5.3.1 @throws ProxyError CERTIFICATE_UNKNOWN; AcmeProblem */
  async revoke(name: string, reason?: number): Promise<void> {
    const parts = this.#partsFor(name);
    try {
      const { managed } = parts.certificates;
      await parts.certificates.attach(parts.snapshot.config);
      for (const { id } of managed.manager.status()) await managed.manager.revoke(id, reason);
    } finally {
      await end(parts);
    }
  }

  /**
   * Puts a pair into the store for every certificate that routes want and that it can stand for.
   * @returns the names of each
   * @throws ProxyError CERTIFICATE_INVALID, CERTIFICATE_UNKNOWN, STORE_NOT_WRITABLE
   */
  import(cert: string, key: string): Promise<readonly (readonly string[])[]> {
    const lists = [...this.#wanted().values()].map(({ names }) => names);
    return importPair({ store: this.#store, clock: this.#clock }, { cert, key }, lists);
  }

  /** The root of the authority of our own, which is made if there is none yet. */
  async root(): Promise<string> {
    const { cert } = await new InternalAuthority({ store: this.#store, clock: this.#clock }).root();
    return cert;
  }

  async #order(
    name: string | null,
    isWanted: (status: ICertificateStatus) => boolean,
  ): Promise<readonly ICertificateStatus[]> {
    const parts = this.#partsFor(name);
    const { certificates, ports } = parts;
    const { manager } = certificates.managed;
    try {
      const { config, points, provingPoints } = parts.snapshot;
      await certificates.attach(config);
      const wanted = manager.status().filter(isWanted);
      if (wanted.length === 0) return [];
      await ports.open([...points, ...provingPoints]);
      certificates.managed.settle();
      const begunMs = this.#clock.wallMs();
      await manager.provisionAllCertificates();
      // What was due has been tried by now. Backoff and a good certificate do not keep the operator from the rest.
      const known = new Map(manager.status().map((status) => [status.id, status]));
      const again = wanted.filter(({ id, serial }) => {
        const status = known.get(id);
        return status?.serial === serial && (status?.lastError?.at ?? 0) < begunMs;
      });
      await Promise.allSettled(again.map(({ id }) => manager.renew(id)));
      const ids = new Set(wanted.map(({ id }) => id));
      return manager.status().filter(({ id }) => ids.has(id));
    } finally {
      await end(parts);
    }
  }

  /** Those that are ordered, by id. */
  #wanted(): ReadonlyMap<string, ICertNeed> {
    const wanted = new Map<string, ICertNeed>();
    for (const { tls, key, certificateNames } of this.#config.routes) {
      const acme = acmeOf(tls);
      if (acme === null) continue;
      for (const names of certificateNames) {
        const id = needIdOf(names);
        wanted.set(id, { names, acme, routes: [...(wanted.get(id)?.routes ?? []), key] });
      }
    }
    return wanted;
  }

  /** A proxy that has nothing but these orders, and listens nowhere yet. @throws ProxyError CERTIFICATE_UNKNOWN */
  #partsFor(name: string | null): IProxyParts & { readonly snapshot: ReturnType<typeof takeSnapshot> } {
    const routes = this.#config.routes.filter(isOrdered).map((route) => ({
      ...route,
      certificateNames: route.certificateNames.filter((names) => name === null || names.includes(name)),
      match: { ...route.match, ports: isProvenElsewhere(route) ? [] : route.match.ports },
    }));
    if (name !== null && routes.every(({ certificateNames }) => certificateNames.length === 0))
      throw new ProxyError('CERTIFICATE_UNKNOWN', `no route has a certificate ordered for ${name}`);
    const config: IResolvedConfig = {
      ...this.#config,
      routes: routes.filter(({ certificateNames }) => certificateNames.length > 0),
      metrics: null,
      http: { ...this.#config.http, port: null },
    };
    const { logger } = this.#options;
    const emitter = new plugins.events.EventEmitter();
    const parts = makeProxyParts({ config, logger, host: {}, emitter, snapshot: () => snapshot });
    const snapshot = takeSnapshot(config, parts.forward);
    return { ...parts, snapshot };
  }
}

const isOrdered = ({ tls }: IResolvedRoute): boolean => acmeOf(tls) !== null;

const acmeOf = (tls: IResolvedRoute['tls']) =>
  tls !== null && 'managed' in tls.certificate ? tls.certificate.acme : null;

/** Without the port of its own clients, which a running proxy has. */
const isProvenElsewhere = ({ tls }: IResolvedRoute): boolean =>
  acmeOf(tls)?.challenges.some((kind) => kind !== 'tls-alpn-01') ?? true;

function factsOf(meta: ICertificateMeta | undefined) {
  if (meta === undefined) return { issuer: null, serial: null, notBefore: null, notAfter: null };
  const { issuer, serial, notBefore, notAfter } = meta;
  return { issuer, serial, notBefore, notAfter };
}

async function end({ ports, connections, certificates, http, kernel, registry, ownResolver }: IProxyParts) {
  await ports.close();
  await connections.cleanup();
  await certificates.stop();
  await http.cleanup();
  await kernel.cleanup();
  await certificates.contexts.cleanup();
  await registry.cleanup();
  await ownResolver?.cleanup();
}
