// What explain says of a connection is what becomes of the one that is then made that way. test.explain-requests.ts has more
// of requests.

import { once } from 'node:events';
import net from 'node:net';
import fc from 'fast-check';
import type { IExplainQuery, IExplanation, IRouteConfig, ITarget, TEnd, TProtocol } from '../../ts/index.js';
import { connectTcp } from '../helpers/clients.js';
import { alpnOf, makeClientHello, sniOf, versionsOf } from '../helpers/make-client-hello.js';
import { closedPort, startOrigin } from '../helpers/origins.js';
import { type IStartedProxy, makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

type TPortName = 'shared' | 'silent' | 'worded' | 'elsewhere' | 'bare' | 'closed';

interface IVisit {
  readonly port: TPortName;
  readonly clientIp: string;
  readonly protocol: TProtocol;
  readonly domain: string | null;
  readonly alpn: readonly string[];
  readonly tlsVersion: 'TLSv1.2' | 'TLSv1.3';
  /** True: a proxy in front of us says who the client is. */
  readonly isAnnounced: boolean;
}

const plain: IVisit = {
  ...{ port: 'shared', clientIp: '127.0.0.1', protocol: 'tls', domain: null, alpn: [], tlsVersion: 'TLSv1.3' },
  isAnnounced: false,
};

const front = '127.0.0.99';
const elsewhere = '127.0.0.40';

/** Every kind of criterion, rule and action that a connection can meet. */
function makeRoutes(origin: number, dead: number, ports: Record<TPortName, number>): IRouteConfig[] {
  const local = (port: number): ITarget => ({ host: '127.0.0.1', port });
  const to = (port: number): IRouteConfig['action'] => ({ type: 'forward', target: local(port) });
  const handler: IRouteConfig['action'] = { type: 'socket-handler', socketHandler: (socket) => void socket.end('bye') };
  return [
    { name: 'exact', match: { ports: 0, domains: 'a.test' }, action: to(origin) },
    { name: 'suffix with h2', match: { ports: 0, domains: '*.a.test', alpn: ['h2'] }, action: handler },
    {
      name: 'two targets',
      match: { ports: 0, domains: '*.a.test', tlsVersion: ['TLSv1.3'] },
      action: { type: 'forward', targets: [local(origin), { host: '127.0.0.2', port: origin }, local(dead)] },
    },
    {
      name: 'full',
      match: { ports: 0, domains: 'full.test' },
      // Who is in stays in.
      action: { type: 'socket-handler', socketHandler: (socket) => void socket.resume() },
      security: { maxConnections: 1 },
    },
    { name: 'dead', match: { ports: 0, domains: 'dead.test' }, action: to(dead) },
    {
      name: 'no target',
      match: { ports: 0, domains: 'function.test' },
      action: {
        type: 'forward',
        target: {
          host: () => {
            throw new Error('thrown on purpose');
          },
          port: 1,
        },
      },
    },
    {
      name: 'any name',
      match: { ports: 0, domains: '*' },
      action: to(origin),
      security: { ipBlockList: ['127.0.0.3'] },
    },
    { name: 'no web for 4', match: { ports: 0, protocol: 'http', clientIp: ['127.0.0.4'] }, action: { type: 'block' } },
    {
      name: 'web',
      match: { ports: 0, protocol: 'http' },
      action: to(origin),
      security: { ipAllowList: ['127.0.0.*'] },
    },
    { name: 'rest for 4 and 5', match: { ports: 0, clientIp: ['127.0.0.4-127.0.0.5'] }, action: handler },
    { name: 'silent', match: { ports: ports.silent }, action: to(origin) },
    { name: 'silent for 5', priority: 1, match: { ports: ports.silent, clientIp: ['127.0.0.5'] }, action: handler },
    { name: 'tls only', match: { ports: ports.worded, protocol: 'tls' }, action: to(origin) },
    { name: 'others', match: { ports: ports.worded, protocol: 'other' }, action: { type: 'block' } },
    { name: 'elsewhere', match: { ports: ports.elsewhere, listenAddress: elsewhere }, action: handler },
    { name: 'asleep', enabled: false, match: { ports: ports.closed }, action: handler },
  ];
}

const visits: fc.Arbitrary<IVisit> = fc.record({
  port: fc.oneof(
    { weight: 6, arbitrary: fc.constant<TPortName>('shared') },
    { weight: 4, arbitrary: fc.constantFrom<TPortName>('silent', 'worded', 'elsewhere', 'bare', 'closed') },
  ),
  clientIp: fc.constantFrom('127.0.0.1', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.66', '127.1.0.1'),
  protocol: fc.oneof(
    { weight: 2, arbitrary: fc.constant<TProtocol>('tls') },
    { weight: 1, arbitrary: fc.constantFrom<TProtocol>('http', 'other') },
  ),
  domain: fc.constantFrom(
    'a.test',
    'x.a.test',
    'full.test',
    'dead.test',
    'function.test',
    'else.test',
    '10.0.0.1',
    null,
  ),
  alpn: fc.constantFrom([], ['h2', 'http/1.1'], ['http/1.1']),
  tlsVersion: fc.constantFrom('TLSv1.2', 'TLSv1.3'),
  isAnnounced: fc.boolean(),
});

function queryOf(visit: IVisit, port: number): IExplainQuery {
  const { clientIp, protocol, domain, alpn, tlsVersion } = visit;
  const address = visit.port === 'elsewhere' ? { address: elsewhere } : {};
  const tls = protocol === 'tls' ? { alpn, tlsVersion, ...(domain === null ? {} : { domain }) } : {};
  const http = protocol === 'http' ? { host: domain ?? '127.0.0.1' } : {};
  return { port, clientIp, protocol, ...address, ...tls, ...http };
}

function bytesOf({ protocol, domain, alpn, tlsVersion }: IVisit): Buffer {
  if (protocol === 'http')
    return Buffer.from(`GET / HTTP/1.1\r\nhost: ${domain ?? '127.0.0.1'}\r\nconnection: close\r\n\r\n`);
  if (protocol === 'other') return Buffer.from('\0neither');
  const extensions = [versionsOf(...(tlsVersion === 'TLSv1.3' ? [0x0304, 0x0303] : [0x0303]))];
  if (domain !== null) extensions.push(sniOf(domain));
  if (alpn.length > 0) extensions.push(alpnOf(...alpn));
  return makeClientHello({ extensions });
}

/** Makes the connection; gives what it was answered when it is closed. null: nobody listened. */
async function make(visit: IVisit, port: number): Promise<string | null> {
  const host = visit.port === 'elsewhere' ? elsewhere : '127.0.0.1';
  const header = visit.isAnnounced ? `PROXY TCP4 ${visit.clientIp} ${host} 1234 ${port}\r\n` : '';
  try {
    const localAddress = visit.isAnnounced ? front : visit.clientIp;
    await using client = await connectTcp(port, { host, localAddress });
    client.send(Buffer.concat([Buffer.from(header), bytesOf(visit)]));
    await client.closed;
    return client.received.toString('latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return null;
    throw error;
  }
}

const webThanks = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nthanks';

/** How a connection of which nothing is foretold but its action may end. */
const naturalEnds: Partial<Record<IExplanation['outcome'], readonly TEnd[]>> = {
  handler: ['normal'],
  forward: ['target_closed', 'target_refused'],
};

async function startWorld() {
  // Closes as soon as it was told something.
  const serve = (socket: net.Socket) =>
    void socket.once('data', (data) => socket.end(data.toString().startsWith('GET ') ? webThanks : 'thanks'));
  const origin = await startOrigin(serve);
  const twin = net.createServer({ allowHalfOpen: true }, (socket) => serve(socket.on('error', () => {})));
  await once(twin.listen(origin.port, '127.0.0.2'), 'listening');
  const ports: Record<TPortName, number> = {
    shared: 0,
    silent: await closedPort(),
    worded: await closedPort(),
    elsewhere: await closedPort(),
    bare: await closedPort(),
    closed: await closedPort(),
  };
  const dead = await closedPort();
  const world = await startProxy({
    ...{ acceptProxyProtocol: true, proxyIPs: [front], defaults: { security: { ipBlockList: ['127.0.0.66'] } } },
    routes: makeRoutes(origin.port, dead, ports),
  });
  await world.proxy.addListeningPort(ports.bare);
  const fixed = new Set(Object.values(ports));
  ports.shared = world.proxy.getListeningPorts().find((port) => !fixed.has(port)) ?? 0;
  return { origin, twin, ports, dead, world };
}

interface IAgreement {
  readonly world: IStartedProxy;
  readonly ports: Record<TPortName, number>;
  readonly dead: number;
}

/** Asks, then does it, and compares. */
async function checkAgreement(visit: IVisit, { world, ports, dead }: IAgreement): Promise<string> {
  const port = ports[visit.port];
  const told = world.proxy.explain(queryOf(visit, port));
  const before = world.ended.length;
  const received = await make(visit, port);
  expect(received !== null).toEqual(told.outcome !== 'not_listening');
  if (received === null) return told.outcome;
  await until(
    () => world.ended.length > before,
    5_000,
    () => `the end of ${JSON.stringify(visit)}`,
  );
  const { connection, end } = world.ended[before] ?? {};
  expect(connection?.route ?? null).toEqual(told.route?.key ?? null);
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(received)?.[1] ?? 0);
  if (told.steps.some(({ text }) => text.startsWith('the HTTP engine')) && told.end === undefined) {
    if (told.status !== undefined) expect(status).toEqual(told.status);
    return `${told.outcome} ${status || received} ${connection?.route}`;
  }
  if (told.end !== undefined) expect(end).toEqual(told.end);
  else expect(naturalEnds[told.outcome] ?? []).toContain(end);
  if (told.outcome !== 'forward') return `${told.outcome} ${end} ${connection?.route}`;
  // Where the first choice refuses, the next one is tried.
  if (told.target?.port === dead) expect(connection?.route === 'dead').toEqual(end === 'target_refused');
  else expect(connection?.target).toEqual(told.target ?? null);
  return `forward ${end} ${connection?.route}`;
}

tap.test('explain foretells route, target and end of every connection', async () => {
  const { origin, twin, ports, dead, world } = await startWorld();
  const seen = new Set<string>();
  try {
    await using occupant = await connectTcp(ports.shared);
    occupant.send(bytesOf({ ...plain, domain: 'full.test' }));
    await until(
      () => world.proxy.getConnections()[0]?.route === 'full',
      5_000,
      () => 'the occupant of the one place that the route has',
    );
    await fc.assert(
      fc.asyncProperty(visits, async (visit) => {
        seen.add(await checkAgreement(visit, { world, ports, dead }));
      }),
      { seed: 20_260_101, numRuns: numRuns(500), endOnFailure: true },
    );
  } finally {
    await world[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
    twin.close();
  }
  // The table above was really walked through.
  for (const path of [
    ...['not_listening', 'no_route no_route null', 'refused ip_blocked null', 'refused no_target no target'],
    ...['refused route_connection_limit full', 'refused route_ip_blocked any name', 'refused 403 any name'],
    ...['refused 403 web', 'refused 503 full', 'refused 500 no target', 'block 403 no web for 4', 'forward 502 dead'],
    ...['forward 200 web', 'forward 200 exact', 'forward 200 any name'],
    ...['block route_blocked others', 'forward target_refused dead'],
    ...['handler normal suffix with h2', 'handler normal silent for 5', 'handler normal elsewhere'],
    ...['handler normal rest for 4 and 5', 'forward target_closed exact', 'forward target_closed two targets'],
    ...['forward target_closed any name', 'forward target_closed silent'],
    'forward target_closed tls only',
  ]) {
    expect([...seen]).toContain(path);
  }
});

tap.test('explain foretells the refusal by a proxy that is full', async () => {
  await using origin = await startOrigin((socket) => void socket.resume());
  await using world = await startProxy({ maxConnections: 1, routes: [makeForwardRoute(origin.port)] });
  const ask = () => world.proxy.explain({ port: world.port, clientIp: '127.0.0.1' });
  expect(ask().outcome).toEqual('forward');
  await using occupant = await connectTcp(world.port);
  await until(
    () => world.proxy.getConnections().length === 1,
    2_000,
    () => 'one connection',
  );
  expect(ask()).toEqual({ ...ask(), outcome: 'refused', end: 'connection_limit' });
  await (await connectTcp(world.port)).closed;
  expect(world.proxy.getMetrics().refused.connection_limit).toEqual(1);
  occupant.socket.resetAndDestroy();
  expect(await world.ends()).toEqual(['client_error']);
  expect(ask().outcome).toEqual('forward');
});

export default tap.start();
