// For programs that hold routes: which of them would take a connection or a request, asked of the one matcher.

import { resolveConfig } from '../../config/resolve.js';
import type { IResolvedRoute } from '../../config/resolved.js';
import type { IRouteConfig } from '../../config/types.js';
import { type IExplainQuery, readQuery } from '../explain-query.js';
import { compileRouteTable, type RouteTable } from './route-table.js';

/**
 * The routes that match a connection, or where the query says something of one a request, best first; of these a proxy uses
 * the first. Routes are taken by themselves, without
 * defaults. With `address`, those with that `listenAddress`; else those without one.
 * @throws ConfigError with every fault of the routes or of the query.
 */
export function findMatchingRoutes(routes: readonly IRouteConfig[], query: IExplainQuery): IRouteConfig[] {
  const found = findInTable(compileRouteTable(resolveConfig({ routes }).routes), query);
  return found.flatMap(({ index }) => routes[index] ?? []);
}

/** The same of routes that are compiled. @throws ConfigError with every fault of the query */
export function findInTable(table: RouteTable, query: IExplainQuery): readonly IResolvedRoute[] {
  const { address, facts, request } = readQuery(query);
  const here = table.portTable(address === '::' ? null : address, facts.port);
  const isTls = facts.protocol === 'tls';
  const found =
    request?.isAsked === true ? here?.matchAllRequest({ ...facts, ...request, isTls }) : here?.matchAll(facts);
  return found ?? [];
}

/** The first of them; undefined if no route matches. */
export const findBestMatchingRoute = (
  routes: readonly IRouteConfig[],
  query: IExplainQuery,
): IRouteConfig | undefined => findMatchingRoutes(routes, query)[0];
