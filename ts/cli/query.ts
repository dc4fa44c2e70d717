// From what `smartproxy explain` is asked to the query that the proxy explains.

import type { IExplainQuery, ISmartProxyOptions } from '../index.js';
import * as plugins from '../plugins.js';
import { CommandError } from './host.js';

export interface IExplainArguments {
  /** `https://a.test:8443/`, `tls://a.test`, `tcp://:2525`, `a.test:443`, `2525`. */
  readonly url: string;
  readonly from?: string | undefined;
  /** What the URL says is overruled. */
  readonly tls?: boolean | undefined;
  /** Separated by commas. */
  readonly alpn?: string | undefined;
  readonly method?: string | undefined;
  /** `Name: value` each. */
  readonly header?: readonly string[] | undefined;
}

/** The port where none is given; undefined: there must be one. */
const schemes: Readonly<Record<string, IScheme>> = {
  https: { port: 443, protocol: 'tls', headers: {} },
  wss: { port: 443, protocol: 'tls', headers: { connection: 'Upgrade', upgrade: 'websocket' } },
  tls: { port: 443, protocol: 'tls' },
  http: { port: 80, protocol: 'http', headers: {} },
  ws: { port: 80, protocol: 'http', headers: { connection: 'Upgrade', upgrade: 'websocket' } },
  tcp: { protocol: 'other' },
};

interface IScheme {
  readonly port?: number;
  readonly protocol?: 'tls' | 'http' | 'other';
  /** Of the requests that are made by it; undefined where none are. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws CommandError */
export function readQuery(given: IExplainArguments, options: ISmartProxyOptions): IExplainQuery {
  const { url, from, tls, alpn } = given;
  const [, scheme, userinfo, ipv6, name, digits, path = '', query = ''] =
    /^(?:([a-z]+):\/\/)?([^/?#]*@)?(?:\[([^\]]*)\]|([^/?#:@[\]]*))(?::(\d+))?(\/[^?#]*)?(?:\?([^#]*))?(?:#.*)?$/i.exec(
      url,
    ) ?? [];
  const known = scheme === undefined ? {} : schemes[scheme.toLowerCase()];
  // A number alone is a port.
  const isPort = scheme === undefined && digits === undefined && /^\d+$/.test(name ?? '');
  const host = isPort ? '' : (ipv6 ?? name ?? '');
  const port = isPort ? Number(name) : digits === undefined ? known?.port : Number(digits);
  if (known === undefined || port === undefined || port > 65_535 || userinfo !== undefined) throw wrong(url);

  const isIp = plugins.net.isIP(host) !== 0;
  // A client that was given an address sends no name.
  const domain = isIp || host === '' ? undefined : host;
  const protocol = tls === undefined ? known.protocol : undefined;
  const isTls = tls ?? (protocol === undefined ? domain !== undefined : undefined);
  return {
    port,
    ...(domain === undefined ? {} : { domain }),
    ...(isIp && listensOn(host, options) ? { address: host } : {}),
    ...(protocol === undefined ? {} : { protocol }),
    ...(isTls === undefined ? {} : { tls: isTls }),
    ...(from === undefined ? {} : { clientIp: from }),
    ...(alpn === undefined ? {} : { alpn: alpn.split(',').map((each) => each.trim()) }),
    ...requestOf({ path, query }, known.headers, given),
  };
}

/** What is said of a request: by a URL of HTTP, by its path, or by options. */
function requestOf(
  { path, query }: { readonly path: string; readonly query: string },
  implied: IScheme['headers'],
  { method, header = [] }: IExplainArguments,
): Partial<IExplainQuery> {
  const headers = { ...implied, ...Object.fromEntries(header.map(readHeader)) };
  const isRequest = implied !== undefined || method !== undefined || header.length > 0;
  if (!isRequest) return {};
  return {
    path: path || '/',
    ...(query === '' ? {} : { query }),
    ...(method === undefined ? {} : { method }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
}

function readHeader(text: string): readonly [string, string] {
  const [, name, value] = /^([^:\s]+):\s*(.*?)\s*$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new CommandError(1, `--header: want 'name: value', got ${JSON.stringify(text)}`);
  }
  return [name.toLowerCase(), value];
}

function wrong(url: string): CommandError {
  const known = Object.keys(schemes).map((scheme) => `${scheme}://`);
  return new CommandError(
    1,
    `want host:port or a URL with a port that begins with ${known.join(', ')}, got ${JSON.stringify(url)}`,
  );
}

/** An address that routes name is one of ours; another may be translated to ours on its way. */
const listensOn = (address: string, { listenAddress, routes }: ISmartProxyOptions): boolean =>
  listenAddress === address || routes.some(({ match }) => match.listenAddress === address);
