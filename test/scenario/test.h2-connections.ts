// HTTP/2 connections as such: where they are agreed on and where not, their time, and their end in peace.

import type http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import type { IRouteConfig } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeFakeClock, settle } from '../helpers/fake-clock.js';
import { connectH2, readH2 } from '../helpers/h2-clients.js';
import { fetchThrough } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const h2c = { h2c: true } as const;
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const { NGHTTP2_HTTP_1_1_REQUIRED, NGHTTP2_INADEQUATE_SECURITY } = http2.constants;

/** What ALPN agrees on. */
async function agreed(
  port: number,
  ALPNProtocols: string[],
  more: tls.ConnectionOptions = {},
): Promise<string | false | null> {
  const options = { host: '127.0.0.1', port, servername: 'a.test', rejectUnauthorized: false, ALPNProtocols, ...more };
  const socket = tls.connect(options);
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const { alpnProtocol } = socket;
  socket.destroy();
  return alpnProtocol;
}

/** All that comes until the other side ends. */
async function send(port: number, bytes: string, secure: tls.ConnectionOptions | null = null): Promise<Buffer> {
  const socket = secure
    ? tls.connect({ host: '127.0.0.1', port, servername: 'a.test', rejectUnauthorized: false, ...secure })
    : net.connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.on('error', () => {});
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(parts);
}

/** The code of a GOAWAY at the end of what came; null: there is none. */
function goawayOf(bytes: Buffer): number | null {
  let at = 0;
  let code: number | null = null;
  while (at + 9 <= bytes.length) {
    if (bytes[at + 3] === 7) code = bytes.readUInt32BE(at + 13);
    at += 9 + bytes.readUIntBE(at, 3);
  }
  return code;
}

tap.test('HTTP/2 is offered where requests are served, and not where a socket handler may get them', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  const terminated = { mode: 'terminate', certificate: { cert: certificate.cert, key: certificate.key } } as const;
  const handler = {
    type: 'socket-handler',
    socketHandler: (socket: net.Socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nby'),
  } as const;
  const cases: [IRouteConfig[], string[], string | false][] = [
    [[makeHttpsRoute(1, certificate)], ['h2', 'http/1.1'], 'h2'],
    [[makeHttpsRoute(1, certificate)], ['http/1.1'], 'http/1.1'],
    [[makeHttpsRoute(1, certificate, { tls: { alpn: ['http/1.1'] } })], ['h2', 'http/1.1'], 'http/1.1'],
    [
      [{ match: { ports: 0, domains: 'a.test' }, action: { ...handler, tls: terminated } }],
      ['h2', 'http/1.1'],
      'http/1.1',
    ],
    // Of one host some requests are a handler's.
    [
      [
        { name: 'raw', match: { ports: 0, domains: 'a.test', path: '/raw' }, action: { ...handler, tls: terminated } },
        makeHttpsRoute(1, certificate, { match: { ports: 0, domains: 'a.test' } }),
      ],
      ['h2', 'http/1.1'],
      'http/1.1',
    ],
    [
      [{ match: { ports: 0, domains: 'a.test' }, action: { ...handler, tls: { ...terminated, alpn: ['h2'] } } }],
      ['h2', 'http/1.1'],
      'h2',
    ],
  ];
  for (const [routes, offered, want] of cases) {
    await using proxy = await startProxy({ routes });
    expect(await agreed(proxy.port, offered)).toEqual(want);
    await proxy.ends();
  }
});

tap.test('a handler that offers HTTP/2 gets its bytes as they are', async () => {
  const { cert, key } = await makeCertificate({ names: ['a.test'] });
  const server = http2.createServer((_request, response) => response.end('by the handler'));
  const route: IRouteConfig = {
    match: { ports: 0, domains: 'a.test' },
    action: {
      type: 'socket-handler',
      socketHandler: (socket: net.Socket) => void server.emit('connection', socket),
      tls: { mode: 'terminate', certificate: { cert, key }, alpn: ['h2'] },
    },
  };
  await using proxy = await startProxy({ routes: [route] });
  await using client = await connectH2(proxy.port, { tls: {} });
  expect((await client.fetch('/')).text).toEqual('by the handler');
});

