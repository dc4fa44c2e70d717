// An admin interface in front of a view that a test makes up, and a client that may send anything.

import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { AdminServer, type IAdminServerParts } from '../../ts/admin/admin-server.js';
import type { IAdminEvent, IAdminStatus, IAdminView, TAdminEventKind } from '../../ts/admin/view.js';
import { systemClock } from '../../ts/base/clock.js';
import { silentLogger } from '../../ts/base/logger.js';

export interface IAdminWorld extends AsyncDisposable {
  readonly server: AdminServer;
  readonly port: number;
  readonly view: IFakeView;
  ask(method: string, path: string, more?: IAskMore): Promise<IAnswered>;
}

export interface IAskMore {
  readonly headers?: Readonly<Record<string, string>>;
  /** As JSON, unless it is text. */
  readonly body?: unknown;
}

export interface IAnswered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Parsed, where it is JSON. */
  readonly json: Record<string, unknown>;
}

export interface IFakeView extends IAdminView {
  /** What was asked for, in order. */
  readonly calls: (readonly [name: string, ...args: unknown[]])[];
  /** How many hear of events of this kind. */
  listeners(kind: TAdminEventKind): number;
  tell(event: IAdminEvent): void;
}

export const someStatus: IAdminStatus = {
  version: '1.2.3',
  pid: 1,
  node: '20.0.0',
  state: 'running',
  startedAt: 1_700_000_000_000,
  uptimeMs: 5_000,
  ports: [80],
  routes: 2,
  connections: 3,
  maxConnections: 100,
  config: { updates: 1, since: 1_700_000_001_000, reloadable: true },
  memory: { rss: 1, heapUsed: 1 },
  cpuSeconds: 1.5,
};

const histogram = { bounds: [1, 3], counts: [1, 2], count: 3, sum: 12 };

export const someFigures = {
  connections: { active: 3, max: 100, accepted: 9, refused: { connection_limit: 1 }, ended: { client_closed: 6 } },
  bytesIn: 10,
  bytesOut: 20,
  requests: { 200: 4, 404: 1 },
  routes: { shop: { active: 1, connections: 2, bytesIn: 3, bytesOut: 4, requests: [0, 0, 5, 0, 1, 0] } },
  kernel: { active: 0, connections: 1, refused: 2, limited: 3, dropped: 4, bytesIn: 5, bytesOut: 6 },
  connectionDuration: histogram,
  bytesTransferred: histogram,
  requestDuration: histogram,
  process: { cpuSeconds: 1.5, residentBytes: 1000, heapBytes: 500 },
};

export function makeFakeView(own: Partial<IAdminView> = {}): IFakeView {
  const calls: (readonly [string, ...unknown[]])[] = [];
  const hearing = new Map<IAdminEvent['kind'], Set<(event: IAdminEvent) => void>>();
  const note =
    <T>(name: string, answer: T) =>
    async (...args: unknown[]): Promise<T> => {
      calls.push([name, ...args]);
      return answer;
    };
  return {
    calls,
    listeners: (kind) => hearing.get(kind)?.size ?? 0,
    tell: (event) => {
      for (const hear of hearing.get(event.kind) ?? []) hear(event);
    },
    status: note('status', someStatus),
    routes: note('routes', { routes: [], keys: [] }),
    connections: note('connections', { total: 0, matched: 0, connections: [] }),
    statistics: note('statistics', {}),
    figures: note('figures', someFigures),
    certificates: note('certificates', []),
    targets: note('targets', []),
    nftables: note('nftables', {}),
    explain: note('explain', { text: 'because' }),
    plan: note('plan', {}),
    updateRoutes: note('updateRoutes', {}),
    reload: note('reload', {}),
    endConnection: note('endConnection', true),
    stop: note('stop', undefined),
    async subscribe(kinds, hear) {
      for (const kind of kinds) hearing.set(kind, (hearing.get(kind) ?? new Set()).add(hear));
      return () => {
        for (const kind of kinds) hearing.get(kind)?.delete(hear);
      };
    },
    ...own,
  };
}

export async function startAdmin({
  view: own = {},
  ...parts
}: Partial<Omit<IAdminServerParts, 'view'>> & { readonly view?: Partial<IAdminView> } = {}): Promise<IAdminWorld> {
  const view = makeFakeView(own);
  const server = new AdminServer({
    view,
    host: '127.0.0.1',
    port: 0,
    token: null,
    hosts: [],
    clock: systemClock,
    logger: silentLogger,
    keyOf: (address) => address,
    ...parts,
  });
  await server.open();
  const port = server.address?.port ?? 0;
  return {
    server,
    port,
    view,
    ask: (method, path, more) => askAdmin(port, method, path, more),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

export const asJson = { 'content-type': 'application/json' } as const;

/** Sends JSON unless told otherwise. */
export function askAdmin(
  port: number,
  method: string,
  path: string,
  { headers, body }: IAskMore = {},
): Promise<IAnswered> {
  const content = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const own = headers ?? (method === 'GET' || method === 'HEAD' ? {} : asJson);
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers: own, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const isJson = String(response.headers['content-type']).startsWith('application/json') && text !== '';
        const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, json });
      });
    });
    asked.on('error', reject);
    asked.end(content);
  });
}

export interface IRawClient extends AsyncDisposable {
  readonly socket: Socket;
  /** All that came so far. */
  text(): string;
  readonly closed: Promise<void>;
}

/** A socket that sends what it is told and reads what comes. */
export function openRaw(port: number, opening = ''): Promise<IRawClient> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => {
      if (opening !== '') socket.write(opening);
      resolve({
        socket,
        text: () => text,
        closed,
        async [Symbol.asyncDispose]() {
          socket.destroy();
          await closed;
        },
      });
    });
    const closed = new Promise<void>((done) => socket.once('close', () => done()));
    socket.on('error', reject);
    socket.on('data', (part) => {
      text += part.toString();
    });
  });
}
