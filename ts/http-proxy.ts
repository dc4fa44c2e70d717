// HttpProxy: the HTTP engine on its own, on one port, for those who need nothing of what a SmartProxy does besides.

import { ConfigError, type IFault } from './base/errors.js';
import { resolveConfig } from './config/resolve.js';
import type {
  ICors,
  IRouteConfig,
  IRouteMatch,
  ISmartProxyOptions,
  TBackendProtocol,
  TPortRange,
} from './config/types.js';
import type { IPlan, IUpdateOptions } from './flow/plan.js';
import type { IHostParts } from './host-parts.js';
import { SmartProxy } from './smart-proxy.js';

/** A route of a SmartProxy, of which the port does not matter: all are for the one port of the HttpProxy. */
export interface IHttpProxyRoute extends Omit<IRouteConfig, 'match'> {
  match?: Omit<IRouteMatch, 'ports'> & { ports?: TPortRange };
}

/** What does not name ports is as for a SmartProxy. */
export interface IHttpProxyOptions extends Omit<ISmartProxyOptions, 'routes' | 'useHttpProxy' | 'httpProxyPort'> {
  /** Where it listens; 0 takes a free port. */
  port: number;
  /** Default none: every request is answered by 404. */
  routes?: readonly IHttpProxyRoute[];
  /** The same as `http.keepAliveTimeout`. */
  keepAliveTimeout?: number;
  /** The same as `http.headersTimeout`. */
  headersTimeout?: number;
  /** Connections to one target: the same as `http.maxUpstreamConnections`. */
  connectionPoolSize?: number;
  /** For routes that have no `headers.cors` of their own. */
  cors?: boolean | ICors;
  /** What is spoken to the targets of routes that do not say it themselves. Default `'http1'`. */
  backendProtocol?: TBackendProtocol;
}

/** Only HTTP gets in, plain or in the TLS that its routes terminate. All else is as for a SmartProxy. */
export class HttpProxy extends SmartProxy {
  readonly #port: number;
  readonly #shared: IShared;

  /** @throws ConfigError with every fault. */
  constructor(options: IHttpProxyOptions, parts: IHostParts = {}) {
    super(forSmartProxy(options), parts);
    this.#port = options.port;
    this.#shared = { cors: options.cors, backendProtocol: options.backendProtocol };
  }

  /** The port as it turned out; 0 while it does not listen. */
  getListeningPort(): number {
    return this.getListeningPorts()[0] ?? 0;
  }

  /** Replaces the routes, all or nothing. @throws ConfigError: the routes in force are then unchanged. */
  async updateRouteConfigs(routes: readonly IHttpProxyRoute[]): Promise<void> {
    await this.updateRoutes(routes);
  }

  override async updateRoutes(routes: readonly IHttpProxyRoute[], options: IUpdateOptions = {}): Promise<IPlan> {
    return await super.updateRoutes(routesFor(this.#port, routes, this.#shared), options);
  }

  override plan(routes: readonly IHttpProxyRoute[], options: IUpdateOptions = {}): IPlan {
    return super.plan(routesFor(this.#port, routes, this.#shared), options);
  }
}

function forSmartProxy(options: IHttpProxyOptions): ISmartProxyOptions {
  const { port, routes, cors, backendProtocol, keepAliveTimeout, headersTimeout, connectionPoolSize, ...shared } =
    options;
  const faults: IFault[] = [];
  const portFits = Number.isInteger(port) && port >= 0 && port <= 65_535;
  if (!portFits) faults.push({ path: 'port', want: 'a whole number from 0 to 65535', got: String(port) });
  const protocolFits = backendProtocol === undefined || protocols.includes(backendProtocol);
  if (!protocolFits) {
    faults.push({ path: 'backendProtocol', want: "'http1', 'http2' or 'auto'", got: String(backendProtocol) });
  }
  const http = {
    ...shared.http,
    ...(keepAliveTimeout === undefined ? {} : { keepAliveTimeout }),
    ...(headersTimeout === undefined ? {} : { headersTimeout }),
    ...(connectionPoolSize === undefined ? {} : { maxUpstreamConnections: connectionPoolSize }),
  };
  const usable = portFits ? port : 0;
  const shares = { cors, backendProtocol: protocolFits ? backendProtocol : undefined };
  const made = { ...shared, http, useHttpProxy: [usable], routes: routesFor(usable, routes ?? [], shares) };
  try {
    resolveConfig(made);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) faults.push({ ...fault, path: placeOf(fault.path, options) });
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return made;
}

const protocols: readonly TBackendProtocol[] = ['http1', 'http2', 'auto'];

/** What routes get that have none of their own. */
interface IShared {
  readonly cors: boolean | ICors | undefined;
  readonly backendProtocol: TBackendProtocol | undefined;
}

/** Where our options stand in those of a SmartProxy. */
const places: readonly (readonly [theirs: string, ours: keyof IHttpProxyOptions])[] = [
  ['http.keepAliveTimeout', 'keepAliveTimeout'],
  ['http.headersTimeout', 'headersTimeout'],
  ['http.maxUpstreamConnections', 'connectionPoolSize'],
];

const placeOf = (path: string, options: IHttpProxyOptions): string =>
  places.find(([theirs, ours]) => path === theirs && options[ours] !== undefined)?.[1] ?? path;

function routesFor(
  port: number,
  routes: readonly IHttpProxyRoute[],
  { cors, backendProtocol }: IShared,
): readonly IRouteConfig[] {
  if (routes.length === 0) return [nothingHere(port)];
  return routes.map((route) => {
    const takesCors =
      cors !== undefined && route.headers?.cors === undefined && route.action?.type !== 'socket-handler';
    const headers = takesCors ? { headers: { ...route.headers, cors } } : {};
    const takesProtocol =
      backendProtocol !== undefined &&
      route.action?.type === 'forward' &&
      route.action.forwardingEngine !== 'nftables' &&
      route.action.tls?.mode !== 'passthrough';
    const action = takesProtocol ? { action: { backendProtocol, ...route.action } } : {};
    return { ...route, ...headers, ...action, match: { protocol: 'http', ...route.match, ports: port } };
  });
}

/** Keeps the port open. */
const nothingHere = (port: number): IRouteConfig => ({
  name: 'no routes',
  match: { ports: port },
  action: { type: 'respond', respond: { status: 404 } },
});
