// Options of the HTTP engine that no other story needs, through the whole proxy.

import { rawExchange } from '../helpers/http-clients.js';
import { okAnswer, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get } from '../helpers/requests.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const statusOf = async (port: number, request: string) =>
  (await rawExchange(port, request, { answers: 1 })).answers[0]?.status;

tap.test('a head may have so many bytes and so many fields', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({
    routes: [makeHttpRoute(origin.port)],
    http: { maxHeaderBytes: 2_000, maxHeaders: 5 },
  });
  const fields = (count: number) => Array.from({ length: count }, (_, at) => `X-${at}: 1`);
  // Host is one of them.
  expect(await statusOf(proxy.port, get('/', ...fields(4)))).toEqual(200);
  expect(await statusOf(proxy.port, get('/', ...fields(5)))).toEqual(431);
  expect(await statusOf(proxy.port, get('/', `X: ${'x'.repeat(1_900)}`))).toEqual(200);
  expect(await statusOf(proxy.port, get('/', `X: ${'x'.repeat(2_000)}`))).toEqual(431);
});

tap.test('the same holds for answers of targets', async () => {
  const answers = [['X: 1'], [`X: ${'x'.repeat(2_000)}`], ['A: 1', 'B: 2', 'C: 3', 'D: 4', 'E: 5']];
  await using origin = await startRecordingOrigin((_, n) => okAnswer('ok', answers[n] ?? []));
  await using proxy = await startProxy({
    routes: [makeHttpRoute(origin.port)],
    http: { maxHeaderBytes: 2_000, maxHeaders: 5 },
  });
  for (const status of [200, 502, 502]) expect(await statusOf(proxy.port, get())).toEqual(status);
});

tap.test('0 among the ports of useHttpProxy is the free port of routes with port 0', async () => {
  await using origin = await startRecordingOrigin();
  for (const [useHttpProxy, forwardedFor] of [
    [[0], '127.0.0.1'],
    [[], null],
  ] as const) {
    await using proxy = await startProxy({ routes: [makeForwardRoute(origin.port)], useHttpProxy });
    expect(await statusOf(proxy.port, get())).toEqual(200);
    expect(origin.requests.at(-1)?.field('x-forwarded-for')).toEqual(forwardedFor);
  }
});

tap.test('preflights are told what the route allows', async () => {
  const cors = { allowOrigin: 'https://a.test', allowMethods: ['GET'], allowHeaders: ['X-A'], maxAge: 77 };
  await using proxy = await startProxy({
    routes: [
      {
        match: { ports: 0, path: '/*' },
        action: { type: 'respond', respond: { status: 204 } },
        headers: { cors: { ...cors, exposeHeaders: ['X-B'], allowCredentials: true } },
      },
    ],
  });
  const preflight = get('/', 'Origin: https://a.test', 'Access-Control-Request-Method: PUT').replace('GET', 'OPTIONS');
  const [asked] = (await rawExchange(proxy.port, preflight, { answers: 1 })).answers;
  const told = (name: string) => asked?.field(`access-control-${name}`);
  expect(['allow-origin', 'allow-methods', 'allow-headers', 'max-age', 'allow-credentials'].map(told)).toEqual([
    ...['https://a.test', 'GET', 'x-a', '77', 'true'],
  ]);
  const [answer] = (await rawExchange(proxy.port, get('/', 'Origin: https://a.test'), { answers: 1 })).answers;
  expect(answer?.field('access-control-expose-headers')).toEqual('x-b');
});

export default tap.start();
