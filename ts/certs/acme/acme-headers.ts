// Fields of an ACME server's answers that hold more than a word.

import type { IncomingHttpHeaders } from 'node:http';

/** No server can ask to be left alone for longer. */
const maxRetryAfterMs = 30 * 86_400_000;

/** `Retry-After`, seconds or a date (RFC 9110 §10.2.3), in milliseconds from now; null: not there, or neither. */
export function retryAfterOf(headers: IncomingHttpHeaders, wallMs: number): number | null {
  const text = headers['retry-after']?.trim() ?? '';
  if (/^\d{1,12}$/.test(text)) return Math.min(Number(text) * 1000, maxRetryAfterMs);
  // What Date.parse takes besides, like `-5` or `2026`, is no HTTP date.
  const atMs = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs)) return null;
  // By the server's own clock, which may differ from ours.
  const sentMs = Date.parse(headers.date ?? '');
  return Math.min(Math.max(0, atMs - (Number.isNaN(sentMs) ? wallMs : sentMs)), maxRetryAfterMs);
}

/** The targets of `Link` fields with this relation (RFC 8288), as absolute addresses; no address twice. */
export function linksOf(headers: IncomingHttpHeaders, relation: string, base: string): string[] {
  const text = [headers.link ?? []].flat().join(', ');
  const found = new Set<string>();
  for (const [, target = '', parameters = ''] of text.matchAll(/<([^<>]*)>([^<]*)/g)) {
    const [, quoted, plain] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters) ?? [];
    const relations = (quoted ?? plain ?? '').toLowerCase().split(/\s+/);
    if (relations.includes(relation) && URL.canParse(target, base)) found.add(new URL(target, base).href);
  }
  return [...found];
}
