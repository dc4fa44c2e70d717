// The schemas of actions, and of who may use a route.

import * as plugins from '../plugins.js';
import {
  backendDefaults,
  blockDefaults,
  forwardDefaults,
  maxByteLimit,
  maxConnectionLimit,
  redirectDefaults,
} from './defaults.js';
import { basicAuthSchema, forwardAuthSchema, jwtAuthSchema } from './schema-auth.js';
import { authenticationSchema } from './schema-authentication.js';
import { checked, func, list, option, strict, whole, word } from './schema-base.js';
import {
  answerFieldsSchema,
  circuitBreakerSchema,
  retrySchema,
  urlRewriteSchema,
  webSocketSchema,
} from './schema-http.js';
import { kernelSchema } from './schema-kernel.js';
import { addressList } from './schema-match.js';
import { rateLimitSchema } from './schema-rate-limit.js';
import {
  backendProtocolSchema,
  healthCheckSchema,
  loadBalancingSchema,
  sendProxyProtocolSchema,
  targetSchema,
} from './schema-target.js';
import { templateFault } from './schema-text.js';
import { tlsSchema } from './schema-tls.js';
import type { THttpHandler, TSocketHandler } from './types.js';

const { zod } = plugins;

const types = "'forward', 'socket-handler', 'http-handler', 'redirect', 'respond', 'block'";

export const securitySchema = strict('security', {
  ipAllowList: option(addressList(1), 'Only these addresses: exact, CIDR, range or glob.'),
  ipBlockList: option(addressList(0), 'Not these addresses; wins over ipAllowList.'),
  maxConnections: option(whole(1, maxConnectionLimit), 'Connections that a route may have at a time.'),
  maxInFlight: option(whole(1, maxConnectionLimit), 'HTTP only: requests of a route that may be under way at a time.'),
  maxBodyBytes: option(
    whole(0, maxByteLimit, 'bytes, a whole number'),
    "HTTP only: bytes of a request's body, in place of http.maxBodyBytes. 0: no limit.",
  ),
  rateLimit: option(rateLimitSchema, 'HTTP only: how often the route may be asked.'),
  authentication: option(authenticationSchema, 'HTTP only: the credentials that requests need.'),
  basicAuth: option(basicAuthSchema, 'HTTP only: the credentials that requests need, passwords as text or as hashes.'),
  jwtAuth: option(jwtAuthSchema, 'HTTP only: the signed token that requests need.'),
  forwardAuth: option(forwardAuthSchema, 'HTTP only: the server that is asked about each request.'),
});

const wantRedirect = 'a URL (http:// or https://) or a path, as a template: https://{domain}{path}';
const wantNoHost =
  'a path that begins with text of its own, /new{path}, or a whole URL, https://{domain}{path}: clients could write a host where {path} begins it';

/** No client may name the host that it is sent to: by `//`, or by a placeholder where a host could stand. */
const redirectShape =
  /^(?:https?:\/\/(?:[\w.:[\]-]|\{domain\}|\{port\})+(?:\{path\}|[/?#]|$)|\/(?![/{]))[!#-;=?-[\]_a-~]*$/i;

const redirectTarget = checked(zod.string({ error: wantRedirect }), (text) =>
  redirectShape.test(text) && text.length <= 8192
    ? templateFault(text)
    : /^\/?\{\w+\}/.test(text)
      ? wantNoHost
      : wantRedirect,
);

const tlsOption = () => option(tlsSchema, 'TLS of the route.');
const securityOption = () =>
  option(securitySchema, 'Old place of the security of the route; if both are given, both apply.');

const redirectSchema = strict('redirect', {
  to: redirectTarget.meta({ description: 'A URL or a path, as a template: https://{domain}{path}.' }),
  status: option(
    zod.literal([301, 302, 303, 307, 308], { error: '301, 302, 303, 307 or 308' }),
    'The status.',
    redirectDefaults.status,
  ),
});

const bodyBytes = zod
  .custom<Uint8Array>((value) => value instanceof Uint8Array, { error: 'text or bytes' })
  .meta({ fileForm: false });

const answerSchema = strict('respond', {
  status: whole(200, 599, 'a status').meta({ description: 'The status.' }),
  headers: option(answerFieldsSchema, 'Fields of the answer.'),
  body: option(
    zod.union([zod.string({ error: 'text or bytes' }), bodyBytes], { error: 'text or bytes' }),
    'The body. Default: none.',
  ),
});

const blockSchema = strict('block', {
  status: option(whole(400, 599, 'a status'), 'The status of the answer.', blockDefaults.status),
  message: option(zod.string({ error: 'text' }).max(65_536), 'Its body, plain text.'),
});

const common = () => ({ tls: tlsOption(), security: securityOption() });

export const actionSchema = zod.discriminatedUnion(
  'type',
  [
    strict('forward action', {
      type: zod.literal('forward').meta({ description: 'Forwards the connection to a target.' }),
      target: option(targetSchema, 'The target.'),
      targets: option(list(targetSchema, 'targets', 1), 'Several targets.'),
      tls: tlsOption(),
      loadBalancing: option(loadBalancingSchema, 'How one of several targets is chosen.'),
      healthCheck: option(healthCheckSchema, 'Active probes, and how failing targets are ejected.'),
      sendProxyProtocol: option(sendProxyProtocolSchema, 'PROXY header version; overrides the global one.'),
      forwardingEngine: option(
        word(['node', 'nftables']),
        'Who forwards: this process, or the kernel by rules of nftables.',
        forwardDefaults.forwardingEngine,
      ),
      nftables: option(kernelSchema, "For forwardingEngine: 'nftables'."),
      backendProtocol: option(
        backendProtocolSchema,
        'HTTP: the version that targets are spoken to in.',
        backendDefaults.backendProtocol,
      ),
      grpcWeb: option(zod.boolean(), 'HTTP: gRPC-Web of browsers becomes gRPC for targets.', backendDefaults.grpcWeb),
      urlRewrite: option(urlRewriteSchema, 'HTTP: changes the path of requests before they go to a target.'),
      retry: option(retrySchema, 'HTTP: repeating what failed.'),
      circuitBreaker: option(circuitBreakerSchema, 'HTTP: sends no requests to a target that keeps failing.'),
      websocket: option(webSocketSchema, 'HTTP: rules for WebSockets.'),
      security: securityOption(),
    }),
    strict('socket-handler action', {
      type: zod.literal('socket-handler'),
      socketHandler: func<TSocketHandler>(),
      ...common(),
    }).meta({ fileForm: false }),
    strict('http-handler action', {
      type: zod.literal('http-handler'),
      httpHandler: func<THttpHandler>(),
      ...common(),
    }).meta({ fileForm: false }),
    strict('redirect action', {
      type: zod.literal('redirect').meta({ description: 'Sends the client elsewhere.' }),
      redirect: redirectSchema.meta({ description: 'Where to.' }),
      ...common(),
    }),
    strict('respond action', {
      type: zod.literal('respond').meta({ description: 'Answers by itself.' }),
      respond: answerSchema.meta({ description: 'The answer.' }),
      ...common(),
    }),
    strict('block action', {
      type: zod
        .literal('block')
        .meta({ description: 'Answers requests by a status; closes a connection that is not HTTP.' }),
      block: option(blockSchema, 'The answer of a blocked request.'),
      ...common(),
    }),
  ],
  { error: (issue) => (issue.code === 'invalid_union' ? `one of ${types}` : 'an object (action)') },
);
