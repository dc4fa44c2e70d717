// Finds the configuration that a request is for, by its Host and its path: for programs that make their own proxy. It has
// no matcher of its own, it asks that of SmartProxy.

import { ConfigError, type IFault } from '../base/errors.js';
import { guardLogger, type ILogger, silentLogger } from '../base/logger.js';
import { isIpLiteral } from '../codec/host.js';
import { readAuthority } from '../codec/http-authority.js';
import { normalisePath, splitTarget } from '../codec/http-path.js';
import { normaliseDomainPattern } from '../config/domain-pattern.js';
import { gotText } from '../config/faults.js';
import { pathPatternFault } from '../config/path-form.js';
import { resolveConfig } from '../config/resolve.js';
import type { IResolvedRoute } from '../config/resolved.js';
import { pathOf } from '../flow/match/path-pattern.js';
import { PortTable } from '../flow/match/port-table.js';
import { compileRule } from '../flow/match/rule.js';

/** A host, where it leads, and what it needs. The router reads `hostName` and `pathPattern`, and gives back the rest. */
export interface IReverseProxyConfig {
  /** `example.com`, `*.example.com`, `example.*`, `*.lossless*`; `*` is for hosts that nothing else matches. */
  readonly hostName: string;
  readonly destinationIps: readonly string[];
  readonly destinationPorts: readonly number[];
  /** PEM of the certificate, and of its key. */
  readonly publicKey?: string;
  readonly privateKey?: string;
  /** `/exact`, `/prefix/*`, `/users/:id/profile`. Default: any path. */
  readonly pathPattern?: string;
  readonly authentication?: { readonly type: 'Basic'; readonly user: string; readonly pass: string };
  readonly rewriteHostHeader?: boolean;
}

/** What is read of a request; `http.IncomingMessage` fits. */
export interface IRoutableRequest {
  readonly headers: { readonly host?: string | undefined };
  readonly url?: string | undefined;
}

/** The last three are there where the configuration has a pattern that gives them. */
export interface IRouterResult<C extends IReverseProxyConfig = IReverseProxyConfig> {
  readonly config: C;
  /** What the pattern matched, without the remainder. */
  readonly pathMatch?: string;
  /** What its `:name` segments stand for. */
  readonly pathParams?: Readonly<Record<string, string>>;
  /** What the star at its end stands for. */
  readonly pathRemainder?: string;
}

interface IEntry<C> {
  readonly config: C;
  /** In its normal form. */
  readonly host: string;
  readonly path: string | null;
}

export class ProxyRouter<C extends IReverseProxyConfig = IReverseProxyConfig> {
  readonly #logger: ILogger;
  #entries: readonly IEntry<C>[] = [];
  /** Made by the first request after a change. */
  #table: PortTable | null = null;

  /** @throws ConfigError as `setNewProxyConfigs` */
  constructor(configs: readonly C[] = [], logger: ILogger = silentLogger) {
    this.#logger = guardLogger(logger);
    this.setNewProxyConfigs(configs);
  }

  /** The configuration that a request is for; undefined if there is none, or if it is no proper request. Never throws. */
  routeReq(req: IRoutableRequest): C | undefined {
    return this.routeReqWithDetails(req)?.config;
  }

  /** The same, with what the path pattern found. */
  routeReqWithDetails(req: IRoutableRequest): IRouterResult<C> | undefined {
    const asked = readRequest(req);
    if (asked === null) {
      this.#logger.debug({ host: req?.headers?.host, url: req?.url }, 'a request without a proper Host or path');
      return undefined;
    }
    this.#table ??= new PortTable(this.#entries.map((entry, index) => compileRule(routeOf(entry, index))));
    const route = this.#table.matchRequest({ ...anyRequest, ...asked });
    const entry = route === null ? undefined : this.#entries[route.index];
    return route === null || entry === undefined
      ? undefined
      : { config: entry.config, ...detailsOf(route, asked.path) };
  }

  /** Replaces all, all or nothing. @throws ConfigError with every fault. */
  setNewProxyConfigs(configs: readonly C[]): void {
    const faults: IFault[] = [];
    const entries = configs.map((config, index) =>
      readConfig(config, config?.pathPattern, `configs[${index}]`, faults),
    );
    if (faults.length > 0) throw new ConfigError(faults);
    this.#change(entries.filter((entry) => entry !== null));
  }

