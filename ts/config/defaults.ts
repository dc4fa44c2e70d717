// What an option is when it is left out, and the bounds of numbers. The schema, the tables of docs/configuration.md and
// the resolver all read them here. Times are milliseconds unless the name says otherwise.

/** Ten years: the longest time that may be asked for. */
export const maxMs = 10 * 365 * 24 * 3_600_000;

/** The most connections that can be asked for in one limit. */
export const maxConnectionLimit = 10_000_000;

export const timeoutDefaults = {
  connectionTimeout: 10_000,
  inactivityTimeout: 4 * 3_600_000,
  maxConnectionLifetime: 0,
  halfOpenTimeout: 30_000,
  stallTimeout: 60_000,
  keepAliveTreatment: 'standard',
  keepAliveInactivityMultiplier: 6,
  enableHalfOpen: false,
} as const;

export const globalDefaults = {
  ...timeoutDefaults,
  acceptProxyProtocol: false,
  proxyIPs: [],
  sendProxyProtocol: false,
  initialDataTimeout: 10_000,
  gracefulShutdownTimeout: 30_000,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 10_000,
  denyPrivateTargets: false,
  maxConnectionsPerIP: 0,
  connectionRateLimitPerMinute: 0,
  metrics: true,
} as const;

export const metricsDefaults = { sampleIntervalMs: 1000, retentionSeconds: 3600 } as const;

export const routeDefaults = { enabled: true, priority: 0 } as const;

export const targetDefaults = { priority: 0, weight: 1, backup: false } as const;

export const loadBalancingDefaults = { algorithm: 'round-robin', key: 'ip' } as const;

export const healthCheckDefaults = {
  interval: 10_000,
  timeout: 2000,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
} as const;

export const passiveDefaults = { failures: 3, ejectTime: 10_000, maxEjectTime: 300_000 } as const;
