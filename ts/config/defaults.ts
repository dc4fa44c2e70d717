// What an option is when it is left out, and the bounds of numbers. The schema, the tables of docs/configuration.md and
// the resolver all read them here. Times are milliseconds unless the name says otherwise.

/** Ten years: the longest time that may be asked for. */
export const maxMs = 10 * 365 * 24 * 3_600_000;

/** The most connections that can be asked for in one limit. */
export const maxConnectionLimit = 10_000_000;

/** The most bytes that can be asked for in one limit: a terabyte. */
export const maxByteLimit = 1_000_000_000_000;

export const timeoutDefaults = {
  connectionTimeout: 10_000,
  inactivityTimeout: 4 * 3_600_000,
  maxConnectionLifetime: 0,
  halfOpenTimeout: 30_000,
  stallTimeout: 60_000,
  keepAliveTreatment: 'standard',
  keepAliveInactivityMultiplier: 6,
  enableHalfOpen: false,
  responseTimeout: 60_000,
} as const;

export const globalDefaults = {
  ...timeoutDefaults,
  acceptProxyProtocol: false,
  proxyIPs: [],
  sendProxyProtocol: false,
  preserveSourceIP: false,
  initialDataTimeout: 10_000,
  gracefulShutdownTimeout: 30_000,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 10_000,
  denyPrivateTargets: false,
  maxConnectionsPerIP: 0,
  connectionRateLimitPerMinute: 0,
  useHttpProxy: [],
  trustedProxies: [],
  certificateStore: './certs',
  metrics: true,
} as const;

export const metricsDefaults = { sampleIntervalMs: 1000, retentionSeconds: 3600 } as const;

export const adminDefaults = { host: '127.0.0.1', port: 9190, hosts: [] } as const;

export const routeDefaults = { enabled: true, priority: 0 } as const;

export const targetDefaults = { priority: 0, weight: 1, backup: false } as const;

export const forwardDefaults = { forwardingEngine: 'node' } as const;

export const kernelDefaults = {
  protocol: 'tcp',
  useIPSets: true,
  useAdvancedNAT: false,
  markConnections: false,
  log: false,
  changeSysctls: false,
  redirect: false,
} as const;

export const loadBalancingDefaults = { algorithm: 'round-robin', key: 'ip', sticky: false, slowStart: 0 } as const;

export const healthCheckDefaults = {
  interval: 10_000,
  timeout: 2000,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
} as const;

export const passiveDefaults = { failures: 3, ejectTime: 10_000, maxEjectTime: 300_000 } as const;

export const tlsDefaults = {
  versions: ['TLSv1.2', 'TLSv1.3'],
  honorCipherOrder: true,
  // Clients of HTTP/1.0 say so (curl --http1.0), and offer nothing else.
  alpn: ['h2', 'http/1.1', 'http/1.0'],
  sessionTimeout: 300,
} as const;

export const acmeDefaults = {
  useProduction: false,
  challengePort: 80,
  challenges: ['http-01', 'tls-alpn-01'],
  keyType: 'ecdsa-p256',
  maxPerHour: 60,
  strictExpiry: false,
} as const;

export const backendDefaults = { backendProtocol: 'http1', grpcWeb: false } as const;

export const upstreamTlsDefaults = { rejectUnauthorized: true } as const;

export const httpDefaults = {
  maxHeaderBytes: 16_384,
  maxHeaders: 100,
  maxBodyBytes: 0,
  minRequestBytesPerSecond: 100,
  minResponseBytesPerSecond: 100,
  rateGrace: 30_000,
  headersTimeout: 10_000,
  keepAliveTimeout: 65_000,
  requestTimeout: 0,
  maxRequestsPerConnection: 0,
  maxConcurrentStreams: 128,
  h2c: false,
  pingInterval: 0,
  pingTimeout: 10_000,
  maxUpstreamConnections: 1024,
  maxUpstreamQueue: 1024,
  upstreamIdleTimeout: 55_000,
  upstreamMaxAge: 0,
  upstreamMaxRequests: 0,
} as const;

export const corsDefaults = { allowOrigin: '*', allowCredentials: false, maxAge: 600 } as const;

/** Where neither `allowMethods` nor the route's match names any. */
export const corsMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export const hstsDefaults = { maxAge: 31_536_000, includeSubDomains: false, preload: false } as const;

export const basicDefaults = { realm: 'restricted' } as const;

export const rateLimitDefaults = { status: 429, failOpen: true, storeTimeout: 100 } as const;

export const jwtDefaults = { clockTolerance: 5, forwardToken: false } as const;

export const forwardAuthDefaults = {
  requestHeaders: ['Accept', 'Authorization', 'Cookie', 'User-Agent', 'X-Requested-With'],
  timeout: 5000,
} as const;

/** Of one rule: each request is compared with every one of them. */
export const maxCredentials = 1000;

export const redirectDefaults = { status: 308 } as const;

export const blockDefaults = { status: 403 } as const;

export const retryDefaults = { attempts: 3, statuses: [], budget: 0.2 } as const;

export const circuitBreakerDefaults = { failures: 5, openMs: 10_000 } as const;

export const webSocketDefaults = { enabled: true, pingInterval: 0, pingTimeout: 10_000, maxPayload: 0 } as const;

export const stickyDefaults = { cookie: 'sp_target' } as const;

export const compressionDefaults = {
  algorithms: ['br', 'gzip'],
  minBytes: 1024,
  types: [
    'text/*',
    'application/json',
    'application/*+json',
    'application/javascript',
    'application/xml',
    'application/*+xml',
    'application/wasm',
    'image/svg+xml',
  ],
} as const;
