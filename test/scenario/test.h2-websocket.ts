// WebSockets that come by HTTP/2 (RFC 8441), many on one connection, each with a life of its own.

import { randomBytes } from 'node:crypto';
import type { IRouteConfig, IWebSocketRules } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { connectH2, type IH2Client, readH2 } from '../helpers/h2-clients.js';
import { askTunnel, connectFields, openH2WebSocket } from '../helpers/h2-websockets.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { startOrigin } from '../helpers/origins.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { makeFrame } from '../helpers/websocket-frames.js';
import { startWebSocketOrigin } from '../helpers/websockets.js';

const h2c = { h2c: true } as const;

/** A route with rules for WebSockets. */
function makeRoute(port: number, websocket: IWebSocketRules, more: Partial<IRouteConfig> = {}): IRouteConfig {
  const action = { type: 'forward', target: { host: '127.0.0.1', port }, websocket } as const;
  return makeHttpRoute(port, { action, ...more });
}

/** What an opening is answered by; the stream is closed. */
async function statusOf(client: IH2Client, path: string, more = {}): Promise<number> {
  const { stream, status } = await askTunnel(client, path, more);
  stream.close();
  return status;
}

tap.test('over TLS the settings offer them, and messages of all kinds go both ways', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startWebSocketOrigin();
  await using proxy = await startProxy({ routes: [makeHttpsRoute(origin.port, certificate)] });
  const reports = reportsOf(proxy);
  await using client = await connectH2(proxy.port, { tls: {} });
  expect(client.session.remoteSettings.enableConnectProtocol).toBeTrue();
  await using socket = await openH2WebSocket(client, '/chat?a=1', { origin: 'https://a.test', 'x-own': 'yes' });
  const large = randomBytes(3_000_000);
  socket.socket.send('text');
  socket.socket.send(Buffer.from([0, 255]));
  socket.socket.send('');
  socket.socket.send(large);
  const received = await socket.messages(4);
  expect(received.slice(0, 3)).toEqual(['text', Buffer.from([0, 255]), '']);
  expect(large.equals(received[3] as Buffer)).toBeTrue();
  const [opening] = origin.requests;
  expect([opening?.method, opening?.url, opening?.httpVersion]).toEqual(['GET', '/chat?a=1', '1.1']);
  expect([opening?.headers.host, opening?.headers.origin, opening?.headers['x-own']]).toEqual([
    'a.test',
    'https://a.test',
    'yes',
  ]);
  expect(opening?.headers.via).toMatch(/^2 sp-/);
  expect(['content-length', 'sec-websocket-accept', 'upgrade'].filter((name) => name in socket.headers)).toEqual([]);
  socket.socket.close(4001, 'enough');
  expect(await socket.closed).toEqual({ code: 4001, reason: 'enough' });
  await until(
    () => origin.sockets.size === 0,
    5_000,
    () => 'the target to be left',
  );
  expect(reports.all.map(({ status, version, method }) => [status, version, method])).toEqual([[200, '2', 'GET']]);
  expect((await client.fetch('/')).status).toEqual(426);
});

tap.test('a hundred share a connection, and the end of some leaves the others', async () => {
  await using origin = await startWebSocketOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const sockets = await Promise.all(Array.from({ length: 100 }, (_, n) => openH2WebSocket(client, `/${n}`)));
  expect([origin.sockets.size, proxy.proxy.getConnections().length]).toEqual([100, 1]);
  sockets[0]?.stream.close(8);
  sockets[1]?.socket.terminate();
  const targetOf = (path: string) => origin.opened[origin.requests.findIndex(({ url }) => url === path)];
  targetOf('/2')?.terminate();
  targetOf('/3')?.close(4000);
  sockets[4]?.socket.close(4001);
  expect((await sockets[3]?.closed)?.code).toEqual(4000);
  expect([(await sockets[2]?.closed)?.code, (await sockets[4]?.closed)?.code]).toEqual([1006, 4001]);
  await until(
    () => origin.sockets.size === 95,
    5_000,
    () => `95 sockets, has ${origin.sockets.size}`,
  );
  for (const [n, { socket }] of sockets.slice(5).entries()) socket.send(`to ${n + 5}`);
  for (const [n, socket] of sockets.slice(5).entries()) expect(await socket.messages(1)).toEqual([`to ${n + 5}`]);
  expect((await client.fetch('/')).status).toEqual(426);
  client.session.destroy();
  const left = () => origin.opened.filter(({ readyState }) => readyState !== 3).length;
  await until(
    () => left() === 0,
    5_000,
    () => `none, has ${left()}`,
  );
});

