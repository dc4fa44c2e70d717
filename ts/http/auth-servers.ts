// Asks a server of the operator's whether a request may pass, and what is to be known of its client.

import { ProxyError } from '../base/errors.js';
import type { TFields } from '../codec/http-message.js';
import type { IResolvedForwardAuth } from '../config/resolved.js';
import { askServer, type IServerAnswer } from './auth-ask.js';
import { type IAsking, type IAuthVerdict, refusedBy } from './auth-types.js';
import { errorAnswer, hasNoContent } from './error-answer.js';
import { knownError } from './exchange-errors.js';
import { forwardedFor, isName, requestKind } from './field-kind.js';
import { remove } from './hop-by-hop.js';
import { requestFields } from './request-fields.js';
import type { Upstreams } from './upstream.js';

/** Of its answer's content, which is a page to log in at most. */
const maxBytes = 64 * 1024;

/** What of its answer a client gets. */
const answerFields: readonly string[] = [
  ...['www-authenticate', 'location', 'set-cookie', 'retry-after'],
  ...['content-type', 'content-encoding', 'content-language', 'cache-control', 'vary'],
];

export class AuthServers {
  readonly #upstreams: Upstreams;

  constructor(upstreams: Upstreams) {
    this.#upstreams = upstreams;
  }

  async judge(rule: IResolvedForwardAuth, asking: IAsking, signal: AbortSignal): Promise<IAuthVerdict> {
    const { connection, via, head, routes } = asking;
    // A server that is asked through this proxy would be asked about itself, for ever.
    if (via.isLoop(head.fields)) return refusedBy(errorAnswer(508));
    try {
      const answer = await askServer(this.#upstreams, {
        ...{ server: rule.server, fields: questionFields(rule, asking), routes },
        ...{ connection, timeoutMs: rule.timeoutMs, maxBytes, signal },
      });
      return verdictOf(rule, answer);
    } catch (error) {
      if (!signal.aborted) asking.unanswered(rule.server, knownError(error));
      return refusedBy(errorAnswer(503));
    }
  }
}

/** What it says in its place; nobody passes without its word. */
function verdictOf(
  { server, responseHeaders, clientHeaders }: IResolvedForwardAuth,
  answer: IServerAnswer,
): IAuthVerdict {
  const { status, fields, body } = answer;
  if (status >= 200 && status < 300) {
    const names = new Set(responseHeaders.map((name) => name.toLowerCase()));
    const toClient = clientHeaders.length === 0 ? [] : pick(fields, (name) => clientHeaders.includes(name));
    return { refusal: null, fields: pick(fields, (name) => names.has(name)), toClient };
  }
  if (status < 300 || status >= 500 || hasNoContent(status)) {
    throw new ProxyError('TARGET_MALFORMED', `${server.place} answered ${status}`);
  }
  const told = pick(fields, (name) => answerFields.includes(name));
  // An answer for one client must not be kept for others.
  if (!told.some((name, at) => at % 2 === 0 && isName(name, 'cache-control'))) told.push('Cache-Control', 'no-store');
  return refusedBy({ head: { status, reason: '', fields: told, contentLength: body.length }, body, isError: true });
}

/** What targets are told of the client, the request line, and those fields of the request that it is to see. */
function questionFields({ requestHeaders }: IResolvedForwardAuth, { head, facts, via, target }: IAsking): TFields {
  const wanted = new Set(requestHeaders);
  // Via tells loops. Of who is believed, what it says of the client is read for what is made of it.
  const seen = pick(
    head.fields,
    (name) => name === 'via' || wanted.has(name) || (facts.trusted && requestKind(name) >= forwardedFor),
  );
  const fields = requestFields(seen, facts, via.mark(head.version));
  for (const name of ['x-forwarded-method', 'x-forwarded-uri']) remove(fields, name);
  fields.push('X-Forwarded-Method', head.method, 'X-Forwarded-Uri', target);
  return fields;
}

function pick(fields: TFields, takes: (lowerName: string) => boolean): string[] {
  const picked: string[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string;
    if (takes(name.toLowerCase())) picked.push(name, fields[at + 1] as string);
  }
  return picked;
}
