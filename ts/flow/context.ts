// The facts about a connection that target functions and socket handlers are given.

import type { IRouteContext } from '../config/types.js';
import type { Connection } from './connection.js';

export function contextOf(connection: Connection): IRouteContext {
  const { sni, tlsVersion, alpn, routed } = connection;
  return {
    port: connection.localPort,
    ...(sni === null ? {} : { domain: sni }),
    clientIp: connection.clientIp,
    clientPort: connection.clientPort,
    serverIp: connection.serverIp,
    isTls: connection.isTLS,
    ...(tlsVersion === null ? {} : { tlsVersion }),
    ...(alpn.length === 0 ? {} : { alpn }),
    ...(routed?.name === undefined ? {} : { routeName: routed.name }),
    ...(routed?.id === undefined ? {} : { routeId: routed.id }),
    connectionId: connection.id,
    timestamp: connection.since,
    // Few ask for it, and a signal for every connection would cost more than the rest of its record.
    get signal() {
      return connection.signal;
    },
  };
}
