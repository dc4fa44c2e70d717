// Stands in front of Pebble with what Pebble lacks: renewal information, profiles, `replaces`, and faults on request.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCertificate } from './certificates.js';

/** What becomes of one request. */
export type TAcmeFault =
  /** An answer of the shim's own; the authority hears nothing of it. `type` without the prefix. */
  | { readonly status: number; readonly type?: string; readonly detail?: string; readonly retryAfter?: string }
  /** An answer that is no problem document, as a proxy in between gives it. */
  | { readonly status: number; readonly text: string; readonly headers?: Readonly<Record<string, string>> }
  /** The authority's own, later. */
  | { readonly delayMs: number }
  /** The connection is reset: before the authority hears of the request, or with its answer. */
  | 'reset'
  | 'lost'
  /** The authority's own, cut in half. */
  | 'truncated'
  /** The authority's own, without its nonce. */
  | 'no-nonce'
  /** Nothing, ever. */
  | 'silent';

export interface IAcmeWindow {
  readonly startMs: number;
  readonly endMs: number;
  readonly explanationUrl?: string;
  readonly retryAfter?: string;
}

export interface IAcmeShim extends AsyncDisposable {
  readonly directoryUrl: string;
  readonly ca: string;
  /** `POST /order-plz`, in order; also what faults kept from the authority. */
  readonly requests: string[];
  /** What newOrder was asked for. */
  readonly orders: { readonly profile?: string; readonly replaces?: string }[];
  /** Names, each with what it is for; orders for others get `invalidProfile`. */
  profiles: Readonly<Record<string, string>>;
  /** null: the directory has no renewal information. `missing`: it has, and nothing is found there. */
  renewal: IAcmeWindow | 'missing' | null;
  /** Certificates that count as replaced; orders that are accepted add theirs. */
  readonly replaced: Set<string>;
  /** Queued: each is used for one request whose method and path, as in `requests`, match. */
  fault(on: RegExp, ...faults: readonly TAcmeFault[]): void;
  /** Those that no request has met. */
  readonly faultsLeft: number;
}

interface IAuthority {
  readonly directoryUrl: string;
  readonly ca: string;
}

export async function startAcmeShim(authority: IAuthority): Promise<IAcmeShim> {
  const identity = await makeCertificate({ names: ['localhost'], ips: ['127.0.0.1'], authority: 'shim' });
  const behind = new URL(authority.directoryUrl);
  const agent = new Agent({ keepAlive: true, ca: authority.ca });
  const queue: { on: RegExp; fault: TAcmeFault }[] = [];
  const server = createServer({ cert: identity.cert, key: identity.key });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const shim: IAcmeShim = {
    directoryUrl: origin + behind.pathname,
    ca: identity.ca,
    requests: [],
    orders: [],
    profiles: {},
    renewal: null,
    replaced: new Set(),
    fault: (on, ...faults) => void queue.push(...faults.map((fault) => ({ on, fault }))),
    get faultsLeft() {
      return queue.length;
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };

  const serve = async (asked: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bytesOf(asked);
    const line = `${asked.method} ${asked.url}`;
    shim.requests.push(line);
    const at = queue.findIndex(({ on }) => on.test(line));
    const fault = at < 0 ? null : (queue.splice(at, 1)[0]?.fault ?? null);
    if (fault === 'silent') return;
    if (fault === 'reset') return void asked.socket.destroy();
    if (fault !== null && typeof fault === 'object' && 'status' in fault) return refuse(response, fault);
    if (asked.url?.startsWith('/renewal-info/')) return answerRenewal(response, shim.renewal);
    const refusal = asked.url === '/order-plz' ? judgeOrder(shim, body) : null;
    if (refusal !== null) return refuse(response, refusal);
    const answer = await forward(behind, agent, asked, body);
    if (asked.url === '/order-plz' && answer.status === 201) noteReplaced(shim);
    if (asked.url === behind.pathname) answer.body = completed(answer.body, shim, origin);
    if (fault === 'lost') return void asked.socket.destroy();
    if (fault === 'no-nonce') delete answer.headers['replay-nonce'];
    if (fault !== null && typeof fault === 'object') await sleep(fault.delayMs);
    response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
    if (fault !== 'truncated') return void response.end(answer.body);
    response.write(answer.body.subarray(0, answer.body.length / 2), () => asked.socket.destroy());
  };
  server.on('request', (asked, response) => {
    serve(asked, response).catch(() => asked.socket.destroy());
  });
  return shim;
}

type TRefusal = Extract<TAcmeFault, { readonly status: number }>;

function refuse(response: ServerResponse, refusal: TRefusal): void {
  if ('text' in refusal) return void response.writeHead(refusal.status, refusal.headers).end(refusal.text);
  const { status, type, detail, retryAfter } = refusal;
  const wait = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  const word = type === undefined ? {} : { type: `urn:ietf:params:acme:error:${type}` };
  const headers = { 'content-type': 'application/problem+json', ...wait };
  response.writeHead(status, headers).end(JSON.stringify({ ...word, detail, status }));
}

function answerRenewal(response: ServerResponse, renewal: IAcmeShim['renewal']): void {
  if (renewal === null || renewal === 'missing') return refuse(response, { status: 404, type: 'malformed' });
  const { startMs, endMs, explanationUrl, retryAfter } = renewal;
  const [start, end] = [startMs, endMs].map((atMs) => new Date(atMs).toISOString());
  const wait = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  const body = { suggestedWindow: { start, end }, explanationURL: explanationUrl };
  response.writeHead(200, { 'content-type': 'application/json', ...wait }).end(JSON.stringify(body));
}

function judgeOrder(shim: IAcmeShim, body: Buffer): TRefusal | null {
  const { payload } = JSON.parse(body.toString()) as { payload: string };
  const order = JSON.parse(Buffer.from(payload, 'base64url').toString()) as IAcmeShim['orders'][number];
  const { profile, replaces } = order;
  shim.orders.push(order);
  if (profile !== undefined && shim.profiles[profile] === undefined) {
    return { status: 400, type: 'invalidProfile', detail: `no profile ${profile}` };
  }
  if (replaces !== undefined && shim.replaced.has(replaces)) {
    return { status: 409, type: 'alreadyReplaced', detail: `${replaces} is replaced already` };
  }
  return null;
}

/** Only an order that stands replaces anything: the authority may have refused its nonce, and it comes again. */
function noteReplaced({ orders, replaced }: IAcmeShim): void {
  const replaces = orders.at(-1)?.replaces;
  if (replaces !== undefined) replaced.add(replaces);
}

/** The directory with what the shim adds to it. */
function completed(body: Buffer, { profiles, renewal }: IAcmeShim, origin: string): Buffer {
  const directory = JSON.parse(body.toString()) as { meta?: object };
  const more = renewal === null ? {} : { renewalInfo: `${origin}/renewal-info` };
  return Buffer.from(JSON.stringify({ ...directory, ...more, meta: { ...directory.meta, profiles } }));
}

/** With the Host that the client named: the authority makes its addresses of it, and compares the signed one. */
async function forward(to: URL, agent: Agent, { method, url, headers }: IncomingMessage, body: Buffer) {
  const sent = request({ host: to.hostname, port: to.port, path: url, method, headers, agent });
  const came = once(sent, 'response') as Promise<[IncomingMessage]>;
  sent.end(body);
  const [answer] = await came;
  // How the authority frames it and keeps its connection is no business of the client's.
  const { 'transfer-encoding': _framing, connection: _kept, ...own } = answer.headers;
  return { status: answer.statusCode ?? 0, headers: own, body: await bytesOf(answer) };
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
