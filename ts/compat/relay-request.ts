// A request that a server of Node's has read, given to the HTTP engine by a connection in memory.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import * as plugins from '../plugins.js';
import { connectInMemory } from './memory-socket.js';

/** Of one connection alone (RFC 9110 §7.6.1): each side writes its own. */
const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** @param serve gets the connection that the request comes by, with the addresses of the real one */
export function relayRequest(req: IncomingMessage, res: ServerResponse, serve: (socket: Socket) => void): void {
  const coding = req.headers['transfer-encoding'];
  // What else it was coded by would be lost.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return void refuse(res, 501);
  const { remoteAddress, remotePort, localAddress, localPort } = req.socket;
  const [served, other] = connectInMemory({ remoteAddress, remotePort, localAddress, localPort });
  const { method = 'GET', url = '/' } = req;
  const headers = [...withoutConnection(req.rawHeaders), 'Connection', ['close', ...namedBy(req)].join(', ')];
  if (coding !== undefined) headers.push('Transfer-Encoding', 'chunked');
  const asked = plugins.requireHttp().request({ createConnection: () => other, method, path: url, headers });
  asked.on('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutConnection(answer.rawHeaders));
    answer.on('error', () => res.destroy());
    answer.on('end', () => res.addTrailers(pairsOf(answer.rawTrailers)));
    answer.pipe(res);
  });
  // The engine answers what fails; where it could not, neither can we.
  asked.on('error', () => (res.headersSent ? res.destroy() : refuse(res, 502)));
  res.on('error', () => {});
  res.on('close', () => other.destroy());
  req.on('error', () => other.destroy());
  req.pipe(asked);
  serve(served);
}

/** Fields that are meant for us alone: the engine removes them. */
const namedBy = ({ headers: { connection = '' } }: IncomingMessage): string[] =>
  connection.split(',').flatMap((name) => (/^\s*(?:close|keep-alive|upgrade)?\s*$/i.test(name) ? [] : [name.trim()]));

const refuse = (res: ServerResponse, status: number): void => void res.writeHead(status, { connection: 'close' }).end();

function withoutConnection(raw: readonly string[]): string[] {
  return pairsOf(raw).flatMap(([name, value]) => (ofConnection.has(name.toLowerCase()) ? [] : [name, value]));
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}