tap.test("where a request is a socket handler's after all, its client is told to come by HTTP/1.1", async () => {
  const { cert, key } = await makeCertificate({ names: ['a.test'] });
  const action = {
    type: 'socket-handler',
    socketHandler: (socket: net.Socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nby'),
    tls: { mode: 'terminate', certificate: { cert, key }, alpn: ['h2', 'http/1.1'] },
  } as const;
  await using proxy = await startProxy({ routes: [{ match: { ports: 0, path: '/raw' }, action }] });
  const reports = reportsOf(proxy);
  {
    await using client = await connectH2(proxy.port, { tls: {} });
    await expect(client.fetch('/raw')).rejects.toThrow(`closed with ${NGHTTP2_HTTP_1_1_REQUIRED}`);
    expect((await client.fetch('/else')).status).toEqual(404);
  }
  expect((await fetchThrough(proxy.port, '/raw', { tls: {} })).text).toEqual('by');
  expect(reports.all.map(({ status }) => status)).toEqual([421, 404, 200]);
});

tap.test('HTTP/2 that was not agreed on is refused in its own words', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using plain = await startProxy({ routes: [makeHttpRoute(1)] });
  expect(goawayOf(await send(plain.port, preface))).toEqual(NGHTTP2_HTTP_1_1_REQUIRED);
  expect(await plain.ends()).toEqual(['protocol_error']);
  await using secure = await startProxy({ routes: [makeHttpsRoute(1, certificate)], http: h2c });
  expect(goawayOf(await send(secure.port, preface, {}))).toEqual(NGHTTP2_HTTP_1_1_REQUIRED);
  expect(await secure.ends()).toEqual(['protocol_error']);
});

tap.test('HTTP/1.1 where HTTP/2 was agreed on is a fault', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using proxy = await startProxy({ routes: [makeHttpsRoute(1, certificate)] });
  const bytes = await send(proxy.port, 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n', { ALPNProtocols: ['h2'] });
  expect(goawayOf(bytes)).toEqual(http2.constants.NGHTTP2_PROTOCOL_ERROR);
  expect(await proxy.ends()).toEqual(['protocol_error']);
});

