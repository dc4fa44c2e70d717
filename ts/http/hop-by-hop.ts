// What belongs to one connection stays on it (RFC 9110 §7.6.1).

import { isName, plain, requestKind } from './field-kind.js';

/** The only transfer coding that concerns more than one connection: the wish for trailers. */
export function keepTrailers(out: string[], value: string): void {
  if (value === 'trailers' || /(?:^|,)[ \t]*trailers[ \t]*(?:[,;]|$)/i.test(value)) out.push('TE', 'trailers');
}

/** Removes what a Connection field names, but nothing that is meant for more than the next in line. */
export function removeNamed(out: string[], connectionValue: string): void {
  if (usualOptions.has(connectionValue)) return;
  for (const part of connectionValue.split(',', maxNamed)) {
    const name = part.trim().toLowerCase();
    if (name === '' || usualOptions.has(name) || isProtected(name)) continue;
    remove(out, name);
  }
}

/** Removes all fields of a name in lower case. */
export function remove(out: string[], lower: string): void {
  let kept = 0;
  for (let at = 0; at < out.length; at += 2) {
    const name = out[at] as string;
    if (isName(name, lower)) continue;
    if (kept !== at) {
      out[kept] = name;
      out[kept + 1] = out[at + 1] as string;
    }
    kept += 2;
  }
  out.length = kept;
}

/** Names that a Connection field may hold; more are those of an attack on time. */
const maxNamed = 100;

/** Connection options that name no field. */
const usualOptions: ReadonlySet<string> = new Set([
  'keep-alive',
  'Keep-Alive',
  'close',
  'Close',
  'upgrade',
  'Upgrade',
  'keep-alive, Upgrade',
  'TE',
  'te',
]);

/**
 * RFC 9110 §7.6.1: a sender must not name a field that is meant for all recipients. Where one does, the target would be made to
 * decide without credentials, conditions, or the word of a proxy that it trusts (CVE-2024-45410).
 */
const protectedNames: ReadonlySet<string> = new Set(
  `age allow authorization cache-control cookie date etag expect expires forwarded from host last-modified link location
  max-forwards origin pragma priority range referer retry-after server set-cookie strict-transport-security traceparent
  tracestate trailer user-agent vary via www-authenticate x-api-key x-real-ip x-request-id`.split(/\s+/),
);

const protectedPrefixes = ['x-forwarded-', 'content-', 'accept', 'access-control-', 'if-', 'sec-'];

/** True for a name, in lower case, that Connection cannot remove. */
export const isProtected = (name: string): boolean =>
  protectedNames.has(name) ||
  requestKind(name) !== plain ||
  protectedPrefixes.some((prefix) => name.startsWith(prefix));
