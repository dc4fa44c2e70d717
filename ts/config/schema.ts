// The one schema of what users write. It judges each value by itself; check-route.ts and check-all.ts judge how values
// go together.

import type { ILogger } from '../base/logger.js';
import * as plugins from '../plugins.js';
import { globalDefaults, maxConnectionLimit, metricsDefaults, routeDefaults, timeoutDefaults } from './defaults.js';
import { acmeSchema } from './schema-acme.js';
import { actionSchema, securitySchema } from './schema-action.js';
import { adminSchema } from './schema-admin.js';
import { checked, flag, label, list, milliseconds, option, strict, whole, word } from './schema-base.js';
import { compressionSchema, headersSchema } from './schema-http.js';
import { httpLimitsSchema } from './schema-limits.js';
import { addressList, listenAddressSchema, matchSchema } from './schema-match.js';
import { certificateStoreSchema, provisionSchema } from './schema-store.js';
import { sendProxyProtocolSchema, targetSchema } from './schema-target.js';
import { tlsSchema } from './schema-tls.js';
import { withDefaults } from './with-defaults.js';

const { zod } = plugins;

/** More would be memory for figures that nobody looks at. */
const maxSamples = 100_000;

const timeoutShape = {
  connectionTimeout: option(milliseconds(1), 'Milliseconds to dial one target.', timeoutDefaults.connectionTimeout),
  inactivityTimeout: option(
    milliseconds(0),
    'Milliseconds without a byte in either direction; 0: none.',
    timeoutDefaults.inactivityTimeout,
  ),
  maxConnectionLifetime: option(
    milliseconds(0),
    'Milliseconds that a connection may last; 0: no limit.',
    timeoutDefaults.maxConnectionLifetime,
  ),
  halfOpenTimeout: option(
    milliseconds(1),
    'Milliseconds of silence of one side after the other closed.',
    timeoutDefaults.halfOpenTimeout,
  ),
  stallTimeout: option(
    milliseconds(0),
    'Milliseconds without progress towards a reader for whom bytes are waiting; 0: none.',
    timeoutDefaults.stallTimeout,
  ),
  keepAliveTreatment: option(
    word(['standard', 'extended', 'immortal']),
    'extended: inactivityTimeout x keepAliveInactivityMultiplier; immortal: no inactivity limit.',
    timeoutDefaults.keepAliveTreatment,
  ),
  keepAliveInactivityMultiplier: option(
    zod.number({ error: 'a number from 1 to 1000' }).min(1).max(1000),
    'Factor of the extended treatment.',
    timeoutDefaults.keepAliveInactivityMultiplier,
  ),
  enableHalfOpen: option(
    flag(),
    'Each direction ends on its own; only the inactivity clock bounds what is left.',
    timeoutDefaults.enableHalfOpen,
  ),
  responseTimeout: option(
    milliseconds(0),
    "HTTP: milliseconds from the end of a request to the head of the target's answer; 0: none.",
    timeoutDefaults.responseTimeout,
  ),
};

export const routeSchema = strict('route', {
  name: option(label(200), 'Unique. Identifies the route across updates unless id is given.'),
  id: option(label(200), 'Unique. Identifies the route across updates.'),
  description: option(zod.string({ error: 'text' }), 'For people.'),
  tags: option(list(label(200), 'texts'), 'For people.'),
  enabled: option(flag(), 'false: the route is checked and otherwise ignored.', routeDefaults.enabled),
  priority: option(
    whole(-1_000_000, 1_000_000),
    'Higher first; then the more specific match, then the place in the list.',
    routeDefaults.priority,
  ),
  match: matchSchema.meta({ description: 'What a connection must look like for the route to take it.' }),
  action: actionSchema.meta({ description: 'What is done with the connection.' }),
  security: option(securitySchema, 'Who may use the route.'),
  headers: option(headersSchema, 'HTTP only: rules for header fields.'),
  compression: option(compressionSchema, 'HTTP only: compression of answers; true is all defaults.'),
  timeouts: option(strict('timeouts', timeoutShape), 'Overrides of the global ones.'),
});

const defaultsSchema = strict('defaults', {
  target: option(targetSchema, 'For forward actions without target and targets.'),
  security: option(securitySchema, "Added to each route's own, never replaced by it."),
  tls: option(tlsSchema, 'For routes without tls, unless their protocol is http or other.'),
});

