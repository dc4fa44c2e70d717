// A request that a server of Node's has read, given to the HTTP engine by a connection in memory.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import * as plugins from '../plugins.js';
import { connectInMemory } from './memory-socket.js';

/** Of one connection alone (RFC 9110 §7.6.1): each side writes its own. */
const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** @param serve gets the connection that the request comes by, with the addresses of the real one */
export function relayRequest(req: IncomingMessage, res: ServerResponse, serve: (socket: Socket) => void): void {
  const { remoteAddress, remotePort, localAddress, localPort } = req.socket;
  const [served, other] = connectInMemory({ remoteAddress, remotePort, localAddress, localPort });
  const { method = 'GET', url = '/' } = req;
  const headers = [...withoutConnection(req.rawHeaders), 'Connection', 'close'];
  if (req.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
  const asked = plugins.requireHttp().request({ createConnection: () => other, method, path: url, headers });
  asked.on('response', (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutConnection(answer.rawHeaders));
    answer.on('error', () => res.destroy());
    answer.on('end', () => res.addTrailers(pairsOf(answer.rawTrailers)));
    answer.pipe(res);
  });
  // The engine answers what fails; where it could not, neither can we.
  asked.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502, { connection: 'close' }).end()));
  res.on('error', () => {});
  res.on('close', () => other.destroy());
  req.on('error', () => other.destroy());
  req.pipe(asked);
  serve(served);
}

function withoutConnection(raw: readonly string[]): string[] {
  return pairsOf(raw).flatMap(([name, value]) => (ofConnection.has(name.toLowerCase()) ? [] : [name, value]));
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}
