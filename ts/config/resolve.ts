// From what the user wrote to what the code reads, once; or every fault in it.

import { ConfigError } from '../base/errors.js';
import { normaliseHost } from '../codec/host.js';
import { checkGlobals, checkNames, checkShadows, type IMatchOfRoute } from './check-all.js';
import { checkTlsConflicts } from './check-conflict.js';
import { checkKernelRoutes } from './check-kernel-all.js';
import { checkHttpPort, checkListening } from './check-listen.js';
import { checkOrders } from './check-orders.js';
import { checkRoute } from './check-route.js';
import {
  adminDefaults,
  globalDefaults,
  httpDefaults,
  metricsDefaults,
  routeDefaults,
  timeoutDefaults,
} from './defaults.js';
import { finishFaults, type IPathFault } from './faults.js';
import { deepFreeze } from './freeze.js';
import { withoutSecrets } from './hide-secrets.js';
import { featurePlaces } from './http-features.js';
import { certificateNames, provesWildcards } from './resolve-acme.js';
import { resolveAsks } from './resolve-auth.js';
import { resolveBasic } from './resolve-basic.js';
import { resolveCompression, resolveHeaders } from './resolve-headers.js';
import { AddressLists, criteriaText, keyOfMatch, listenAddressOf, matchText, resolveMatch } from './resolve-match.js';
import { resolveRequestLimits } from './resolve-request-limits.js';
import {
  type IRouteContextOptions,
  resolveAction,
  resolveLists,
  resolveSecurity,
  resolveTimeouts,
} from './resolve-route.js';
import { TlsSettings } from './resolve-tls.js';
import type { IResolvedAdmin, IResolvedConfig, IResolvedHttp, IResolvedRoute } from './resolved.js';
import { isKernelRoute, resolveKernel } from './route-kernel.js';
import { terminates, tlsOf } from './route-tls.js';
import { Secret } from './secret.js';
import type { ICertStore, IRouteConfig, IRouteTimeouts, IRouteTls, ISmartProxyOptions } from './types.js';
import { type TUsable, usableOptions, usableRoutes } from './usable.js';
import { validateOptions } from './validate.js';
import { withDefaults } from './with-defaults.js';

/**
 * Checks and completes a configuration. The result is deeply frozen and shares nothing but functions with `input`,
 * which stays as it is.
 *
 * @throws ConfigError with every fault, never anything else
 */
export function resolveConfig(input: unknown): IResolvedConfig {
  const { options, faults, matches, compilers } = inspect(input);
  if (faults.length > 0) throw new ConfigError(finishFaults(faults));
  return deepFreeze(build(options, matches, compilers));
}

/** Every fault of a configuration. Never throws. */
export const findFaults = (input: unknown): readonly IPathFault[] => inspect(input).faults;

function inspect(input: unknown) {
  const { options, faults } = validateOptions(input);
  const acme = usableOptions(faults)('acme') ? options?.acme : undefined;
  const compilers = { lists: new AddressLists(), tlsSettings: new TlsSettings(acme) };
  const checked = checkTogether(options, faults, compilers);
  return { options, compilers, matches: checked.matches, faults: [...faults, ...checked.faults] };
}

/** What gives equal parts of a configuration one compiled form. */
interface ICompilers {
  readonly lists: AddressLists;
  readonly tlsSettings: TlsSettings;
}

interface ICheckedTogether {
  readonly faults: readonly IPathFault[];
  /** Of the enabled routes; complete if there are no faults at all. */
  readonly matches: readonly IMatchOfRoute[];
}

