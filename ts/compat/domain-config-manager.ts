// The domains of older options: which of them takes a name or a port, and whose turn it is among its addresses. It asks the routes
// that they come to.

import { systemClock } from '../base/clock.js';
import { ProxyError } from '../base/errors.js';
import { silentLogger } from '../base/logger.js';
import { resolveConfig } from '../config/resolve.js';
import type { IResolvedRoute } from '../config/resolved.js';
import type { IRouteContext } from '../config/types.js';
import { TargetRegistry } from '../flow/forward/target-registry.js';
import { convertLegacyOptions } from './legacy-options.js';
import type { ILegacyDomainConfig, ILegacyOptions } from './legacy-types.js';
import { RouteManager } from './route-manager.js';

/** Who may connect: a domain's own lists, with those for all. */
export interface IEffectiveIpRules {
  readonly allowedIPs: readonly string[];
  readonly blockedIPs: readonly string[];
}

export class DomainConfigManager {
  readonly #options: Omit<ILegacyOptions, 'domains' | 'domainConfigs'>;
  /** Nobody dials here, so that no target is ever down. */
  readonly #registry = new TargetRegistry({
    ...{ clock: systemClock, logger: silentLogger, probe: async () => {} },
    onDown() {},
    onUp() {},
  });
  #routes = new RouteManager();
  #byName: ReadonlyMap<string | undefined, IResolvedRoute> = new Map();
  #configs: readonly ILegacyDomainConfig[] = [];

  /** @throws ConfigError with every fault */
  constructor({ domains, domainConfigs, ...options }: ILegacyOptions) {
    this.#options = options;
    this.updateDomainConfigs(domainConfigs ?? domains ?? []);
  }

  /** Replaces all, all or nothing; whose turn it was is forgotten. @throws ConfigError with every fault */
  updateDomainConfigs(domainConfigs: readonly ILegacyDomainConfig[]): void {
    const options = { ...this.#options, domainConfigs };
    // What the kernel forwards, or forwards whatever its name, is asked for by name here all the same.
    const asked = { ...options, sniEnabled: true, preserveSourceIP: false, forwardAllGlobalRanges: false };
    const made = convertLegacyOptions(asked);
    this.#routes = new RouteManager({ routes: made.routes });
    this.#configs = [...domainConfigs];
    const { routes } = resolveConfig(made);
    this.#byName = new Map(routes.map((route) => [route.name, route]));
    this.#registry.attach(routes);
  }

  getDomainConfigs(): ILegacyDomainConfig[] {
    return [...this.#configs];
  }

  /** The first that takes a name. */
  findDomainConfig(serverName: string): ILegacyDomainConfig | undefined {
    const { fromPort } = this.#options;
    const inTls = { port: fromPort, domain: serverName, isTls: true };
    const plain = { port: fromPort, domain: serverName, isTls: false, path: '/' };
    return this.#configOf(inTls, /^domain-(\d+)$/) ?? this.#configOf(plain, /^domain-(\d+)$/);
  }

  /** The first that has a port in its `portRanges`. */
  findDomainConfigForPort(port: number): ILegacyDomainConfig | undefined {
    return this.#configOf({ port }, /^domain-(\d+)-ports$/);
  }

  isPortInGlobalRanges(port: number): boolean {
    return (this.#options.globalPortRanges ?? []).some(({ from, to }) => from <= port && port <= to);
  }

  /** Whose turn it is, of a domain of this manager's; of no domain, the one for all. @throws ProxyError NO_TARGET */
  getTargetIP(domainConfig?: ILegacyDomainConfig): string {
    const index = domainConfig === undefined ? -1 : this.#configs.indexOf(domainConfig);
    const route = this.#byName.get(domainConfig === undefined ? 'default' : `domain-${index}`);
    const { fromPort } = this.#options;
    if (route === undefined) throw new ProxyError('NO_TARGET', 'this domain is none of this manager');
    const facts = { port: fromPort, clientIp: '' };
    const context = () => ({ port: fromPort }) as IRouteContext;
    const pick = this.#registry.pickerFor(route).session(facts, context).next();
    if (pick === null) throw new ProxyError('NO_TARGET', 'this domain has no target');
    pick.lease.release();
    return pick.host;
  }

  getEffectiveIPRules({ allowedIPs, blockedIPs, forwarding }: ILegacyDomainConfig): IEffectiveIpRules {
    const { defaultAllowedIPs = [], defaultBlockedIPs = [] } = this.#options;
    const { allowedIps, blockedIps } = forwarding?.security ?? {};
    return {
      allowedIPs: [...(allowedIPs ?? allowedIps ?? []), ...defaultAllowedIPs],
      blockedIPs: [...(blockedIPs ?? blockedIps ?? []), ...defaultBlockedIPs],
    };
  }

  #configOf(query: Parameters<RouteManager['findMatchingRoutes']>[0], kind: RegExp): ILegacyDomainConfig | undefined {
    for (const { route } of this.#routes.findMatchingRoutes(query)) {
      const index = kind.exec(route.name ?? '')?.[1];
      if (index !== undefined) return this.#configs[Number(index)];
    }
    return undefined;
  }
}