  /** Adds one, for `pathPattern` instead of its own. @throws ConfigError with every fault. */
  addProxyConfig(config: C, pathPattern: string | undefined = config?.pathPattern): void {
    const faults: IFault[] = [];
    const entry = readConfig(config, pathPattern, 'config', faults);
    if (entry === null) throw new ConfigError(faults);
    this.#change([...this.#entries, entry]);
  }

  /** Removes all that have this host name, whatever their path. False: there were none. */
  removeProxyConfig(hostname: string): boolean {
    const host = normaliseHostName(hostname);
    const kept = this.#entries.filter((entry) => entry.host !== host);
    if (kept.length === this.#entries.length) return false;
    this.#change(kept);
    return true;
  }

  /** Each once, in lower case, in the order in which they came. */
  getHostnames(): string[] {
    return [...new Set(this.#entries.map(({ host }) => host))];
  }

  /** In the order in which they came. */
  getProxyConfigs(): C[] {
    return this.#entries.map(({ config }) => config);
  }

  #change(entries: readonly IEntry<C>[]): void {
    this.#entries = entries;
    this.#table = null;
  }
}

/** null: it adds to `faults`. */
function readConfig<C extends IReverseProxyConfig>(
  config: C,
  pathPattern: unknown,
  place: string,
  faults: IFault[],
): IEntry<C> | null {
  const hostName: unknown = config?.hostName;
  const host = typeof hostName === 'string' ? normaliseHostName(hostName) : null;
  if (host === null) {
    const want = 'a host name or a pattern such as *.example.com';
    faults.push({ path: `${place}.hostName`, want, got: gotText(hostName) });
  }
  if (pathPattern === undefined) return host === null ? null : { config, host, path: null };
  const fault = typeof pathPattern === 'string' ? pathPatternFault(pathPattern) : 'a path or a pattern of one';
  if (fault !== null) faults.push({ path: `${place}.pathPattern`, want: fault, got: gotText(pathPattern) });
  return host === null || fault !== null || typeof pathPattern !== 'string'
    ? null
    : { config, host, path: pathPattern };
}

/** Other than routes, configurations may be for an address that clients use as a name. */
function normaliseHostName(text: string): string | null {
  if (isIpLiteral(text))
    return readAuthority(text.includes(':') && !text.startsWith('[') ? `[${text}]` : text)?.host ?? null;
  const pattern = normaliseDomainPattern(text);
  return pattern.want === null ? pattern.value : null;
}

const [plainRoute] = resolveConfig({ routes: [{ match: { ports: 80 }, action: { type: 'block' } }] }).routes;

function routeOf({ host, path }: IEntry<unknown>, index: number): IResolvedRoute {
  if (plainRoute === undefined) throw new Error('a route was lost');
  const match = { ...plainRoute.match, httpOnly: true, domains: [host], path };
  return { ...plainRoute, key: `${index}`, index, match };
}

/** Of which a router knows nothing more than host and path. */
const anyRequest = {
  port: 80,
  clientIp: '',
  protocol: 'http',
  tlsVersion: null,
  alpn: [],
  hello: null,
  isTls: false,
  query: '',
  method: '',
  fields: [],
} as const;

interface IAsked {
  readonly domain: string;
  readonly path: string;
}

/** RFC 9112 §3.2.2: in the absolute form the authority of the target goes before Host. */
const absoluteForm = /^https?:\/\/([^/?#]*)([^#]*)/i;

function readRequest(req: IRoutableRequest): IAsked | null {
  const host: unknown = req?.headers?.host;
  const url: unknown = req?.url ?? '/';
  if (typeof host !== 'string' || typeof url !== 'string') return null;
  const [, authority = host, rest = url] = absoluteForm.exec(url) ?? [];
  const target = rest.startsWith('?') || rest === '' ? `/${rest}` : rest;
  const path = normalisePath(splitTarget(target).path);
  const domain = readAuthority(authority)?.host;
  return path === null || domain === undefined ? null : { domain, path };
}

function detailsOf(route: IResolvedRoute, path: string): Omit<IRouterResult, 'config'> {
  const found = pathOf(route)?.match(path) ?? null;
  if (found === null) return {};
  const { params, remainder } = found;
  return {
    pathMatch: remainder === null ? path : path.slice(0, path.length - remainder.length),
    ...(params === null ? {} : { pathParams: params }),
    ...(remainder === null ? {} : { pathRemainder: remainder }),
  };
}
