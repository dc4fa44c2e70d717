// What stands around the proxy where the demonstration shows HTTP: an origin, and a client that keeps one connection.

import type { IncomingMessage, ServerResponse } from 'node:http';
import * as plugins from '../plugins.js';
import { host, type IIdentity, type IOrigin, listen, patienceMs } from './demo-world.js';

export interface IHttpOrigin extends IOrigin {
  /** Sends an event to whoever reads `/feed`; the third is the last, and nothing comes after it. */
  emit(): void;
}

/** Answers requests with what it sees of them, and `/feed` with events as they are emitted. */
export async function startHttpOrigin(name: string, line: string): Promise<IHttpOrigin> {
  let feed: ServerResponse | null = null;
  let count = 0;
  const emit = () => {
    if (count === events) return;
    count += 1;
    feed?.write(`data: event ${count}\n\n`);
    if (count === events) feed?.end();
  };
  const server = plugins.requireHttp().createServer((request, response) => {
    if (request.url !== '/feed') return void response.end(`${line}, asked for ${request.url}${clientOf(request)}\n`);
    feed = response;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    emit();
  });
  return { ...(await listen(name, server)), emit };
}

const events = 3;

/** The field that the route sets. */
const clientOf = ({ headers }: IncomingMessage): string => ` by ${headers['x-client'] ?? 'nobody known'}`;

export interface IAnswer {
  readonly status: number;
  readonly body: string;
  /** Of fields by their names in lower case. */
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
  /** Pieces that the content came in. */
  readonly pieces: number;
}

/** Asks for one path after the other over one TLS connection, whose certificate it verifies. */
export interface IHttpClient {
  readonly clientPort: number;
  /** `heard` is called with each piece of the answer's content. */
  get(path: string, heard?: () => void): Promise<IAnswer>;
  /** Sends its FIN. */
  close(): void;
}

export async function openHttpClient(port: number, servername: string, { cert }: IIdentity): Promise<IHttpClient> {
  const tls = await plugins.loadTls();
  const { Agent, request } = plugins.requireHttp();
  const socket = tls.connect({ host, port, servername, ca: cert, checkServerIdentity: () => undefined });
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  const get = (path: string, heard?: () => void): Promise<IAnswer> =>
    new Promise((resolve, reject) => {
      const asked = request({ agent, path, headers: { host: servername }, timeout: patienceMs });
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', reject);
      asked.on('response', (response) => {
        const chunks: string[] = [];
        response.setEncoding('utf8').on('data', (chunk: string) => {
          chunks.push(chunk);
          heard?.();
        });
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers: fields } = response;
          resolve({ status, fields, body: chunks.join('').trimEnd(), pieces: chunks.length });
        });
      });
      asked.end();
    });
  return { clientPort: socket.localPort ?? 0, get, close: () => void socket.end() };
}