/** The second pass: how values go together. It reads only what the first pass found good. */
function checkTogether(
  options: ISmartProxyOptions,
  faults: readonly IPathFault[],
  { lists, tlsSettings }: ICompilers,
): ICheckedTogether {
  const usable = usableOptions(faults);
  const usableOf = usableRoutes(faults);
  const routes = Array.isArray(options?.routes) ? (options.routes as readonly IRouteConfig[]) : [];
  const defaults = usable('defaults') ? (options.defaults ?? {}) : null;
  const found: IPathFault[] = [...checkGlobals(options, usable), ...checkNames(routes, usableOf)];
  routes.forEach((route, index) => {
    if (typeof route !== 'object' || route === null) return;
    for (const { path, ...fault } of checkRoute(route, usableOf(index), defaults)) {
      found.push({ path: ['routes', index, ...path], ...fault });
    }
  });
  if (!usable('listenAddress', 'defaults')) return { faults: found, matches: [] };
  const matches = matchesOf(routes, { options, lists, usableOf });
  const inKernel = (index: number): boolean => isKernelRoute(routes[index] as IRouteConfig);
  const served = matches.filter(({ index }) => !inKernel(index));
  found.push(
    ...checkShadows(served),
    ...checkKernelRoutes(matches, routes, options, usable),
    ...checkTlsConflicts(served, ({ tls }) => (tls?.certificate === undefined ? '' : tlsSettings.route(tls).key)),
    ...(usable('acme') ? checkOrders(served, options.acme) : []),
    ...checkListening(served, listenAddressOf(options.listenAddress)),
  );
  if (usable('httpProxyPort')) found.push(...checkHttpPort(options.httpProxyPort, served, options.listenAddress));
  return { faults: found, matches };
}

/** What says which connections and requests a route takes. */
const comparable = ['match', 'priority', 'enabled', 'action.tls', ...featurePlaces];

/** The enabled routes that can be compared with each other. */
function matchesOf(
  routes: readonly IRouteConfig[],
  given: {
    readonly options: ISmartProxyOptions;
    readonly lists: AddressLists;
    readonly usableOf: (index: number) => TUsable;
  },
): readonly IMatchOfRoute[] {
  const { defaults, listenAddress } = given.options;
  const globalAddress = listenAddressOf(listenAddress);
  const matches: IMatchOfRoute[] = [];
  routes.forEach((route, index) => {
    if (!given.usableOf(index)(...comparable)) return;
    if (!(route.enabled ?? routeDefaults.enabled)) return;
    const tls = tlsOf(route, defaults);
    const match = resolveMatch(route, { lists: given.lists, globalAddress, tls, defaults });
    const criteria = criteriaText(match);
    const text = matchText(match, criteria, terminates(tls));
    matches.push({ index, priority: route.priority ?? routeDefaults.priority, match, tls, criteria, text });
  });
  return matches;
}

/** Everything is valid by now. */
function build(options: ISmartProxyOptions, matches: readonly IMatchOfRoute[], compilers: ICompilers): IResolvedConfig {
  const { lists } = compilers;
  const given = withDefaults(globalDefaults, options);
  const defaultLists = resolveLists(options.defaults?.security, lists);
  return {
    routes: buildRoutes(options, matches, compilers),
    proxyIPs: lists.compile(options.proxyIPs),
    initialDataTimeoutMs: given.initialDataTimeout,
    gracefulShutdownTimeoutMs: given.gracefulShutdownTimeout,
    socket: {
      noDelay: given.noDelay,
      keepAlive: given.keepAlive,
      keepAliveInitialDelayMs: given.keepAliveInitialDelay,
    },
    maxConnections: options.maxConnections ?? null,
    listenAddress: listenAddressOf(options.listenAddress),
    denyPrivateTargets: given.denyPrivateTargets,
    maxConnectionsPerIP: given.maxConnectionsPerIP,
    connectionRateLimitPerMinute: given.connectionRateLimitPerMinute,
    metrics:
      given.metrics === false ? null : withDefaults(metricsDefaults, given.metrics === true ? {} : given.metrics),
    defaultLists,
    http: resolveHttp(options, lists),
    certificates: {
      store: storeOf(given.certificateStore),
      provision: options.certProvisionFunction ?? null,
    },
    admin: resolveAdmin(options),
  };
}

function resolveAdmin({ admin }: ISmartProxyOptions): IResolvedAdmin | null {
  if (admin === undefined) return null;
  const { host, port, hosts } = withDefaults(adminDefaults, admin);
  const token = admin.token === undefined ? null : new Secret(admin.token);
  return { host, port, token, hosts: hosts.map((name) => normaliseHost(name) ?? name) };
}

