// A path that a rewrite made of a request's: it must stay where the configuration wanted it to be.

import { ProxyError } from '../base/errors.js';

/**
 * With one slash in front: two name a host to some. What was matched had no dot segments left; what is cut from it or put together
 * may have (`/pub../x` as `/static/` and `../x`), and would lead the target elsewhere.
 * @throws ProxyError REQUEST_MALFORMED where it has
 */
export function madePath(text: string): string {
  const path = text.startsWith('/') ? text.replace(/^\/+/, '/') : `/${text}`;
  if (hasDots.test(path)) throw new ProxyError('REQUEST_MALFORMED', 'the rewritten path leads elsewhere');
  return path;
}

/** In front of a query. */
const hasDots = /^[^?]*\/(?:\.|%2e){1,2}(?:[/?]|$)/i;
