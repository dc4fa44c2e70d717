// Routes that forward, and a registry in which nothing happens by itself.

import { silentLogger } from '../../ts/base/logger.js';
import type {
  IResolvedForward,
  IResolvedHealthCheck,
  IResolvedRoute,
  IResolvedTarget,
} from '../../ts/config/resolved.js';
import type { IRouteContext } from '../../ts/config/types.js';
import { type ITargetRegistryDeps, TargetRegistry } from '../../ts/flow/forward/target-registry.js';
import type { IPickFacts, ITargetPick } from '../../ts/flow/forward/target-types.js';
import { type IFakeClock, makeFakeClock } from './fake-clock.js';
import { makeRoute } from './make-route.js';

export type TTargetParts = Partial<Omit<IResolvedTarget, 'host'>> & {
  host?: string | IResolvedTarget['host'];
};

export const noChecks: IResolvedHealthCheck = { active: null, passive: null };
export const probed: IResolvedHealthCheck = {
  active: { http: null, intervalMs: 10_000, timeoutMs: 2_000, healthyThreshold: 2, unhealthyThreshold: 3 },
  passive: null,
};
export const ejecting: IResolvedHealthCheck = {
  active: null,
  passive: { failures: 3, ejectTimeMs: 10_000, maxEjectTimeMs: 60_000 },
};

/** Port 80, weight 1. */
export function makeTarget({ host = 'a.test', ...parts }: TTargetParts = {}): IResolvedTarget {
  return {
    host: typeof host === 'string' ? [host] : host,
    port: 80,
    matchPorts: null,
    matchRequest: null,
    priority: 0,
    weight: 1,
    backup: false,
    sendProxyProtocol: 0,
    backendProtocol: 'http1',
    tls: null,
    headers: [],
    ...parts,
  };
}

export interface IForwardParts extends Partial<Omit<IResolvedForward, 'type' | 'targets'>> {
  readonly name?: string;
  readonly ports?: IResolvedRoute['match']['ports'];
}

/** A route from port 443, by round robin, without checks. A text is a target's host. */
export function makeForward(targets: readonly (string | TTargetParts)[], parts: IForwardParts = {}): IResolvedRoute {
  const { name = 'forward', ports = [{ from: 443, to: 443 }], ...action } = parts;
  const made = targets.map((target) => makeTarget(typeof target === 'string' ? { host: target } : target));
  return makeRoute({ name, match: { ports }, action: { ...plainForward, ...action, targets: made } });
}

const plainForward: IResolvedForward = {
  type: 'forward',
  targets: [],
  algorithm: 'round-robin',
  hashKey: { of: 'ip', name: '' },
  sticky: null,
  slowStartMs: 0,
  healthCheck: noChecks,
  grpcWeb: false,
  urlRewrite: null,
  retry: { attempts: 3, statuses: [], budget: 0.2 },
  circuitBreaker: null,
  websocket: {
    enabled: true,
    allowedOrigins: null,
    subprotocols: null,
    rewritePath: null,
    customHeaders: [],
    pingIntervalMs: 0,
    pingTimeoutMs: 10_000,
    maxPayload: 0,
  },
};

export interface IFakeRegistry extends AsyncDisposable {
  readonly registry: TargetRegistry;
  readonly clock: IFakeClock;
  /** `down a.test:80: why`, in order. */
  readonly events: string[];
}

/** Its probes answer as `probe` does; by default they fail the test by never being right. */
export function makeRegistry(deps: Partial<ITargetRegistryDeps> = {}): IFakeRegistry {
  const clock = makeFakeClock();
  const events: string[] = [];
  const registry = new TargetRegistry({
    clock,
    logger: silentLogger,
    probe: async () => {
      throw new Error('no probe was expected');
    },
    onDown: (target, why) => void events.push(`down ${target}: ${why}`),
    onUp: (target, why) => void events.push(`up ${target}: ${why}`),
    ...deps,
  });
  return { registry, clock, events, [Symbol.asyncDispose]: () => registry.cleanup() };
}

export const someClient: IPickFacts = { port: 443, clientIp: '192.0.2.1' };

/** What a function is told of `someClient`. */
export const someContext = (): IRouteContext => ({
  port: 443,
  domain: 'shop.test',
  clientIp: '192.0.2.1',
  clientPort: 50_000,
  serverIp: '192.0.2.254',
  isTls: true,
  connectionId: 'c1',
  timestamp: 0,
  signal: new AbortController().signal,
});

/** For routes without functions. */
export const noContext = (): IRouteContext => {
  throw new Error('nobody should ask for the context');
};

/** One connection's first target. */
export function pickFirst(registry: TargetRegistry, route: IResolvedRoute, facts = someClient): ITargetPick {
  const pick = registry.pickerFor(route).session(facts, noContext).next();
  if (pick === null) throw new Error('no target');
  return pick;
}

/** The hosts that `count` connections get, each ending before the next begins. */
export function pickHosts(registry: TargetRegistry, route: IResolvedRoute, count: number): string[] {
  return Array.from({ length: count }, () => {
    const { host, lease } = pickFirst(registry, route);
    lease.connected();
    lease.release();
    return host;
  });
}

/** As dialing an address where nobody listens fails. */
export const refusal = (): Error =>
  Object.assign(new Error('connect ECONNREFUSED 192.0.2.1:80'), { code: 'ECONNREFUSED', syscall: 'connect' });
