// Through the whole proxy: what targets are told, handlers of the Fetch standard, answers of the proxy's own, compression.

import { gunzipSync } from 'node:zlib';
import type { IRouteConfig, ISmartProxyOptions, THttpHandler, TRouteAction } from '../../ts/index.js';
import { settle } from '../helpers/fake-clock.js';
import { type IRawHttp, openRawHttp } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const routeTo = (action: TRouteAction, more: Partial<IRouteConfig> = {}): IRouteConfig => ({
  name: 'web',
  match: { ports: 0, path: '/*' },
  action,
  ...more,
});

const start = (action: TRouteAction, more: Partial<IRouteConfig> = {}, options: Partial<ISmartProxyOptions> = {}) =>
  startProxy({ routes: [routeTo(action, more)], ...options });

const handle = (httpHandler: THttpHandler, more: Partial<IRouteConfig> = {}) =>
  start({ type: 'http-handler', httpHandler }, more);

const ask = (path: string, ...fields: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: a.test', ...fields, '', ''].join('\r\n');

async function answerTo(client: IRawHttp, request: string) {
  client.send(request);
  return client.readAnswer();
}

const forged = [
  'X-Forwarded-For: 203.0.113.9',
  'x-forwarded-proto: https',
  'X-Forwarded-Host: evil.test',
  'X-Real-IP: 203.0.113.9',
  'Forwarded: for=203.0.113.9',
  'X_Forwarded_For: 203.0.113.9',
  'x-middleware-subrequest: middleware',
  'X-SSL-Client-Verify: SUCCESS',
  'Connection: X-Forwarded-For, X-Forwarded-Proto, Authorization, Host, X-Mine',
  'Authorization: Basic eDp5',
  'X-Mine: 1',
];

tap.test('a stranger cannot speak of addresses, and Connection removes nothing that counts', async () => {
  await using origin = await startHttpOrigin();
  await using world = await start({ type: 'forward', target: { host: '127.0.0.1', port: origin.port } });
  await using client = await openRawHttp(world.port);
  await answerTo(client, ask('/', ...forged));
  const [seen] = await origin.seen(1);
  const told = (name: string) => seen?.field(name) ?? null;
  expect([told('x-forwarded-for'), told('x-forwarded-proto'), told('x-forwarded-host')]).toEqual([
    '127.0.0.1',
    'http',
    'a.test',
  ]);
  expect(told('x-forwarded-port')).toEqual(String(world.port));
  expect(told('authorization')).toEqual('Basic eDp5');
  for (const gone of [
    'x-real-ip',
    'forwarded',
    'x_forwarded_for',
    'x-middleware-subrequest',
    'x-ssl-client-verify',
    'x-mine',
  ]) {
    expect([gone, told(gone)]).toEqual([gone, null]);
  }
});

tap.test('a trusted peer is believed and continued', async () => {
  await using origin = await startHttpOrigin();
  const action: TRouteAction = { type: 'forward', target: { host: '127.0.0.1', port: origin.port } };
  const rules = { request: { 'x-client': '{clientIp}' } };
  await using world = await start(action, { headers: rules }, { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
  await using client = await openRawHttp(world.port);
  const fields = [
    'X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.0.0.3',
    'X-Forwarded-Proto: https',
    'Forwarded: for=203.0.113.9',
    'X-Request-Id: r7',
  ];
  await answerTo(client, ask('/', ...fields));
  const [seen] = await origin.seen(1);
  expect(seen?.field('x-forwarded-for')).toEqual('1.1.1.1, 203.0.113.9, 10.0.0.3, 127.0.0.1');
  expect(seen?.field('x-forwarded-proto')).toEqual('https');
  expect(seen?.field('forwarded')).toEqual('for=203.0.113.9, for=127.0.0.1;proto=http;host=a.test');
  expect(seen?.field('x-client')).toEqual('203.0.113.9');
  expect(seen?.field('x-request-id')).toEqual('r7');
});

tap.test('a loop through the proxy ends with 508', async () => {
  // Its own idle connections to itself would stay for long.
  await using world = await startProxy({ routes: [], http: { upstreamIdleTimeout: 100 } });
  await world.proxy.updateRoutes([routeTo({ type: 'forward', target: { host: '127.0.0.1', port: 'preserve' } })]);
  await using client = await openRawHttp(world.port);
  expect((await answerTo(client, ask('/'))).status).toEqual(508);
});

tap.test('rules change both ways, and CORS and HSTS are said by the proxy', async () => {
  await using origin = await startHttpOrigin((request, response) => {
    request.resume();
    response
      .writeHead(200, { server: 'x', 'access-control-allow-origin': '*', 'x-powered-by': 'y' })
      .end(request.headers.host);
  });
  const headers = {
    request: { host: 'b.test', 'x-route': '{routeName} {method} {path} {query}', cookie: null },
    response: { server: null, 'x-powered-by': null, 'x-id': '{requestId}' },
    cors: { allowOrigin: 'https://c.test', allowCredentials: true },
    hsts: true,
  };
  await using world = await start({ type: 'forward', target: { host: '127.0.0.1', port: origin.port } }, { headers });
  await using client = await openRawHttp(world.port, { methods: ['GET', 'OPTIONS'] });
  const answer = await answerTo(client, ask('/a?b=c', 'Origin: https://c.test', 'Cookie: a=1'));
  expect(answer.body).toEqual('b.test');
  const [seen] = await origin.seen(1);
  expect([seen?.field('x-route'), seen?.field('cookie')]).toEqual(['web GET /a b=c', null]);
  expect([answer.field('server'), answer.field('x-powered-by'), answer.field('strict-transport-security')]).toEqual([
    null,
    null,
    null,
  ]);
  expect([answer.field('access-control-allow-origin'), answer.field('vary')]).toEqual(['https://c.test', 'Origin']);
  expect(/^[0-9a-f]{16}-/.test(answer.field('x-id') ?? '')).toBeTrue();
  client.send(ask('/', 'Origin: https://c.test', 'Access-Control-Request-Method: PUT').replace('GET', 'OPTIONS'));
  const preflight = await client.readAnswer();
  expect([preflight.status, preflight.field('access-control-allow-methods')?.includes('PUT')]).toEqual([204, true]);
  expect(origin.requests.length).toEqual(1);
});

tap.test('a handler streams what it is sent', async () => {
  await using world = await handle(
    (request) => new Response(request.body, { headers: { 'x-length': request.headers.get('content-length') ?? '' } }),
  );
  await using client = await openRawHttp(world.port, { methods: ['POST', 'POST'] });
  client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nfirst');
  await client.when(() => client.answers[0]?.body === 'first');
  client.send('-last');
  expect((await client.readAnswer()).body).toEqual('first-last');
  const second = await answerTo(
    client,
    'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  );
  expect([second.body, second.field('x-length')]).toEqual(['abc', '']);
});

tap.test('a handler that does not read is not fed without end, and its connection serves on or closes', async () => {
  const answers: (() => void)[] = [];
  await using world = await handle((request) =>
    request.method === 'GET'
      ? new Response('next')
      : new Promise((resolve) => answers.push(() => resolve(new Response('enough')))),
  );
  await using client = await openRawHttp(world.port, { methods: ['POST'] });
  client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50000000\r\n\r\n');
  const chunk = Buffer.alloc(1_000_000);
  for (let at = 0; at < 50; at++) client.send(chunk);
  await until(
    () => answers.length === 1,
    5_000,
    () => 'the handler',
  );
  for (let turn = 0; turn < 50; turn++) await settle();
  const [connection] = world.proxy.getConnections();
  expect((connection?.bytesReceived ?? 0) < 5_000_000).toBeTrue();
  answers[0]?.();
  expect((await client.readAnswer()).body).toEqual('enough');
  client.reset();
});

tap.test('a client that leaves aborts the request and cancels its answer', async () => {
  const seen: string[] = [];
  await using world = await handle((request, context) => {
    request.signal.addEventListener('abort', () => seen.push('request'));
    context.signal.addEventListener('abort', () => seen.push('context'));
    return new Response(
      new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(10_000)), cancel: () => void seen.push('cancel') }),
    );
  });
  await using client = await openRawHttp(world.port);
  client.send(ask('/'));
  await client.readHead();
  client.reset();
  await until(
    () => seen.length === 3,
    5_000,
    () => `three signs, not ${seen}`,
  );
  expect([...seen].sort()).toEqual(['cancel', 'context', 'request']);
});

tap.test('a handler that fails costs its request alone', async () => {
  await using world = await handle((request) => {
    if (request.url.endsWith('/fine')) return new Response('fine');
    if (request.url.endsWith('/late')) {
      return new Response(
        new ReadableStream({
          async pull(to) {
            await settle();
            to.error(new Error('secret words'));
          },
        }),
        { headers: { 'content-length': '5' } },
      );
    }
    throw new Error('secret words');
  });
  await using client = await openRawHttp(world.port);
  const failed = await answerTo(client, ask('/'));
  expect([failed.status, failed.body.includes('secret')]).toEqual([500, false]);
  expect((await answerTo(client, ask('/fine'))).body).toEqual('fine');
  await using other = await openRawHttp(world.port);
  other.send(ask('/late'));
  await other.ended;
  expect(other.answers.every(({ isComplete }) => !isComplete)).toBeTrue();
});

tap.test("a package's own Response whose content misbehaves costs its request alone", async () => {
  const boom = (): never => {
    throw new Error('boom');
  };
  const misbehaviour = [
    { read: boom, cancel: boom },
    { read: () => undefined, cancel: () => undefined },
    { read: async () => undefined, cancel: async () => {} },
    { read: async () => ({ done: false, value: 'text' }), cancel: boom },
    { read: async () => boom(), cancel: () => undefined },
  ];
  let at = 0;
  await using world = await handle(() => {
    const reader = misbehaviour[at++];
    const parts = { status: 200, statusText: '', headers: new Headers(), body: { getReader: () => reader } };
    return { ...parts, [Symbol.toStringTag]: 'Response' } as unknown as Response;
  });
  await using client = await openRawHttp(world.port);
  for (const _ of misbehaviour) expect((await answerTo(client, ask('/'))).status).toEqual(500);
});

tap.test('events of a compressed stream leave at once', async () => {
  let send: (text: string) => void = () => {};
  let close: () => void = () => {};
  await using world = await handle(
    () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start(to) {
            send = (text) => to.enqueue(new TextEncoder().encode(text));
            close = () => to.close();
          },
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      ),
    { compression: { algorithms: ['gzip'] } },
  );
  await using client = await openRawHttp(world.port);
  client.send(ask('/', 'Accept-Encoding: gzip'));
  const head = await client.readHead();
  expect([head.field('content-encoding'), head.field('content-length'), head.field('vary')]).toEqual([
    'gzip',
    null,
    'Accept-Encoding',
  ]);
  const sofar = () => Buffer.from(client.answers[0]?.body ?? '', 'latin1');
  for (let event = 0; event < 3; event++) {
    const before = sofar().length;
    send(`data: ${event}\n\n`);
    await client.when(() => sofar().length > before);
  }
  close();
  const whole = await client.readBody();
  expect(gunzipSync(Buffer.from(whole.body, 'latin1')).toString()).toEqual('data: 0\n\ndata: 1\n\ndata: 2\n\n');
});

