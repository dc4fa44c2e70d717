// The schemas of what is done to requests and answers on their way.

import * as plugins from '../plugins.js';
import {
  circuitBreakerDefaults,
  compressionDefaults,
  corsDefaults,
  hstsDefaults,
  maxByteLimit,
  retryDefaults,
  webSocketDefaults,
} from './defaults.js';
import { checked, flag, list, milliseconds, option, strict, whole, word } from './schema-base.js';
import {
  fieldNameFault,
  methodText,
  normaliseOrigin,
  oneOrMore,
  pathText,
  plainValue,
  templateFault,
  templateValue,
  tokenText,
} from './schema-text.js';

const { zod } = plugins;

const fieldName = (host: boolean) =>
  checked(zod.string({ error: 'a field name' }), (name) => fieldNameFault(name, host));

const ruleValue = zod.union([templateValue(), zod.null()], { error: 'a value, or null to remove the field' });

/** Rules for request fields; Host may be set. */
export const requestRulesSchema = zod.record(fieldName(true), ruleValue, {
  error: 'an object of field names and values',
});

const responseRulesSchema = zod.record(fieldName(false), ruleValue, { error: 'an object of field names and values' });

/** Fields of a fixed answer: no rules, no placeholders. */
export const answerFieldsSchema = zod.record(fieldName(false), plainValue(), {
  error: 'an object of field names and values',
});

const originOrAny = checked(zod.string({ error: "'*' or an origin such as https://a.test" }), (text) =>
  text === '*' || normaliseOrigin(text) !== null ? null : "'*' or an origin such as https://a.test",
);

const corsSchema = strict('cors', {
  allowOrigin: option(oneOrMore(originOrAny, 'origins'), "'*', an origin, or several.", corsDefaults.allowOrigin),
  allowMethods: option(
    list(methodText(), 'methods', 1),
    'Default: the methods that the route matches, else GET, HEAD, POST, PUT, PATCH, DELETE.',
  ),
  allowHeaders: option(list(tokenText('a field name'), 'field names'), 'Default: what the preflight asks for.'),
  exposeHeaders: option(list(tokenText('a field name'), 'field names'), 'Fields that scripts may read.'),
  allowCredentials: option(flag(), "Cookies and the like; not together with '*'.", corsDefaults.allowCredentials),
  maxAge: option(
    whole(0, 31_536_000, 'seconds, a whole number'),
    'Seconds that a preflight may be remembered.',
    corsDefaults.maxAge,
  ),
});

const hstsSchema = strict('hsts', {
  maxAge: option(whole(0, 315_360_000, 'seconds, a whole number'), 'Seconds.', hstsDefaults.maxAge),
  includeSubDomains: option(flag(), 'For all names below it too.', hstsDefaults.includeSubDomains),
  preload: option(flag(), 'Ask browsers to know of it beforehand.', hstsDefaults.preload),
});

export const headersSchema = strict('headers', {
  request: option(requestRulesSchema, 'Of requests, before they go to the target: a value sets, null removes.'),
  response: option(responseRulesSchema, 'Of answers, before they go to the client: a value sets, null removes.'),
  cors: option(zod.union([flag(), corsSchema], { error: 'true, false or an object (cors)' }), 'Cross-origin requests.'),
  hsts: option(
    zod.union([flag(), hstsSchema], { error: 'true, false or an object (hsts)' }),
    'Strict-Transport-Security, over TLS only.',
  ),
});

const pattern = zod.union(
  [
    checked(zod.string({ error: 'a regular expression' }).min(1), (text) =>
      compiles(text) ? null : 'a regular expression',
    ),
    zod.custom<RegExp>((value) => value instanceof RegExp, { error: 'a regular expression' }).meta({ fileForm: false }),
  ],
  { error: 'a regular expression' },
);

