// Routes change under HTTP traffic: no request fails, nobody is cut off, and who must move is told in order.

import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { makeCertificate } from '../helpers/certificates.js';
import { fetchThrough, keepAliveAgent, openRawHttp } from '../helpers/http-clients.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;

tap.test('a hundred updates under load fail no request, and WebSockets of unchanged routes live', async () => {
  await using origin = await startHttpOrigin((_request, response) => response.end('ok'));
  const server = new WebSocketServer({ server: origin.server, path: '/ws' });
  server.on('connection', (socket) => socket.on('message', (message) => socket.send(String(message))));
  const stays = makeHttpRoute(origin.port, { name: 'stays', priority: 1 });
  const routesOf = (round: number) => [
    stays,
    ...Array.from({ length: 20 }, (_, n) =>
      makeHttpRoute(origin.port, { name: `r${round}-${n}`, match: { ports: 0, path: `/${round}/${n}` } }),
    ),
  ];
  await using proxy = await startProxy({ routes: routesOf(0), settleMs: 5_000 });
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/ws`);
  await new Promise((resolve) => socket.once('open', resolve));

  let updating = true;
  const statuses = new Map<number | string, number>();
  const count = (what: number | string) => statuses.set(what, (statuses.get(what) ?? 0) + 1);
  const load = async () => {
    using agent = keepAliveAgent();
    while (updating) {
      await fetchThrough(proxy.port, '/load', { agent }).then(
        ({ status }) => count(status),
        (error) => count(String(error)),
      );
    }
  };
  const loads = Array.from({ length: 8 }, load);
  for (let round = 1; round <= 100; round++) {
    await proxy.proxy.updateRoutes(routesOf(round));
    await delay(5);
  }
  updating = false;
  await Promise.all(loads);
  expect([...statuses.keys()]).toEqual([200]);
  expect(statuses.get(200) ?? 0).toBeGreaterThan(100);

  const echoed = new Promise((resolve) => socket.once('message', (message) => resolve(String(message))));
  socket.send('still here');
  expect(await echoed).toEqual('still here');
  socket.close();
  await new Promise((resolve) => socket.once('close', resolve));
  server.close();
});

tap.test('a kept connection sees new routes at its next request', async () => {
  await using one = await startRecordingOrigin(okAnswer('one'));
  await using two = await startRecordingOrigin(okAnswer('two'));
  await using proxy = await startProxy({ routes: [makeHttpRoute(one.port, { name: 'r' })] });
  await using client = await openRawHttp(proxy.port, { methods: ['GET', 'GET'] });
  client.send(get('/'));
  expect((await client.readAnswer()).body).toEqual('one');
  await proxy.proxy.updateRoutes([makeHttpRoute(two.port, { name: 'r' })]);
  client.send(get('/'));
  expect((await client.readAnswer()).body).toEqual('two');
  client.finish();
  await proxy.ends();
});

tap.test(
  'an idle connection whose port forwards bytes from now on is closed; one with a request ends after it',
  async () => {
    let answer = () => {};
    await using origin = await startHttpOrigin((_request, response) => {
      answer = () => response.end('done');
    });
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
    await using busy = await openRawHttp(proxy.port);
    busy.send(get('/busy'));
    await origin.seen(1);
    await using idle = await openRawHttp(proxy.port);
    idle.send('GET /idle');
    await proxy.proxy.updateRoutes([makeForwardRoute(origin.port)]);
    answer();
    expect((await busy.readAnswer()).field('connection')).toEqual('close');
    expect(await busy.ended).toEqual('fin');
    idle.finish();
    await proxy.ends(2);
  },
);

tap.test(
  'a connection whose certificate is replaced is let go after its request; new ones get the new one',
  async () => {
    await using origin = await startRecordingOrigin();
    const before = await makeCertificate({ names: ['a.test'] });
    const after = await makeCertificate({ names: ['a.test', 'b.test'] });
    await using proxy = await startProxy({ routes: [makeHttpsRoute(origin.port, before, { name: 'r' })] });
    await using client = await openRawHttp(proxy.port, { tls: { servername: 'a.test', ca: before.ca } });
    client.send(get('/'));
    expect((await client.readAnswer()).status).toEqual(200);
    await proxy.proxy.updateRoutes([makeHttpsRoute(origin.port, after, { name: 'r' })]);
    expect(await client.ended).toEqual('fin');
    const { status } = await fetchThrough(proxy.port, '/', { tls: { ca: after.ca, rejectUnauthorized: true } });
    expect(status).toEqual(200);
  },
);

export default tap.start();
