// Who may ask: each request is judged by its Host, by the page it comes from, by its token, and by the form of its content.

import type { IncomingMessage } from 'node:http';
import type { ILogger } from '../base/logger.js';
import * as plugins from '../plugins.js';
import { AdminError } from './admin-error.js';
import { type FailedAttempts, maxFailures } from './failed-attempts.js';

export interface IGateParts {
  /** null: nobody is asked for one. */
  readonly token: string | null;
  /** Names by which it may be asked for, besides addresses and `localhost`; in lower case. */
  readonly hosts: readonly string[];
  readonly attempts: FailedAttempts;
  readonly logger: ILogger;
  /** By what a client's address counts: IPv6 by the network that one host may fill. */
  readonly keyOf: (address: string) => string;
}

/** What an endpoint asks of whoever asks it. */
export interface IGuarded {
  /** Files of the page: another site may lead there, and no token is needed, for they tell nothing. */
  readonly isPage: boolean;
  /** Health: no token is needed. */
  readonly isOpen: boolean;
}

export class Gate {
  readonly #parts: IGateParts;
  readonly #digest: Buffer | null;

  constructor(parts: IGateParts) {
    this.#parts = parts;
    this.#digest = parts.token === null ? null : digestOf(parts.token);
  }

  /** @throws AdminError: the request is refused */
  judge(request: IncomingMessage, { isPage, isOpen }: IGuarded): void {
    this.#judgeHost(request.headers.host);
    // The page reads nothing but by requests that are judged themselves, and no other page may frame it.
    if (!isPage) judgeSite(request);
    if (!isPage && !isOpen) this.#judgeToken(request);
    if (request.method !== 'GET' && request.method !== 'HEAD') judgeContent(request);
  }

  /** A name that somebody else's DNS leads here would make their page one of ours. HTTP/1.0 has none, and no browser speaks that. */
  #judgeHost(field: string | undefined): void {
    if (field === undefined) return;
    const [, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d{1,5})?$/.exec(field) ?? [];
    const name = (bracketed ?? plain).toLowerCase();
    if (plugins.net.isIP(name) !== 0 || name === 'localhost' || this.#parts.hosts.includes(name)) return;
    throw new AdminError(421, 'HOST_UNKNOWN', 'asked for by a name that is not in admin.hosts');
  }

  #judgeToken(request: IncomingMessage): void {
    if (this.#digest === null) return;
    const { attempts, logger, keyOf } = this.#parts;
    const field = request.headers.authorization;
    const [, token = ''] = /^Bearer +(\S+)$/i.exec(field ?? '') ?? [];
    // Before the count: who shares an address with a stranger, as behind a tunnel, is not shut out by him.
    if (plugins.crypto.timingSafeEqual(digestOf(token), this.#digest)) return;
    const headers = { 'www-authenticate': 'Bearer realm="smartproxy"' };
    // Without any it is no attempt: a page that is loaded first asks so.
    if (field === undefined)
      throw new AdminError(401, 'TOKEN_NEEDED', 'want Authorization: Bearer <token>', { headers });
    const address = keyOf(request.socket.remoteAddress ?? '');
    const waitMs = attempts.waitMs(address);
    if (waitMs > 0) {
      attempts.total++;
      const later = { 'retry-after': String(Math.ceil(waitMs / 1000)) };
      const message = `${maxFailures} wrong tokens came from this address`;
      throw new AdminError(429, 'TOO_MANY_FAILURES', message, { headers: later });
    }
    attempts.failed(address);
    logger.warn({ client: address, method: request.method }, 'a wrong token for the admin interface');
    throw new AdminError(401, 'TOKEN_WRONG', 'the token is another one', { headers });
  }
}

/** Of one length, whatever was sent: comparing them takes the same time. */
const digestOf = (token: string): Buffer => plugins.crypto.createHash('sha256').update(token).digest();

/** What another page sends has no answer here, whatever it is: a browser tells where requests come from. */
function judgeSite({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  const isOwn = site === undefined || site === 'same-origin' || site === 'none';
  if (isOwn && (headers.origin === undefined || isSameHost(headers.origin, headers.host ?? ''))) return;
  throw new AdminError(403, 'CROSS_SITE', 'requests from other sites are refused');
}

function isSameHost(origin: string, host: string): boolean {
  try {
    const { protocol, host: from } = new URL(origin);
    return /^https?:$/.test(protocol) && from === new URL(`${protocol}//${host}`).host;
  } catch {
    return false;
  }
}

/** A form cannot send this type, and a page of another site not without asking first, which is answered by 403. */
function judgeContent({ headers }: IncomingMessage): void {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() === 'application/json') return;
  throw new AdminError(415, 'TYPE_WRONG', 'want Content-Type: application/json, also without content');
}
