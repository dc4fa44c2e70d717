// A path that a rewrite made of a request's: it must stay where the configuration wanted it to be.

import { ProxyError } from '../base/errors.js';
import { hasDots, mayClimb } from '../codec/path-readings.js';

/**
 * With one slash in front: two name a host to some. What was matched had no dot segments left; what is cut from it or put together
 * may have (`/pub../x` as `/static/` and `../x`), or has to a target that reads it in another way (`/pub/..;/x`), and would lead
 * elsewhere.
 * @throws ProxyError REQUEST_MALFORMED where it has
 */
export function madePath(text: string): string {
  const path = text.startsWith('/') ? text.replace(/^\/+/, '/') : `/${text}`;
  const query = path.indexOf('?');
  const own = query < 0 ? path : path.slice(0, query);
  if (hasDots(own) || mayClimb(own)) throw new ProxyError('REQUEST_MALFORMED', 'the rewritten path leads elsewhere');
  return path;
}
