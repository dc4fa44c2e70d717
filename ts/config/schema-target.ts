// The schemas of targets: where they are, how one is chosen, how their health is known.

import { foldAddress } from '../codec/address.js';
import { normaliseHost } from '../codec/host.js';
import * as plugins from '../plugins.js';
import { healthCheckDefaults, loadBalancingDefaults, passiveDefaults, targetDefaults } from './defaults.js';
import { checked, flag, func, list, milliseconds, option, strict, whole, word } from './schema-base.js';
import { requestRulesSchema, stickySchema } from './schema-http.js';
import { headersOption, methodOption, pathOption, portRangeSchema } from './schema-match.js';
import { oneOrMore, requestTarget, tokenText } from './schema-text.js';
import { upstreamTlsSchema } from './schema-tls.js';
import type { IRouteContext } from './types.js';

const { zod } = plugins;

const host = checked(zod.string({ error: 'a host name or an IP address' }), (text) =>
  normaliseTargetHost(text) === null ? 'a host name or an IP address' : null,
);

/** A name in its normal form or an address as the network functions take it; null if it is neither. */
export function normaliseTargetHost(text: string): string | null {
  const bare = text.startsWith('[') && text.endsWith(']') && text.includes(':') ? text.slice(1, -1) : text;
  return foldAddress(bare) === '' ? normaliseHost(text) : bare;
}

/** true is version 1. */
export const sendProxyProtocolSchema = zod.literal([true, false, 1, 2], { error: 'true, false, 1 or 2' });

export const backendProtocolSchema = word(['http1', 'http2', 'auto']);

export const targetSchema = strict('target', {
  host: zod
    .union(
      [
        host,
        list(host, 'host names and IP addresses', 1),
        func<(context: IRouteContext) => string | readonly string[]>(),
      ],
      { error: 'a host name, an IP address, a list of them or a function' },
    )
    .meta({ description: 'An address, a name or a list of them, which is balanced.' }),
  port: zod
    .union([whole(1, 65_535, 'a port'), zod.literal('preserve'), func<(context: IRouteContext) => number>()], {
      error: "a port from 1 to 65535, 'preserve' or a function",
    })
    .meta({ description: "The port; 'preserve' takes the one that the client connected to." }),
  match: option(
    strict('target match', {
      ports: option(portRangeSchema, 'Only connections to these ports.'),
      path: pathOption(),
      method: methodOption(),
      headers: headersOption(),
    }),
    'Only for these connections and requests. Targets without match are the fallback.',
  ),
  priority: option(
    whole(-1_000_000, 1_000_000),
    'Among targets that fit by match the highest wins.',
    targetDefaults.priority,
  ),
  weight: option(whole(1, 1000), 'Share among its peers.', targetDefaults.weight),
  backup: option(flag(), 'Used only while no other target is healthy.', targetDefaults.backup),
  sendProxyProtocol: option(sendProxyProtocolSchema, "PROXY header version; overrides the route's."),
  backendProtocol: option(backendProtocolSchema, "HTTP: the version that is spoken to it; overrides the action's."),
  tls: option(
    zod.union([flag(), upstreamTlsSchema], { error: 'true, false or an object (upstream)' }),
    'TLS to this target, whatever the route does: true is all defaults, false none.',
  ),
  headers: option(requestRulesSchema, "For requests to this target, after the route's rules."),
});

export const loadBalancingSchema = strict('loadBalancing', {
  algorithm: option(
    word(['round-robin', 'least-connections', 'ip-hash', 'random-two-choices', 'consistent-hash']),
    'How one of several targets is chosen.',
    loadBalancingDefaults.algorithm,
  ),
  key: option(
    word(['ip', 'path', 'header', 'cookie']),
    'What consistent-hash hashes; all but ip for HTTP only.',
    loadBalancingDefaults.key,
  ),
  keyName: option(tokenText('the name of a header or cookie'), 'Of the header or cookie that is hashed.'),
  sticky: option(
    stickySchema,
    'HTTP only: a cookie that leads a client back to its target.',
    loadBalancingDefaults.sticky,
  ),
  slowStart: option(
    milliseconds(0),
    'Milliseconds in which a target that came up gets to its full share.',
    loadBalancingDefaults.slowStart,
  ),
});

const passiveSchema = strict('passive', {
  failures: option(
    whole(1, 1000),
    'Failed dials, or requests without an answer, in a row that eject a target.',
    passiveDefaults.failures,
  ),
  ejectTime: option(
    milliseconds(1),
    'Milliseconds of the first ejection, doubled each time.',
    passiveDefaults.ejectTime,
  ),
  maxEjectTime: option(milliseconds(1), 'Milliseconds of the longest ejection.', passiveDefaults.maxEjectTime),
});

const probeHost = zod
  .string({ error: 'a host, and perhaps a port' })
  .regex(/^[\w.-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{1,5})?$/);

const expectSchema = strict('expect', {
  status: option(oneOrMore(whole(100, 599, 'a status'), 'statuses'), 'Statuses that are well. Default: 200 to 399.'),
  body: option(zod.string({ error: 'text' }).min(1).max(65_536), 'Text that the first 64 kB of the body must contain.'),
});

export const healthCheckSchema = strict('healthCheck', {
  path: option(requestTarget(), 'Probes by HTTP: GET of this path. Default: probes by TCP.'),
  host: option(probeHost, "The Host of probes by HTTP. Default: the target's."),
  expect: option(expectSchema, 'What probes by HTTP must be answered.'),
  interval: option(milliseconds(0), 'Milliseconds between probes; 0: none.', healthCheckDefaults.interval),
  timeout: option(milliseconds(1), 'Milliseconds a probe may take.', healthCheckDefaults.timeout),
  healthyThreshold: option(
    whole(1, 1000),
    'Successful probes in a row that make a target healthy.',
    healthCheckDefaults.healthyThreshold,
  ),
  unhealthyThreshold: option(
    whole(1, 1000),
    'Failed probes in a row that make a target unhealthy.',
    healthCheckDefaults.unhealthyThreshold,
  ),
  passive: option(
    zod.union([zod.literal(false), passiveSchema], { error: 'false or { failures, ejectTime, maxEjectTime }' }),
    'Ejection of targets that fail; false: none. On by default where a route has several targets.',
  ),
});
