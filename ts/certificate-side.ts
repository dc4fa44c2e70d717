// The certificates of a proxy, as the rest of it sees them: what is served, what is known of it, what is to be ordered.

import type { IClock } from './base/clock.js';
import { ProxyError } from './base/errors.js';
import type { ILogger } from './base/logger.js';
import { ContextSource } from './certs/context-source.js';
import { ExpiryWatch } from './certs/expiry-watch.js';
import { ManagedCertificates } from './certs/managed-certificates.js';
import type { ICertificateEvent, ICertificateStatus } from './certs/manager/manager-types.js';
import type { SmartCertManager } from './certs/manager/smart-cert-manager.js';
import { factsOf, type IKnownPair, statusOfPair } from './certs/pair-status.js';
import type { IResolvedConfig, IResolvedRoute, IResolvedTls } from './config/resolved.js';
import type { IShownCertificate } from './flow/explain-types.js';
import { compileHostPattern } from './flow/match/host-pattern.js';

export interface ICertificateSideParts {
  readonly config: IResolvedConfig['certificates'];
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly onEvent: (event: ICertificateEvent) => void;
  readonly onError: (error: ProxyError) => void;
}

export class CertificateSide {
  readonly contexts: ContextSource;
  readonly managed: ManagedCertificates;
  readonly #watch: ExpiryWatch;
  #routes: readonly IResolvedRoute[] = [];

  constructor({ config, clock, logger, onEvent, onError }: ICertificateSideParts) {
    const domainTakes = (pattern: string, name: string) => compileHostPattern(pattern).test(name);
    this.managed = new ManagedCertificates({ config, clock, logger, onEvent, onError, domainTakes });
    this.contexts = new ContextSource({ clock, logger, onError, managed: this.managed });
    this.#watch = new ExpiryWatch({ clock, onEvent, pairs: () => this.#routes.flatMap((route) => this.#ownOf(route)) });
  }

  get manager(): SmartCertManager {
    return this.managed.manager;
  }

  /** Makes ready for a configuration. @throws ProxyError CERTIFICATE_INVALID and those of the store */
  attach(config: IResolvedConfig): Promise<void> {
    return this.contexts.attach(config);
  }

  /** What was attached last is in force, and its ports listen: what is missing is ordered. */
  provision({ routes }: IResolvedConfig): void {
    this.#routes = routes;
    this.managed.provision();
    this.#watch.look();
  }

  /** What was attached last does not come into force after all, and what was before is attached again. */
  giveUp(): void {
    this.managed.settle();
  }

  /** What would be served; null: nothing, as things are; undefined: what is got when it is asked for. */
  shown(tls: IResolvedTls, name: string | null): IShownCertificate | null | undefined {
    const pair = this.contexts.pairFor(tls, name);
    if (pair !== null) return factsOf(pair);
    return name !== null && this.managed.isAskable(tls, name) ? undefined : null;
  }

  /** @param name or id of a route */
  status(config: IResolvedConfig, name: string): readonly ICertificateStatus[] {
    const route = routeOf(config, name);
    return [...this.managed.statusesOf(route), ...this.#ownOf(route).map(statusOfPair)];
  }

  /** What is known of all certificates, each once; those that routes bring or that are ours, once a route. */
  statuses({ routes }: IResolvedConfig): readonly ICertificateStatus[] {
    const isOurs = ({ tls }: IResolvedRoute) =>
      tls !== null && 'managed' in tls.certificate && tls.certificate.managed === 'internal';
    const others = routes.flatMap((route) => [
      ...(isOurs(route) ? this.managed.statusesOf(route) : []),
      ...this.#ownOf(route).map(statusOfPair),
    ]);
    return [...this.manager.status(), ...others];
  }

  /** Orders what a route lacks. */
  async complete(config: IResolvedConfig, name: string): Promise<void> {
    const route = routeOf(config, name);
    const missing = this.managed.statusesOf(route).filter(({ serial }) => serial === null);
    await this.#renewAll(route, missing);
  }

  /** Orders all that a route has anew. */
  async renew(config: IResolvedConfig, name: string): Promise<void> {
    const route = routeOf(config, name);
    const statuses = this.managed.statusesOf(route);
    if (statuses.length === 0) throw new ProxyError('CERTIFICATE_UNKNOWN', `route ${name} has nothing to order`);
    await this.#renewAll(route, statuses);
  }

  /** Ends what is under way; what is served is served on. */
  async stop(): Promise<void> {
    this.#watch.stop();
    await this.managed.cleanup();
  }

  /** All of them are tried, then the first that failed is told. */
  async #renewAll({ tls }: IResolvedRoute, statuses: readonly ICertificateStatus[]): Promise<void> {
    const isOrdered = tls !== null && 'managed' in tls.certificate && tls.certificate.managed === 'auto';
    const renewed = await Promise.allSettled(
      statuses.map(({ id }) => (isOrdered ? this.manager.renew(id) : this.managed.renewLeaf(id))),
    );
    for (const one of renewed) if (one.status === 'rejected') throw one.reason;
  }

  /** The certificate that a route brings itself. */
  #ownOf({ tls, key }: IResolvedRoute): readonly IKnownPair[] {
    if (tls === null || 'managed' in tls.certificate) return [];
    const pair = this.contexts.pairFor(tls, null);
    const source = 'certFile' in tls.certificate ? 'file' : 'pem';
    return [{ id: tls.key, names: null, routes: [key], source, pair }];
  }
}

function routeOf({ routes }: IResolvedConfig, name: string): IResolvedRoute {
  const route = routes.find(({ key }) => key === name) ?? routes.find((each) => each.name === name);
  if (route === undefined) throw new ProxyError('CERTIFICATE_UNKNOWN', `there is no route ${name}`);
  return route;
}
