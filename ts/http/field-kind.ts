// Which field names the proxy treats in a way of its own: told by length and first letter, so that an ordinary name costs
// one look into a table.

/** What becomes of a field. */
export type TKind = number;

export const plain = 0;
/** Concerns one connection only, or frames the message: never passed on. */
export const hop = 1;
export const connection = 2;
export const te = 3;
export const date = 4;
/** Believed of trusted peers only, as is everything that follows. */
export const edge = 5;
export const forwardedFor = 6;
export const forwardedProto = 7;
export const forwardedHost = 8;
export const forwardedPort = 9;
export const forwarded = 10;

interface IEntry {
  readonly lower: string;
  /** As most senders of HTTP/1.1 write it. */
  readonly usual: string;
  /** Of its last letter; most names of another meaning differ there. */
  readonly last: number;
  readonly kind: TKind;
}

/** RFC 9110 §7.6.1, and what older senders use. Framing is written anew from what was understood of it. */
const ofConnections: Readonly<Record<string, TKind>> = {
  connection,
  'keep-alive': hop,
  'proxy-connection': hop,
  'transfer-encoding': hop,
  'content-length': hop,
  upgrade: hop,
};

const ofRequests: Readonly<Record<string, TKind>> = {
  ...ofConnections,
  te,
  host: hop,
  'http2-settings': hop,
  // RFC 9110 §11.7.2: meant for the first proxy that asks for it; CGI takes `Proxy` for a setting (CVE-2016-5385).
  'proxy-authorization': hop,
  proxy: hop,
  'x-forwarded-for': forwardedFor,
  'x-forwarded-proto': forwardedProto,
  'x-forwarded-host': forwardedHost,
  'x-forwarded-port': forwardedPort,
  forwarded,
  ...Object.fromEntries(
    [
      // Addresses of clients, as various proxies state them.
      'x-real-ip',
      'x-client-ip',
      'x-cluster-client-ip',
      'x-original-forwarded-for',
      'client-ip',
      'true-client-ip',
      'cf-connecting-ip',
      'cf-connecting-ipv6',
      'fastly-client-ip',
      'x-envoy-external-address',
      'x-envoy-internal',
      'x-request-id',
      // Client certificates (RFC 9440), as whoever terminates TLS states them.
      'client-cert',
      'client-cert-chain',
      'x-client-cert',
      'x-client-cert-chain',
      'x-client-dn',
      'x-client-verify',
      'x-client-certificate',
      'x-ssl-cert',
      'x-tls-client-cert',
      'x-arr-clientcert',
      // What frameworks take for words of their own front: CVE-2025-29927, CVE-2018-14773, CVE-2025-61780.
      'x-middleware-subrequest',
      'x-middleware-subrequest-id',
      'x-middleware-rewrite',
      'x-middleware-redirect',
      'x-middleware-next',
      'x-middleware-skip',
      'x-middleware-set-cookie',
      'x-middleware-override-headers',
      'x-now-route-matches',
      'x-matched-path',
      'x-original-url',
      'x-rewrite-url',
      'x-sendfile-type',
      'x-accel-mapping',
    ].map((name) => [name, edge]),
  ),
};

const ofResponses: Readonly<Record<string, TKind>> = { ...ofConnections, te: hop, date };

/** Families of names of which everything is `edge`. */
const edgePrefixes = ['x-forwarded-', 'x-ssl-client-', 'ssl-client-'];

/** Rows by length and the low bits of the first letter, which upper and lower case share. */
type TTable = readonly (readonly IEntry[] | null)[];

const lengths = 32;

const rowOf = (name: string): number => (name.length << 5) | (name.charCodeAt(0) & 31);

function tableOf(kinds: Readonly<Record<string, TKind>>): TTable {
  const table: (IEntry[] | null)[] = new Array(lengths << 5).fill(null);
  for (const [lower, kind] of Object.entries(kinds)) {
    const usual = lower.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
    const last = lower.charCodeAt(lower.length - 1) | 0x20;
    table[rowOf(lower)] = [...(table[rowOf(lower)] ?? []), { lower, usual, last, kind }];
  }
  return table;
}

const requestTable = tableOf(ofRequests);
const responseTable = tableOf(ofResponses);

const letterF = 0x66;
const letterS = 0x73;
const letterX = 0x78;

export function requestKind(name: string): TKind {
  const kind = look(requestTable, name);
  if (kind !== plain) return kind;
  // Before a name is copied in lower case: browsers send many that begin with `sec-`, and some with `x-`.
  const first = name.charCodeAt(0) | 0x20;
  if (first === letterX) {
    const third = name.charCodeAt(2) | 0x20;
    if (third !== letterF && third !== letterS) return plain;
  } else if (first !== letterS || (name.charCodeAt(1) | 0x20) !== letterS) {
    return plain;
  }
  const lower = name.toLowerCase();
  for (const prefix of edgePrefixes) if (lower.startsWith(prefix)) return edge;
  return plain;
}

export const responseKind = (name: string): TKind => look(responseTable, name);

function look(table: TTable, name: string): TKind {
  if (name.length >= lengths) return plain;
  const row = table[rowOf(name)];
  if (row === null || row === undefined) return plain;
  const last = name.charCodeAt(name.length - 1) | 0x20;
  for (let at = 0; at < row.length; at++) {
    const entry = row[at] as IEntry;
    if (entry.last !== last) continue;
    if (name === entry.usual || name === entry.lower || name.toLowerCase() === entry.lower) return entry.kind;
  }
  return plain;
}

/** True if the names are the same; `lower` is in lower case. */
export const isName = (name: string, lower: string): boolean =>
  name.length === lower.length && (name === lower || name.toLowerCase() === lower);
