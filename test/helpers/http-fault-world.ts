// One request through a proxy, at a given step of its life, with faults done to it.

import type { Socket } from 'node:net';
import tls from 'node:tls';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/index.js';
import type { ICertificate } from './certificates.js';
import { type IRawHttp, openRawHttp } from './http-clients.js';
import { makeHttpRoute, makeHttpsRoute } from './http-routes.js';
import { type IOrigin, startOrigin } from './origins.js';
import { type IReports, reportsOf } from './requests.js';
import { type IStartedProxy, startProxy } from './start-proxy.js';
import { someTurns, until } from './until.js';

type TAct = 'FIN' | 'RST' | 'garbage';
export type THttpFault = `${'client' | 'target'} ${TAct}`;

/** How far the request has come when the faults begin. */
export interface IHttpStep {
  readonly client: string;
  /** What the target says at once. Default: nothing. */
  readonly target?: string;
  /**
   * What is waited for before the first fault. `sent`: the proxy has read what the client sent. `asked`: the target has the request.
   * `begun`: the client has the answer's head. `answered`: all of it.
   */
  readonly reached: 'sent' | 'asked' | 'begun' | 'answered';
  readonly blackhole?: boolean;
  /** The side that reads nothing more, while the other sends until nobody takes more. */
  readonly stuck?: 'client' | 'target';
}

export interface IHttpCell {
  readonly step: IHttpStep;
  /** Those of one list are done at once. */
  readonly faults: readonly (readonly THttpFault[])[];
  readonly options: Partial<ISmartProxyOptions>;
  /** null: plain, both ways. */
  readonly certificate: ICertificate | null;
  readonly blackhole: number;
  /** The client's connection is to end; else its answer is waited for, or nothing at all where there is none to come. */
  readonly waitFor: 'end' | 'answer';
  /** How many connections to the target there are to be; a busy machine gets some time for that. */
  readonly kept: number;
}

export interface IHttpOutcome {
  /**
   * Statuses of the answers, `cut` behind the last if it is not whole, and how the client saw its connection end: `fin`, `reset`,
   * `own` where it had reset it itself, `open` where it lives on, `end` for a FIN or a reset.
   */
  readonly client: string;
  /** The word that the client's connection ended with; `-`: it lives on. */
  readonly end: string;
  /** Status and code of what was reported of the request; `-`: nothing. */
  readonly report: string;
  /** Connections to the target that are kept. */
  readonly kept: number;
}

const rest = () => someTurns(25);

export async function runHttpCell(cell: IHttpCell): Promise<IHttpOutcome> {
  const { step, faults, certificate } = cell;
  await using target = await startTarget(step, certificate);
  const outcome = await throughProxy(cell, target, async (proxy, client, reports) => {
    client.send(step.client);
    await reach(step, proxy, client, target, reports);
    for (const atOnce of faults) {
      for (const fault of atOnce) act(fault, client, target);
      await rest();
    }
  });
  await until(
    () => target.origin.open === 0,
    3_000,
    () => `no connection at the target once the proxy has stopped, has ${target.origin.open}`,
  );
  return outcome;
}

async function throughProxy(
  cell: IHttpCell,
  target: Target,
  run: (proxy: IStartedProxy, client: IRawHttp, reports: IReports) => Promise<void>,
): Promise<IHttpOutcome> {
  const { certificate, options, waitFor, faults } = cell;
  const route = routeOf(cell, cell.step.blackhole ? cell.blackhole : target.origin.port);
  await using proxy = await startProxy({ ...patient, ...options, routes: [route] });
  const reports = reportsOf(proxy);
  const secure = certificate === null ? {} : { tls: { servername: 'a.test', ca: certificate.ca } };
  await using client = await openRawHttp(proxy.port, secure);
  await run(proxy, client, reports);
  const isOver = () => (waitFor === 'end' ? proxy.ended.length > 0 : client.answers.at(-1)?.isComplete === true);
  await until(
    isOver,
    15_000,
    () => `the ${waitFor}, has ${JSON.stringify([statuses(client), proxy.ended.map(({ end }) => end)])}`,
  );
  // What a side that did not read has missed, it sees now.
  client.socket.resume();
  target.socket?.resume();
  const leaves = faults.some((atOnce) => atOnce.includes('client RST'));
  const seen = waitFor === 'end' ? await client.ended : 'open';
  // Where a reset comes together with bytes, Node calls it an end: who had not read sees the one or the other.
  const ended = leaves ? 'own' : cell.step.stuck === 'client' ? 'end' : seen;
  await rest();
  await until(() => target.origin.open === cell.kept, 3_000, String).catch(() => {});
  const [report] = reports.all;
  return {
    client: `${statuses(client)} ${ended}`,
    end: proxy.ended[0]?.end ?? '-',
    report: report === undefined ? '-' : [report.status, report.code].filter((part) => part !== null).join(' '),
    kept: target.origin.open,
  };
}