tap.test('who may not open one is refused before the target hears of it', async () => {
  await using origin = await startWebSocketOrigin();
  const refused = async (rules: IWebSocketRules, more = {}): Promise<number> => {
    await using proxy = await startProxy({ routes: [makeRoute(origin.port, rules)], http: h2c });
    await using client = await connectH2(proxy.port);
    return await statusOf(client, '/', more);
  };
  expect(await refused({ enabled: false })).toEqual(403);
  expect(await refused({ allowedOrigins: ['https://a.test'] }, { origin: 'https://b.test' })).toEqual(403);
  expect(await refused({}, { 'sec-websocket-version': '8' })).toEqual(426);
  expect(await refused({}, { ':protocol': 'connect-udp' })).toEqual(501);
  expect([origin.opened.length, origin.sockets.size]).toEqual([0, 0]);
});

tap.test('what is sent behind an opening that is refused is nothing', async () => {
  await using origin = await startWebSocketOrigin();
  await using proxy = await startProxy({ routes: [makeRoute(origin.port, { enabled: false })], http: h2c });
  const reports = reportsOf(proxy);
  await using client = await connectH2(proxy.port);
  const stream = client.session.request(connectFields('/'), { endStream: false });
  stream.write('early');
  const answered = readH2(stream);
  stream.once('response', () => stream.end('late'));
  expect([(await answered).status, stream.rstCode]).toEqual([403, 0]);
  // One that nobody would ever answer: RFC 9110 §9.3.6 has the plain one.
  const plain = client.session.request({ ':method': 'CONNECT', ':authority': 'a.test:443' }, { endStream: false });
  expect((await readH2(plain)).status).toEqual(501);
  expect(reports.all.map(({ status }) => status)).toEqual([403, 501]);
});

tap.test('routes are found as for GET; where nobody speaks WebSocket no answer looks like one', async () => {
  await using origin = await startWebSocketOrigin();
  await using silent = await startHttpOrigin((request, response) => {
    response.statusCode = request.url === '/plain/401' ? 401 : 200;
    response.end('no WebSocket');
  });
  const made = (path: string, action: IRouteConfig['action']) => ({ match: { ports: 0, path }, action });
  await using proxy = await startProxy({
    http: h2c,
    routes: [
      makeHttpRoute(origin.port, { name: 'ws', match: { ports: 0, path: '/ws', method: 'GET' } }),
      makeHttpRoute(silent.port, { name: 'plain', match: { ports: 0, path: '/plain/*' } }),
      made('/handler', { type: 'http-handler', httpHandler: () => new Response('hello') }),
      made('/respond', { type: 'respond', respond: { status: 200, body: 'hello' } } as IRouteConfig['action']),
      made('/moved', { type: 'redirect', redirect: { to: '/ws' } } as IRouteConfig['action']),
    ],
  });
  const reports = reportsOf(proxy);
  await using client = await connectH2(proxy.port);
  const paths = ['/ws', '/plain/200', '/plain/401', '/handler', '/respond', '/moved', '/none'];
  const statuses: number[] = [];
  for (const path of paths) statuses.push(await statusOf(client, path));
  expect(statuses).toEqual([200, 502, 401, 501, 501, 308, 404]);
  expect(reports.all.map(({ status }) => status)).toEqual(statuses);
  expect(reports.all[1]?.code).toEqual('TARGET_MALFORMED');
});

