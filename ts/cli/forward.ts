// From the arguments of `smartproxy forward` to the options of a proxy with one route.

import type { IRouteConfig, IRouteTls, ISmartProxyOptions } from '../index.js';
import { readEndpoint, readTarget } from './endpoint.js';
import { CommandError } from './host.js';

export interface IForwardGiven {
  readonly domain?: readonly string[];
  readonly path?: string;
  /** Passed through; or ended here, by a certificate of our own authority or of Let's Encrypt. */
  readonly tls?: 'passthrough' | 'internal' | 'auto';
  /** Of `auto`: whom the authority tells of trouble; and its certificates for trying. */
  readonly email?: string;
  readonly staging?: boolean;
  /** Files of a certificate and its key: TLS ends here. */
  readonly cert?: string;
  readonly key?: string;
  readonly proxyProtocol?: '1' | '2';
}

/** @throws CommandError */
export function forwardOptions(from: string, to: string, given: IForwardGiven) {
  const listen = readEndpoint(from, 'FROM');
  const { scheme, host, port } = readTarget(to);
  const { domain, proxyProtocol } = given;
  const tls = tlsOf(given);
  if (scheme !== null && tls?.mode === 'passthrough') {
    throw new CommandError(1, `TO: want host:port where TLS is passed through, got ${to}`);
  }
  // A route with a path is about requests: it forwards no other bytes.
  const path = given.path ?? (scheme === null ? undefined : '/*');
  const route: IRouteConfig = {
    name: 'forward',
    match: {
      ports: listen.port,
      ...(domain === undefined ? {} : { domains: domain }),
      ...(path === undefined ? {} : { path }),
    },
    action: {
      type: 'forward',
      target: { host, port, ...(scheme === 'https' ? { tls: true } : {}) },
      ...(tls === null ? {} : { tls }),
    },
  };
  return {
    routes: [route],
    ...(listen.host === null ? {} : { listenAddress: listen.host }),
    ...(proxyProtocol === undefined ? {} : { sendProxyProtocol: proxyProtocol === '2' ? 2 : 1 }),
  } satisfies ISmartProxyOptions;
}

function tlsOf({ tls, cert, key, ...more }: IForwardGiven): IRouteTls | null {
  if (tls !== 'auto' && (more.email !== undefined || more.staging)) {
    throw new CommandError(1, 'want --email and --staging with --tls auto alone');
  }
  if (cert === undefined && key === undefined) return tls === undefined ? null : ownTls(tls, more);
  if (cert === undefined || key === undefined) throw new CommandError(1, 'want --cert and --key together');
  if (tls !== undefined) throw new CommandError(1, `want either --tls ${tls} or a certificate`);
  return { mode: 'terminate', certificate: { certFile: cert, keyFile: key } };
}

function ownTls(tls: NonNullable<IForwardGiven['tls']>, { domain, email, staging = false }: IForwardGiven): IRouteTls {
  if (tls === 'passthrough') return { mode: tls };
  if (tls === 'internal') return { mode: 'terminate', certificate: 'internal' };
  if (domain === undefined || email === undefined)
    throw new CommandError(1, 'want --domain and --email with --tls auto');
  return { mode: 'terminate', certificate: 'auto', acme: { email, useProduction: !staging } };
}
