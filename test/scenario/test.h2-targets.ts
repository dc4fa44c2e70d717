// Targets that speak HTTP/2, plain and over TLS, asked by clients of either version through one proxy.

import { createHash } from 'node:crypto';
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { IRouteConfig, ITarget } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectH2, readH2 } from '../helpers/h2-clients.js';
import { startH2Origin, tellH2 } from '../helpers/h2-origins.js';
import { fetchThrough, openRawHttp } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { watchInnerParts } from '../helpers/inner-parts.js';
import { get, opening, post, reportsOf, switched } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const h2c = { h2c: true } as const;
const soon = (condition: () => boolean, want: () => string): Promise<void> => until(condition, 10_000, want);

/** Every path of plain HTTP to a target of HTTP/2. */
const toH2 = (port: number, target: Partial<ITarget> = {}, more: Partial<IRouteConfig> = {}): IRouteConfig =>
  makeHttpRoute(port, {
    action: { type: 'forward', target: { host: '127.0.0.1', port, backendProtocol: 'http2', ...target } },
    ...more,
  });

tap.test('100 requests at a time of one client of HTTP/2 share one connection to the target', async () => {
  await using origin = await startH2Origin();
  await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => client.fetch(`/${n}`, { method: 'POST', body: `body ${n}` })),
  );
  for (const [n, { status, text }] of answers.entries()) {
    const told = JSON.parse(text);
    expect([status, told.headers[':path'], told.body]).toEqual([200, `/${n}`, `body ${n}`]);
  }
  expect(origin.sessions.length).toEqual(1);
});

tap.test('clients of HTTP/1.1 share it too, and get answers in their own version', async () => {
  await using origin = await startH2Origin();
  await using proxy = await startProxy({ routes: [toH2(origin.port)] });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      fetchThrough(proxy.port, `/${n}`, { method: 'POST', body: `body ${n}`, headers: { connection: 'close' } }),
    ),
  );
  for (const [n, { status, body }] of answers.entries()) {
    const told = JSON.parse(body.toString());
    expect([status, told.headers[':path'], told.body]).toEqual([200, `/${n}`, `body ${n}`]);
    expect(told.headers[':scheme']).toEqual('http');
    expect(told.headers.via).toMatch(/^1\.1 sp-/);
    expect(told.headers['x-forwarded-for']).toEqual('127.0.0.1');
    expect([told.headers.connection, told.headers['content-length']]).toEqual([undefined, `${`body ${n}`.length}`]);
  }
  expect(origin.sessions.length).toEqual(1);
});

tap.test(
  'over TLS, from clients of both versions: fields, cookies and the wish for trailers arrive as they were meant',
  async () => {
    const certificate = await makeCertificate({ names: ['a.test'] });
    await using origin = await startH2Origin(tellH2, { identity: certificate });
    const target = {
      host: '127.0.0.1',
      port: origin.port,
      backendProtocol: 'http2',
      tls: { ca: certificate.ca, servername: 'a.test' },
    } as const;
    const { cert, key } = certificate;
    const tls = { mode: 'terminate', certificate: { cert, key } } as const;
    await using proxy = await startProxy({
      routes: [makeHttpsRoute(0, certificate, { action: { type: 'forward', target, tls } })],
    });
    await using client = await connectH2(proxy.port, { tls: {} });
    const headers = { cookie: ['a=1', 'b=2'], te: 'trailers', 'x-own': 'Own' };
    const two = JSON.parse((await client.fetch('/p?q', { headers })).text);
    await using raw = await openRawHttp(proxy.port, { tls: { servername: 'a.test' } });
    raw.send(get('/p?q', 'Cookie: a=1; b=2', 'TE: trailers', 'Connection: TE, X-Gone', 'X-Gone: 1', 'X-Own: Own'));
    const one = JSON.parse((await raw.readAnswer()).body);
    for (const told of [one, two]) {
      expect([told.headers[':scheme'], told.headers[':path'], told.headers[':authority']]).toEqual([
        'https',
        '/p?q',
        'a.test',
      ]);
      expect([told.headers.cookie, told.headers.te, told.headers['x-own']]).toEqual(['a=1; b=2', 'trailers', 'Own']);
      expect([told.headers['x-gone'], told.headers.connection, told.headers.host]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(told.headers['x-forwarded-proto']).toEqual('https');
    }
    expect(origin.sessions.length).toEqual(1);
  },
);

tap.test('trailers go both ways, from and to clients of both versions', async () => {
  await using origin = await startH2Origin((stream, seen) => {
    stream.on('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-told': String(seen.trailers['x-sum']) }));
      stream.end('content');
    });
  });
  await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const two = await client.fetch('/', { method: 'POST', body: 'x', trailers: { 'x-sum': 'two' } });
  expect([two.text, two.trailers['x-told']]).toEqual(['content', 'two']);
  await using raw = await openRawHttp(proxy.port);
  const head =
    'POST / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n';
  raw.send(`${head}1\r\nx\r\n0\r\nX-Sum: one\r\n\r\n`);
  const { body, message } = await raw.readAnswer();
  expect([body, message.trailers.join()]).toEqual(['content', 'x-told,one']);
});

