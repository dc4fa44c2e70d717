// Every fault of a target of HTTP/2 at every step of a stream: what its client gets, what is reported, which connections to the
// target are kept, and that nothing is left.

import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { h2Error } from '../../ts/codec/http2-frame.js';
import type { ISmartProxyOptions } from '../../ts/index.js';
import { type ICertificate, makeCertificate } from '../helpers/certificates.js';
import { connectH2, readH2 } from '../helpers/h2-clients.js';
import { RawPeer, rawData, rawGoaway, rawHeaders, rawReset, rawSettings, rawSettingsAck } from '../helpers/h2-raw.js';
import { openRawHttp } from '../helpers/http-clients.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { type IInnerParts, watchInnerParts } from '../helpers/inner-parts.js';
import { startOrigin } from '../helpers/origins.js';
import { get, reportsOf } from '../helpers/requests.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

/** How far the target has come on the stream when the fault begins; `settings`: it has not begun HTTP/2. */
const steps = {
  settings: [],
  headers: [],
  'headers, served before': [],
  'half a head': [rawHeaders(1, [':status', '200', 'x-a', 'b']).subarray(0, 14)],
  interim: [rawHeaders(1, [':status', '103'])],
  data: [rawHeaders(1, [':status', '200', 'content-length', '8'])],
  'data half there': [rawHeaders(1, [':status', '200', 'content-length', '8']), rawData(1, 'half')],
  trailers: [rawHeaders(1, [':status', '200']), rawData(1, 'content!')],
} as const;

type TStep = keyof typeof steps;
type TFault =
  | 'RST'
  | 'FIN'
  | 'RST_STREAM'
  | 'REFUSED'
  | 'garbage'
  | 'GOAWAY 0'
  | 'GOAWAY 1, FIN'
  | 'silence'
  | 'client RST';
type TClient = 'GET by 1.1' | 'POST by 2';

interface IRow {
  readonly step: TStep;
  readonly fault: TFault;
  /** What a GET by HTTP/1.1 gets and what is reported of it; then a POST by HTTP/2. `cut`: the client sees that it is not whole. */
  readonly get: string;
  readonly post: string;
  /** Connections to the target that are kept. */
  readonly kept: 0 | 1;
  /** The same after the POST. */
  readonly keptByPost: 0 | 1;
}

const row = (step: TStep, fault: TFault, get: string, post: string, kept: 0 | 1, keptByPost = kept): IRow => ({
  step,
  fault,
  get,
  post,
  kept,
  keptByPost,
});

const broke = '502, 502 TARGET_BROKE';
const malformed = '502, 502 TARGET_MALFORMED';
const cut = '200 cut, 200 TARGET_BROKE';
const cutMalformed = '200 cut, 200 TARGET_MALFORMED';
const slow = '504, 504 RESPONSE_TIMEOUT';
const left = '-, 499 CLIENT_LEFT';

// biome-ignore format: a table.
const table: readonly IRow[] = [
  row('settings', 'RST', broke, broke, 0),
  row('settings', 'FIN', broke, broke, 0),
  row('settings', 'garbage', '502, 502 TARGET_VERSION', '502, 502 TARGET_VERSION', 0),
  row('settings', 'GOAWAY 0', '502, 502 TARGET_VERSION', '502, 502 TARGET_VERSION', 0),
  row('settings', 'silence', '504, 504 TARGET_TIMEOUT', '504, 504 TARGET_TIMEOUT', 0),

  ...(['headers', 'interim'] as const).flatMap((step) => [
    row(step, 'RST', broke, broke, 0),
    row(step, 'FIN', broke, broke, 0),
    row(step, 'RST_STREAM', broke, broke, 1),
    // Nothing was done: it is asked again on the same connection, or on another.
    row(step, 'REFUSED', '200, 200', '200, 200', 1),
    row(step, 'GOAWAY 0', '200, 200', '200, 200', 1),
    row(step, 'GOAWAY 1, FIN', broke, broke, 0),
    row(step, 'garbage', malformed, malformed, 0),
    row(step, 'silence', slow, slow, 1),
    row(step, 'client RST', left, left, 1),
  ]),

  // A connection that was found dead says nothing about the target; but what may have been done is not done twice.
  row('headers, served before', 'RST', '200, 200', broke, 1, 0),
  row('headers, served before', 'FIN', '200, 200', broke, 1, 0),
  row('headers, served before', 'garbage', malformed, malformed, 0),

  row('half a head', 'RST', broke, broke, 0),
  row('half a head', 'FIN', broke, broke, 0),
  row('half a head', 'garbage', malformed, malformed, 0),
  row('half a head', 'silence', slow, slow, 1),
  row('half a head', 'client RST', left, left, 1),

  ...(['data', 'data half there', 'trailers'] as const).flatMap((step) => [
    row(step, 'RST', cut, cut, 0),
    row(step, 'FIN', cut, cut, 0),
    row(step, 'RST_STREAM', cut, cut, 1),
    row(step, 'REFUSED', cut, cut, 1),
    row(step, 'GOAWAY 0', cut, cut, 0),
    row(step, 'GOAWAY 1, FIN', cut, cut, 0),
    row(step, 'garbage', cutMalformed, cutMalformed, 0),
    row(step, 'silence', '200 cut, 200 TIMEOUT', '200 cut, 200 TIMEOUT', 1),
    row(step, 'client RST', left, left, 1),
  ]),
];

