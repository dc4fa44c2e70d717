// The schema of the HTTP engine's limits.

import { httpDefaults as defaults, maxByteLimit, maxConnectionLimit } from './defaults.js';
import { flag, milliseconds, option, strict, whole } from './schema-base.js';

const count = (min: number) => whole(min, maxConnectionLimit);

export const httpLimitsSchema = strict('http', {
  maxHeaderBytes: option(
    whole(1024, 1_048_576, 'bytes, a whole number'),
    'Bytes of the head of a request or an answer.',
    defaults.maxHeaderBytes,
  ),
  maxHeaders: option(whole(1, 10_000), 'Field lines of a head.', defaults.maxHeaders),
  maxBodyBytes: option(
    whole(0, maxByteLimit, 'bytes, a whole number'),
    "Bytes of a request's body; more is answered by 413. 0: no limit.",
    defaults.maxBodyBytes,
  ),
  minRequestBytesPerSecond: option(
    whole(0, maxByteLimit, 'bytes a second, a whole number'),
    "Bytes a second of a request's body, on average after rateGrace, before its answer; slower is answered by 408. 0: no limit.",
    defaults.minRequestBytesPerSecond,
  ),
  minResponseBytesPerSecond: option(
    whole(0, maxByteLimit, 'bytes a second, a whole number'),
    'Bytes a second that a client takes of an answer that waits for it, on average after rateGrace; slower is cut. 0: no limit.',
    defaults.minResponseBytesPerSecond,
  ),
  rateGrace: option(milliseconds(0), 'Milliseconds in which these rates are not asked for.', defaults.rateGrace),
  headersTimeout: option(
    milliseconds(1),
    "Milliseconds from the first byte of a request's head to its last.",
    defaults.headersTimeout,
  ),
  keepAliveTimeout: option(milliseconds(1), 'Milliseconds between requests.', defaults.keepAliveTimeout),
  requestTimeout: option(
    milliseconds(0),
    'Milliseconds from the head of a request to the end of its answer; 0: no limit.',
    defaults.requestTimeout,
  ),
  maxRequestsPerConnection: option(
    count(0),
    'Requests of one connection; 0: no limit.',
    defaults.maxRequestsPerConnection,
  ),
  maxConcurrentStreams: option(
    whole(1, 100_000),
    'Requests of one HTTP/2 connection at a time.',
    defaults.maxConcurrentStreams,
  ),
  h2c: option(
    flag(),
    'HTTP/2 without TLS, with prior knowledge; false: such clients are told to come by HTTP/1.1.',
    defaults.h2c,
  ),
  pingInterval: option(
    milliseconds(0),
    'Milliseconds without anything from an HTTP/2 client whose requests are under way until it is sent a PING; 0: none.',
    defaults.pingInterval,
  ),
  pingTimeout: option(milliseconds(1), 'Milliseconds for its answer.', defaults.pingTimeout),
  maxUpstreamConnections: option(count(1), 'Connections to one target.', defaults.maxUpstreamConnections),
  maxUpstreamQueue: option(count(0), 'Requests that wait for a connection to one target.', defaults.maxUpstreamQueue),
  upstreamIdleTimeout: option(
    milliseconds(1),
    'Milliseconds that an idle connection to a target is kept.',
    defaults.upstreamIdleTimeout,
  ),
  upstreamMaxAge: option(
    milliseconds(0),
    'Milliseconds after which a connection to a target is used no more; 0: no limit.',
    defaults.upstreamMaxAge,
  ),
  upstreamMaxRequests: option(
    count(0),
    'Requests after which a connection to a target is used no more; 0: no limit.',
    defaults.upstreamMaxRequests,
  ),
});
