// For programs that hold routes: which of them would take a connection or a request, asked of the one matcher.

import { resolveConfig } from '../../config/resolve.js';
import type { IRouteConfig } from '../../config/types.js';
import { type IExplainQuery, readQuery } from '../explain-query.js';
import { compileRouteTable } from './route-table.js';

/**
 * The routes that match a connection, or where the query says something of one a request, best first; of these a proxy uses
 * the first. Routes are taken by themselves, without
 * defaults. With `address`, those with that `listenAddress`; else those without one.
 * @throws ConfigError with every fault of the routes or of the query.
 */
export function findMatchingRoutes(routes: readonly IRouteConfig[], query: IExplainQuery): IRouteConfig[] {
  const { address, facts, request } = readQuery(query);
  const table = compileRouteTable(resolveConfig({ routes }).routes).portTable(
    address === '::' ? null : address,
    facts.port,
  );
  const isTls = facts.protocol === 'tls';
  const found =
    request?.isAsked === true ? table?.matchAllRequest({ ...facts, ...request, isTls }) : table?.matchAll(facts);
  return (found ?? []).flatMap(({ index }) => routes[index] ?? []);
}

/** The first of them; undefined if no route matches. */
export const findBestMatchingRoute = (
  routes: readonly IRouteConfig[],
  query: IExplainQuery,
): IRouteConfig | undefined => findMatchingRoutes(routes, query)[0];