tap.test('the opening is changed as the route says, and the target must prove that it understood', async () => {
  await using origin = await startWebSocketOrigin(undefined, {
    handleProtocols: (names) => [...names].at(-1) ?? false,
  });
  const rules: IWebSocketRules = {
    subprotocols: ['v1', 'v2'],
    rewritePath: '/ws{path}',
    customHeaders: { 'x-a': 'b' },
  };
  await using liar = await startOrigin((socket) => {
    socket.on('end', () => socket.end());
    socket.on('data', () =>
      socket.write('HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n'),
    );
  });
  const routes = [
    makeRoute(origin.port, rules),
    makeRoute(liar.port, {}, { name: 'liar', match: { ports: 0, path: '/liar' } }),
  ];
  await using proxy = await startProxy({ routes, http: h2c });
  await using client = await connectH2(proxy.port);
  const protocols = { 'sec-websocket-protocol': 'v1, v2, v3', 'sec-websocket-key': 'of the client' };
  await using socket = await openH2WebSocket(client, '/room?a=1', protocols);
  expect(socket.headers['sec-websocket-protocol']).toEqual('v2');
  const [request] = origin.requests;
  expect([request?.url, request?.headers['x-a'], request?.headers['sec-websocket-protocol']]).toEqual([
    '/ws/room?a=1',
    'b',
    'v1, v2',
  ]);
  expect(request?.headers['sec-websocket-key']).toMatch(/^[A-Za-z0-9+/]{22}==$/);
  expect(await statusOf(client, '/liar')).toEqual(502);
});

tap.test('what is sent early reaches the target behind its 101', async () => {
  const served: string[] = [];
  await using origin = await startWebSocketOrigin((socket) =>
    socket.on('message', (data) => served.push(String(data))),
  );
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const early = makeFrame('early', { opcode: 1, mask: [1, 2, 3, 4] });
  const stream = client.session.request(connectFields('/'), { endStream: false });
  stream.on('error', () => {});
  stream.write(early);
  await until(
    () => served.length === 1,
    5_000,
    () => 'a message',
  );
  expect(served).toEqual(['early']);
  stream.close();
});

tap.test('one that is silent ends by the limit of its route, and the connection lives', async () => {
  const clock = makeFakeClock();
  await using origin = await startWebSocketOrigin();
  const routes = [
    makeRoute(origin.port, {}, { timeouts: { inactivityTimeout: 100_000, responseTimeout: 5_000 } }),
    makeRoute(origin.port, {}, { name: 'long', match: { ports: 0, path: '/long' } }),
  ];
  const http = { ...h2c, requestTimeout: 2_000, keepAliveTimeout: 3_000, pingInterval: 0 };
  await using proxy = await startProxy({ routes, http }, { clock });
  await using client = await connectH2(proxy.port);
  await using short = await openH2WebSocket(client, '/');
  await using long = await openH2WebSocket(client, '/long');
  clock.advance(90_000);
  short.socket.send('a');
  await short.messages(1);
  clock.advance(90_000);
  expect(short.stream.closed).toBeFalse();
  clock.advance(20_000);
  expect([(await short.closed).code, short.stream.rstCode]).toEqual([1006, 8]);
  long.socket.send('b');
  expect(await long.messages(1)).toEqual(['b']);
  expect(proxy.ended.length).toEqual(0);
});

