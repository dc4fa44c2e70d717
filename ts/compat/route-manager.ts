// Routes, and which of them takes what: the matcher of a SmartProxy, for programs that ask it themselves.

import { guardLogger, type ILogger, silentLogger } from '../base/logger.js';
import { normalisePath } from '../codec/http-path.js';
import { resolveConfig } from '../config/resolve.js';
import type { IRouteConfig, IRouteContext } from '../config/types.js';
import type { IExplainQuery } from '../flow/explain-query.js';
import { findInTable } from '../flow/match/find-routes.js';
import { pathOf } from '../flow/match/path-pattern.js';
import { compileRouteTable, type RouteTable } from '../flow/match/route-table.js';
import * as plugins from '../plugins.js';

export interface IRouteManagerOptions {
  /** Default none. */
  readonly routes?: readonly IRouteConfig[];
  /** Default: silence. */
  readonly logger?: ILogger;
}

/** A connection, or a request where `path`, `method`, `headers` or `query` say something of one. */
export interface IRouteQuery
  extends Pick<IRouteContext, 'port'>,
    Partial<Pick<IRouteContext, 'clientIp' | 'domain' | 'path' | 'query' | 'method' | 'tlsVersion' | 'alpn'>> {
  /** Default: true where there is a `domain` and nothing is said of a request. */
  readonly isTls?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface IRouteMatchResult {
  readonly route: IRouteConfig;
  /** What the `:name` segments of its path stand for. */
  readonly params?: Readonly<Record<string, string>>;
  /** What the star at the end of its path stands for. */
  readonly pathRemainder?: string;
}

interface IRouteManagerEvents {
  /** New routes are in force. */
  routesUpdated: [routes: readonly IRouteConfig[]];
}

export class RouteManager extends plugins.events.EventEmitter<IRouteManagerEvents> {
  readonly #logger: ILogger;
  #routes: readonly IRouteConfig[] = [];
  #table: RouteTable = compileRouteTable([]);

  /** @throws ConfigError as `updateRoutes` */
  constructor({ routes = [], logger = silentLogger }: IRouteManagerOptions = {}) {
    super();
    this.#logger = guardLogger(logger);
    this.updateRoutes(routes);
  }

  /** Replaces all, all or nothing. @throws ConfigError with every fault. */
  updateRoutes(routes: readonly IRouteConfig[] = []): void {
    this.#table = compileRouteTable(resolveConfig({ routes }).routes);
    this.#routes = [...routes];
    this.#logger.debug({ count: routes.length }, 'routes updated');
    this.emit('routesUpdated', this.getRoutes());
  }

  /** In the order in which they were given. */
  getRoutes(): IRouteConfig[] {
    return [...this.#routes];
  }

  /** The ports that some enabled route asks for, ascending. */
  getListeningPorts(): number[] {
    return [...new Set(this.#table.points.map(({ port }) => port))].sort((a, b) => a - b);
  }

  /** The enabled routes for a port, whatever else they ask for, in the order in which they were given. */
  getRoutesForPort(port: number): IRouteConfig[] {
    const isHere = (from: number, to: number) => from <= port && port <= to;
    return this.#table.routes.flatMap(({ index, match }) => {
      const route = this.#routes[index];
      return route !== undefined && match.ports.some(({ from, to }) => isHere(from, to)) ? [route] : [];
    });
  }

  /** What a proxy would use; null: no route matches. @throws ConfigError with every fault of the query */
  findMatchingRoute(query: IRouteQuery): IRouteMatchResult | null {
    return this.findMatchingRoutes(query)[0] ?? null;
  }

  /** All that match, best first. @throws ConfigError with every fault of the query */
  findMatchingRoutes(query: IRouteQuery): IRouteMatchResult[] {
    return findInTable(this.#table, questionOf(query)).flatMap((found) => {
      const route = this.#routes[found.index];
      if (route === undefined) return [];
      const match = query.path === undefined ? null : pathOf(found)?.match(normalisePath(query.path) ?? '');
      return [
        {
          route,
          ...(match?.params ? { params: match.params } : {}),
          ...(typeof match?.remainder === 'string' ? { pathRemainder: match.remainder } : {}),
        },
      ];
    });
  }
}

function questionOf({ isTls, domain, ...rest }: IRouteQuery): IExplainQuery {
  const { path, method, headers, query } = rest;
  const ofRequest = [path, method, headers, query].some((part) => part !== undefined);
  const tls = isTls ?? (domain !== undefined && !ofRequest);
  if (tls) return { ...rest, tls, ...(domain === undefined ? {} : { domain }) };
  return { ...rest, tls: false, ...(domain === undefined ? {} : { host: domain }) };
}
