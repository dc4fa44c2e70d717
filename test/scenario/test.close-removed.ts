// Routes go, and with `closeRemoved` what is under way for them, whatever its connection was used for before; nothing else does.

import type { IRouteConfig } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp } from '../helpers/clients.js';
import { connectH2, type IH2Client, readH2 } from '../helpers/h2-clients.js';
import { openH2WebSocket } from '../helpers/h2-websockets.js';
import { type IRawHttp, openRawHttp } from '../helpers/http-clients.js';
import { type ISseOrigin, startHttpOrigin, startSseOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { startEcho } from '../helpers/origins.js';
import { type IStartedProxy, makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { connectWebSocket, type IWebSocketOrigin, startWebSocketOrigin } from '../helpers/websockets.js';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
const cut = { closeRemoved: true } as const;

/** A route of its own for all below `/name`. */
const onPath = (name: string, port: number): IRouteConfig =>
  makeHttpRoute(port, { name, match: { ports: 0, path: `/${name}/*` } });

/** The plan comes true, and is told before. */
async function update(world: IStartedProxy, routes: IRouteConfig[], options = {}) {
  const planned = world.proxy.plan(routes, options);
  expect(await world.proxy.updateRoutes(routes, options)).toEqual(planned);
  return planned.connections;
}

async function readQuick(client: IRawHttp): Promise<void> {
  client.send(get('/quick/'));
  expect((await client.readAnswer()).body).toEqual('quick');
}

async function startWorld() {
  const quick = await startHttpOrigin((_request, response) => response.end('quick'));
  const events = await startSseOrigin();
  const sockets = await startWebSocketOrigin();
  const routes = {
    quick: onPath('quick', quick.port),
    events: onPath('events', events.port),
    sockets: onPath('sockets', sockets.port),
  };
  const world = await startProxy({ routes: Object.values(routes), http: { h2c: true } });
  return {
    ...{ quick, events, sockets, routes, world },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      for (const origin of [quick, events, sockets]) await origin[Symbol.asyncDispose]();
    },
  };
}

const noListener = (events: ISseOrigin) =>
  until(
    () => events.listeners === 0,
    5_000,
    () => `no listener, has ${events.listeners}`,
  );

const noneOpen = ({ sockets }: IWebSocketOrigin) =>
  until(
    () => sockets.size === 0,
    5_000,
    () => `no WebSocket at the target, has ${sockets.size}`,
  );

/** Begins a stream of events, and waits for its head. */
async function listen(client: IH2Client, path: string) {
  const stream = client.open(path, { endStream: true });
  const answer = readH2(stream);
  await new Promise((resolve) => stream.once('response', resolve));
  return { stream, answer };
}

tap.test('HTTP/1.1: a stream of a route that stays goes on, though the connection came for one that goes', async () => {
  await using all = await startWorld();
  const { world, routes, events } = all;
  await using client = await openRawHttp(world.port, { methods: ['GET', 'GET'] });
  await readQuick(client);
  expect(world.proxy.getConnections()[0]?.route).toEqual('quick');
  client.send(get('/events/'));
  expect((await client.readHead()).status).toEqual(200);
  expect(world.proxy.getConnections()[0]?.route).toEqual('events');
  expect(await update(world, [routes.events], cut)).toEqual({ stay: 1, cut: 0 });
  events.emit('still here');
  events.finish();
  expect((await client.readBody()).body).toInclude('still here');
  client.finish();
  await world.ends();
});

tap.test('HTTP/1.1: a stream of a route that goes is cut, though the connection came for one that stays', async () => {
  await using all = await startWorld();
  const { world, routes, events } = all;
  await using client = await openRawHttp(world.port, { methods: ['GET', 'GET'] });
  await readQuick(client);
  client.send(get('/events/'));
  await client.readHead();
  expect(await update(world, [routes.quick], cut)).toEqual({ stay: 0, cut: 1 });
  expect(await world.ends()).toEqual(['route_removed']);
  await client.ended;
  await noListener(events);
});

tap.test('what an earlier update left alone is cut when a later one asks for it', async () => {
  await using all = await startWorld();
  const { world, routes, events } = all;
  await using client = await openRawHttp(world.port, { methods: ['GET', 'GET'] });
  await readQuick(client);
  client.send(get('/events/'));
  await client.readHead();
  await using h2 = await connectH2(world.port);
  const { answer } = await listen(h2, '/events/');
  await using socket = await connectWebSocket(`ws://127.0.0.1:${world.port}/sockets/`);
  expect(await update(world, [routes.quick])).toEqual({ stay: 3, cut: 0 });
  expect(events.listeners).toEqual(2);
  const { removed } = world.proxy.plan([routes.quick], cut).routes;
  expect(removed).toEqual([]);
  expect(await update(world, [routes.quick], cut)).toEqual({ stay: 0, cut: 3 });
  expect((await world.ends(3)).toSorted()).toEqual(['route_removed', 'route_removed', 'route_removed']);
  expect((await answer).code).toEqual(8);
  expect((await socket.closed).code).toEqual(1006);
  await noListener(events);
});

tap.test('HTTP/2: streams and WebSockets of routes that go are reset, those of others go on beside them', async () => {
  await using all = await startWorld();
  const { world, routes, events, sockets } = all;
  await using client = await connectH2(world.port);
  await client.fetch('/quick/');
  const { answer } = await listen(client, '/events/');
  await using socket = await openH2WebSocket(client, '/sockets/');
  expect(await update(world, [routes.sockets], cut)).toEqual({ stay: 0, cut: 1 });
  // CANCEL
  expect((await answer).code).toEqual(8);
  await noListener(events);
  socket.socket.send('on we go');
  expect(await socket.messages(1)).toEqual(['on we go']);
  expect(await update(world, [routes.sockets], cut)).toEqual({ stay: 1, cut: 0 });

  expect(await update(world, Object.values(routes))).toEqual({ stay: 1, cut: 0 });
  const again = await listen(client, '/events/');
  expect(world.proxy.getConnections()[0]?.route).toEqual('events');
  expect(await update(world, [routes.quick, routes.events], cut)).toEqual({ stay: 0, cut: 1 });
  await socket.closed;
  expect(socket.stream.rstCode).toEqual(8);
  await noneOpen(sockets);
  events.emit('unharmed');
  events.finish();
  expect((await again.answer).text).toInclude('unharmed');
  // The connection serves on.
  expect((await client.fetch('/quick/')).text).toEqual('quick');
  expect(client.goaways).toEqual([]);
});

tap.test('HTTP/1.1: a WebSocket is judged by its own route, not by what its connection asked for before', async () => {
  await using all = await startWorld();
  const { world, routes, sockets } = all;
  const opening = [
    ...['GET /sockets/ HTTP/1.1', 'Host: a.test', 'Connection: Upgrade', 'Upgrade: websocket'],
    ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''],
  ].join('\r\n');
  await using client = await openRawHttp(world.port, { methods: ['GET', 'GET'] });
  await readQuick(client);
  client.send(opening);
  expect((await client.readHead()).status).toEqual(101);
  expect(await update(world, [routes.sockets], cut)).toEqual({ stay: 1, cut: 0 });
  expect(sockets.sockets.size).toEqual(1);
  expect(await update(world, [routes.quick], cut)).toEqual({ stay: 0, cut: 1 });
  expect(await world.ends()).toEqual(['route_removed']);
  await noneOpen(sockets);
});

