// The fields of a question to `explain`: what they mean, and which values they take.

import type { IFault } from '../base/errors.js';
import { foldAddress } from '../codec/address.js';
import { readAuthority } from '../codec/http-authority.js';
import { normalisePath } from '../codec/http-path.js';
import { gotText } from '../config/faults.js';
import type { TProtocol, TTlsVersion } from '../config/types.js';

/** A connection to be explained, and perhaps a request on it. */
export interface IExplainQuery {
  /** The port the client connects to; 0 for the shared free port. */
  port: number;
  /** Our address that it connects to, where routes have a `listenAddress`. Default: the global one. */
  address?: string | undefined;
  /** The client's address. Default: unknown, which every address list refuses. */
  clientIp?: string | undefined;
  /** The host asked for: by SNI where it is TLS, and by the Host of a request unless `host` is given. */
  domain?: string | undefined;
  /**
   * True if it begins with a ClientHello. Default: true where `domain`, `alpn`, `tlsVersion` or `ja4` is given and `protocol` is not;
   * unless `domain` alone speaks for TLS, no TLS would be read or ended for it, and plain requests are served on the port: then what
   * is said of a request is judged as such.
   */
  tls?: boolean | undefined;
  /** What its first bytes are; together with `tls: true`, those inside. Default: by `tls` and what is said of a request. */
  protocol?: TProtocol | undefined;
  /** The protocols that it offers. Default none. */
  alpn?: readonly string[] | undefined;
  /** The highest version that it offers. Default `'TLSv1.3'` where it is TLS. */
  tlsVersion?: TTlsVersion | undefined;
  /** The fingerprint of its ClientHello. */
  ja4?: string | undefined;
  /** The Host of the request, with or without a port. Default: `domain`. This and the following make it HTTP. */
  host?: string | undefined;
  /** Default `'/'`. */
  path?: string | undefined;
  /** Default `'GET'`. */
  method?: string | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  /** Without the question mark. */
  query?: string | undefined;
}

/** What its first bytes are. */
export function protocolOf(query: IExplainQuery): TProtocol {
  const { tls, protocol } = query;
  if (tls === true || protocol === 'tls') return 'tls';
  if (protocol !== undefined) return protocol;
  if (tls === undefined && saysHello(query)) return 'tls';
  return isRequest(query) ? 'http' : 'other';
}

/** True if something is said that a ClientHello says. */
export const saysHello = ({ domain, alpn, tlsVersion, ja4 }: IExplainQuery): boolean =>
  domain !== undefined || alpn !== undefined || tlsVersion !== undefined || ja4 !== undefined;

/** True if TLS is no more than a guess: of a request something is said, and of a ClientHello only what a request says too. */
export const mayBePlain = (query: IExplainQuery): boolean =>
  isRequest(query) &&
  [query.tls, query.protocol, query.alpn, query.tlsVersion, query.ja4].every((given) => given === undefined);

/** True if something is said of a request. */
export const isRequest = (query: IExplainQuery): boolean => requestFields.some((name) => query[name] !== undefined);

const requestFields = ['host', 'path', 'method', 'headers', 'query'] as const;

interface IField {
  readonly want: string;
  test(value: unknown): boolean;
}

const fields: Readonly<Record<keyof IExplainQuery, IField>> = {
  port: { want: 'a port, 0 to 65535', test: (value) => Number.isInteger(value) && inRange(Number(value)) },
  address: { want: 'an IP address', test: isAddress },
  clientIp: { want: 'an IP address', test: isAddress },
  domain: { want: 'a host name', test: isString },
  tls: { want: 'true or false', test: (value) => typeof value === 'boolean' },
  protocol: { want: "'tls', 'http' or 'other'", test: oneOf(['tls', 'http', 'other']) },
  alpn: { want: 'a list of protocol names', test: (value) => Array.isArray(value) && value.every(isString) },
  tlsVersion: { want: 'a TLS version', test: oneOf(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']) },
  ja4: { want: 'a JA4 fingerprint', test: isString },
  host: { want: 'a host, with or without a port', test: (value) => isString(value) && readAuthority(value) !== null },
  path: { want: 'a path that begins with /, without a query', test: isPath },
  method: { want: 'a method', test: (value) => isString(value) && /^[!#$%&'*+\-.^_`|~\w]+$/.test(value) },
  headers: { want: 'an object of field names and values', test: isTexts },
  query: {
    want: 'parameters as in a URL, without the question mark',
    test: (value) => isString(value) && value[0] !== '?',
  },
};

/** Every fault of the query. */
export function faultsOf(query: IExplainQuery): IFault[] {
  const faults: IFault[] = [];
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (!given.some(([key]) => key === 'port')) faults.push({ path: 'port', want: fields.port.want, got: 'nothing' });
  for (const [key, value] of given) {
    const got = gotText(value);
    if (!isField(key)) faults.push({ path: key, want: `one of ${Object.keys(fields).join(', ')}`, got });
    else if (!fields[key].test(value)) faults.push({ path: key, want: fields[key].want, got });
  }
  const { tls, protocol } = query;
  if (tls === false && protocol === 'tls') {
    faults.push({ path: 'protocol', want: 'what agrees with tls: false', got: gotText(protocol) });
  }
  if (query.path === '*' && `${query.method}`.toUpperCase() !== 'OPTIONS') {
    faults.push({ path: 'path', want: 'a path that begins with /: * goes with OPTIONS alone', got: "'*'" });
  }
  if (protocol === 'other' && isRequest(query)) {
    faults.push({ path: 'protocol', want: "'http', as it is a request that is asked about", got: gotText(protocol) });
  }
  return faults;
}

const isField = (key: string): key is keyof IExplainQuery => Object.hasOwn(fields, key);

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isAddress(value: unknown): boolean {
  return isString(value) && foldAddress(value) !== '';
}

function isPath(value: unknown): boolean {
  return isString(value) && (value === '*' || /^\/[^?#]*$/.test(value)) && normalisePath(value) !== null;
}

function isTexts(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isString);
}

function inRange(port: number): boolean {
  return port >= 0 && port <= 65_535;
}

function oneOf(words: readonly string[]): (value: unknown) => boolean {
  return (value) => isString(value) && words.includes(value);
}
