// Requests that come by HTTP/2, over TLS and without, to targets, handlers and answers of the proxy's own.

import { createHash } from 'node:crypto';
import http2 from 'node:http2';
import { makeCertificate } from '../helpers/certificates.js';
import { connectH2, readH2 } from '../helpers/h2-clients.js';
import {
  startHttpOrigin,
  startRecordingOrigin,
  startSseOrigin,
  type TServe,
  tellRequest,
} from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const h2c = { h2c: true } as const;

/** Answers with what was sent, as it comes. */
const echo: TServe = (request, response) => {
  response.writeHead(200);
  request.pipe(response);
};

tap.test('HTTP/2 is agreed on over TLS, and a target of HTTP/1.1 gets the request that was meant', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startHttpOrigin();
  await using proxy = await startProxy({ routes: [makeHttpsRoute(origin.port, certificate)] });
  const reports = reportsOf(proxy);
  {
    await using client = await connectH2(proxy.port, { tls: {} });
    const headers = { cookie: ['a=1', 'b=2'], te: 'trailers', 'x-own': 'Own' };
    const { status, text } = await client.fetch('/path?q=1', { headers, host: 'a.test:8443' });
    expect(status).toEqual(200);
    const told = JSON.parse(text);
    expect([told.method, told.url, told.version]).toEqual(['GET', '/path?q=1', '1.1']);
    const [seen] = origin.requests;
    expect(seen?.field('host')).toEqual('a.test:8443');
    expect(seen?.field('cookie')).toEqual('a=1; b=2');
    expect(seen?.field('x-own')).toEqual('Own');
    expect(seen?.field('via')).toMatch(/^2 sp-/);
    expect(seen?.field('x-forwarded-proto')).toEqual('https');
    expect(seen?.fields.some((name) => name.startsWith(':'))).toBeFalse();
    expect([client.session.alpnProtocol, client.goaways]).toEqual(['h2', []]);
  }
  expect(await proxy.ends()).toEqual(['client_closed']);
  expect(reports.all.map(({ status, version }) => [status, version])).toEqual([[200, '2']]);
});

