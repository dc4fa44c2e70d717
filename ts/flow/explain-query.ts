// Reads what `explain` is asked: a connection that nobody made.

import { ConfigError, type IFault } from '../base/errors.js';
import { foldAddress } from '../codec/address.js';
import { normaliseHost } from '../codec/host.js';
import { gotText } from '../config/faults.js';
import type { TProtocol, TTlsVersion } from '../config/types.js';
import type { IConnectionFacts } from './stages.js';

/** A connection to be explained. */
export interface IExplainQuery {
  /** The port the client connects to; 0 for the shared free port. */
  port: number;
  /** Our address that it connects to, where routes have a `listenAddress`. Default: the global one. */
  address?: string;
  /** The client's address. Default: unknown, which every address list refuses. */
  clientIp?: string;
  /** The name asked for by SNI. */
  domain?: string;
  /** True if it begins with a ClientHello. Default: true where `domain`, `alpn`, `tlsVersion` or `ja4` is given. */
  tls?: boolean;
  /** What its first bytes are. Default `'tls'` or `'other'`, by `tls`. */
  protocol?: TProtocol;
  /** The protocols that it offers. Default none. */
  alpn?: readonly string[];
  /** The highest version that it offers. Default `'TLSv1.3'` where it is TLS. */
  tlsVersion?: TTlsVersion;
  /** The fingerprint of its ClientHello. */
  ja4?: string;
}

/** The connection as the stages would see it. */
export interface IVisit {
  readonly address: string | null;
  /** As if everything had been read. */
  readonly facts: IConnectionFacts & { readonly protocol: TProtocol };
  /** What of the query no connection can have, for people; null: nothing. */
  readonly remark: string | null;
}

const fields: Readonly<Record<keyof IExplainQuery, { readonly want: string; test(value: unknown): boolean }>> = {
  port: { want: 'a port, 0 to 65535', test: (value) => Number.isInteger(value) && inRange(Number(value)) },
  address: { want: 'an IP address', test: isAddress },
  clientIp: { want: 'an IP address', test: isAddress },
  domain: { want: 'a host name', test: isString },
  tls: { want: 'true or false', test: (value) => typeof value === 'boolean' },
  protocol: { want: "'tls', 'http' or 'other'", test: oneOf(['tls', 'http', 'other']) },
  alpn: { want: 'a list of protocol names', test: (value) => Array.isArray(value) && value.every(isString) },
  tlsVersion: { want: 'a TLS version', test: oneOf(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']) },
  ja4: { want: 'a JA4 fingerprint', test: isString },
};

const later = new Set(['path', 'method', 'headers', 'query']);

/** @throws ConfigError with every fault of the query. */
export function readQuery(query: IExplainQuery): IVisit {
  const faults = faultsOf(query);
  if (faults.length > 0) throw new ConfigError(faults);
  const { port, alpn = [], ja4 } = query;
  const protocol = protocolOf(query);
  const isTls = protocol === 'tls';
  const name = query.domain === undefined ? null : normaliseHost(query.domain);
  const facts = {
    port,
    clientIp: foldAddress(query.clientIp ?? ''),
    protocol,
    domain: isTls ? name : null,
    tlsVersion: isTls ? (query.tlsVersion ?? 'TLSv1.3') : null,
    alpn: isTls ? alpn : [],
    hello: isTls && ja4 !== undefined ? { ja4 } : null,
  };
  return {
    address: query.address === undefined ? null : foldAddress(query.address),
    facts,
    remark: remarkOn(query, name),
  };
}

function protocolOf(query: IExplainQuery): TProtocol {
  if (query.protocol !== undefined) return query.protocol;
  return (query.tls ?? saysHello(query)) ? 'tls' : 'other';
}

const saysHello = ({ domain, alpn, tlsVersion, ja4 }: IExplainQuery): boolean =>
  domain !== undefined || alpn !== undefined || tlsVersion !== undefined || ja4 !== undefined;

function remarkOn(query: IExplainQuery, name: string | null): string | null {
  if (protocolOf(query) !== 'tls' && saysHello(query)) {
    return 'only a ClientHello is searched for a name, protocols and a version: in plain bytes none is seen';
  }
  if (query.domain === undefined || name !== null) return null;
  return `${gotText(query.domain)} is no host name, so no name is seen`;
}

function faultsOf(query: IExplainQuery): IFault[] {
  const faults: IFault[] = [];
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (!given.some(([key]) => key === 'port')) faults.push({ path: 'port', want: fields.port.want, got: 'nothing' });
  for (const [key, value] of given) {
    const got = gotText(value);
    if (later.has(key)) faults.push({ path: key, want: 'nothing: requests are not available in this version', got });
    else if (!isField(key)) faults.push({ path: key, want: `one of ${Object.keys(fields).join(', ')}`, got });
    else if (!fields[key].test(value)) faults.push({ path: key, want: fields[key].want, got });
  }
  const { tls, protocol } = query;
  if (tls !== undefined && protocol !== undefined && tls !== (protocol === 'tls')) {
    faults.push({ path: 'protocol', want: `what agrees with tls: ${tls}`, got: gotText(protocol) });
  }
  return faults;
}

const isField = (key: string): key is keyof IExplainQuery => Object.hasOwn(fields, key);

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && foldAddress(value) !== '';
}

function inRange(port: number): boolean {
  return port >= 0 && port <= 65_535;
}

function oneOf(words: readonly string[]): (value: unknown) => boolean {
  return (value) => typeof value === 'string' && words.includes(value);
}