tap.test('answers of targets are compressed for those who take it, and stay whole for others', async () => {
  const text = 'some text that repeats. '.repeat(10_000);
  await using origin = await startHttpOrigin((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': text.length, etag: '"1"' }).end(text);
  });
  await using world = await start(
    { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
    { compression: true },
  );
  await using client = await openRawHttp(world.port, { methods: ['GET', 'GET', 'HEAD'] });
  const packed = await answerTo(client, ask('/', 'Accept-Encoding: gzip'));
  expect(gunzipSync(Buffer.from(packed.body, 'latin1')).toString() === text).toBeTrue();
  expect([packed.field('etag'), packed.field('vary')]).toEqual(['W/"1"', 'Accept-Encoding']);
  const plain = await answerTo(client, ask('/'));
  expect([plain.body === text, plain.field('content-encoding'), plain.field('etag')]).toEqual([true, null, '"1"']);
  const head = await answerTo(client, ask('/', 'Accept-Encoding: gzip').replace('GET', 'HEAD'));
  expect([head.body, head.field('content-encoding'), head.field('content-length')]).toEqual(['', 'gzip', null]);
});

tap.test('redirects, fixed answers and blocks are served on one connection', async () => {
  const at = (path: string, action: TRouteAction): IRouteConfig => ({ name: path, match: { ports: 0, path }, action });
  await using world = await startProxy({
    routes: [
      at('/go/*', { type: 'redirect', redirect: { to: 'https://{domain}{path}', status: 301 } }),
      at('/say', { type: 'respond', respond: { status: 200, body: 'said', headers: { 'x-a': '1' } } }),
      at('/no', { type: 'block', block: { status: 451, message: 'not here' } }),
    ],
  });
  await using client = await openRawHttp(world.port);
  expect((await answerTo(client, ask('/go/a?b=%0d%0a'))).field('location')).toEqual('https://a.test/go/a?b=%0d%0a');
  const said = await answerTo(client, ask('/say'));
  expect([said.body, said.field('x-a'), said.field('content-length')]).toEqual(['said', '1', '4']);
  const blocked = await answerTo(client, ask('/no'));
  expect([blocked.status, blocked.body]).toEqual([451, 'not here\n']);
  expect((await answerTo(client, ask('/none'))).status).toEqual(404);
});

export default tap.start();
