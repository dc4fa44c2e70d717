// WebSockets to targets that are spoken to in HTTP/2, from clients of either version.

import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectH2 } from '../helpers/h2-clients.js';
import { type IH2WebSocketOrigin, openH2WebSocket, startH2WebSocketOrigin } from '../helpers/h2-websockets.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { connectWebSocket } from '../helpers/websockets.js';

type TForward = Extract<IRouteConfig['action'], { type: 'forward' }>;

const routeTo = (port: number, more: Partial<TForward> = {}): IRouteConfig =>
  makeHttpRoute(port, {
    action: { type: 'forward', target: { host: '127.0.0.1', port }, backendProtocol: 'http2', ...more },
  });

const startFor = (port: number, more: Partial<TForward> = {}, options: Partial<ISmartProxyOptions> = {}) =>
  startProxy({ routes: [routeTo(port, more)], http: { h2c: true }, ...options });

const left = (origin: IH2WebSocketOrigin) =>
  until(
    () => origin.opened.every(({ readyState }) => readyState === 3),
    5_000,
    () => 'the target to be left',
  );

tap.test('a client of HTTP/1.1 gets the proof that it waits for, and messages go both ways', async () => {
  await using origin = await startH2WebSocketOrigin();
  await using proxy = await startFor(origin.port, { websocket: { subprotocols: ['v1'] } });
  const reports = reportsOf(proxy);
  await using client = await connectWebSocket(`ws://127.0.0.1:${proxy.port}/chat?a=1`, { origin: 'https://a.test' });
  const large = Buffer.alloc(1_000_000, 5);
  client.socket.send('text');
  client.socket.send(large);
  const received = await client.messages(2);
  expect([received[0], large.equals(received[1] as Buffer)]).toEqual(['text', true]);
  const [opening] = origin.requests;
  expect([opening?.[':method'], opening?.[':protocol'], opening?.[':path']]).toEqual([
    'CONNECT',
    'websocket',
    '/chat?a=1',
  ]);
  expect([opening?.['sec-websocket-version'], opening?.origin]).toEqual(['13', 'https://a.test']);
  const unwanted = ['sec-websocket-key', 'upgrade', 'connection', 'content-length', 'sec-websocket-extensions'];
  expect(unwanted.filter((name) => name in (opening ?? {}))).toEqual(['sec-websocket-extensions']);
  client.socket.close(4001, 'enough');
  expect(await client.closed).toEqual({ code: 4001, reason: 'enough' });
  await left(origin);
  expect(reports.all.map(({ status }) => status)).toEqual([101]);
});

tap.test('many of one client share a connection to the target, and each ends by itself', async () => {
  await using origin = await startH2WebSocketOrigin();
  await using proxy = await startFor(origin.port);
  await using client = await connectH2(proxy.port);
  const sockets = await Promise.all(Array.from({ length: 50 }, (_, n) => openH2WebSocket(client, `/${n}`)));
  expect(origin.sessions.size).toEqual(1);
  const targetOf = (path: string) => origin.opened[origin.requests.findIndex(({ ':path': given }) => given === path)];
  sockets[0]?.stream.close(http2.constants.NGHTTP2_CANCEL);
  targetOf('/1')?.terminate();
  targetOf('/2')?.close(4000);
  expect([(await sockets[1]?.closed)?.code, (await sockets[2]?.closed)?.code]).toEqual([1006, 4000]);
  for (const [n, { socket }] of sockets.slice(3).entries()) socket.send(`to ${n + 3}`);
  for (const [n, socket] of sockets.slice(3).entries()) expect(await socket.messages(1)).toEqual([`to ${n + 3}`]);
  client.session.destroy();
  await left(origin);
});

tap.test('a target that takes none by HTTP/2 is not asked; what it refuses is passed on', async () => {
  await using silent = await startH2WebSocketOrigin(undefined, { allows: false });
  await using proxy = await startFor(silent.port);
  const reports = reportsOf(proxy);
  await using client = await connectH2(proxy.port);
  await expect(openH2WebSocket(client)).rejects.toThrow(/502/);
  await expect(connectWebSocket(`ws://127.0.0.1:${proxy.port}/`)).rejects.toThrow(/502/);
  expect([silent.requests.length, reports.all.map(({ code }) => code)]).toEqual([
    0,
    ['TARGET_VERSION', 'TARGET_VERSION'],
  ]);
  await using strict = await startH2WebSocketOrigin(undefined, { answer: { ':status': 403 } });
  await using other = await startFor(strict.port);
  await using second = await connectH2(other.port);
  await expect(openH2WebSocket(second)).rejects.toThrow(/403/);
  await expect(connectWebSocket(`ws://127.0.0.1:${other.port}/`)).rejects.toThrow(/403/);
});

