// Reads what `explain` is asked: a connection that nobody made, and perhaps a request on it.

import { ConfigError } from '../base/errors.js';
import { foldAddress } from '../codec/address.js';
import { normaliseHost } from '../codec/host.js';
import { readAuthority } from '../codec/http-authority.js';
import { normalisePath } from '../codec/http-path.js';
import { gotText } from '../config/faults.js';
import type { TProtocol } from '../config/types.js';
import { faultsOf, type IExplainQuery, isRequest, mayBePlain, protocolOf, saysHello } from './explain-fields.js';
import type { IConnectionFacts, IRequestFacts } from './stages.js';

export type { IExplainQuery } from './explain-fields.js';

/** The connection as the stages would see it. */
export interface IVisit {
  readonly address: string | null;
  /** As if everything had been read. */
  readonly facts: IConnectionFacts & { readonly protocol: TProtocol };
  /** What its bytes are once TLS, if there is any, was terminated. */
  readonly inside: TProtocol;
  /** The request, where these bytes are HTTP. */
  readonly request: IVisitRequest | null;
  /** The same as a request without TLS, where TLS is a guess; else null. */
  readonly plain: IVisit | null;
  /** What of the query no connection can have, for people; null: nothing. */
  readonly remark: string | null;
}

export interface IVisitRequest extends Pick<IRequestFacts, 'domain' | 'path' | 'query' | 'method' | 'fields'> {
  /** False: nothing was said of it. */
  readonly isAsked: boolean;
}

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
  const inside = isTls ? insideOf(query) : protocol;
  return {
    address: query.address === undefined ? null : foldAddress(query.address),
    facts,
    inside,
    request: inside === 'http' ? requestOf(query) : null,
    plain: isTls && mayBePlain(query) ? readQuery({ ...query, protocol: 'http' }) : null,
    remark: remarkOn(query, name),
  };
}

/** Of TLS nothing more is known of than HTTP, unless something else is said. */
const insideOf = ({ tls, protocol }: IExplainQuery): TProtocol =>
  tls === true && protocol !== undefined && protocol !== 'tls' ? protocol : 'http';

function requestOf(query: IExplainQuery): IVisitRequest {
  const { path = '/', method = 'GET', query: parameters = '', headers = {} } = query;
  const fields = Object.entries(headers);
  const [, field] = fields.find(([name]) => name.toLowerCase() === 'host') ?? [];
  const host = query.host ?? field;
  return {
    // Where only a domain is given it is what clients write into both SNI and Host.
    domain: normaliseHost(host === undefined ? (query.domain ?? '') : (readAuthority(host)?.host ?? '')),
    path: normalisePath(path) ?? path,
    query: parameters,
    method: method.toUpperCase(),
    fields: fields.filter(([name]) => name.toLowerCase() !== 'host').flat(),
    isAsked: isRequest(query),
  };
}

function remarkOn(query: IExplainQuery, name: string | null): string | null {
  const protocol = protocolOf(query);
  if (protocol === 'other' && saysHello(query)) {
    return 'only a ClientHello is searched for a name, protocols and a version: in plain bytes none is seen';
  }
  if (query.domain === undefined || name !== null) return null;
  return `${gotText(query.domain)} is no host name, so no name is seen`;
}
