// Routes whose connections the HTTP engine serves.

import type { IRouteConfig, IRouteTls } from '../../ts/index.js';

/** Every path of plain HTTP on a free port, forwarded to a local port. `match` is added to the route's own. */
export function makeHttpRoute(targetPort: number, { match, ...more }: Partial<IRouteConfig> = {}): IRouteConfig {
  return {
    name: `http-to-${targetPort}`,
    match: { ports: 0, path: '/*', ...match },
    action: { type: 'forward', target: { host: '127.0.0.1', port: targetPort } },
    ...more,
  };
}

/** The same behind TLS that the proxy terminates; `tls` is added to the mode and the certificate. */
export function makeHttpsRoute(
  targetPort: number,
  certificate: { readonly cert: string; readonly key: string },
  { tls, ...more }: Partial<IRouteConfig> & { tls?: Partial<IRouteTls> } = {},
): IRouteConfig {
  return makeHttpRoute(targetPort, {
    name: `https-to-${targetPort}`,
    action: {
      type: 'forward',
      target: { host: '127.0.0.1', port: targetPort },
      tls: { mode: 'terminate', certificate: { cert: certificate.cert, key: certificate.key }, ...tls },
    },
    ...more,
  });
}
