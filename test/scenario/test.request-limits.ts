// Limits that count requests, over both versions of HTTP: how often, how many at a time, how large, how slow.

import type { IncomingHttpHeaders } from 'node:http2';
import type { IRateLimitStore, IRouteConfig, IRouteSecurity } from '../../ts/index.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { connectH2 } from '../helpers/h2-clients.js';
import { openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get, post, reportsOf } from '../helpers/requests.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const h2c = { http: { h2c: true } } as const;
const perMinute = { maxRequests: 2, window: 60, keyBy: 'ip' } as const;

const limited = (port: number, security: IRouteSecurity, more: Partial<IRouteConfig> = {}) =>
  makeHttpRoute(port, { security, ...more });

interface ITold {
  readonly status: number;
  field(name: string): string | null;
}

/** Requests one after the other, on one connection. */
async function ask(proxy: IStartedProxy, version: '1' | '2', paths: readonly string[]): Promise<ITold[]> {
  if (version === '1') {
    await using client = await openRawHttp(proxy.port);
    const told: ITold[] = [];
    for (const path of paths) {
      client.send(get(path));
      told.push(await client.readAnswer());
    }
    return told;
  }
  await using client = await connectH2(proxy.port);
  const told: ITold[] = [];
  for (const path of paths) {
    const { status, headers } = await client.fetch(path);
    told.push({ status, field: (name) => fieldOf(headers, name) });
  }
  return told;
}

const fieldOf = (headers: IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
};

const limitsIn = ({ status, field }: ITold) => [
  status,
  ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after'].map((name) => field(name)),
];

for (const version of ['1', '2'] as const) {
  tap.test(`a route is asked as often as it lets, and says what is left (HTTP/${version})`, async () => {
    const clock = makeFakeClock();
    await using origin = await startHttpOrigin((_request, response) => {
      response.writeHead(200, { 'RateLimit-Limit': '7', 'RateLimit-Reset': '7' });
      response.end('ok');
    });
    await using proxy = await startProxy(
      { routes: [limited(origin.port, { rateLimit: perMinute })], ...h2c },
      { clock },
    );
    const first = await ask(proxy, version, ['/', '/', '/']);
    expect(first.map(limitsIn)).toEqual([
      [200, '2', '1', '65', null],
      [200, '2', '0', '65', null],
      [429, '2', '0', '65', '65'],
    ]);
    clock.advance(64_000);
    expect((await ask(proxy, version, ['/'])).map(limitsIn)).toEqual([[429, '2', '0', '1', '1']]);
    clock.advance(1_000);
    expect((await ask(proxy, version, ['/']))[0]?.status).toEqual(200);
    expect(origin.requests.length).toEqual(3);
    expect(proxy.proxy.getMetrics().requests.byStatus().get(429)).toEqual(2);
  });

  tap.test(`requests beyond those under way are told to come again (HTTP/${version})`, async () => {
    const waiting: (() => void)[] = [];
    await using origin = await startHttpOrigin((_request, response) => void waiting.push(() => response.end('ok')));
    await using proxy = await startProxy({ routes: [limited(origin.port, { maxInFlight: 2 })], ...h2c });
    const held = [ask(proxy, version, ['/1']), ask(proxy, version, ['/2'])];
    await origin.seen(2);
    const [refused] = await ask(proxy, version, ['/3']);
    expect([refused?.status, refused?.field('retry-after')]).toEqual([503, '1']);
    for (const answer of waiting) answer();
    expect((await Promise.all(held)).flat().map(({ status }) => status)).toEqual([200, 200]);
    const later = ask(proxy, version, ['/4']);
    await origin.seen(3);
    waiting[2]?.();
    expect((await later)[0]?.status).toEqual(200);
  });
}

tap.test('several requests of one connection of HTTP/2 count one by one', async () => {
  const waiting: (() => void)[] = [];
  await using origin = await startHttpOrigin((_request, response) => void waiting.push(() => response.end('ok')));
  await using proxy = await startProxy({ routes: [limited(origin.port, { maxInFlight: 3 })], ...h2c });
  await using client = await connectH2(proxy.port);
  const answers = Array.from({ length: 5 }, (_, at) => client.fetch(`/${at}`));
  await origin.seen(3);
  await until(
    () => (proxy.proxy.getMetrics().requests.byStatus().get(503) ?? 0) === 2,
    5_000,
    () => 'two that are refused',
  );
  for (const answer of waiting) answer();
  expect((await Promise.all(answers)).map(({ status }) => status).sort()).toEqual([200, 200, 200, 503, 503]);
});