tap.test('a cipher that HTTP/2 forbids is refused', async () => {
  const certificate = await makeCertificate({ names: ['a.test'], keyType: 'rsa' });
  await using proxy = await startProxy({ routes: [makeHttpsRoute(1, certificate)] });
  const weak = { ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA256' } as const;
  expect(goawayOf(await send(proxy.port, preface, weak))).toEqual(NGHTTP2_INADEQUATE_SECURITY);
  const good = { ...weak, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' };
  await using client = await connectH2(proxy.port, { tls: good });
  expect((await client.fetch('/')).status).toEqual(502);
});

tap.test('a request for a host with another certificate is misdirected', async () => {
  const one = await makeCertificate({ names: ['a.test'] });
  const other = await makeCertificate({ names: ['b.test'] });
  await using origin = await startHttpOrigin();
  const routes = [
    makeHttpsRoute(origin.port, one, { name: 'a', match: { ports: 0, domains: 'a.test' } }),
    makeHttpsRoute(origin.port, other, { name: 'b', match: { ports: 0, domains: 'b.test' } }),
  ];
  await using proxy = await startProxy({ routes });
  await using client = await connectH2(proxy.port, { tls: {} });
  expect((await client.fetch('/', { host: 'b.test' })).status).toEqual(421);
  expect((await client.fetch('/', { host: 'a.test' })).status).toEqual(200);
  expect(origin.requests.length).toEqual(1);
});

for (const why of ['stop', 'update'] as const) {
  tap.test(`requests under way are finished, and new ones sent elsewhere, on ${why}`, async () => {
    const pending: http.ServerResponse[] = [];
    await using origin = await startHttpOrigin((_request, response) => pending.push(response));
    const certificate = await makeCertificate({ names: ['a.test'] });
    const next = await makeCertificate({ names: ['a.test', 'b.test'] });
    await using proxy = await startProxy({ routes: [makeHttpsRoute(origin.port, certificate)] });
    await using busy = await connectH2(proxy.port, { tls: {} });
    await using idle = await connectH2(proxy.port, { tls: {} });
    const waiting = busy.fetch('/waiting');
    const uploading = busy.open('/uploading', { method: 'POST' });
    uploading.write('one ');
    const uploaded = readH2(uploading);
    await origin.seen(2);
    const done =
      why === 'stop'
        ? proxy.proxy.stop({ graceMs: 20_000 })
        : proxy.proxy.updateRoutes([makeHttpsRoute(origin.port, next)]);
    await idle.closed;
    expect([idle.goaways.at(-1), proxy.ended.length]).toEqual([0, 1]);
    await until(
      () => busy.goaways.length > 0,
      5_000,
      () => 'GOAWAY',
    );
    uploading.end('two');
    await until(
      () => origin.requests.some(({ isComplete, method }) => isComplete && method === 'POST'),
      5_000,
      () => 'all of the upload',
    );
    for (const response of pending) response.end('finished');
    expect([(await waiting).text, (await uploaded).text]).toEqual(['finished', 'finished']);
    await busy.closed;
    await done;
    expect((await proxy.ends(2)).sort()).toEqual(['normal', 'shutdown']);
    expect(busy.goaways.every((code) => code === 0)).toBeTrue();
  });
}

tap.test('an idle connection ends after its time, a busy one does not', async () => {
  const clock = makeFakeClock();
  const pending: http.ServerResponse[] = [];
  await using origin = await startHttpOrigin((_request, response) => pending.push(response));
  const route = makeHttpRoute(origin.port, { timeouts: { responseTimeout: 0 } });
  await using proxy = await startProxy(
    { routes: [route], metrics: false, http: { ...h2c, keepAliveTimeout: 5_000 } },
    { clock },
  );
  await using client = await connectH2(proxy.port);
  const answer = client.fetch('/');
  await origin.seen(1);
  clock.advance(60_000);
  await settle();
  expect(proxy.ended.length).toEqual(0);
  pending[0]?.end('late');
  expect((await answer).text).toEqual('late');
  clock.advance(4_900);
  await settle();
  expect(client.goaways).toEqual([]);
  clock.advance(200);
  await client.closed;
  expect(client.goaways.at(-1)).toEqual(0);
  expect(await proxy.ends()).toEqual(['keep_alive_timeout']);
});

tap.test('each request has its own time', async () => {
  const clock = makeFakeClock();
  const pending = new Map<string, http.ServerResponse>();
  await using origin = await startHttpOrigin((request, response) => pending.set(request.url ?? '', response));
  const routes = [
    makeHttpRoute(origin.port, {
      name: 'quick',
      match: { ports: 0, path: '/quick' },
      timeouts: { responseTimeout: 2_000 },
    }),
    makeHttpRoute(origin.port, { name: 'slow', timeouts: { responseTimeout: 20_000 } }),
  ];
  await using proxy = await startProxy({ routes, metrics: false, http: h2c }, { clock });
  await using client = await connectH2(proxy.port);
  const slow = client.fetch('/slow');
  await origin.seen(1);
  clock.advance(1_000);
  const quick = client.fetch('/quick');
  await origin.seen(2);
  await settle();
  clock.advance(2_000);
  expect((await quick).status).toEqual(504);
  clock.advance(16_000);
  await settle();
  pending.get('/slow')?.end('in time');
  expect((await slow).text).toEqual('in time');
  const late = client.fetch('/late');
  await origin.seen(3);
  await settle();
  clock.advance(20_001);
  expect((await late).status).toEqual(504);
});

tap.test('a connection that has served its number of requests takes no more', async () => {
  await using origin = await startHttpOrigin();
  await using proxy = await startProxy({
    routes: [makeHttpRoute(origin.port)],
    http: { ...h2c, maxRequestsPerConnection: 3 },
  });
  await using client = await connectH2(proxy.port);
  for (let n = 0; n < 3; n++) expect((await client.fetch('/')).status).toEqual(200);
  await client.closed;
  expect(client.goaways.at(-1)).toEqual(0);
  expect(await proxy.ends()).toEqual(['normal']);
});

export default tap.start();
