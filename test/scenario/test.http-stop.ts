// Stopping in the middle of traffic: what is under way finishes, everybody is told, nothing is left.

import type http from 'node:http';
import { makeCertificate } from '../helpers/certificates.js';
import { fetchThrough, keepAliveAgent, openRawHttp } from '../helpers/http-clients.js';
import { startHttpOrigin, startSseOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { watchInnerParts } from '../helpers/inner-parts.js';
import { get, post, reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { connectWebSocket, startWebSocketOrigin } from '../helpers/websockets.js';

for (const isTls of [false, true]) {
  tap.test(
    `requests under way are answered, and their connections told to close${isTls ? ', TLS too' : ''}`,
    async () => {
      using inner = watchInnerParts();
      const certificate = await makeCertificate({ names: ['a.test'] });
      const pending: http.ServerResponse[] = [];
      await using origin = await startHttpOrigin((_request, response) => pending.push(response));
      const route = isTls ? makeHttpsRoute(origin.port, certificate) : makeHttpRoute(origin.port);
      await using proxy = await startProxy({ routes: [route] });
      const reports = reportsOf(proxy);
      const open = (...methods: string[]) =>
        openRawHttp(proxy.port, isTls ? { methods, tls: { servername: 'a.test' } } : { methods });
      await using waiting = await open();
      await using begun = await open();
      await using sending = await open('POST');
      await using idle = await open();
      waiting.send(get('/waiting'));
      await origin.seen(1);
      begun.send(get('/begun'));
      await origin.seen(2);
      pending[1]?.writeHead(200, { 'content-length': 8 }).write('half');
      await begun.readHead();
      sending.send(post('/sending', 'half', 8));
      await origin.seen(3);
      idle.send(get('/idle'));
      await origin.seen(4);
      pending[3]?.end();
      await idle.readAnswer();

      const stopped = proxy.proxy.stop({ graceMs: 20_000 });
      // Nothing is under way there.
      expect(await idle.ended).toEqual('fin');
      pending[0]?.end('done');
      pending[1]?.end('half');
      sending.send('half');
      const [seen] = (await origin.seen(3)).slice(-1);
      await until(
        () => seen?.isComplete === true,
        5_000,
        () => 'all of the content at the target',
      );
      pending[2]?.end('thanks');
      const first = await waiting.readAnswer();
      expect([first.status, first.body, first.field('connection')]).toEqual([200, 'done', 'close']);
      expect((await begun.readBody()).body).toEqual('halfhalf');
      const third = await sending.readAnswer();
      expect([third.status, third.body, third.field('connection')]).toEqual([200, 'thanks', 'close']);
      expect([await waiting.ended, await begun.ended, await sending.ended]).toEqual(['fin', 'fin', 'fin']);
      await stopped;
      expect(reports.all.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect([inner.leases, inner.upstreams]).toEqual([0, { open: 0, idle: 0, waiting: 0 }]);
      await until(
        () => origin.open === 0,
        5_000,
        () => 'no connection at the target',
      );
    },
  );
}

tap.test('under load no answer is cut, and no new connection gets in', async () => {
  using inner = watchInnerParts();
  await using origin = await startHttpOrigin((_request, response) => {
    response.writeHead(200, { 'content-length': 100_000 }).write('x'.repeat(50_000));
    setTimeout(() => response.end('x'.repeat(50_000)), 2);
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const { port } = proxy;
  const outcomes = new Map<string, number>();
  let stopping = false;
  const load = async () => {
    using agent = keepAliveAgent();
    for (;;) {
      const outcome = await fetchThrough(port, '/', { agent }).then(
        ({ status, body }) => `${status} ${body.length}`,
        (error: NodeJS.ErrnoException) => String(error.code),
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (stopping && !outcome.startsWith('200')) return;
    }
  };
  const loads = Array.from({ length: 20 }, load);
  await until(
    () => (outcomes.get('200 100000') ?? 0) > 200,
    10_000,
    () => 'traffic',
  );
  stopping = true;
  await proxy.proxy.stop({ graceMs: 20_000 });
  await Promise.all(loads);
  // A client may begin a request on a connection that is being closed: it sees that nothing was answered.
  const others = [...outcomes.keys()].filter((key) => !['200 100000', 'ECONNREFUSED', 'ECONNRESET'].includes(key));
  expect(others).toEqual([]);
  expect(proxy.ended.filter(({ end }) => end === 'shutdown' || end === 'normal').length).toEqual(proxy.ended.length);
  expect([...proxy.proxy.getMetrics().requests.byStatus().keys()]).toEqual([200]);
  expect([inner.leases, inner.upstreams.open]).toEqual([0, 0]);
});

tap.test('streams and WebSockets: one is cut when the grace is over, the others are told by 1001', async () => {
  await using stream = await startSseOrigin();
  await using socket = await startWebSocketOrigin();
  await using proxy = await startProxy({
    routes: [
      makeHttpRoute(stream.port, { name: 'stream', match: { ports: 0, path: '/stream' } }),
      makeHttpRoute(socket.port, { name: 'socket', match: { ports: 0, path: '/socket' } }),
    ],
  });
  const reports = reportsOf(proxy);
  await using listener = await openRawHttp(proxy.port);
  listener.send(get('/stream'));
  await listener.readHead();
  await using client = await connectWebSocket(`ws://127.0.0.1:${proxy.port}/socket`);
  await proxy.proxy.stop({ graceMs: 150 });
  expect((await client.closed).code).toEqual(1001);
  await listener.ended;
  expect(listener.answers[0]?.isComplete).toBeFalse();
  expect(proxy.ended.map(({ end }) => end)).toEqual(['shutdown', 'shutdown']);
  const cut = reports.all.find(({ path }) => path === '/stream');
  expect([cut?.status, cut?.error]).toEqual([499, 'the client: shutdown']);
  await until(
    () => stream.open === 0 && socket.sockets.size === 0,
    5_000,
    () => 'no connection at the targets',
  );
});

tap.test('a second stop without grace cuts at once what the first waits for', async () => {
  using inner = watchInnerParts();
  await using origin = await startHttpOrigin(() => {});
  await using socket = await startWebSocketOrigin();
  await using proxy = await startProxy({
    routes: [
      makeHttpRoute(origin.port, { name: 'silent', match: { ports: 0, path: '/silent' } }),
      makeHttpRoute(socket.port, { name: 'socket', match: { ports: 0, path: '/socket' } }),
    ],
  });
  await using client = await openRawHttp(proxy.port);
  client.send(get('/silent'));
  await origin.seen(1);
  await using webSocket = await connectWebSocket(`ws://127.0.0.1:${proxy.port}/socket`);
  const first = proxy.proxy.stop({ graceMs: 3_600_000 });
  await until(
    () => proxy.proxy.getListeningPorts().length === 0,
    5_000,
    () => 'the first stop',
  );
  await proxy.proxy.stop({ graceMs: 0 });
  await first;
  await client.ended;
  expect(client.answers.length).toEqual(0);
  await webSocket.closed;
  expect([inner.leases, inner.upstreams]).toEqual([0, { open: 0, idle: 0, waiting: 0 }]);
  await until(
    () => origin.open === 0 && socket.sockets.size === 0,
    5_000,
    () => 'no connection at the targets',
  );
});

export default tap.start();