tap.test('idle connections whose last request was for a route that goes are closed in peace', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startHttpOrigin((_request, response) => response.end('quick'));
  const going = makeHttpsRoute(origin.port, certificate, { name: 'going', match: { ports: 0, path: '/quick/*' } });
  const staying = { ...going, name: 'staying', match: { ports: 0, path: '/other' } } as const;
  await using world = await startProxy({ routes: [going, staying].map(withDomain) });
  await using h1 = await openRawHttp(world.port, { tls: { servername: 'a.test' }, methods: ['GET'] });
  await readQuick(h1);
  await using h2 = await connectH2(world.port, { tls: {} });
  expect((await h2.fetch('/quick/')).text).toEqual('quick');
  await using other = await openRawHttp(world.port, { tls: { servername: 'a.test' }, methods: ['GET'] });
  other.send(get('/other'));
  await other.readAnswer();
  expect(await update(world, [staying].map(withDomain), cut)).toEqual({ stay: 1, cut: 2 });
  expect(await h1.ended).toEqual('fin');
  await h2.closed;
  expect(h2.goaways).toEqual([0]);
  expect(await world.ends(2)).toEqual(['route_removed', 'route_removed']);
});

const withDomain = (route: IRouteConfig): IRouteConfig => ({
  ...route,
  match: { ...route.match, domains: 'a.test' },
});

tap.test('bytes of a route that an earlier update removed can still be cut', async () => {
  await using echo = await startEcho();
  const named = (name: string) => [makeForwardRoute(echo.port, { name })];
  await using world = await startProxy({ routes: named('old') });
  await using client = await connectTcp(world.port);
  client.send('x');
  await client.receive(1);
  expect(await update(world, named('new'))).toEqual({ stay: 1, cut: 0 });
  expect(await update(world, named('new'), cut)).toEqual({ stay: 0, cut: 1 });
  expect(await world.ends()).toEqual(['route_removed']);
});

tap.test('a request that asks whether it may pass is cut with its route', async () => {
  await using origin = await startHttpOrigin((_request, response) => response.end('quick'));
  // It never answers.
  await using silent = await startHttpOrigin(() => {});
  const security = { forwardAuth: { url: `http://127.0.0.1:${silent.port}/` } };
  const asking = { ...onPath('asking', origin.port), security };
  const quick = onPath('quick', origin.port);
  await using world = await startProxy({ routes: [asking, quick] });
  await using client = await openRawHttp(world.port, { methods: ['GET', 'GET'] });
  await readQuick(client);
  client.send(get('/asking/'));
  await silent.seen(1);
  expect(await update(world, [quick], cut)).toEqual({ stay: 0, cut: 1 });
  expect(await world.ends()).toEqual(['route_removed']);
  expect(origin.requests).toHaveLength(1);
});

export default tap.start();
