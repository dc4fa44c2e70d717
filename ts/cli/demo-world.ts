// What stands around the proxy in the demonstration: two TLS origins, a plain one, and clients that ask them.

import type { AddressInfo, Server, Socket } from 'node:net';
import * as plugins from '../plugins.js';
import type { IDefaultCertificates } from '../utils.js';

export interface IOrigin {
  readonly name: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface IVisit {
  /** What the origin said. */
  readonly reply: string;
  /** The client's port, by which the proxy's record of the visit is found. */
  readonly clientPort: number;
}

/** The certificate of both TLS origins, and of the TLS that the proxy terminates, with its key. */
export type IIdentity = IDefaultCertificates;

/** None of them waits for anything outside this process. */
export const patienceMs = 10_000;

/** Terminates TLS itself and answers each request with one line, in HTTP so that curl can ask too. */
export async function startTlsOrigin(name: string, line: string, { cert, key }: IIdentity): Promise<IOrigin> {
  const tls = await plugins.loadTls();
  const server = tls.createServer({ cert, key }, (socket) => {
    const body = `${line}\n`;
    const head = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: close`;
    socket.once('data', () => socket.end(`${head}\r\n\r\n${body}`));
    socket.on('error', () => {});
  });
  return await listen(name, server);
}

/** Answers whatever it is sent with one line. */
export async function startPlainOrigin(name: string, line: string): Promise<IOrigin> {
  const server = plugins.net.createServer((socket) => {
    socket.once('data', () => socket.end(`${line}\n`));
  });
  return await listen(name, server);
}

/** Asks for `servername`; rejects unless the certificate that it is shown is the origins' own. */
export async function visitByTls(port: number, servername: string, { cert }: IIdentity): Promise<IVisit> {
  const tls = await plugins.loadTls();
  // The certificate is not made for the names of the demonstration; that it is this very one, is checked.
  const socket = tls.connect({ host, port, servername, ca: cert, checkServerIdentity: () => undefined });
  const { reply, clientPort } = await converse(socket, `GET / HTTP/1.1\r\nhost: ${servername}\r\n\r\n`);
  return { reply: reply.slice(reply.indexOf('\r\n\r\n') + 4), clientPort };
}

export const visitPlainly = (port: number): Promise<IVisit> =>
  converse(plugins.net.connect({ host, port }), 'hello, who is there?\n');

/** Everything here stays on this machine. */
export const host = '127.0.0.1';

/** Sends, and gathers what comes until the other side has finished. */
function converse(socket: Socket, question: string): Promise<IVisit> {
  return new Promise((resolve, reject) => {
    let reply = '';
    let clientPort = 0;
    socket.on('connect', () => {
      clientPort = socket.localPort ?? 0;
    });
    socket.setEncoding('utf8').on('data', (text: string) => {
      reply += text;
    });
    socket.setTimeout(patienceMs, () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
    socket.on('end', () => resolve({ reply: reply.trimEnd(), clientPort }));
    socket.on('close', () => reject(new Error('closed without an answer')));
    socket.write(question);
  });
}

export async function listen(name: string, server: Server): Promise<IOrigin> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { name, port: (server.address() as AddressInfo).port, close };
}