/** What is short where nobody does anything. */
const short = 700;

function limitsOf({ step, fault }: IRow): Partial<ISmartProxyOptions> {
  const limits = { ...patient, http: { h2c: true } };
  if (fault !== 'silence') return limits;
  if (step === 'settings') return { ...limits, connectionTimeout: short };
  return { ...limits, http: { h2c: true, requestTimeout: short } };
}

/** Limits that no cell reaches. */
const patient = {
  connectionTimeout: 30_000,
  inactivityTimeout: 30_000,
  stallTimeout: 30_000,
  responseTimeout: 30_000,
};

/** The target: its first stream comes to the step; what is asked of it after a fault it answers. */
class Target {
  readonly peers: RawPeer[] = [];
  /** The stream's request is there; of `settings`: the connection is. */
  reached = false;
  readonly #step: TStep;
  #asked = 0;

  constructor(step: TStep) {
    this.#step = step;
  }

  serve(peer: RawPeer): void {
    this.peers.push(peer);
    const isFirst = this.peers.length === 1;
    if (isFirst && this.#step === 'settings') this.reached = true;
    else peer.send(rawSettings(), rawSettingsAck());
    void this.#answer(peer).catch(() => {});
  }

  async #answer(peer: RawPeer): Promise<void> {
    for (;;) {
      const { stream } = await peer.next('HEADERS');
      const at = this.#asked++;
      const isServed = at === 0 && this.#step === 'headers, served before';
      const isStep = !isServed && !this.reached;
      if (!isStep) peer.send(rawHeaders(stream, [':status', '200'], { end: true }));
      else {
        peer.send(...steps[this.#step]);
        this.reached = true;
      }
    }
  }
}

function strike(fault: TFault, peer: RawPeer, raw: Socket): void {
  const { socket } = peer;
  if (fault === 'RST') raw.resetAndDestroy();
  else if (fault === 'FIN') socket.end();
  else if (fault === 'RST_STREAM') peer.send(rawReset(1, h2Error.internal));
  else if (fault === 'REFUSED') peer.send(rawReset(1, h2Error.refusedStream));
  else if (fault === 'garbage') peer.send(Buffer.alloc(32_768, 0xfe));
  else if (fault === 'GOAWAY 0') peer.send(rawGoaway(0, h2Error.noError));
  else if (fault === 'GOAWAY 1, FIN') {
    peer.send(rawGoaway(1, h2Error.noError));
    socket.end();
  }
}

interface IAsking extends AsyncDisposable {
  /** Resolves with what the client saw. */
  readonly seen: Promise<string>;
  /** The head of an answer is there. */
  begun(): boolean;
  leave(): void;
}

async function askBy1(port: number, isServed: boolean): Promise<IAsking> {
  const client = await openRawHttp(port);
  if (isServed) client.send(get('/first'));
  if (isServed) await client.readAnswer();
  client.send(get('/'));
  const last = () => client.answers.filter(({ status }) => status >= 200)[isServed ? 1 : 0];
  const told = () => {
    const answer = last();
    return answer === undefined ? '-' : `${answer.status}${answer.isComplete ? '' : ' cut'}`;
  };
  const whole = client.when(() => last()?.isComplete ?? false).catch(() => {});
  return {
    seen: whole.then(told),
    begun: () => last() !== undefined,
    leave: () => client.reset(),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() as Promise<void>,
  };
}

async function askBy2(port: number, isServed: boolean): Promise<IAsking> {
  const client = await connectH2(port);
  if (isServed) await client.fetch('/first');
  const stream = client.open('/', { method: 'POST' });
  stream.end('content');
  let isBegun = false;
  stream.once('response', () => {
    isBegun = true;
  });
  const answer = readH2(stream).then(
    ({ status, code }) => `${status}${code === 0 ? '' : ' cut'}`,
    () => '-',
  );
  return {
    seen: answer,
    begun: () => isBegun,
    leave: () => client.session.destroy(undefined, h2Error.cancel),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() as Promise<void>,
  };
}

async function runCell(cell: IRow, client: TClient, certificate: ICertificate | null): Promise<string> {
  const { step, fault } = cell;
  const kept = client === 'GET by 1.1' ? cell.kept : cell.keptByPost;
  const target = new Target(step);
  await using origin = await startOrigin((socket) => {
    // As servers do, it answers a FIN by its own.
    const top = certificate === null ? socket : secured(socket, certificate);
    top.on('end', () => top.end());
    target.serve(new RawPeer(top, true));
  });
  const secure = certificate === null ? {} : { tls: { ca: certificate.ca, servername: 'a.test' } };
  const to = { host: '127.0.0.1', port: origin.port, backendProtocol: 'http2', ...secure } as const;
  await using proxy: IStartedProxy = await startProxy({
    ...limitsOf(cell),
    routes: [makeHttpRoute(0, { action: { type: 'forward', target: to } })],
  });
  const reports = reportsOf(proxy);
  const isServed = step === 'headers, served before';
  await using asking = await (client === 'GET by 1.1' ? askBy1 : askBy2)(proxy.port, isServed);
  const begins = step === 'data' || step === 'data half there' || step === 'trailers';
  await until(
    () => target.reached && (!begins || asking.begun()),
    5_000,
    () => `the step ${step}`,
  );
  // The rest of the request, and what the target said, are where they are to come.
  await delay(10);
  if (fault === 'client RST') asking.leave();
  else strike(fault, target.peers[0] as RawPeer, origin.sockets[0] as Socket);
  const seen = fault === 'client RST' ? '-' : await asking.seen;
  if (isServed) await reports.next();
  const { status, code } = await reports.next();
  await delay(20);
  await until(
    () => origin.open === kept,
    3_000,
    () => `${kept} connections`,
  ).catch(() => {});
  return `${seen}, ${[status, code].filter((part) => part !== null).join(' ')}; ${origin.open} kept`;
}

function secured(raw: Socket, { cert, key }: ICertificate): Socket {
  const secureContext = tls.createSecureContext({ cert, key });
  return new tls.TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ['h2'] });
}

