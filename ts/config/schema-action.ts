// The schemas of actions, their targets and what may use a route.

import { foldAddress } from '../codec/address.js';
import { normaliseHost } from '../codec/host.js';
import * as plugins from '../plugins.js';
import {
  healthCheckDefaults,
  loadBalancingDefaults,
  maxConnectionLimit,
  passiveDefaults,
  targetDefaults,
} from './defaults.js';
import { checked, flag, func, list, milliseconds, option, strict, whole, word } from './schema-base.js';
import { addressList, laterValue, portRangeSchema } from './schema-match.js';
import type { IRouteContext, TSocketHandler } from './types.js';

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
    strict('target match', { ports: option(portRangeSchema, 'Only connections to these ports.') }),
    'Only for connections to these ports. Targets without match are the fallback.',
  ),
  priority: option(
    whole(-1_000_000, 1_000_000),
    'Among targets that fit by match the highest wins.',
    targetDefaults.priority,
  ),
  weight: option(whole(1, 1000), 'Share among its peers.', targetDefaults.weight),
  backup: option(flag(), 'Used only while no other target is healthy.', targetDefaults.backup),
  sendProxyProtocol: option(sendProxyProtocolSchema, "PROXY header version; overrides the route's."),
});

const laterMode = (input: unknown) => laterValue('tls.mode', input);

export const tlsSchema = strict('tls', {
  mode: word(['passthrough'], laterMode).meta({ description: 'The target terminates TLS; routed by the ClientHello.' }),
});

export const securitySchema = strict('security', {
  ipAllowList: option(addressList(1), 'Only these addresses: exact, CIDR, range or glob.'),
  ipBlockList: option(addressList(0), 'Not these addresses; wins over ipAllowList.'),
  maxConnections: option(whole(1, maxConnectionLimit), 'Connections that a route may have at a time.'),
});

const loadBalancingSchema = strict('loadBalancing', {
  algorithm: option(
    word(['round-robin', 'least-connections', 'ip-hash', 'random-two-choices', 'consistent-hash']),
    'How one of several targets is chosen.',
    loadBalancingDefaults.algorithm,
  ),
  key: option(
    word(['ip'], (input) => laterValue('loadBalancing.key', input)),
    'What consistent-hash hashes.',
    loadBalancingDefaults.key,
  ),
});

const passiveSchema = strict('passive', {
  failures: option(whole(1, 1000), 'Failed dials in a row that eject a target.', passiveDefaults.failures),
  ejectTime: option(
    milliseconds(1),
    'Milliseconds of the first ejection, doubled each time.',
    passiveDefaults.ejectTime,
  ),
  maxEjectTime: option(milliseconds(1), 'Milliseconds of the longest ejection.', passiveDefaults.maxEjectTime),
});

const healthCheckSchema = strict('healthCheck', {
  interval: option(milliseconds(0), 'Milliseconds between TCP probes; 0: none.', healthCheckDefaults.interval),
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
    'Ejection of targets whose dials fail; false: none. On by default where a route has several targets.',
  ),
});

const tlsOption = () => option(tlsSchema, 'TLS of the route.');
const securityOption = () =>
  option(securitySchema, 'Old place of the security of the route; if both are given, both apply.');

export const actionSchema = zod.discriminatedUnion(
  'type',
  [
    strict('forward action', {
      type: zod.literal('forward').meta({ description: 'Forwards the connection to a target.' }),
      target: option(targetSchema, 'The target.'),
      targets: option(list(targetSchema, 'targets', 1), 'Several targets.'),
      tls: tlsOption(),
      loadBalancing: option(loadBalancingSchema, 'How one of several targets is chosen.'),
      healthCheck: option(healthCheckSchema, 'Active TCP probes, and how failing targets are ejected.'),
      sendProxyProtocol: option(sendProxyProtocolSchema, 'PROXY header version; overrides the global one.'),
      security: securityOption(),
    }),
    strict('socket-handler action', {
      type: zod.literal('socket-handler'),
      socketHandler: func<TSocketHandler>(),
      tls: tlsOption(),
      security: securityOption(),
    }).meta({ fileForm: false }),
    strict('block action', {
      type: zod.literal('block').meta({ description: 'Closes the connection.' }),
      tls: tlsOption(),
      security: securityOption(),
    }),
  ],
  {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? (laterValue('action.type', typeOf(issue.input)) ?? "one of 'forward', 'socket-handler', 'block'")
        : 'an object (action)',
  },
);

const typeOf = (input: unknown): unknown =>
  typeof input === 'object' && input !== null && 'type' in input ? input.type : input;
