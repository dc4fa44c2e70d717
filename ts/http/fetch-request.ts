// A request in the terms of the Fetch standard, as HTTP handlers are given it.

import type { IRequestHead } from '../codec/http-message.js';

/** RFC 9110 §9.3.6, §9.3.8 and the Fetch standard's forbidden methods: no `Request` can say them. null: it can. */
export function refusedMethod(method: string): 405 | 501 | null {
  const upper = method.toUpperCase();
  if (upper === 'CONNECT') return 501;
  return upper === 'TRACE' || upper === 'TRACK' ? 405 : null;
}

/** True if the content can be given to a handler: a `Request` with GET or HEAD has none. */
export function carriesContent({ method, contentLength }: IRequestHead): boolean {
  if (contentLength === 0) return false;
  const upper = method.toUpperCase();
  return upper !== 'GET' && upper !== 'HEAD';
}

/** The URL that was asked for. */
export const urlOf = (head: IRequestHead, isTls: boolean): string =>
  `${isTls ? 'https' : 'http'}://${head.authority || 'localhost'}${head.target.startsWith('/') ? head.target : '/'}`;

/**
 * A `Request` whose signal is made when it is asked for: to pass one to every request costs more than all else in it. Copies
 * (`clone()`, `new Request(url, request)`) have the same. Made when first needed, because Node loads `Request` when it is named.
 */
function handledRequest() {
  return class HandledRequest extends Request {
    static {
      // Not by `get signal()`: the types of Node say that these are plain properties.
      Object.defineProperties(HandledRequest.prototype, {
        signal: {
          get(this: HandledRequest) {
            return this.#signalOf();
          },
          enumerable: true,
          configurable: true,
        },
        clone: {
          value(this: HandledRequest) {
            return new HandledRequest(Request.prototype.clone.call(this), {}, this.#signalOf);
          },
          configurable: true,
          writable: true,
        },
      });
    }

    readonly #signalOf: () => AbortSignal;

    constructor(input: string | Request, init: RequestInit, signalOf: () => AbortSignal) {
      super(input, init);
      this.#signalOf = signalOf;
    }
  };
}

let Handled: ReturnType<typeof handledRequest> | null = null;

/** Throws what `Request` throws: the URL, a field or the method may be beyond it. */
export function fetchRequest(
  head: IRequestHead,
  url: string,
  content: ReadableStream<Uint8Array> | null,
  signalOf: () => AbortSignal,
): Request {
  const headers: [string, string][] = [];
  const { authority, fields, contentLength, method } = head;
  if (authority !== '') headers.push(['host', authority]);
  for (let at = 0; at < fields.length; at += 2) headers.push([fields[at] as string, fields[at + 1] as string]);
  Handled ??= handledRequest();
  if (content === null) return new Handled(url, { method, headers }, signalOf);
  if (contentLength > 0) headers.push(['content-length', String(contentLength)]);
  return new Handled(url, { method, headers, body: content, duplex: 'half' }, signalOf);
}
