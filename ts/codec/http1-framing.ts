// What Connection, Upgrade and Transfer-Encoding say about a message of HTTP/1, read from their values.

import { isToken } from './http-octets.js';

/** What Connection asks for (RFC 9110 §7.6.1), as bits that are added. */
export const connectionOption = { close: 1, keepAlive: 2, upgrade: 4, malformed: 8 } as const;

export function readConnection(value: string | null): number {
  if (value === null) return 0;
  // What nearly all clients write.
  if (value === 'keep-alive' || value === 'Keep-Alive') return connectionOption.keepAlive;
  if (value === 'close') return connectionOption.close;
  let options = 0;
  for (const member of value.split(',')) {
    const option = trimmed(member).toLowerCase();
    if (option === 'close') options |= connectionOption.close;
    else if (option === 'keep-alive') options |= connectionOption.keepAlive;
    else if (option === 'upgrade') options |= connectionOption.upgrade;
    // RFC 9110 §5.6.1.2: empty members are allowed.
    else if (option !== '' && !isToken(option)) options |= connectionOption.malformed;
  }
  return options;
}

/** RFC 9110 §5.6.3: SP and HTAB; `trim` would take more. */
const trimmed = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

/**
 * The one protocol that an Upgrade field names (RFC 9110 §7.8), in lower case. `''`: it names several, and with several to choose
 * from none is asked for. null: malformed.
 */
export function readUpgrade(value: string): string | null {
  const names = value.split(',').map(trimmed);
  for (const name of names) {
    const slash = name.indexOf('/');
    const isProtocol = slash < 0 ? isToken(name) : isToken(name.slice(0, slash)) && isToken(name.slice(slash + 1));
    if (!isProtocol) return null;
  }
  return names.length === 1 ? (names[0] as string).toLowerCase() : '';
}

/**
 * 200: the content is chunked and nothing else. Otherwise the status of RFC 9112 §6.1 and §6.3: 501 for a coding that we do not
 * undo, 400 where `chunked` is not last or comes twice, because then nobody knows where the content ends.
 */
export function judgeCoding(value: string): 200 | 400 | 501 {
  if (value === 'chunked') return 200;
  const codings = value.split(',').map((coding) => trimmed(coding).toLowerCase());
  if (codings.length === 1) return codings[0] === 'chunked' ? 200 : 400;
  const isFinal = codings.indexOf('chunked') === codings.length - 1;
  return isFinal && codings.every((coding) => isCoding.test(coding)) ? 501 : 400;
}

/** RFC 9112 §7: a token, with parameters or without. */
const isCoding = /^[!#$%&'*+.^`|~\w-]+(?:[ \t]*;[ \t]*[!#$%&'*+.^`|~\w-]+=(?:[!#$%&'*+.^`|~\w-]+|"[^"\\]*"))*$/;