tap.test('each is pinged, and let go of where nobody answers; messages over the limit close both ends', async () => {
  const clock = makeFakeClock();
  await using origin = await startWebSocketOrigin();
  const rules = { pingInterval: 20_000, pingTimeout: 5_000, maxPayload: 1_000 };
  await using proxy = await startProxy({ routes: [makeRoute(origin.port, rules)], http: h2c }, { clock });
  await using client = await connectH2(proxy.port);
  await using alive = await openH2WebSocket(client);
  await using dead = await openH2WebSocket(client);
  (dead.socket as unknown as { _autoPong: boolean })._autoPong = false;
  const answered = new Promise((resolve) => origin.opened[0]?.once('pong', resolve));
  clock.advance(20_000);
  await answered;
  clock.advance(5_000);
  expect((await dead.closed).code).toEqual(1011);
  alive.socket.send(Buffer.alloc(1_001));
  expect((await alive.closed).code).toEqual(1009);
  await until(
    () => origin.sockets.size === 0,
    5_000,
    () => 'the target to be left',
  );
});

tap.test('when the proxy stops all are told by Close 1001, and one that opens meanwhile at once', async () => {
  const codes: number[] = [];
  let open = (): void => {};
  await using origin = await startWebSocketOrigin((socket) => socket.on('close', (code) => codes.push(code)), {
    verifyClient: ({ req }, callback) => {
      if (req.url === '/late') open = () => callback(true);
      else callback(true);
    },
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  await using one = await openH2WebSocket(client, '/1');
  await using two = await openH2WebSocket(client, '/2');
  const late = openH2WebSocket(client, '/late');
  await until(
    () => origin.sockets.size === 3,
    5_000,
    () => 'the opening at the target',
  );
  // Whatever waited for the end of the grace would outlast the test.
  const stopped = proxy.proxy.stop({ graceMs: 600_000 });
  expect([(await one.closed).code, (await two.closed).code]).toEqual([1001, 1001]);
  open();
  await using third = await late;
  expect((await third.closed).code).toEqual(1001);
  await stopped;
  expect([codes, await proxy.ends(1)]).toEqual([[1001, 1001, 1001], ['normal']]);
});

tap.test('they live through updates, and count for their route and its target until they are over', async () => {
  await using origin = await startWebSocketOrigin();
  const route = makeHttpRoute(origin.port, { security: { maxConnections: 1 } });
  await using proxy = await startProxy({ routes: [route], http: h2c });
  await using client = await connectH2(proxy.port);
  await using other = await connectH2(proxy.port);
  const socket = await openH2WebSocket(client);
  await proxy.proxy.updateRoutes([{ ...route, priority: 1 }]);
  socket.socket.send('a');
  expect(await socket.messages(1)).toEqual(['a']);
  expect(await statusOf(other, '/')).toEqual(503);
  socket.socket.close();
  await socket.closed;
  // The target hears of the end first, or the client does.
  let status = 503;
  while (status === 503) status = await statusOf(other, '/');
  expect(status).toEqual(200);
});

tap.test('a slow reader holds its sender back, gets everything, and no other waits for it', async () => {
  await using origin = await startWebSocketOrigin((socket) => {
    socket.on('message', (data) => {
      if (String(data) !== 'flood') return socket.send(data, { binary: false });
      const piece = Buffer.alloc(65_536, 7);
      for (let count = 0; count < 200; count++) socket.send(piece);
    });
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  await using slow = await openH2WebSocket(client, '/slow');
  slow.socket.pause();
  slow.socket.send('flood');
  const at = () => origin.opened.find((_, n) => origin.requests[n]?.url === '/slow');
  await until(
    () => (at()?.bufferedAmount ?? 0) > 1_000_000,
    5_000,
    () => 'bytes to wait at the target',
  );
  await using quick = await openH2WebSocket(client, '/quick');
  quick.socket.send('still');
  expect(await quick.messages(1)).toEqual(['still']);
  expect(at()?.bufferedAmount).toBeGreaterThan(1_000_000);
  slow.socket.resume();
  const received = await slow.messages(200);
  expect(received.every((piece) => piece.length === 65_536)).toBeTrue();
});

export default tap.start();
