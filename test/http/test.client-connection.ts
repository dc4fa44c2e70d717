import type http from 'node:http';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const get = (path: string, ...more: string[]) => [`GET ${path} HTTP/1.1`, 'Host: a.test', ...more, '', ''].join('\r\n');
const post = (path: string, body: string, ...more: string[]) =>
  [`POST ${path} HTTP/1.1`, 'Host: a.test', `Content-Length: ${body.length}`, ...more, '', body].join('\r\n');

tap.test('requests that are sent at once are answered in order, over one connection each way', async () => {
  await using origin = await startRecordingOrigin(({ url }) => okAnswer(`for ${url}`));
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const bytes = get('/1') + post('/2', 'content') + get('/3') + get('/4', 'Connection: close');
  const { answers, ended, fault } = await rawExchange(proxy.port, bytes, { methods: ['GET', 'POST'] });
  expect(fault).toBeNull();
  expect(answers.map(({ body }) => body)).toEqual(['for /1', 'for /2', 'for /3', 'for /4']);
  expect(answers.map((answer) => answer.field('connection'))).toEqual([null, null, null, 'close']);
  expect(ended).toEqual('fin');
  expect(origin.faults).toEqual([]);
  expect(new Set(origin.requests.map(({ connection }) => connection)).size).toEqual(1);
  expect(await proxy.ends()).toEqual(['normal']);
});

tap.test('a client that asks on and on and reads nothing is not heard any more until it reads', async () => {
  const large = 'x'.repeat(100_000);
  const count = 1_000;
  await using origin = await startRecordingOrigin(() => okAnswer(large));
  const own = { type: 'respond', respond: { status: 200, body: large } } as const;
  const routes = [makeHttpRoute(1, { match: { ports: 0, path: '/own' }, action: own }), makeHttpRoute(origin.port)];
  await using proxy = await startProxy({ routes });
  for (const path of ['/own', '/target']) {
    const socket = net.connect(proxy.port, '127.0.0.1').pause();
    socket.on('error', () => {});
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.pause();
    socket.write(get(path).repeat(count));
    const sent = () => proxy.proxy.getConnections()[0]?.bytesSent ?? 0;
    for (let before = -1; before <= 0 || sent() !== before; ) {
      before = sent();
      await delay(100);
    }
    // What the kernels of both sides take. All of it would be 100 MB.
    expect(sent()).toBeLessThan(30_000_000);
    socket.resume();
    await until(
      () => received > count * large.length,
      20_000,
      () => `all answers, has ${received} bytes`,
    );
    socket.destroy();
    await proxy.ends();
  }
});

tap.test('an answer before the end of an upload is not cut, however slowly it is read', async () => {
  const large = Buffer.alloc(20_000_000, 'x');
  const own = { type: 'http-handler', httpHandler: async () => new Response(large) } as const;
  await using proxy = await startProxy({ routes: [makeHttpRoute(1, { action: own })] });
  await using client = await openRawHttp(proxy.port);
  client.send(post('/', 'x'.repeat(100_000)).slice(0, -50_000).replace(': 100000', ': 1000000'));
  await client.readHead();
  client.socket.pause();
  // Longer than a client that still sends is listened to.
  await delay(2_500);
  client.socket.resume();
  expect((await client.readBody()).body.length).toEqual(large.length);
  client.reset();
  await proxy.ends();
});

tap.test('a request that comes byte by byte is the same request', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  await using client = await openRawHttp(proxy.port, { methods: ['POST'] });
  for (const byte of post('/slow', 'hello', 'Connection: close')) {
    client.send(byte);
    await delay(1);
  }
  expect((await client.readAnswer()).status).toEqual(200);
  const [request] = origin.requests;
  expect([request?.method, request?.url, request?.message.body.toString()]).toEqual(['POST', '/slow', 'hello']);
  await proxy.ends();
});

tap.test('HTTP/1.0 gets its answer until the close, without chunks', async () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';
  await using origin = await startRecordingOrigin(chunked);
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const { answers, ended } = await rawExchange(proxy.port, 'GET /old HTTP/1.0\r\n\r\n');
  expect(answers[0]?.field('transfer-encoding')).toBeNull();
  expect([answers[0]?.body, ended]).toEqual(['abcde', 'fin']);
  // The target speaks HTTP/1.1 and may demand a Host.
  expect(origin.requests[0]?.field('host')).toEqual(`127.0.0.1:${origin.port}`);
  await proxy.ends();
});

tap.test('HTTP/1.0 may keep its connection where lengths are known', async () => {
  await using origin = await startRecordingOrigin(okAnswer('kept'));
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const one = 'GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n';
  const { answers } = await rawExchange(proxy.port, one + one, { answers: 2 });
  expect(answers.map((answer) => [answer.body, answer.field('connection')])).toEqual([
    ['kept', 'keep-alive'],
    ['kept', 'keep-alive'],
  ]);
  await proxy.ends();
});

tap.test('what is no request is answered once, and the connection closes', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const cases = [
    ['GET / HTTP/1.1\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: a.test\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['GET / HTTP/3.0\r\nHost: a.test\r\n\r\n', 505],
  ] as const;
  for (const [bytes, status] of cases) {
    const { answers, ended } = await rawExchange(proxy.port, bytes);
    expect([answers.map((answer) => answer.status), ended]).toEqual([[status], 'fin']);
    expect(await proxy.ends()).toEqual(['protocol_error']);
  }
  expect(origin.requests).toHaveLength(0);
});

