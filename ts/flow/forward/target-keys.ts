// What a request says about who should serve it: the text that is hashed, the cookie that names a target.

import { fieldValue, type TFields } from '../../codec/http-message.js';
import type { IResolvedForward } from '../../config/resolved.js';
import type { IPickFacts, IPickRequest } from './target-types.js';

/** What the choice is hashed from. Where the request does not have it, the client's address. */
export function hashedText({ algorithm, hashKey }: IResolvedForward, { clientIp, request }: IPickFacts): string {
  if (algorithm !== 'consistent-hash' || request === undefined) return clientIp;
  switch (hashKey.of) {
    case 'ip':
      return clientIp;
    case 'path':
      return request.path;
    case 'header':
      return fieldValue(request.fields, hashKey.name.toLowerCase()) ?? clientIp;
    case 'cookie':
      return cookieValue(request.fields, hashKey.name) ?? clientIp;
  }
}

/** RFC 6265 §5.4: the first cookie of that name; null if there is none. */
export function cookieValue(fields: TFields, name: string): string | null {
  for (let at = 0; at < fields.length; at += 2) {
    if ((fields[at] as string).toLowerCase() !== 'cookie') continue;
    const value = cookieIn(fields[at + 1] as string, name);
    if (value !== null) return value;
  }
  return null;
}

function cookieIn(text: string, name: string): string | null {
  const sought = `${name}=`;
  for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + 1)) {
    let before = at - 1;
    while (before >= 0 && text[before] === ' ') before -= 1;
    if (before >= 0 && text[before] !== ';') continue;
    const end = text.indexOf(';', at);
    return text.slice(at + sought.length, end < 0 ? text.length : end).trim();
  }
  return null;
}

/** The value of the Set-Cookie field that names a target by its token. */
export function stickySetCookie(
  { cookie, maxAgeSeconds }: NonNullable<IResolvedForward['sticky']>,
  token: string,
  request: IPickRequest,
): string {
  const age = maxAgeSeconds === null ? '' : `; Max-Age=${maxAgeSeconds}`;
  return `${cookie}=${token}; Path=/; HttpOnly; SameSite=Lax${request.isTls ? '; Secure' : ''}${age}`;
}
