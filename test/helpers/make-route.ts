// A resolved route with everything in it that a test does not care about.

import { AddressSet } from '../../ts/codec/address.js';
import type { IResolvedMatch, IResolvedRoute, IResolvedSecurity, IResolvedTimeouts } from '../../ts/config/resolved.js';
import type { IConnectionFacts } from '../../ts/flow/stages.js';

type TMatchParts = Partial<Omit<IResolvedMatch, 'clientIp'>> & { clientIp?: readonly string[] | null };

export interface IRouteParts extends Partial<Omit<IResolvedRoute, 'match' | 'security'>> {
  readonly match?: TMatchParts;
  readonly security?: Partial<IResolvedSecurity>;
}

/** Blocks whoever comes to port 443, unless told otherwise. */
export function makeRoute({ match = {}, security = {}, ...parts }: IRouteParts = {}): IResolvedRoute {
  const { clientIp, ...rest } = match;
  const index = parts.index ?? 0;
  return {
    key: parts.name ?? `route-${index}`,
    name: undefined,
    id: undefined,
    index,
    priority: 0,
    match: { ...anyConnection, ...rest, clientIp: clientIp ? makeAddresses(clientIp) : null },
    action: { type: 'block', status: 403, message: '' },
    tls: null,
    certificateNames: [],
    headers: null,
    compression: null,
    security: completed(security),
    timeouts,
    kernel: null,
    source: { match: { ports: 443 }, action: { type: 'block' } },
    ...parts,
  };
}

/** The same of the same: routes that share rules are known by that. */
function completed(given: Partial<IResolvedSecurity>): IResolvedSecurity {
  const known = complete.get(given);
  if (known !== undefined) return known;
  const security = { lists: [], maxConnections: null, requests: null, basic: null, asks: null, ...given };
  complete.set(given, security);
  return security;
}

const complete = new WeakMap<object, IResolvedSecurity>();

/** Routes in this order. */
export const makeRoutes = (parts: readonly IRouteParts[]): IResolvedRoute[] =>
  parts.map((part, index) => makeRoute({ ...part, index }));

/** A connection to port 443 of which nothing more is known, unless told otherwise. */
export function makeFacts(parts: Partial<IConnectionFacts> = {}): IConnectionFacts {
  return { ...silentClient, ...parts };
}

export function makeAddresses(patterns: readonly string[]): AddressSet {
  const { set, faults } = AddressSet.compile(patterns);
  if (set === null) throw new Error(`not addresses: ${JSON.stringify(faults)}`);
  return set;
}

const anyConnection: IResolvedMatch = {
  ports: [{ from: 443, to: 443 }],
  listenAddress: null,
  domains: null,
  clientIp: null,
  tlsVersion: null,
  alpn: null,
  ja4: null,
  protocol: null,
  httpOnly: false,
  path: null,
  method: null,
  headers: null,
  query: null,
};

const silentClient: IConnectionFacts = {
  port: 443,
  clientIp: '192.0.2.1',
  protocol: null,
  domain: null,
  tlsVersion: null,
  alpn: [],
  hello: null,
};

const timeouts: IResolvedTimeouts = {
  connectionTimeoutMs: 10_000,
  inactivityTimeoutMs: 0,
  maxConnectionLifetimeMs: 0,
  halfOpenTimeoutMs: 30_000,
  stallTimeoutMs: 0,
  enableHalfOpen: false,
  responseTimeoutMs: 60_000,
};