tap.test('a head that does not come to an end gets 408', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { headersTimeout: 1_500 } });
  const { answers, ended } = await rawExchange(proxy.port, 'GET / HTTP/1.1\r\nHost: a');
  expect([answers[0]?.status, ended]).toEqual([408, 'fin']);
  expect(await proxy.ends()).toEqual(['headers_timeout']);
});

tap.test('an idle connection is closed after the keep-alive time, in order', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { keepAliveTimeout: 60 } });
  const { answers, ended } = await rawExchange(proxy.port, get('/'));
  expect([answers[0]?.status, ended]).toEqual([200, 'fin']);
  expect(await proxy.ends()).toEqual(['keep_alive_timeout']);
});

tap.test('a connection serves as many requests as it may', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({
    routes: [makeHttpRoute(origin.port)],
    http: { maxRequestsPerConnection: 2 },
  });
  const { answers, ended } = await rawExchange(proxy.port, get('/1') + get('/2') + get('/3'));
  expect(answers.map((answer) => answer.field('connection'))).toEqual([null, 'close']);
  expect(ended).toEqual('fin');
  expect(origin.requests).toHaveLength(2);
  await proxy.ends();
});

tap.test('100 Continue of the target reaches the client, and its content the target', async () => {
  await using origin = await startHttpOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  await using client = await openRawHttp(proxy.port, { methods: ['POST'] });
  client.send('POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
  expect((await client.readHead()).status).toEqual(100);
  client.send('hello');
  expect((await client.readAnswer()).status).toEqual(200);
  expect(origin.requests[0]?.body.toString()).toEqual('hello');
  client.finish();
  await proxy.ends();
});

tap.test('a final answer instead of 100 Continue ends the connection: the content may still come', async () => {
  const refuse = 'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n';
  await using origin = await startRecordingOrigin({ steps: [refuse], from: 'head' });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const head = 'POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 37\r\nExpect: 100-continue\r\n\r\n';
  await using client = await openRawHttp(proxy.port, { methods: ['POST'] });
  client.send(head);
  const answer = await client.readAnswer();
  expect([answer.status, answer.field('connection')]).toEqual([413, 'close']);
  // What looks like a request is content, which nobody wants.
  client.send(get('/smuggled'));
  expect(await client.ended).toEqual('fin');
  expect(origin.requests.map(({ url }) => url)).toEqual(['/up']);
  await proxy.ends();
});

tap.test('content that nobody wants is read to its end if it is short, and the connection goes on', async () => {
  await using proxy = await startProxy({
    routes: [
      { name: 'answer', match: { ports: 0, path: '/*' }, action: { type: 'respond', respond: { status: 200 } } },
    ],
  });
  await using client = await openRawHttp(proxy.port, { methods: ['POST', 'GET', 'POST'] });
  client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n12345');
  expect((await client.readAnswer()).field('connection')).toBeNull();
  client.send(`67890${get('/next')}`);
  expect((await client.readAnswer()).status).toEqual(200);
  client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n12345');
  expect((await client.readAnswer()).field('connection')).toEqual('close');
  expect(await client.ended).toEqual('fin');
  await proxy.ends();
});

tap.test('a client that leaves aborts its request', async () => {
  await using origin = await startHttpOrigin(() => {});
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  for (const how of ['finish', 'reset'] as const) {
    await using client = await openRawHttp(proxy.port);
    client.send(get('/slow'));
    await origin.seen(how === 'finish' ? 1 : 2);
    client[how]();
    expect(await proxy.ends()).toEqual([how === 'finish' ? 'client_aborted' : 'client_error']);
    await until(
      () => origin.open === 0,
      5_000,
      () => 'the target is told',
    );
  }
  expect([...proxy.proxy.getMetrics().requests.byStatus()]).toEqual([[499, 2]]);
});

tap.test('a client that ends its side behind a request is waited for where the route says so', async () => {
  await using origin = await startHttpOrigin((_request, response) => setTimeout(() => response.end('late'), 50));
  await using proxy = await startProxy({
    routes: [makeHttpRoute(origin.port, { timeouts: { enableHalfOpen: true } })],
  });
  await using client = await openRawHttp(proxy.port);
  client.send(get('/'));
  client.finish();
  expect((await client.readAnswer()).body).toEqual('late');
  expect(await client.ended).toEqual('fin');
  await proxy.ends();
});

tap.test('stopping lets requests finish, tells their clients, and closes idle connections', async () => {
  const pending: http.ServerResponse[] = [];
  await using origin = await startHttpOrigin((_request, response) => pending.push(response));
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  await using busy = await openRawHttp(proxy.port);
  busy.send(get('/busy'));
  await origin.seen(1);
  await using idle = await openRawHttp(proxy.port, { methods: ['GET'] });
  idle.send(get('/idle'));
  await origin.seen(2);
  pending[1]?.end();
  expect((await idle.readAnswer()).status).toEqual(200);
  const stopped = proxy.proxy.stop({ graceMs: 3_000 });
  expect(await idle.ended).toEqual('fin');
  pending[0]?.end('done');
  const last = await busy.readAnswer();
  expect([last.body, last.field('connection')]).toEqual(['done', 'close']);
  await stopped;
});

tap.test('bytes of a connection are counted, once each way', async () => {
  await using origin = await startRecordingOrigin(okAnswer('x'.repeat(1_000)));
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const bytes = get('/', 'Connection: close');
  await rawExchange(proxy.port, bytes);
  await proxy.ends();
  const [{ connection } = { connection: null }] = proxy.ended;
  expect(connection?.bytesReceived).toEqual(bytes.length);
  expect(connection?.bytesSent).toBeGreaterThan(1_000);
  expect(connection?.usingNetworkProxy).toBeTrue();
});

export default tap.start();