function compiles(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

export const urlRewriteSchema = strict('urlRewrite', {
  stripPrefix: option(pathText(), 'Removed where the path begins with it as whole segments.'),
  addPrefix: option(pathText(), 'Put in front.'),
  pattern: option(pattern, 'A regular expression for the path.'),
  target: option(
    zod.string({ error: 'what replaces the pattern' }).regex(/^[!$->@-[\]-~]*$/),
    'What replaces it, with $1 for its groups; needed with pattern.',
  ),
});

const statusList = list(whole(400, 599, 'a status'), 'statuses');

export const retrySchema = strict('retry', {
  attempts: option(whole(1, 10), 'Attempts in all, the first included; 1: no retries.', retryDefaults.attempts),
  statuses: option(statusList, 'Answers of a target that count as failed.', retryDefaults.statuses),
  budget: option(
    zod.number({ error: 'a number from 0 to 1' }).min(0).max(1),
    'Retries as a part of the requests: 0.2 is one in five.',
    retryDefaults.budget,
  ),
});

const breakerSchema = strict('circuitBreaker', {
  failures: option(whole(1, 1000), 'Failed requests in a row that open it.', circuitBreakerDefaults.failures),
  openMs: option(milliseconds(1), 'Milliseconds until one request may try again.', circuitBreakerDefaults.openMs),
});

export const circuitBreakerSchema = zod.union([flag(), breakerSchema], {
  error: 'true, false or { failures, openMs }',
});

const wantWebSocketOrigin = "an origin such as https://a.test, or '*.a.test' for all names below one";

/** An origin in its normal form, or `*.a.test`; null if it is neither. */
export const normaliseWebSocketOrigin = (text: string): string | null =>
  text === '*' || /^\*(?:\.[\w-]+)+$/.test(text) ? text.toLowerCase() : normaliseOrigin(text);

const webSocketOrigin = checked(zod.string({ error: wantWebSocketOrigin }), (text) =>
  normaliseWebSocketOrigin(text) === null ? wantWebSocketOrigin : null,
);

const pathTemplate = checked(zod.string({ error: 'a path template such as /ws{path}' }), (text) => {
  if (!/^(?:\/(?!\/|\{path\})|\{path\})[!$-[\]-~]*$/.test(text)) return 'a path template such as /ws{path}';
  return templateFault(text);
});

export const webSocketSchema = strict('websocket', {
  enabled: option(flag(), 'false: upgrades are answered by 403.', webSocketDefaults.enabled),
  allowedOrigins: option(list(webSocketOrigin, 'origins', 1), 'Origins that may open one. Default: any.'),
  subprotocols: option(
    list(tokenText('a subprotocol'), 'subprotocols', 1),
    'Only these are passed to the target. Default: what the client asks for.',
  ),
  rewritePath: option(pathTemplate, 'A path template for the handshake: /ws{path}.'),
  customHeaders: option(
    zod.record(fieldName(true), templateValue(), { error: 'an object of field names and values' }),
    'Set on the handshake that goes to the target.',
  ),
  pingInterval: option(
    milliseconds(0),
    "Milliseconds between the proxy's pings; 0: none, frames are passed on unread.",
    webSocketDefaults.pingInterval,
  ),
  pingTimeout: option(milliseconds(1), 'Milliseconds for the pong.', webSocketDefaults.pingTimeout),
  maxPayload: option(
    whole(0, maxByteLimit, 'bytes, a whole number'),
    'Bytes of a message; more closes with 1009. 0: no limit, frames are passed on unread.',
    webSocketDefaults.maxPayload,
  ),
});

const mediaType = zod
  .string({ error: 'a media type such as text/* or application/json' })
  .regex(/^[\w!#$&^.+*-]{1,127}\/[\w!#$&^.+*-]{1,127}$/);

const compressionObject = strict('compression', {
  algorithms: option(
    list(word(['br', 'gzip', 'zstd']), 'algorithms', 1),
    'In order of preference; zstd where Node has it.',
    compressionDefaults.algorithms,
  ),
  minBytes: option(
    whole(0, maxByteLimit, 'bytes, a whole number'),
    'Smaller bodies of known length stay as they are.',
    compressionDefaults.minBytes,
  ),
  types: option(list(mediaType, 'media types', 1), 'Media types, with * as in text/*.', compressionDefaults.types),
});

export const compressionSchema = zod.union([flag(), compressionObject], {
  error: 'true, false or an object (compression)',
});

export const stickySchema = zod.union(
  [
    flag(),
    strict('sticky', {
      cookie: option(tokenText('the name of a cookie'), 'Its name.', 'sp_target'),
      maxAge: option(whole(1, 34_560_000, 'seconds, a whole number'), 'Seconds. Default: until the browser closes.'),
    }),
  ],
  { error: 'true, false or { cookie, maxAge }' },
);
