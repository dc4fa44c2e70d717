// The static table of HPACK (RFC 7541 Appendix A), and what we know of its names when we encode.

/** Name, value; the first is index 1. */
const entries: readonly (readonly [string, string?])[] = [
  [':authority'],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset'],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language'],
  ['accept-ranges'],
  ['accept'],
  ['access-control-allow-origin'],
  ['age'],
  ['allow'],
  ['authorization'],
  ['cache-control'],
  ['content-disposition'],
  ['content-encoding'],
  ['content-language'],
  ['content-length'],
  ['content-location'],
  ['content-range'],
  ['content-type'],
  ['cookie'],
  ['date'],
  ['etag'],
  ['expect'],
  ['expires'],
  ['from'],
  ['host'],
  ['if-match'],
  ['if-modified-since'],
  ['if-none-match'],
  ['if-range'],
  ['if-unmodified-since'],
  ['last-modified'],
  ['link'],
  ['location'],
  ['max-forwards'],
  ['proxy-authenticate'],
  ['proxy-authorization'],
  ['range'],
  ['referer'],
  ['refresh'],
  ['retry-after'],
  ['server'],
  ['set-cookie'],
  ['strict-transport-security'],
  ['transfer-encoding'],
  ['user-agent'],
  ['vary'],
  ['via'],
  ['www-authenticate'],
];

/** By index; index 0 is none. */
export const staticNames: readonly string[] = ['', ...entries.map(([name]) => name)];
export const staticValues: readonly string[] = ['', ...entries.map(([, value = '']) => value)];

/** Of the last entry. Indexes above it are of the dynamic table. */
export const lastStatic = entries.length;

/** How a field that is in no table is written (RFC 7541 §6.2, §7.1). */
export const indexing = { add: 0x40, none: 0, never: 0x10 } as const;
export type TIndexing = (typeof indexing)[keyof typeof indexing];

/** What is known of a name. */
export interface IKnownName {
  /** The first of its entries; 0: none. */
  readonly index: number;
  /** How many entries, one behind the other, it has with a value; they begin at `index`. */
  readonly values: number;
  readonly indexing: TIndexing;
}

/** Secrets: guessed through the table's state (RFC 7541 §7.1.3) otherwise, and not to be put into tables by any hop behind. */
const secret: readonly string[] = [
  'authorization',
  'cookie',
  'set-cookie',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-authentication-info',
  'authentication-info',
  'www-authenticate',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
  'x-xsrf-token',
];

/** Seldom the same twice: they would only push out what is. */
const fleeting: readonly string[] = [
  'age',
  'content-length',
  'content-range',
  'date',
  'digest',
  'etag',
  'expires',
  'forwarded',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'range',
  'repr-digest',
  'content-digest',
  'retry-after',
  'sec-websocket-key',
  'sec-websocket-accept',
  'server-timing',
  'traceparent',
  'tracestate',
  'baggage',
  'x-amzn-trace-id',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-correlation-id',
  'x-forwarded-for',
  'x-forwarded-port',
  'x-real-ip',
  'x-request-id',
  'x-request-start',
  'x-response-time',
  'x-runtime',
  'x-trace-id',
];

export const knownNames: ReadonlyMap<string, IKnownName> = makeKnownNames();

function makeKnownNames(): Map<string, IKnownName> {
  const known = new Map<string, IKnownName>();
  const add = (name: string, kind: TIndexing): void => {
    const index = Math.max(staticNames.indexOf(name), 0);
    const values = entries.filter(([own, value]) => own === name && value !== undefined).length;
    known.set(name, { index, values, indexing: kind });
  };
  for (const [name] of entries) add(name, indexing.add);
  for (const name of fleeting) add(name, indexing.none);
  for (const name of secret) add(name, indexing.never);
  return known;
}

/** Whatever a sender says of it, we index no field with this name. */
export const isSecret = (name: string): boolean => knownNames.get(name)?.indexing === indexing.never;

/** A name that has no entry and no treatment of its own. */
export const unknownName: IKnownName = { index: 0, values: 0, indexing: indexing.add };