tap.test('a client that leaves gives its place back', async () => {
  await using origin = await startHttpOrigin(() => {});
  await using proxy = await startProxy({ routes: [limited(origin.port, { maxInFlight: 1 })] });
  for (let at = 1; at <= 3; at++) {
    await using client = await openRawHttp(proxy.port);
    client.send(get());
    await origin.seen(at);
    client.reset();
    await proxy.ends();
  }
});

tap.test("a route's own limit on content replaces the general one, larger or smaller", async () => {
  await using origin = await startHttpOrigin((request, response) => {
    request.resume().on('end', () => response.end('ok'));
  });
  const route = (name: string, security: IRouteSecurity) =>
    limited(origin.port, security, { name, match: { ports: 0, path: `/${name}` } });
  const routes = [route('none', {}), route('less', { maxBodyBytes: 3 }), route('more', { maxBodyBytes: 30 })];
  await using proxy = await startProxy({
    routes: [...routes, route('any', { maxBodyBytes: 0 })],
    http: { maxBodyBytes: 10 },
  });
  const chunked = (path: string, bytes: number) =>
    get(path, 'Transfer-Encoding: chunked').replace('GET', 'POST') +
    `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`;
  const statuses: Record<string, readonly unknown[]> = {};
  for (const name of ['none', 'less', 'more', 'any']) {
    const told: unknown[] = [];
    for (const bytes of [3, 4, 11, 31]) {
      for (const text of [post(`/${name}`, 'x'.repeat(bytes)), chunked(`/${name}`, bytes)]) {
        told.push((await rawExchange(proxy.port, text, { answers: 1, methods: ['POST'] })).answers[0]?.status);
      }
    }
    statuses[name] = told;
  }
  expect(statuses).toEqual({
    none: [200, 200, 200, 200, 413, 413, 413, 413],
    less: [200, 200, 413, 413, 413, 413, 413, 413],
    more: [200, 200, 200, 200, 200, 200, 413, 413],
    any: [200, 200, 200, 200, 200, 200, 200, 200],
  });
});

tap.test('lists decide before rates, rates before credentials', async () => {
  const authentication = { type: 'basic', credentials: [{ username: 'a', password: 'b' }] } as const;
  await using origin = await startHttpOrigin((_request, response) => response.end('ok'));
  const guessing = limited(origin.port, { rateLimit: perMinute, authentication });
  const blocked = limited(
    origin.port,
    { rateLimit: { ...perMinute, keyBy: 'path' }, ipBlockList: ['192.0.2.0/24'] },
    { name: 'blocked', match: { ports: 0, path: '/listed' } },
  );
  await using proxy = await startProxy({ routes: [guessing, blocked], trustedProxies: ['127.0.0.1'] });
  const statusOf = async (path: string, ...fields: string[]) =>
    (await rawExchange(proxy.port, get(path, ...fields), { answers: 1 })).answers[0]?.status;
  const wrong = `Authorization: Basic ${Buffer.from('a:x').toString('base64')}`;
  const right = `Authorization: Basic ${Buffer.from('a:b').toString('base64')}`;
  expect([await statusOf('/', wrong), await statusOf('/', wrong), await statusOf('/', right)]).toEqual([401, 401, 429]);
  // Behind a trusted proxy each client counts by itself.
  expect(await statusOf('/', right, 'X-Forwarded-For: 198.51.100.1')).toEqual(200);
  // Who is on a list takes nothing from others.
  const listed = 'X-Forwarded-For: 192.0.2.7';
  for (let at = 0; at < 3; at++) expect(await statusOf('/listed', listed)).toEqual(403);
  expect(await statusOf('/listed')).toEqual(200);
});