tap.test('a target that chose what nobody offered is refused, and its stream reset', async () => {
  const answer = { 'sec-websocket-protocol': 'v9' };
  await using origin = await startH2WebSocketOrigin(undefined, { answer });
  await using proxy = await startFor(origin.port);
  await using client = await connectH2(proxy.port);
  await expect(openH2WebSocket(client)).rejects.toThrow(/502/);
  await left(origin);
});

tap.test('behind TLS a target that has both versions is asked by HTTP/1.1, unless it allows more', async () => {
  const { cert, key } = await makeCertificate({ names: ['b.test'] });
  for (const allows of [false, true]) {
    const server = http2.createSecureServer({
      cert,
      key,
      allowHTTP1: true,
      settings: { enableConnectProtocol: allows },
    });
    const versions: string[] = [];
    const webSockets = new WebSocketServer({ noServer: true });
    server.on('session', (session) => session.on('error', () => {}));
    server.on('request', (request, response) => response.end(request.httpVersion));
    server.on('connect', (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
      versions.push(request.httpVersion);
      response.stream.respond({ ':status': 200 });
      response.stream.end();
    });
    server.on('upgrade', (request, socket, head) => {
      versions.push(request.httpVersion);
      webSockets.handleUpgrade(request, socket, head, (opened) => opened.close(4000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    {
      const target = { host: '127.0.0.1', port, tls: { servername: 'b.test', rejectUnauthorized: false } };
      await using proxy = await startFor(port, { target, backendProtocol: 'auto' });
      const url = `ws://127.0.0.1:${proxy.port}/`;
      expect((await (await connectWebSocket(url)).closed).code).toEqual(4000);
      // Now there is a connection of HTTP/2.
      expect(await (await fetch(`http://127.0.0.1:${proxy.port}/`)).text()).toEqual('2.0');
      expect((await (await connectWebSocket(url)).closed).code).toEqual(allows ? 1006 : 4000);
      expect(versions).toEqual(['1.1', allows ? '2.0' : '1.1']);
      await proxy.proxy.stop({ graceMs: 0 });
    }
    await new Promise((resolve) => server.close(resolve));
  }
});

tap.test('when the target goes, or the proxy stops, both ends hear of it', async () => {
  const codes: number[] = [];
  const origin = await startH2WebSocketOrigin((socket) => socket.on('close', (code) => codes.push(code)));
  await using proxy = await startFor(origin.port);
  await using client = await connectH2(proxy.port);
  await using cut = await openH2WebSocket(client);
  for (const session of origin.sessions) session.destroy();
  expect([(await cut.closed).code, cut.stream.rstCode]).toEqual([1006, http2.constants.NGHTTP2_CANCEL]);
  codes.length = 0;
  await using told = await openH2WebSocket(client);
  await using also = await connectWebSocket(`ws://127.0.0.1:${proxy.port}/`);
  await proxy.proxy.stop({ graceMs: 600_000 });
  expect([(await told.closed).code, (await also.closed).code]).toEqual([1001, 1001]);
  await until(
    () => codes.length === 2,
    5_000,
    () => 'both closes at the target',
  );
  expect(codes).toEqual([1001, 1001]);
  await origin[Symbol.asyncDispose]();
});

tap.test('a slow reader holds its sender back over both streams, and gets everything', async () => {
  await using origin = await startH2WebSocketOrigin((socket) => {
    const piece = Buffer.alloc(65_536, 7);
    for (let count = 0; count < 100; count++) socket.send(piece);
  });
  await using proxy = await startFor(origin.port);
  await using client = await connectH2(proxy.port);
  await using slow = await openH2WebSocket(client, '/slow');
  slow.socket.pause();
  await until(
    () => (origin.opened[0]?.bufferedAmount ?? 0) > 1_000_000,
    5_000,
    () => 'bytes to wait at the target',
  );
  slow.socket.resume();
  const received = await slow.messages(100);
  expect(received.every((piece) => piece.length === 65_536)).toBeTrue();
});

export default tap.start();
