// Socket handlers that answer one HTTP/1 request and close, for routes that have nothing else to do with HTTP.

import type { Socket } from 'node:net';
import { systemClock } from '../../base/clock.js';
import type { IRequestHead, IResponseHead } from '../../codec/http-message.js';
import { statusPhrase } from '../../codec/http-status.js';
import { decodeRequestHead } from '../../codec/http1-request.js';
import { writeResponseHead } from '../../codec/http1-write.js';
import { parseTemplate, unknownPlaceholder } from '../../config/template.js';
import type { IRouteContext, TSocketHandler } from '../../config/types.js';
import { locationOf } from '../location.js';

/** Of a request's head; content behind it is read and thrown away. */
const limits = { maxBytes: 16_384, maxFields: 100 };
/** From the first moment to the last byte of the head. */
const headMs = 10_000;

interface IAnswer {
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: Buffer;
}

type TAnswerOf = (head: IRequestHead, context: IRouteContext) => IAnswer;

/** Answers a request with this status and text, or bytes. */
export function httpResponse(status: number, body: string | Uint8Array = ''): TSocketHandler {
  const answer = textAnswer(status, body);
  return answering(() => answer);
}

/** Refuses a request: 403, and a line of text. */
export function httpBlock(status = 403, message = `${status} ${statusPhrase(status)}`): TSocketHandler {
  return httpResponse(status, `${message}\n`);
}

/** Sends the client elsewhere: `https://{domain}{path}`, with the placeholders of `redirect` actions. */
export function httpRedirect(to: string, status = 308): TSocketHandler {
  const unknown = unknownPlaceholder(to);
  if (unknown !== null) throw new RangeError(`a redirect knows no placeholder {${unknown}}`);
  const template = parseTemplate(to);
  const answer = textAnswer(status, `${status} ${statusPhrase(status)}\n`);
  const lost = textAnswer(400, 'The request names no host.\n');
  return answering((head, context) => {
    const location = locationOf(template, { get: (name) => placeholderOf(name, head, context) });
    return location === null ? lost : { ...answer, fields: ['Location', location, ...answer.fields] };
  });
}

function textAnswer(status: number, given: string | Uint8Array): IAnswer {
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new RangeError('a status is from 200 to 599');
  const isEmpty = status === 204 || status === 205 || status === 304;
  const body = isEmpty ? Buffer.alloc(0) : Buffer.from(given);
  const isText = typeof given === 'string' && body.length > 0;
  return { status, fields: isText ? ['Content-Type', 'text/plain; charset=utf-8'] : [], body };
}

function placeholderOf(name: string, head: IRequestHead, context: IRouteContext): string {
  switch (name) {
    case 'domain':
      return head.host;
    case 'target':
      return head.target;
    case 'query':
      return head.target.includes('?') ? head.target.slice(head.target.indexOf('?') + 1) : '';
    case 'method':
      return head.method;
    case 'port':
      return String(context.port);
    case 'clientIp':
      return context.clientIp;
    case 'routeName':
      return context.routeName ?? '';
    case 'tlsVersion':
      return context.tlsVersion ?? '';
    default:
      return '';
  }
}

/** Waits for the head of a request, whose answer an early one would not be, and closes after the answer. */
function answering(answerOf: TAnswerOf): TSocketHandler {
  return (socket, context) => {
    let bytes: Buffer = Buffer.alloc(0);
    let scanned = 0;
    const timer = systemClock.setTimer(() => socket.destroy(), headMs);
    const stop = () => timer.cancel();
    const listen = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const read = decodeRequestHead(bytes, 0, limits, scanned);
      scanned = bytes.length;
      if (read.kind === 'short') return;
      stop();
      // What the client still sends must be read, or closing would reset it before it has read the answer.
      socket.off('data', listen).resume();
      if (read.kind === 'broken') say(socket, textAnswer(read.status, `${read.why}\n`), null);
      else say(socket, answerOf(read.value, context), read.value);
    };
    socket.on('close', stop).on('data', listen);
  };
}

function say(socket: Socket, { status, fields, body }: IAnswer, request: IRequestHead | null): void {
  const date = new Date(systemClock.wallMs()).toUTCString();
  // RFC 9110 §8.6: in a 304 a length would be that of the content which was not sent.
  const contentLength = status === 304 ? -1 : body.length;
  const head: IResponseHead = { status, reason: '', fields: [...fields, 'Date', date], contentLength };
  const text = writeResponseHead(head, 'length', 'close', '1.1');
  const content = request?.method === 'HEAD' ? '' : body.toString('latin1');
  socket.end(text + content, 'latin1');
}