const metricsSchema = checked(
  strict('metrics', {
    sampleIntervalMs: option(whole(10, 3_600_000), 'Milliseconds between samples.', metricsDefaults.sampleIntervalMs),
    retentionSeconds: option(whole(1, 31_536_000), 'Seconds that samples are kept.', metricsDefaults.retentionSeconds),
  }),
  (metrics) => {
    const { sampleIntervalMs, retentionSeconds } = withDefaults(metricsDefaults, metrics);
    const samples = (retentionSeconds * 1000) / sampleIntervalMs;
    return samples >= 1 && samples <= maxSamples ? null : `1 to ${maxSamples} samples kept at a time`;
  },
);

const logger = zod
  .custom<ILogger>(isLogger, { error: 'an object with the methods debug, info, warn and error' })
  .meta({ fileForm: false });

export const optionsSchema = strict('options', {
  routes: list(routeSchema, 'routes').meta({ description: 'The routes; may be empty.' }),
  defaults: option(defaultsSchema, 'For routes that leave these out.'),
  acme: option(acmeSchema, "For every route with certificate 'auto'; its own tls.acme wins field by field."),
  certificateStore: option(
    certificateStoreSchema,
    'Where certificates, keys and accounts are kept: a folder or a store.',
    globalDefaults.certificateStore,
  ),
  certProvisionFunction: option(provisionSchema, "Gives a name's certificate in place of an order."),
  acceptProxyProtocol: option(
    flag(),
    'Accept PROXY headers v1 and v2, mandatory from proxyIPs and from nobody else.',
    globalDefaults.acceptProxyProtocol,
  ),
  proxyIPs: option(addressList(0), 'Who may send PROXY headers.', globalDefaults.proxyIPs),
  sendProxyProtocol: option(
    sendProxyProtocolSchema,
    'PROXY header version sent to targets; true is 1.',
    globalDefaults.sendProxyProtocol,
  ),
  preserveSourceIP: option(
    flag(),
    "Targets of routes that the kernel forwards see the client's address.",
    globalDefaults.preserveSourceIP,
  ),
  ...timeoutShape,
  initialDataTimeout: option(
    milliseconds(1),
    'Milliseconds for the first bytes where a decision needs them; covers PROXY header and ClientHello.',
    globalDefaults.initialDataTimeout,
  ),
  gracefulShutdownTimeout: option(
    milliseconds(0),
    'Milliseconds that stop() lets connections finish.',
    globalDefaults.gracefulShutdownTimeout,
  ),
  noDelay: option(flag(), 'TCP_NODELAY on both sides.', globalDefaults.noDelay),
  keepAlive: option(flag(), 'TCP keep-alive on both sides.', globalDefaults.keepAlive),
  keepAliveInitialDelay: option(
    milliseconds(1000),
    'Milliseconds of silence before the first keep-alive probe; full seconds count.',
    globalDefaults.keepAliveInitialDelay,
  ),
  maxConnections: option(
    whole(1, maxConnectionLimit),
    'Connections at a time. Default: what the descriptor limit allows, at most 10 000.',
  ),
  listenAddress: option(listenAddressSchema, "Default: '::' with IPv4, or '0.0.0.0' where there is no IPv6."),
  denyPrivateTargets: option(
    flag(),
    'Refuse to dial private, link-local and loopback addresses.',
    globalDefaults.denyPrivateTargets,
  ),
  maxConnectionsPerIP: option(
    whole(0, maxConnectionLimit),
    'Connections at a time per client address (IPv6: per /64); 0: no limit.',
    globalDefaults.maxConnectionsPerIP,
  ),
  connectionRateLimitPerMinute: option(
    whole(0, maxConnectionLimit),
    'New connections per minute and client address (IPv6: per /64); 0: no limit.',
    globalDefaults.connectionRateLimitPerMinute,
  ),
  useHttpProxy: option(
    list(whole(0, 65_535, 'a port'), 'ports'),
    'Ports whose plain HTTP goes to the HTTP engine whatever their routes ask for.',
    globalDefaults.useHttpProxy,
  ),
  httpProxyPort: option(whole(0, 65_535, 'a port'), 'The HTTP engine also listens here, on loopback.'),
  trustedProxies: option(addressList(0), 'Peers whose X-Forwarded-* is believed.', globalDefaults.trustedProxies),
  http: option(httpLimitsSchema, 'Limits of the HTTP engine.'),
  logger: option(logger, 'Receives log lines. Default: silence.'),
  metrics: option(
    zod.union([flag(), metricsSchema], { error: 'true, false or { sampleIntervalMs, retentionSeconds }' }),
    'Throughput and connection figures: false switches them off.',
    globalDefaults.metrics,
  ),
  admin: option(adminSchema, 'The admin interface: a page, an API and metrics for Prometheus.'),
});

function isLogger(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return (['debug', 'info', 'warn', 'error'] as const).every(
    (level) => typeof (value as Record<string, unknown>)[level] === 'function',
  );
}