/** Time is the same above TLS. */
const isForTls = ({ fault, step }: IRow): boolean => fault !== 'silence' || step === 'settings';

/** Gives a line for each cell whose outcome is another than the table's. */
async function runTable(client: TClient, certificate: ICertificate | null): Promise<string[]> {
  const wrong: string[] = [];
  const left = certificate === null ? [...table] : table.filter(isForTls);
  const run = async () => {
    for (let cell = left.pop(); cell !== undefined; cell = left.pop()) {
      const want = client === 'GET by 1.1' ? `${cell.get}; ${cell.kept} kept` : `${cell.post}; ${cell.keptByPost} kept`;
      const got = await runCell(cell, client, certificate).catch((error: Error) => error.message);
      if (got !== want) wrong.push(`${cell.step}; ${cell.fault}: want ${want}, got ${got}`);
    }
  };
  await Promise.all(Array.from({ length: 12 }, run));
  return wrong.sort();
}

/** Descriptors and what else keeps a process alive, by kind. */
const handles = (): string =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /TCP|Pipe|TLS/.test(kind))
    .sort()
    .join(' ');

async function nothingLeft(inner: IInnerParts, before: string): Promise<void> {
  expect([inner.leases, inner.upstreams.waiting]).toEqual([0, 0]);
  await until(
    () => inner.upstreams.open === 0 && handles() === before,
    3_000,
    () => `the handles of the beginning (${before}), has ${handles()}, ${JSON.stringify(inner.upstreams)}`,
  );
}

tap.timeout(60_000);

for (const [client, isTls] of [
  ['GET by 1.1', false],
  ['POST by 2', false],
  ['GET by 1.1', true],
] as const) {
  tap.test(
    `every fault at every step of a stream does what the table says: ${client}${isTls ? ', TLS' : ''}`,
    async () => {
      using inner = watchInnerParts();
      const certificate = isTls ? await makeCertificate({ names: ['a.test'] }) : null;
      const before = handles();
      expect(await runTable(client, certificate)).toEqual([]);
      await nothingLeft(inner, before);
    },
  );
}

export default tap.start();