tap.test('interim answers, answers to HEAD, 204 and 304 pass', async () => {
  await using origin = await startH2Origin((stream, { headers }) => {
    if (headers[':path'] === '/early') {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      return void stream.end('late');
    }
    const status = Number(String(headers[':path']).slice(1));
    stream.respond({ ':status': status, ...(status === 204 ? {} : { 'content-length': 5 }) }, { endStream: true });
  });
  await using proxy = await startProxy({ routes: [toH2(origin.port)] });
  await using raw = await openRawHttp(proxy.port, { methods: ['HEAD', 'HEAD', 'GET', 'GET', 'GET', 'GET'] });
  raw.send(get('/200').replace('GET', 'HEAD'));
  const head = await raw.readAnswer();
  expect([head.status, head.field('content-length')]).toEqual([200, '5']);
  raw.send(get('/204').replace('GET', 'HEAD'));
  expect((await raw.readAnswer()).status).toEqual(204);
  raw.send(get('/204'));
  expect((await raw.readAnswer()).status).toEqual(204);
  raw.send(get('/304'));
  expect((await raw.readAnswer()).status).toEqual(304);
  raw.send(get('/early'));
  const early = await raw.readHead();
  expect([early.status, early.field('link')]).toEqual([103, '</a>']);
  expect((await raw.readAnswer()).body).toEqual('late');
});

tap.test('what a target sends now reaches clients of both versions now, and both ways at once', async () => {
  await using origin = await startH2Origin(
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
      stream.write('data: hello\n\n');
      stream.on('data', (part: Buffer) => stream.write(`data: ${part}\n\n`));
      stream.on('end', () => stream.end());
    },
    { readsItself: true },
  );
  await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const two = client.open('/', { method: 'POST' });
  let told = '';
  two.on('data', (part: Buffer) => {
    told += part;
  });
  await using raw = await openRawHttp(proxy.port);
  raw.send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n');
  await raw.when(() => raw.answers[0]?.body === 'data: hello\n\n');
  raw.send('2\r\n11\r\n');
  await raw.when(() => raw.answers[0]?.body === 'data: hello\n\ndata: 11\n\n');
  await soon(
    () => told === 'data: hello\n\n',
    () => told,
  );
  two.write('22');
  await soon(
    () => told === 'data: hello\n\ndata: 22\n\n',
    () => told,
  );
  raw.send('0\r\n\r\n');
  two.end();
  expect((await raw.readAnswer()).isComplete).toEqual(true);
  await new Promise((resolve) => two.once('close', resolve));
  expect([two.rstCode, origin.sessions.length]).toEqual([0, 1]);
});

tap.test('uploads and downloads of some megabytes arrive as they were sent, several at a time', async () => {
  await using origin = await startH2Origin(
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    },
    { readsItself: true },
  );
  await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
  const body = Buffer.alloc(3_000_000, 'some content that repeats, ');
  const sum = createHash('sha256').update(body).digest('hex');
  await using client = await connectH2(proxy.port);
  const answers = await Promise.all([
    client.fetch('/1', { method: 'PUT', body }),
    client.fetch('/2', { method: 'PUT', body }),
    fetchThrough(proxy.port, '/3', { method: 'PUT', body }),
  ]);
  for (const answer of answers) expect(createHash('sha256').update(answer.body).digest('hex')).toEqual(sum);
});

