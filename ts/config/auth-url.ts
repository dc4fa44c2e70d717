// The URL of a server that is asked about requests, or for keys.

import { normaliseTargetHost } from './schema-target.js';

export interface IAuthUrl {
  readonly isTls: boolean;
  /** A name in its normal form, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  /** With the query. */
  readonly path: string;
  /** Without the query. */
  readonly place: string;
}

const maxLength = 2048;

/** null if it is none that can be asked. */
export function authServerOf(text: string): IAuthUrl | null {
  if (text.length > maxLength || !/^https?:\/\/[!-~]+$/i.test(text) || !URL.canParse(text)) return null;
  const { protocol, username, password, hash, hostname, port, host, pathname, search } = new URL(text);
  const name = normaliseTargetHost(hostname);
  if (name === null || username !== '' || password !== '' || hash !== '' || /#|^[^:]+:\/\/[^/?]*@/.test(text))
    return null;
  const isTls = protocol === 'https:';
  return {
    ...{ isTls, host: name, authority: host },
    port: port === '' ? (isTls ? 443 : 80) : Number(port),
    path: pathname + search,
    place: `${protocol}//${host}${pathname}`,
  };
}
