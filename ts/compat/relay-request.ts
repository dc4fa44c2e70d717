// A request that a server of Node's has read, given to the HTTP engine by a connection in memory.

import type { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import * as plugins from '../plugins.js';
import { connectInMemory } from './memory-socket.js';

/** Of one connection alone (RFC 9110 §7.6.1): each side writes its own. */
const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Of an answer, which the engine has bounded already, by a smaller number as a rule. */
const maxHeaderSize = 1_048_576;

/** Never throws. @param serve gets the connection that the request comes by, with the addresses of the real one */
export function relayRequest(req: IncomingMessage, res: ServerResponse, serve: (socket: Socket) => void): void {
  const coding = req.headers['transfer-encoding'];
  // What else it was coded by would be lost.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return refuse(res, 501);
  const { remoteAddress, remotePort, localAddress, localPort } = req.socket;
  const [served, other] = connectInMemory({ remoteAddress, remotePort, localAddress, localPort });
  const asked = ask(req, other, coding !== undefined);
  if (asked === null) return refuse(res, 400);
  asked.on('response', (answer) => answerWith(answer, req, res));
  if (waits(req)) asked.on('continue', () => res.headersSent || res.writeContinue());
  // The engine answers what fails; where it could not, neither can we.
  asked.on('error', () => refuse(res, 502));
  res.on('error', () => {});
  // A client that leaves before its end is gone, also where one that has only closed its side is waited for.
  res.on('close', () => (res.writableFinished ? other.destroy() : other.resetAndDestroy()));
  req.on('error', () => other.resetAndDestroy());
  // Before `pipe` ends it.
  if (coding !== undefined) req.on('end', () => asked.addTrailers(pairsOf(req.rawTrailers)));
  req.pipe(asked);
  serve(served);
}

/** null: Node would not send it. It was another version's, read without care, or changed since. */
function ask(req: IncomingMessage, connection: Socket, isChunked: boolean): ClientRequest | null {
  const { method = 'GET', url: path = '/' } = req;
  const headers = [
    ...withoutConnection(req.rawHeaders, isChunked),
    'Connection',
    ['close', ...namedBy(req)].join(', '),
  ];
  if (isChunked) headers.push('Transfer-Encoding', 'chunked');
  try {
    const options = { createConnection: () => connection, method, path, headers, maxHeaderSize };
    return plugins.requireHttp().request(options);
  } catch {
    connection.destroy();
    return null;
  }
}

function answerWith(answer: IncomingMessage, req: IncomingMessage, res: ServerResponse): void {
  const cut = () => void res.destroy();
  // Somebody else has answered meanwhile.
  if (res.headersSent) return void answer.on('error', () => {}).destroy();
  const isChunked =
    answer.headers['transfer-encoding'] !== undefined && req.httpVersion === '1.1' && req.method !== 'HEAD';
  try {
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutConnection(answer.rawHeaders, isChunked));
  } catch {
    cut();
  }
  answer.on('error', cut);
  answer.on('end', () => res.addTrailers(pairsOf(answer.rawTrailers)));
  answer.pipe(res);
}

/** The program has taken it upon itself to say that content may come (`checkContinue`), and leaves it to us. */
function waits({ headers, socket }: IncomingMessage): boolean {
  const { server } = socket as Socket & { readonly server?: EventEmitter };
  return headers.expect !== undefined && (server?.listenerCount('checkContinue') ?? 0) > 0;
}

/** Fields that are meant for us alone: the engine removes them. */
const namedBy = ({ headers: { connection = '' } }: IncomingMessage): string[] =>
  connection.split(',').flatMap((name) => (/^\s*(?:close|keep-alive|upgrade)?\s*$/i.test(name) ? [] : [name.trim()]));

/** What has begun is ended by its own errors, or is somebody else's. */
export function refuse(res: ServerResponse, status: number): void {
  if (!res.headersSent && !res.destroyed) res.writeHead(status, { connection: 'close' }).end();
}

/** @param isChunked else Node throws where trailers are announced */
function withoutConnection(raw: readonly string[], isChunked: boolean): string[] {
  return pairsOf(raw).flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    return ofConnection.has(lower) || (lower === 'trailer' && !isChunked) ? [] : [name, value];
  });
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}