tap.test('a target that closes its connections by GOAWAY again and again loses no request', async () => {
  let count = 0;
  await using origin = await startH2Origin((stream) => {
    const { session } = stream;
    count++;
    // What it has taken it answers.
    if (count % 10 === 0) session?.close();
    stream.respond({ ':status': 200 });
    stream.end('ok');
  });
  await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  let left = 150;
  const worker = async () => {
    while (left-- > 0) {
      const { status, text } = await client.fetch('/', { method: 'POST', body: 'content' });
      expect([status, text]).toEqual([200, 'ok']);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  expect(origin.sessions.length).toBeGreaterThan(5);
});

for (const content of ['whole', 'still coming']) {
  tap.test(`a POST that the target refused (REFUSED_STREAM) is sent again; its content is ${content}`, async () => {
    const bodies: string[] = [];
    await using origin = await startH2Origin((stream, seen) => {
      if (bodies.push('') === 1) return void stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      stream.on('end', () => {
        bodies[1] = seen.body.toString();
        stream.respond({ ':status': 201 }, { endStream: true });
      });
    });
    await using proxy = await startProxy({ routes: [toH2(origin.port)] });
    await using raw = await openRawHttp(proxy.port);
    if (content === 'whole') raw.send(post('/', 'all of the content'));
    else {
      raw.send(post('/', 'all of ', 18));
      await soon(
        () => bodies.length === 2,
        () => 'a second attempt',
      );
      raw.send('the content');
    }
    expect((await raw.readAnswer()).status).toEqual(201);
    expect(bodies).toEqual(['', 'all of the content']);
  });
}

tap.test('a target that refuses every stream is asked as often as may be, and answered for by 502', async () => {
  let count = 0;
  await using origin = await startH2Origin((stream) => {
    count++;
    stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  });
  await using proxy = await startProxy({ routes: [toH2(origin.port)] });
  const reports = reportsOf(proxy);
  expect((await fetchThrough(proxy.port, '/', {})).status).toEqual(502);
  expect([count, (await reports.next()).code]).toEqual([4, 'TARGET_BROKE']);
});

tap.test('a client that leaves is heard of by the target at once, and by nobody else', async () => {
  using inner = watchInnerParts();
  const codes: number[] = [];
  await using origin = await startH2Origin((stream, { headers }) => {
    stream.on('close', () => codes.push(stream.rstCode ?? -1));
    if (headers[':path'] === '/stays') return;
    stream.respond({ ':status': 200 });
    stream.write('half');
  });
  await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
  await using client = await connectH2(proxy.port);
  const stays = client.open('/stays', { endStream: true });
  await using raw = await openRawHttp(proxy.port);
  raw.send(get('/goes'));
  await raw.readHead();
  raw.reset();
  await soon(
    () => codes.length === 1,
    () => 'the reset of the first',
  );
  const two = client.open('/goes', { endStream: true });
  await new Promise((resolve) => two.once('response', resolve));
  two.close(http2.constants.NGHTTP2_CANCEL);
  await soon(
    () => codes.length === 2,
    () => 'the reset of the second',
  );
  expect(codes).toEqual([http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_CANCEL]);
  expect([inner.leases, inner.upstreams]).toEqual([1, { open: 1, idle: 0, waiting: 0 }]);
  stays.close(http2.constants.NGHTTP2_CANCEL);
  await soon(
    () => inner.upstreams.idle === 1,
    () => 'an idle connection',
  );
  expect([inner.leases, origin.sessions.length]).toEqual([0, 1]);
});

tap.test('a client that does not read holds the target back; another on the same connection is served', async () => {
  let written = 0;
  await using origin = await startH2Origin((stream, { headers }) => {
    stream.respond({ ':status': 200 });
    if (headers[':path'] !== '/flood') return void stream.end('ok');
    const chunk = Buffer.alloc(65_536);
    const more = () => {
      do written += chunk.length;
      while (stream.write(chunk) && written < 200_000_000);
    };
    stream.on('drain', more);
    more();
  });
  await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
  await using raw = await openRawHttp(proxy.port);
  raw.send(get('/flood'));
  await raw.readHead();
  raw.socket.pause();
  await using client = await connectH2(proxy.port);
  const stuck = client.open('/flood', { endStream: true });
  await new Promise((resolve) => stuck.once('response', resolve));
  await quiet(() => written);
  // Kernel buffers of the first client are most of it.
  expect(written).toBeLessThan(40_000_000);
  expect((await client.fetch('/')).text).toEqual('ok');
  expect(origin.sessions.length).toEqual(1);
  raw.reset();
  stuck.close();
});

tap.test('a target that does not read holds the client back', async () => {
  await using origin = await startH2Origin(() => {}, { readsItself: true });
  await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
  await using raw = await openRawHttp(proxy.port);
  raw.send(post('/', '', 900_000_000));
  const chunk = Buffer.alloc(65_536);
  let taken = 0;
  const more = () => {
    while (!raw.socket.destroyed && taken < 200_000_000) {
      taken += chunk.length;
      if (!raw.socket.write(chunk)) return;
    }
  };
  raw.socket.on('drain', more);
  more();
  await using client = await connectH2(proxy.port);
  const stuck = client.open('/', { method: 'POST' });
  let sent = 0;
  const flood = () => {
    do sent += chunk.length;
    while (stuck.write(chunk) && sent < 200_000_000);
  };
  stuck.on('drain', flood);
  flood();
  await quiet(() => taken + sent);
  expect(taken).toBeLessThan(40_000_000);
  expect(sent).toBeLessThan(4_000_000);
  // What a client does that nobody reads is not seen; the target's end is.
  origin.reset();
  expect((await raw.readAnswer()).status).toEqual(502);
});

/** Resolves once a number stays as it is. */
async function quiet(count: () => number): Promise<void> {
  let before = -1;
  for (let same = 0; same < 8; same++) {
    if (count() !== before) same = 0;
    before = count();
    await delay(40);
  }
}

tap.test(
  'a connection that is lost ends every answer under way, is never taken for an end, and leaves nothing',
  async () => {
    using inner = watchInnerParts();
    await using origin = await startH2Origin((stream, { headers }) => {
      if (headers[':path'] === '/silent') return;
      stream.respond({ ':status': 200 });
      stream.write('half');
    });
    await using proxy = await startProxy({ routes: [toH2(origin.port)], http: h2c });
    await using client = await connectH2(proxy.port);
    const begun = Array.from({ length: 10 }, () => client.open('/', { endStream: true }));
    const halves = begun.map((stream) => new Promise((resolve) => stream.once('data', resolve)));
    const silent = Array.from({ length: 10 }, () => client.fetch('/silent', { method: 'POST', body: 'x' }));
    const ends = begun.map((stream) => readH2(stream));
    await origin.seen(20);
    await Promise.all(halves);
    origin.reset();
    for (const { text, code } of await Promise.all(ends)) expect([text, code > 0]).toEqual(['half', true]);
    for (const { status } of await Promise.all(silent)) expect(status).toEqual(502);
    expect([inner.leases, inner.upstreams]).toEqual([0, { open: 0, idle: 0, waiting: 0 }]);
  },
);

tap.test('an idle connection that the target has dropped is not asked, or asked again on a new one', async () => {
  await using origin = await startH2Origin();
  await using proxy = await startProxy({ routes: [toH2(origin.port)] });
  for (let round = 0; round < 5; round++) {
    expect((await fetchThrough(proxy.port, '/', {})).status).toEqual(200);
    origin.reset();
  }
  expect(origin.sessions.length).toBeGreaterThan(3);
});

tap.test('an update of the routes keeps the connections', async () => {
  await using origin = await startH2Origin();
  await using proxy = await startProxy({ routes: [toH2(origin.port)] });
  expect((await fetchThrough(proxy.port, '/', {})).status).toEqual(200);
  await proxy.proxy.updateRoutes([toH2(origin.port, {}, { headers: { request: { 'x-new': 'yes' } } })]);
  const told = JSON.parse((await fetchThrough(proxy.port, '/', {})).body.toString());
  expect([told.headers['x-new'], told.connection, origin.sessions.length]).toEqual(['yes', 0, 1]);
});

tap.test('a target takes as many streams at a time as it says, whatever clients ask for', async () => {
  let live = 0;
  let most = 0;
  await using origin = await startH2Origin(
    (stream) => {
      most = Math.max(most, ++live);
      setImmediate(() => {
        live--;
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
    },
    { settings: { maxConcurrentStreams: 3 } },
  );
  await using proxy = await startProxy({
    routes: [toH2(origin.port)],
    http: { ...h2c, maxUpstreamConnections: 2 },
  });
  await using client = await connectH2(proxy.port);
  const answers = await Promise.all(Array.from({ length: 60 }, () => client.fetch('/')));
  expect(answers.every(({ status, text }) => status === 200 && text === 'ok')).toEqual(true);
  expect([most <= 6, origin.sessions.length]).toEqual([true, 2]);
});

tap.test('what a target chooses by ALPN is what it is spoken to in; a WebSocket comes by HTTP/1.1', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using both = await startH2Origin(tellH2, { identity: certificate, alpn: ['h2', 'http/1.1'] });
  await using old = await startHttpOrigin((_, response) => response.end('old'), { identity: certificate });
  const to = (port: number): ITarget => ({
    host: '127.0.0.1',
    port,
    backendProtocol: 'auto',
    tls: { ca: certificate.ca, servername: 'a.test' },
  });
  const route = (path: string, port: number): IRouteConfig =>
    makeHttpRoute(port, { name: path, match: { ports: 0, path }, action: { type: 'forward', target: to(port) } });
  await using proxy = await startProxy({
    routes: [route('/both', both.port), route('/old', old.port)],
  });
  const asked = await Promise.all(Array.from({ length: 10 }, () => fetchThrough(proxy.port, '/both', {})));
  expect(asked.map(({ body }) => JSON.parse(body.toString()).headers[':path'])).toEqual(Array(10).fill('/both'));
  expect(both.sessions.length).toEqual(1);
  for (let round = 0; round < 3; round++) {
    const olds = await Promise.all(Array.from({ length: 3 }, () => fetchThrough(proxy.port, '/old', {})));
    expect(olds.map(({ body }) => body.toString())).toEqual(['old', 'old', 'old']);
  }
  expect(old.accepted).toEqual(3);
  both.server.on('upgrade', (_, socket: Duplex) => {
    socket.write(switched);
    socket.pipe(socket);
  });
  await using raw = await openRawHttp(proxy.port);
  raw.send(opening('/both'));
  expect((await raw.readHead()).status).toEqual(101);
  raw.send('\x81\x82\0\0\0\0hi');
  await raw.when(() => raw.rest.includes('hi'));
  expect(both.sessions.length).toEqual(1);
});

tap.test('what a target of HTTP/2 cannot have is answered with why', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using plain = await startHttpOrigin();
  await using secure = await startHttpOrigin(undefined, { identity: certificate });
  await using h2 = await startH2Origin();
  const tls = { ca: certificate.ca, servername: 'a.test' };
  const route = (path: string, port: number, more: Partial<ITarget> = {}) =>
    toH2(port, more, { name: path, match: { ports: 0, path } });
  await using proxy = await startProxy({
    routes: [route('/plain', plain.port), route('/secure', secure.port, { tls }), route('/h2', h2.port)],
  });
  const reports = reportsOf(proxy);
  const say = async (path: string): Promise<string> => {
    const { status } = await fetchThrough(proxy.port, path, {});
    const { code } = await reports.next();
    return `${status} ${code}`;
  };
  expect(await say('/plain')).toEqual('502 TARGET_VERSION');
  // Node's server of HTTP/1.1 agrees on nothing else: the handshake fails.
  expect(await say('/secure')).toMatch(/^502 TARGET_(TLS|VERSION)$/);
  await using raw = await openRawHttp(proxy.port);
  raw.send(opening('/h2'));
  expect((await raw.readAnswer()).status).toEqual(502);
  expect((await reports.next()).code).toEqual('TARGET_VERSION');
});

tap.timeout(60_000);
export default tap.start();
