// A request in the terms of the Fetch standard, as HTTP handlers are given it.

import type { IRequestHead } from '../codec/http-message.js';

/** RFC 9110 §9.3.6, §9.3.8 and the Fetch standard's forbidden methods: no `Request` can say them. null: it can. */
export function refusedMethod(method: string): 405 | 501 | null {
  if (method === 'CONNECT') return 501;
  return method === 'TRACE' || method === 'TRACK' ? 405 : null;
}

/** True if the content can be given to a handler: a `Request` with GET or HEAD has none. */
export const carriesContent = (head: IRequestHead): boolean =>
  head.contentLength !== 0 && head.method !== 'GET' && head.method !== 'HEAD';

/** The URL that was asked for. */
export const urlOf = (head: IRequestHead, isTls: boolean): string =>
  `${isTls ? 'https' : 'http'}://${head.authority || 'localhost'}${head.target.startsWith('/') ? head.target : '/'}`;

/** Throws what `Request` throws. */
export function fetchRequest(
  head: IRequestHead,
  url: string,
  content: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
): Request {
  const headers: [string, string][] = [];
  if (head.authority !== '') headers.push(['host', head.authority]);
  const { fields, contentLength } = head;
  for (let at = 0; at < fields.length; at += 2) headers.push([fields[at] as string, fields[at + 1] as string]);
  if (content === null) return new Request(url, { method: head.method, headers, signal });
  if (contentLength > 0) headers.push(['content-length', String(contentLength)]);
  return new Request(url, { method: head.method, headers, signal, body: content, duplex: 'half' });
}
