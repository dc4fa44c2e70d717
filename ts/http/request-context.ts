// The facts about a request that functions of the configuration are given, made only where one asks.

import { fieldValue, type IRequestHead } from '../codec/http-message.js';
import type { IResolvedRoute } from '../config/resolved.js';
import type { IRouteContext } from '../config/types.js';
import type { Connection } from '../flow/connection.js';
import { contextOf } from '../flow/context.js';
import { pathOf } from '../flow/match/path-pattern.js';

/** A request, as far as functions are told of it. */
export interface ITellableRequest {
  readonly visitor: { readonly connection: Connection };
  readonly head: IRequestHead;
  readonly clientIp: string;
  readonly domain: string | null;
  readonly path: string;
  readonly query: string;
  readonly method: string;
  readonly isTls: boolean;
  requestId(): string;
  signal(): AbortSignal;
}

export function requestContext(request: ITellableRequest, route: IResolvedRoute | null): IRouteContext {
  const { clientIp, domain, path, query, method, isTls } = request;
  const { connectionId, timestamp, port, clientPort, serverIp, alpn, tlsVersion } = contextOf(
    request.visitor.connection,
  );
  const found = route === null ? null : (pathOf(route)?.match(path) ?? null);
  return {
    port,
    clientIp,
    clientPort,
    serverIp,
    isTls,
    connectionId,
    timestamp,
    path,
    query,
    method,
    headers: headersOf(request.head),
    ...(domain === null ? {} : { domain }),
    ...(tlsVersion === undefined ? {} : { tlsVersion }),
    ...(alpn === undefined ? {} : { alpn }),
    ...(route?.name === undefined ? {} : { routeName: route.name }),
    ...(route?.id === undefined ? {} : { routeId: route.id }),
    ...(found === null || found.params === null ? {} : { pathParams: found.params }),
    ...(found === null || found.remainder === null ? {} : { pathRemainder: found.remainder }),
    get requestId() {
      return request.requestId();
    },
    get signal() {
      return request.signal();
    },
  };
}

/** Without a prototype: a field may be named like anything. */
function headersOf({ fields, authority }: IRequestHead): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null);
  if (authority !== '') headers.host = authority;
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase();
    if (!Object.hasOwn(headers, name)) headers[name] = fieldValue(fields, name) ?? '';
  }
  return headers;
}