const statuses = ({ answers }: IRawHttp): string =>
  answers.length === 0
    ? '-'
    : answers.map(({ status, isComplete }) => (isComplete ? `${status}` : `${status} cut`)).join(', ');

class Target {
  readonly origin: IOrigin;
  /** Of the first connection; with TLS the one above. */
  socket: Socket | null = null;
  raw: Socket | null = null;
  bytes = 0;

  constructor(origin: IOrigin) {
    this.origin = origin;
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.origin[Symbol.asyncDispose]();
  }
}

async function startTarget(step: IHttpStep, certificate: ICertificate | null): Promise<Target> {
  const target: Target = new Target(await startOrigin((raw) => serve(raw)));
  const serve = (raw: Socket) => {
    const socket = certificate === null ? raw : secured(raw, certificate);
    target.raw ??= raw;
    target.socket ??= socket;
    let isFirst = true;
    socket.on('data', (chunk: Buffer) => {
      target.bytes += chunk.length;
      if (isFirst && step.target !== undefined) socket.write(step.target, 'latin1');
      if (isFirst && step.stuck === 'target') socket.pause();
      isFirst = false;
    });
    // It answers a FIN by its own.
    socket.on('end', () => socket.end());
  };
  return target;
}

function secured(raw: Socket, { cert, key }: ICertificate): Socket {
  const secure = new tls.TLSSocket(raw, { isServer: true, secureContext: tls.createSecureContext({ cert, key }) });
  return secure.on('error', () => {});
}

/** Resolves when nobody takes more. */
async function flood(socket: Socket): Promise<void> {
  const chunk = Buffer.alloc(65_536, 'x');
  const more = () => {
    while (!socket.destroyed && !socket.writableEnded && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
  // Takers with large buffers pause now and then: only a longer silence tells that all are full.
  let sent = -1;
  for (let same = 0; same < 10; same++) {
    if (sent !== socket.bytesWritten - socket.writableLength) same = 0;
    sent = socket.bytesWritten - socket.writableLength;
    await someTurns(30);
  }
}

function routeOf({ certificate, step }: IHttpCell, port: number): IRouteConfig {
  const plain = { host: '127.0.0.1', port };
  if (certificate === null) return makeHttpRoute(0, { action: { type: 'forward', target: plain } });
  const target = step.blackhole ? plain : { ...plain, tls: { ca: certificate.ca, servername: 'a.test' } };
  const { cert, key } = certificate;
  const own = { mode: 'terminate', certificate: { cert, key } } as const;
  return makeHttpsRoute(0, certificate, { action: { type: 'forward', target, tls: own } });
}

async function reach(
  { reached, stuck }: IHttpStep,
  proxy: IStartedProxy,
  client: IRawHttp,
  target: Target,
  reports: IReports,
): Promise<void> {
  const is = (condition: () => boolean, want: string) => until(condition, 5_000, () => want);
  await is(() => proxy.proxy.getConnections()[0]?.usingNetworkProxy === true, 'a connection in the engine');
  if (reached !== 'sent') await is(() => target.bytes > 0, 'a request at the target');
  if (reached === 'begun') await client.readHead();
  if (stuck === 'client') client.socket.pause();
  if (stuck === 'client' && target.socket !== null) await flood(target.socket);
  if (stuck === 'target') await flood(client.socket);
  if (reached === 'answered') {
    await client.readAnswer();
    await reports.next();
  }
  await rest();
}

function act(fault: THttpFault, client: IRawHttp, target: Target): void {
  const [who, what] = fault.split(' ') as ['client' | 'target', TAct];
  const socket = who === 'client' ? client.socket : target.socket;
  if (socket === null) throw new Error('there is no target');
  if (what === 'garbage') socket.write('\0\x01garbage\r\n\r\n', 'latin1');
  else if (what === 'FIN') socket.end();
  else if (who === 'client') client.reset();
  else target.raw?.resetAndDestroy();
}

/** Limits that no cell reaches. */
const patient = {
  connectionTimeout: 30_000,
  inactivityTimeout: 30_000,
  halfOpenTimeout: 30_000,
  stallTimeout: 30_000,
  responseTimeout: 30_000,
  http: { headersTimeout: 30_000, keepAliveTimeout: 30_000 },
};
