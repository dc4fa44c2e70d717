// An ACME server that answers what a test tells it to, for what no real one does on request.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeCertificate } from './certificates.js';

export interface IScriptedRequest {
  /** `POST /order/1` */
  readonly line: string;
  /** The protected header of the JWS; empty if there is none. */
  readonly header: { readonly nonce?: string; readonly kid?: string; readonly url?: string };
  /** The payload of the JWS; null if it is empty or there is none. */
  readonly payload: unknown;
  readonly message: IncomingMessage;
}

export interface IScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Objects as JSON. */
  readonly body?: unknown;
}

/** null: it saw to the response itself. `at` is where the server is. */
type TAnswer = (request: IScriptedRequest, at: string, response: ServerResponse) => IScriptedAnswer | null;

export interface IScriptedAcme extends AsyncDisposable {
  readonly at: string;
  readonly directoryUrl: string;
  readonly ca: string;
  readonly requests: IScriptedRequest[];
  /** How many connections there were. */
  readonly accepted: number;
}

/** It has a directory and nonces of its own, `n1` and on; `answer` is asked for the rest, and for those too if it wants. */
export async function startScriptedAcme(answer: TAnswer): Promise<IScriptedAcme> {
  const { cert, key, ca } = await makeCertificate({ names: ['localhost'], ips: ['127.0.0.1'], authority: 'scripted' });
  const server = createServer({ cert, key });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const requests: IScriptedRequest[] = [];
  let accepted = 0;
  let nonces = 0;
  server.on('secureConnection', () => accepted++);
  server.on('request', async (message, response) => {
    const request = await read(message);
    requests.push(request);
    const answered = answer(request, at, response) ?? null;
    if (answered === null) return;
    const { status = 200, headers = {}, body = '' } = answered;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'replay-nonce': `n${++nonces}`, ...headers }).end(text);
  });
  return {
    at,
    directoryUrl: `${at}/dir`,
    ca,
    requests,
    get accepted() {
      return accepted;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

/** A directory with every resource. */
export const scriptedDirectory = (at: string) => ({
  newNonce: `${at}/nonce`,
  newAccount: `${at}/new-account`,
  newOrder: `${at}/new-order`,
  revokeCert: `${at}/revoke`,
  keyChange: `${at}/key-change`,
});

/** For requests that a test does not care about. */
export function usualAnswer({ line }: IScriptedRequest, at: string): IScriptedAnswer {
  if (line === 'GET /dir') return { body: scriptedDirectory(at) };
  if (line === 'POST /new-account') return { status: 201, headers: { location: `${at}/account/1` }, body: {} };
  return line === 'HEAD /nonce' ? {} : { status: 404 };
}

async function read(message: IncomingMessage): Promise<IScriptedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const line = `${message.method} ${message.url}`;
  if (chunks.length === 0) return { line, header: {}, payload: null, message };
  const jws = JSON.parse(Buffer.concat(chunks).toString()) as { protected: string; payload: string };
  const plain = (text: string) => (text === '' ? null : JSON.parse(Buffer.from(text, 'base64url').toString()));
  return { line, header: plain(jws.protected), payload: plain(jws.payload), message };
}