function resolveHttp(options: ISmartProxyOptions, lists: AddressLists): IResolvedHttp {
  const limits = withDefaults(httpDefaults, options.http);
  return {
    ports: [...new Set(options.useHttpProxy)],
    port: options.httpProxyPort ?? null,
    trustedProxies: lists.compile(options.trustedProxies),
    maxHeaderBytes: limits.maxHeaderBytes,
    maxHeaders: limits.maxHeaders,
    maxBodyBytes: limits.maxBodyBytes,
    minRequestBytesPerSecond: limits.minRequestBytesPerSecond,
    minResponseBytesPerSecond: limits.minResponseBytesPerSecond,
    rateGraceMs: limits.rateGrace,
    headersTimeoutMs: limits.headersTimeout,
    keepAliveTimeoutMs: limits.keepAliveTimeout,
    requestTimeoutMs: limits.requestTimeout,
    maxRequestsPerConnection: limits.maxRequestsPerConnection,
    maxConcurrentStreams: limits.maxConcurrentStreams,
    h2c: limits.h2c,
    pingIntervalMs: limits.pingInterval,
    pingTimeoutMs: limits.pingTimeout,
    maxUpstreamConnections: limits.maxUpstreamConnections,
    maxUpstreamQueue: limits.maxUpstreamQueue,
    upstreamIdleTimeoutMs: limits.upstreamIdleTimeout,
    upstreamMaxAgeMs: limits.upstreamMaxAge,
    upstreamMaxRequests: limits.upstreamMaxRequests,
  };
}

function buildRoutes(
  options: ISmartProxyOptions,
  matches: readonly IMatchOfRoute[],
  { lists, tlsSettings }: ICompilers,
): readonly IResolvedRoute[] {
  const globalTimeouts = timeoutsOf(options);
  const timeouts = resolveTimeouts(globalTimeouts);
  const security = deepFreeze({
    lists: [],
    maxConnections: options.defaults?.security?.maxConnections ?? null,
    requests: resolveRequestLimits({ action: { type: 'block' } }, options.defaults?.security),
    basic: resolveBasic([options.defaults?.security]),
    asks: resolveAsks([options.defaults?.security], tlsSettings),
  });
  const context: IRouteContextOptions = { options, lists, timeouts, security, tlsSettings };
  const taken = new Set(options.routes.map(({ id, name }) => id ?? name));
  const routes: IResolvedRoute[] = [];
  for (const { index, priority, match, tls, text } of matches) {
    const source = options.routes[index];
    if (source === undefined) continue;
    const route: IResolvedRoute = {
      key: source.id ?? source.name ?? madeKey(keyOfMatch(text, priority), taken),
      name: source.name,
      id: source.id,
      index,
      priority,
      match,
      action: resolveAction(source, tls, context),
      tls: terminates(tls) ? tlsSettings.route(tls) : null,
      certificateNames: namesOf(tls, match.domains, context.tlsSettings),
      headers: resolveHeaders(source.headers, match.method),
      compression: resolveCompression(source.compression),
      security: resolveSecurity(source, context),
      timeouts: source.timeouts ? resolveTimeouts(globalTimeouts, source.timeouts) : timeouts,
      kernel: resolveKernel(source, options),
      source: withoutSecrets(source),
    };
    routes.push(Object.freeze(route));
  }
  return routes;
}

const storeOf = (store: string | ICertStore) => (typeof store === 'string' ? store : () => store);

function namesOf(
  tls: IRouteTls | undefined,
  domains: readonly string[] | null,
  settings: TlsSettings,
): readonly (readonly string[])[] {
  if (!terminates(tls) || typeof tls.certificate !== 'string') return deepFreeze([]);
  const { certificate } = settings.route(tls);
  const acme = 'managed' in certificate ? certificate.acme : null;
  return deepFreeze(certificateNames(domains, tls.names ?? [], acme === null || provesWildcards(acme.challenges)));
}

/** Different from each id and name that somebody chose. */
function madeKey(wanted: string, taken: Set<string | undefined>): string {
  let key = wanted;
  for (let count = 2; taken.has(key); count++) key = `${wanted} #${count}`;
  taken.add(key);
  return key;
}

/** The options that each route may override. */
function timeoutsOf(options: ISmartProxyOptions): IRouteTimeouts {
  const names = Object.keys(timeoutDefaults) as (keyof IRouteTimeouts)[];
  return Object.fromEntries(names.filter((name) => name in options).map((name) => [name, options[name]]));
}
