// Why connections end: the closed set of words that logs, metrics, events and tests share.

import type { TBlame } from '../base/errors.js';

/** Who brought a connection to its end. */
export type TEndedBy = 'client' | 'target' | 'proxy' | 'operator';

/** How far a connection had come. */
export type TPhase = 'accept' | 'peek' | 'guard' | 'handshake' | 'dial' | 'transfer';

interface IEndFacts {
  readonly by: TEndedBy;
  /** The phases in which it can happen. */
  readonly phases: readonly TPhase[];
  /** Whose fault it is; null where nobody's. */
  readonly blame: TBlame | null;
  /** One sentence for people. */
  readonly meaning: string;
}

const anyPhase = ['accept', 'peek', 'guard', 'handshake', 'dial', 'transfer'] as const;

/** The words, each with one cause. A new cause gets a new word; none is reused. */
export const endTable = {
  client_closed: {
    by: 'client',
    phases: ['transfer'],
    blame: null,
    meaning: 'the client closed an established connection first, in order',
  },
  target_closed: {
    by: 'target',
    phases: ['transfer'],
    blame: null,
    meaning: 'the target closed an established connection first, in order',
  },
  closed_before_data: {
    by: 'client',
    phases: ['accept', 'peek', 'handshake'],
    blame: null,
    meaning: 'the client left before it had sent what the decision needed',
  },
  closed_during_dial: {
    by: 'client',
    phases: ['guard', 'dial'],
    blame: null,
    meaning: 'the client left while its target was being dialed',
  },
  no_route: {
    by: 'proxy',
    phases: ['accept', 'peek', 'guard', 'handshake'],
    blame: 'client',
    meaning: 'no route matches',
  },
  route_blocked: { by: 'operator', phases: ['guard'], blame: null, meaning: "the route's action is to block" },
  ip_blocked: {
    by: 'proxy',
    phases: ['accept', 'peek'],
    blame: 'client',
    meaning: 'the default address lists refuse the client',
  },
  route_ip_blocked: {
    by: 'proxy',
    phases: ['guard', 'handshake'],
    blame: 'client',
    meaning: "the route's address lists refuse the client",
  },
  connection_limit: {
    by: 'proxy',
    phases: ['accept', 'peek'],
    blame: 'proxy',
    meaning: 'the proxy or the client address has too many connections',
  },
  route_connection_limit: {
    by: 'proxy',
    phases: ['guard'],
    blame: 'proxy',
    meaning: 'the route has too many connections',
  },
  rate_limit: {
    by: 'proxy',
    phases: ['accept', 'peek'],
    blame: 'client',
    meaning: 'the client address connects too often',
  },
  initial_data_timeout: {
    by: 'proxy',
    phases: ['peek', 'handshake'],
    blame: 'client',
    meaning: 'the bytes that the decision needs did not come in time',
  },
  connection_timeout: {
    by: 'proxy',
    phases: ['dial'],
    blame: 'upstream',
    meaning: 'no target accepted the connection in time',
  },
  inactivity_timeout: {
    by: 'proxy',
    phases: ['transfer'],
    blame: null,
    meaning: 'nothing was sent in either direction for too long',
  },
  half_open_timeout: {
    by: 'proxy',
    phases: ['transfer'],
    blame: null,
    meaning: 'one side had closed and the other stayed silent for too long',
  },
  stall_timeout: {
    by: 'proxy',
    phases: ['transfer'],
    blame: null,
    meaning: 'a reader took nothing for too long while bytes were waiting for it',
  },
  max_lifetime: {
    by: 'proxy',
    phases: ['dial', 'transfer'],
    blame: null,
    meaning: 'the connection reached its maximum age',
  },
  target_refused: { by: 'target', phases: ['dial'], blame: 'upstream', meaning: 'every target refused the connection' },
  target_unresolved: {
    by: 'target',
    phases: ['dial'],
    blame: 'upstream',
    meaning: 'the name of the target could not be resolved',
  },
  target_denied: {
    by: 'operator',
    phases: ['dial'],
    blame: 'operator',
    meaning: 'the address of the target may not be dialed',
  },
  target_unreachable: {
    by: 'target',
    phases: ['dial'],
    blame: 'upstream',
    meaning: 'the network does not reach the target',
  },
  target_tls_error: {
    by: 'target',
    phases: ['dial'],
    blame: 'upstream',
    meaning: 'the TLS handshake with the target failed, or its certificate is not valid',
  },
  no_target: {
    by: 'operator',
    phases: ['dial'],
    blame: 'operator',
    meaning: 'the route gave no target: none fits, or its function failed',
  },
  descriptor_limit: {
    by: 'proxy',
    phases: ['dial'],
    blame: 'proxy',
    meaning: 'the process has no descriptor or local port left to dial with',
  },
  target_error: {
    by: 'target',
    phases: ['transfer'],
    blame: 'upstream',
    meaning: 'the connection to the target broke',
  },
  client_error: { by: 'client', phases: anyPhase, blame: 'client', meaning: 'the connection to the client broke' },
  tls_error: {
    by: 'client',
    phases: ['peek', 'handshake'],
    blame: 'client',
    meaning: 'the client sent a malformed ClientHello, or its TLS handshake failed',
  },
  handshake_timeout: {
    by: 'proxy',
    phases: ['handshake'],
    blame: 'client',
    meaning: 'the TLS handshake took too long',
  },
  no_certificate: {
    by: 'operator',
    phases: ['handshake'],
    blame: 'operator',
    meaning: 'there is no usable certificate for the name that the client asked for',
  },
  client_aborted: {
    by: 'client',
    phases: ['transfer'],
    blame: 'client',
    meaning: 'the client left while a request of it was under way',
  },
  protocol_error: {
    by: 'client',
    phases: ['transfer'],
    blame: 'client',
    meaning: 'the client sent a malformed or refused HTTP message',
  },
  headers_timeout: {
    by: 'proxy',
    phases: ['transfer'],
    blame: 'client',
    meaning: 'the head of a request did not come in time',
  },
  keep_alive_timeout: {
    by: 'proxy',
    phases: ['transfer'],
    blame: null,
    meaning: 'an HTTP connection was idle for too long',
  },
  overload: {
    by: 'proxy',
    phases: ['transfer'],
    blame: null,
    meaning: 'an idle HTTP connection made room for others: the proxy was full',
  },
  request_timeout: {
    by: 'proxy',
    phases: ['transfer'],
    blame: null,
    meaning: 'a request and its answer took too long',
  },
  client_too_slow: {
    by: 'proxy',
    phases: ['transfer'],
    blame: 'client',
    meaning: 'the client took an HTTP answer more slowly than the least rate',
  },
  ping_timeout: {
    by: 'proxy',
    phases: ['transfer'],
    blame: 'client',
    meaning: 'the client did not answer a ping of HTTP/2 or its WebSocket in time',
  },
  message_too_large: {
    by: 'proxy',
    phases: ['transfer'],
    blame: null,
    meaning: 'a message in a WebSocket was larger than its route allows',
  },
  proxy_protocol_error: {
    by: 'client',
    phases: ['peek'],
    blame: 'client',
    meaning: 'the PROXY header is missing, malformed or too long',
  },
  handler_error: {
    by: 'operator',
    phases: ['transfer'],
    blame: 'operator',
    meaning: 'the socket handler threw or rejected',
  },
  nftables_closed: {
    by: 'client',
    phases: ['transfer'],
    blame: null,
    meaning: 'the kernel forwarded the connection and tracks it no more, whoever closed it',
  },
  normal: {
    by: 'proxy',
    phases: ['transfer'],
    blame: null,
    meaning: 'our own answer, such as that of a socket handler, is complete',
  },
  route_removed: {
    by: 'operator',
    phases: ['guard', 'dial', 'transfer'],
    blame: null,
    meaning: 'its route was removed and the update asked to cut its connections',
  },
  closed_by_operator: {
    by: 'operator',
    phases: anyPhase,
    blame: null,
    meaning: 'somebody ended it by hand',
  },
  shutdown: { by: 'operator', phases: anyPhase, blame: null, meaning: 'the proxy stopped' },
  internal_error: { by: 'proxy', phases: anyPhase, blame: 'proxy', meaning: 'a defect of the proxy: please report it' },
} as const satisfies Record<string, IEndFacts>;

/** Why a connection ended. */
export type TEnd = keyof typeof endTable;

/** All words, in table order. */
export const endWords = Object.keys(endTable) as readonly TEnd[];