tap.test('what the limits would say of a request can be asked, and counts nothing', async () => {
  await using origin = await startHttpOrigin((_request, response) => response.end('ok'));
  await using proxy = await startProxy({
    routes: [limited(origin.port, { rateLimit: { ...perMinute, status: 420 } })],
  });
  const explain = () => {
    const { outcome, status, steps } = proxy.proxy.explain({ port: proxy.port, clientIp: '127.0.0.1', host: 'a.test' });
    return [outcome, status, steps.find(({ text }) => text.includes('requests in'))?.text.replace(/^route \S+ /, '')];
  };
  expect([explain(), explain()].map(([outcome]) => outcome)).toEqual(['forward', 'forward']);
  await ask(proxy, '1', ['/', '/']);
  expect(explain()).toEqual(['refused', 420, 'takes 2 requests in 60 s by ip: 0 are left']);
});

tap.test('a shared store is waited for; a client that leaves meanwhile leaves nothing behind', async () => {
  const answers: ((ok: boolean) => void)[] = [];
  const rateLimits: IRateLimitStore = {
    take: (_scope, _key, { maxRequests }) =>
      new Promise((resolve) => {
        answers.push((ok) => resolve({ ok, limit: maxRequests, remaining: 1, resetMs: 2_000 }));
      }),
  };
  await using origin = await startHttpOrigin((_request, response) => response.end('ok'));
  await using proxy = await startProxy(
    { routes: [limited(origin.port, { rateLimit: { ...perMinute, storeTimeout: 60_000 } })] },
    { rateLimits },
  );
  const asked = (count: number) =>
    until(
      () => answers.length === count,
      5_000,
      () => `${count} questions to the store`,
    );
  const reports = reportsOf(proxy);
  const passes = rawExchange(proxy.port, get(), { answers: 1 });
  await asked(1);
  answers[0]?.(true);
  expect((await passes).answers[0]?.field('ratelimit-remaining')).toEqual('1');
  const refused = rawExchange(proxy.port, get(), { answers: 1 });
  await asked(2);
  answers[1]?.(false);
  const [answer] = (await refused).answers;
  expect([answer?.status, answer?.field('retry-after')]).toEqual([429, '2']);
  {
    await using client = await openRawHttp(proxy.port);
    client.send(get());
    await asked(3);
  }
  await until(
    () => reports.all.length === 3,
    5_000,
    () => 'the end of the third',
  );
  answers[2]?.(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(reports.all.map(({ status }) => status)).toEqual([200, 429, 499]);
  expect(origin.requests.length).toEqual(1);
});

tap.test('200 clients that dribble their heads are all closed within 12 s by default', async () => {
  const clock = makeFakeClock();
  await using origin = await startHttpOrigin((_request, response) => response.end('ok'));
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], metrics: false }, { clock });
  const clients = await Promise.all(Array.from({ length: 200 }, () => openRawHttp(proxy.port)));
  const heard = (bytes: number) =>
    until(
      () => proxy.proxy.getConnections().filter(({ bytesReceived }) => bytesReceived >= bytes).length === 200,
      10_000,
      () => `${bytes} bytes of each`,
    );
  const head = 'GET / HTTP/1.1\r\nX: ';
  for (const client of clients) client.send(head);
  await heard(head.length);
  for (let second = 1; second <= 9; second++) {
    clock.advance(1_000);
    for (const client of clients) client.send('a');
  }
  await heard(head.length + 9);
  clock.advance(1_000);
  for (const client of clients) expect((await client.readAnswer()).status).toEqual(408);
  clock.advance(2_000);
  expect(new Set(await proxy.ends(200))).toEqual(new Set(['headers_timeout']));
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

tap.test(
  'content that comes octet by octet reaches the target in large pieces, and nothing of it is lost',
  async () => {
    let pieces = 0;
    await using origin = await startHttpOrigin((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        pieces++;
        bytes += chunk.length;
      });
      request.on('end', () => response.end(String(bytes)));
    });
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
    const octets = 100_000;
    const text = `${get('/', 'Transfer-Encoding: chunked').replace('GET', 'POST')}${'1\r\nx\r\n'.repeat(octets)}0\r\n\r\n`;
    const { answers } = await rawExchange(proxy.port, text, { answers: 1, methods: ['POST'] });
    expect(answers[0]?.body).toEqual(String(octets));
    expect(pieces).toBeLessThan(octets / 100);
  },
);

export default tap.start();