tap.test('requests at a time are answered as their answers come, over few connections to the target', async () => {
  await using origin = await startHttpOrigin((request, response) => {
    // The later ones first.
    setImmediate(() => response.end(`for ${request.url}`));
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const paths = Array.from({ length: 100 }, (_, n) => `/${n}`);
  const answers = await Promise.all(paths.map((path) => client.fetch(path)));
  expect(answers.map(({ text }) => text)).toEqual(paths.map((path) => `for ${path}`));
  expect(origin.accepted).toBeLessThan(101);
  expect(proxy.proxy.getConnections().length).toEqual(1);
});

tap.test('answers without content have none, and their heads say what they would', async () => {
  await using origin = await startHttpOrigin((request, response) => {
    if (request.url === '/204') response.writeHead(204).end();
    else if (request.url === '/304') response.writeHead(304, { etag: '"x"' }).end();
    else if (request.url === '/empty') response.writeHead(200, { 'content-length': 0 }).end();
    else response.writeHead(200, { 'content-length': 5 }).end(request.method === 'HEAD' ? '' : 'hello');
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const head = await client.fetch('/', { method: 'HEAD' });
  expect([head.status, head.headers['content-length'], head.text]).toEqual([200, '5', '']);
  for (const [path, status] of [
    ['/204', 204],
    ['/304', 304],
    ['/empty', 200],
  ] as const) {
    const answer = await client.fetch(path);
    expect([answer.status, answer.text, answer.code]).toEqual([status, '', 0]);
  }
  expect((await client.fetch('/')).text).toEqual('hello');
});

tap.test('ten megabytes go up and come down unharmed, with a length and without', async () => {
  await using origin = await startHttpOrigin(echo);
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const body = Buffer.alloc(10_000_000);
  for (let at = 0; at < body.length; at += 4) body.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const [plain, sized] = await Promise.all([
    client.fetch('/', { method: 'POST', body }),
    client.fetch('/', { method: 'POST', body, headers: { 'content-length': body.length } }),
  ]);
  expect([digest(plain.body), digest(sized.body)]).toEqual([digest(body), digest(body)]);
  expect(origin.requests.map((seen) => seen.field('content-length')).sort()).toEqual([`${body.length}`, null]);
});

tap.test('trailers pass both ways', async () => {
  await using origin = await startHttpOrigin((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { trailer: 'x-sum' }).write('some');
      response.addTrailers({ 'x-sum': `of ${request.trailers['x-up']}` });
      response.end();
    });
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const trailers = { 'x-up': 'upward' };
  const answer = await client.fetch('/', { method: 'POST', body: 'content', trailers, headers: { te: 'trailers' } });
  expect([answer.text, answer.trailers['x-sum']]).toEqual(['some', 'of upward']);
});

tap.test('interim answers come before the final one', async () => {
  await using origin = await startHttpOrigin((request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    request.resume().on('end', () => response.end('done'));
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const hinted = await client.fetch('/');
  expect(hinted.informs.map((fields) => [fields[':status'], fields.link])).toEqual([
    [103, '</style.css>; rel=preload'],
  ]);
  expect(hinted.text).toEqual('done');
  const stream = client.open('/', { method: 'POST', headers: { expect: '100-continue', 'content-length': 3 } });
  let continued = 0;
  stream.on('continue', () => {
    continued++;
    stream.end('abc');
  });
  expect((await readH2(stream)).text).toEqual('done');
  expect([continued, origin.requests[1]?.body.toString()]).toEqual([1, 'abc']);
});

tap.test('a client that cancels ends its request at the target at once, and nothing else', async () => {
  await using origin = await startHttpOrigin((request, response) => {
    if (request.url === '/other') setTimeout(() => response.end('other'), 50);
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  const reports = reportsOf(proxy);
  await using client = await connectH2(proxy.port);
  const other = client.fetch('/other');
  const stream = client.open('/cancelled', { endStream: true });
  const [, cancelled] = await origin.seen(2);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await until(
    () => cancelled?.isAborted === true,
    5_000,
    () => 'the end of the request at the target',
  );
  expect((await other).text).toEqual('other');
  expect(reports.all.map(({ status }) => status).sort()).toEqual([200, 499]);
});

tap.test('a reader that stands still costs no more than the windows, and its neighbours nothing', async () => {
  let sent = 0;
  const chunk = Buffer.alloc(65_536, 'x');
  await using origin = await startHttpOrigin((request, response) => {
    if (request.url !== '/large') return void response.end('small');
    response.writeHead(200);
    const more = () => {
      while (sent < 50_000_000 && !response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  // Else what the client does not read fills the window that all its streams share.
  client.session.setLocalWindowSize(1_000_000);
  const stream = client.open('/large', { endStream: true });
  await new Promise((resolve) => stream.once('response', resolve));
  stream.pause();
  for (let before = -1; before !== sent; ) {
    before = sent;
    for (let n = 0; n < 10; n++) expect((await client.fetch('/small')).text).toEqual('small');
  }
  // What the kernels of both sides take, and the windows. All of it would be 50 MB.
  expect(sent).toBeLessThan(20_000_000);
  let received = 0;
  stream.on('data', (part: Buffer) => {
    received += part.length;
  });
  stream.resume();
  await new Promise((resolve) => stream.once('close', resolve));
  expect([received, stream.rstCode]).toEqual([sent, 0]);
});

tap.test('an answer before the end of an upload is whole, and the rest is not asked for', async () => {
  const own = { type: 'respond', respond: { status: 403, body: 'no' } } as const;
  await using proxy = await startProxy({ routes: [makeHttpRoute(1, { action: own })], http: h2c });
  await using client = await connectH2(proxy.port);
  const stream = client.open('/', { method: 'POST' });
  stream.write(Buffer.alloc(200_000));
  const answer = await readH2(stream);
  expect([answer.status, answer.text, answer.code]).toEqual([403, 'no', 0]);
  expect((await client.fetch('/')).status).toEqual(403);
});

tap.test('events reach their reader one by one', async () => {
  await using origin = await startSseOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const stream = client.open('/', { endStream: true });
  let text = '';
  stream.on('data', (part: Buffer) => {
    text += part;
  });
  const has = (part: string) =>
    until(
      () => text.includes(part),
      5_000,
      () => `${part} in ${text}`,
    );
  await has('hello');
  for (const event of ['one', 'two']) {
    origin.emit(event);
    await has(`data: ${event}`);
  }
  origin.finish();
  await new Promise((resolve) => stream.once('close', resolve));
  expect(stream.rstCode).toEqual(0);
});

tap.test('handlers, redirects, CORS and credentials work as they do in HTTP/1.1', async () => {
  const handler = async (request: Request) => new Response(`${request.method} ${request.url} ${await request.text()}`);
  const at = (path: string) => ({ ports: 0, path });
  await using proxy = await startProxy({
    http: h2c,
    routes: [
      { match: at('/handler'), action: { type: 'http-handler', httpHandler: handler } },
      { match: at('/redirect'), action: { type: 'redirect', redirect: { to: 'https://{domain}{path}' } } },
      {
        match: at('/cors'),
        headers: { cors: true },
        action: { type: 'respond', respond: { status: 200, body: 'shared' } },
      },
      {
        match: at('/closed'),
        security: { authentication: { type: 'basic', credentials: [{ username: 'me', password: 'secret' }] } },
        action: { type: 'respond', respond: { status: 200, body: 'open' } },
      },
    ],
  });
  await using client = await connectH2(proxy.port);
  const handled = await client.fetch('/handler', { method: 'POST', body: 'content' });
  expect(handled.text).toEqual('POST http://a.test/handler content');
  const moved = await client.fetch('/redirect');
  expect([moved.status, moved.headers.location]).toEqual([308, 'https://a.test/redirect']);
  const shared = await client.fetch('/cors', { headers: { origin: 'https://b.test' } });
  expect([shared.text, shared.headers['access-control-allow-origin']]).toEqual(['shared', '*']);
  const refused = await client.fetch('/closed');
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([
    401,
    'Basic realm="restricted", charset="UTF-8"',
  ]);
  const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  expect((await client.fetch('/closed', { headers: { authorization } })).text).toEqual('open');
  expect((await client.fetch('/nowhere')).status).toEqual(404);
});

tap.test('an answer that its target cuts is seen as cut', async () => {
  const cut = ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', 'fin'] as const;
  await using origin = await startRecordingOrigin([...cut]);
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const answer = await client.fetch('/');
  expect([answer.status, answer.code]).toEqual([200, http2.constants.NGHTTP2_INTERNAL_ERROR]);
  expect(proxy.proxy.getConnections().length).toEqual(1);
});

tap.test('a head that is too large is answered by 431, and the connection lives', async () => {
  await using origin = await startHttpOrigin(tellRequest);
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { ...h2c, maxHeaders: 20 } });
  await using client = await connectH2(proxy.port);
  const many = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`x-${n}`, 'y']));
  expect((await client.fetch('/', { headers: many })).status).toEqual(431);
  const large = Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`x-${n}`, 'y'.repeat(4_000)]));
  expect((await client.fetch('/', { headers: large })).status).toEqual(431);
  expect((await client.fetch('/')).status).toEqual(200);
  expect(origin.requests.length).toEqual(1);
});

export default tap.start();
