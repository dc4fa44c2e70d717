import { openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get, post, reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const statusesOf = async (port: number, requests: readonly string[]) => {
  const methods = requests.map((text) => text.slice(0, text.indexOf(' ')));
  const { answers } = await rawExchange(port, requests.join(''), { methods, answers: requests.length });
  return answers.map(({ status }) => status);
};

tap.test('a path that a target could read past a rule is refused, and is a path as any other elsewhere', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({
    routes: [
      makeHttpRoute(origin.port),
      makeHttpRoute(origin.port, {
        name: 'admin',
        match: { ports: 0, path: '/admin/*' },
        security: { ipAllowList: ['192.0.2.1'] },
      }),
    ],
  });
  const paths = ['/@scope%2fname', '/x/..%2fadmin/users', '/admin;x/users', '/admin/users', '/x;y'];
  expect(
    await statusesOf(
      proxy.port,
      paths.map((path) => get(path)),
    ),
  ).toEqual([200, 400, 400, 403, 200]);
  expect(origin.requests.map(({ url }) => url)).toEqual(['/@scope%2Fname', '/x;y']);
  const { outcome, status, steps } = proxy.proxy.explain({
    port: proxy.port,
    protocol: 'http',
    path: '/admin%2fusers',
  });
  expect([outcome, status]).toEqual(['refused', 400]);
  expect(steps.at(-1)?.text).toMatch(/route admin/);
});

tap.test('lists judge the client that a trusted proxy states, those for all routes too', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({
    trustedProxies: ['127.0.0.1'],
    defaults: { security: { ipBlockList: ['203.0.113.0/24'] } },
    routes: [makeHttpRoute(origin.port, { security: { ipBlockList: ['198.51.100.0/24'] } })],
  });
  const from = (address: string) => get('/', `X-Forwarded-For: ${address}`);
  const requests = [from('192.0.2.1'), from('203.0.113.9'), from('198.51.100.9'), get('/')];
  expect(await statusesOf(proxy.port, requests)).toEqual([200, 403, 403, 200]);
});

tap.test('what is not served is told by its status: methods, paths, routes', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port, { match: { ports: 0, path: '/a/*' } })] });
  const requests = [get('/a/'), get('/b'), get('/a/%zz'), get('/a/../../x'), get('/a/').replace('GET', 'TRACE')];
  expect(await statusesOf(proxy.port, requests)).toEqual([200, 404, 400, 400, 501]);
  expect(origin.requests).toHaveLength(1);
});

tap.test('content beyond maxBodyBytes is refused by its length, or where it goes beyond it', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], http: { maxBodyBytes: 10 } });
  const reports = reportsOf(proxy);
  expect(await statusesOf(proxy.port, [post('/fits', '0123456789')])).toEqual([200]);
  expect(await statusesOf(proxy.port, [post('/long', '0123456789a')])).toEqual([413]);
  const chunked = (size: number) =>
    `POST /chunks HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${'x'.repeat(size)}\r\n0\r\n\r\n`;
  expect(await statusesOf(proxy.port, [chunked(10)])).toEqual([200]);
  expect(await statusesOf(proxy.port, [chunked(11)])).toEqual([413]);
  expect(reports.all.map(({ status }) => status)).toEqual([200, 413, 200, 413]);
  expect(origin.requests.map(({ url }) => url)).not.toContain('/long');
});

tap.test(
  'more connections than a route may have are told 503, and one more is let in when another is done',
  async () => {
    await using origin = await startRecordingOrigin({ steps: [], from: 'head' });
    await using proxy = await startProxy({
      routes: [makeHttpRoute(origin.port, { security: { maxConnections: 1 } })],
    });
    const reports = reportsOf(proxy);
    const first = await openRawHttp(proxy.port, { methods: ['GET'] });
    first.send(get('/first'));
    await origin.seen(1);
    expect(await statusesOf(proxy.port, [get('/second')])).toEqual([503]);
    await first[Symbol.asyncDispose]();
    expect((await reports.next()).status).toEqual(503);
    expect((await reports.next()).status).toEqual(499);
    await using third = await openRawHttp(proxy.port, { methods: ['GET'] });
    third.send(get('/third'));
    await origin.seen(2);
  },
);

export default tap.start();
