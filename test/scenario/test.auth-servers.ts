// A server that is asked about each request: what it is told, and what becomes of its answers.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IForwardAuth, IRouteConfig } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectH2 } from '../helpers/h2-clients.js';
import { openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { type IHttpOrigin, startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get, opening, post } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

type TJudge = (request: IncomingMessage, response: ServerResponse) => void;

const startJudge = (judge: TJudge): Promise<IHttpOrigin> =>
  startHttpOrigin((request, response) => judge(request, response));

const routeFor = (
  port: number,
  judge: { port: number },
  more: Partial<IForwardAuth> = {},
  route: Partial<IRouteConfig> = {},
): IRouteConfig =>
  makeHttpRoute(port, {
    name: 'web',
    security: { forwardAuth: { url: `http://127.0.0.1:${judge.port}/verify?rd=a%20b`, ...more } },
    ...route,
  });

const ask = async (port: number, request: string) => {
  const { answers } = await rawExchange(port, request, { answers: 1 });
  const [answer] = answers;
  if (answer === undefined) throw new Error('no answer');
  return answer;
};

/** Lets those pass who have a cookie. */
const byCookie: TJudge = ({ headers }, response) => {
  if (headers.cookie !== undefined) response.setHeader('X-User', 'ann').setHeader('X-Other', 'x');
  response.writeHead(headers.cookie === undefined ? 401 : 204).end();
};

tap.test('it is asked about each request, and told of it what it needs, and of the client what is true', async () => {
  await using judge = await startJudge(byCookie);
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({
    routes: [routeFor(origin.port, judge, { responseHeaders: ['X-User', 'X-None'] })],
  });
  await using client = await openRawHttp(world.port);
  const requests = [
    post(
      '/a/../b?x=1',
      'content',
      7,
      'Cookie: a=1',
      'Authorization: Bearer t',
      'X-Secret: 1',
      'X-Forwarded-For: 9.9.9.9',
      'X-Forwarded-Uri: /spoofed',
      'X-Forwarded-Method: PUT',
      'X-USER: root',
      'X-None: root',
      'X-Mine: 1',
    ),
    get('/c'),
    get('/d', 'Cookie: a=2', 'Connection: X-User, Cookie'),
  ];
  const statuses: number[] = [];
  for (const request of requests) {
    client.send(request);
    statuses.push((await client.readAnswer()).status);
  }
  expect(statuses).toEqual([200, 401, 200]);
  const [first] = judge.requests;
  expect([first?.method, first?.url, first?.body.length]).toEqual(['GET', '/verify?rd=a%20b', 0]);
  const told = [
    'cookie',
    'authorization',
    'x-secret',
    'x-forwarded-method',
    'x-forwarded-uri',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-forwarded-for',
    'host',
    'content-length',
    'x-user',
  ];
  expect(told.map((name) => first?.field(name) ?? null)).toEqual([
    'a=1',
    'Bearer t',
    null,
    'POST',
    '/b?x=1',
    'http',
    'a.test',
    '127.0.0.1',
    `127.0.0.1:${judge.port}`,
    null,
    null,
  ]);
  expect(origin.requests.map(({ url }) => url)).toEqual(['/b?x=1', '/d']);
  const seen = origin.requests.map((request) =>
    ['x-user', 'x-none', 'x-other', 'x-mine', 'authorization'].map((name) => request.field(name)),
  );
  expect(seen).toEqual([
    ['ann', null, null, '1', 'Bearer t'],
    ['ann', null, null, null, null],
  ]);
  expect(judge.requests.length).toEqual(3);
  expect(judge.accepted).toEqual(1);
});

tap.test('it is not asked about a path by which some target would climb; honest odd ones are judged', async () => {
  await using judge = await startJudge((request, response) => {
    const uri = String(request.headers['x-forwarded-uri']);
    response.writeHead(uri.startsWith('/fa/pub') ? 204 : 401).end();
  });
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [routeFor(origin.port, judge)] });
  const odd = ['/fa/pub/..;/x', '/fa/pub%2f..%2fx', '/fa/pub/..%5cx', '/fa/pub/%252e%252e/x', '/fa/x%00/fa/pub'];
  for (const path of odd) expect([path, (await ask(world.port, get(path))).status]).toEqual([path, 400]);
  expect([judge.requests.length, origin.requests.length]).toEqual([0, 0]);
  for (const [path, status] of [
    ['/fa/pub/a%2Fb', 200],
    ['/fa/pub/a;v=1', 200],
    ['/fa/x/../pub', 200],
    ['/fa/x%2Fy', 401],
  ] as const) {
    expect([path, (await ask(world.port, get(path))).status]).toEqual([path, status]);
  }
  const explained = world.proxy.explain({ port: world.port, path: '/fa/pub/..;/x', clientIp: '127.0.0.1' });
  expect([explained.outcome, explained.status]).toEqual(['refused', 400]);
});

tap.test('its refusals are given to the client, with what belongs to them and nothing more', async () => {
  await using judge = await startJudge((request, response) => {
    const status = Number(request.headers['x-requested-with']);
    response.writeHead(status, {
      Location: '/login',
      'Set-Cookie': ['a=1', 'b=2'],
      'WWW-Authenticate': 'Basic realm="x"',
      'X-Inner': 'secret',
      'Content-Type': 'text/html',
      'Strict-Transport-Security': 'x',
    });
    response.end(`<p>${status}</p>`);
  });
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [routeFor(origin.port, judge)] });
  for (const status of [302, 303, 307, 400, 401, 403, 404, 429]) {
    const answer = await ask(world.port, get('/', `X-Requested-With: ${status}`));
    expect([answer.status, answer.body.toString()]).toEqual([status, `<p>${status}</p>`]);
    const told = [
      'location',
      'set-cookie',
      'www-authenticate',
      'content-type',
      'cache-control',
      'x-inner',
      'strict-transport-security',
    ];
    expect(told.map((name) => answer.field(name))).toEqual([
      '/login',
      'a=1, b=2',
      'Basic realm="x"',
      'text/html',
      'no-store',
      null,
      null,
    ]);
  }
  for (const status of [304, 500, 502, 503, 599]) {
    expect((await ask(world.port, get('/', `X-Requested-With: ${status}`))).status).toEqual(503);
  }
  expect(origin.requests).toHaveLength(0);
});

tap.test('nobody passes while it refuses connections, is silent, says too much, or speaks no HTTP', async () => {
  await using origin = await startRecordingOrigin();
  const statusWith = async (port: number): Promise<number> => {
    await using world = await startProxy({ routes: [routeFor(origin.port, { port }, { timeout: 300 })] });
    return (await ask(world.port, get('/'))).status;
  };
  await using silent = await startHttpOrigin(() => {});
  await using endless = await startJudge((_, response) => void response.writeHead(401).end('x'.repeat(100_000)));
  await using foreign = await startRecordingOrigin('SSH-2.0-x\r\n\r\n');
  await using cut = await startRecordingOrigin(['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', 'fin']);
  await using switching = await startRecordingOrigin(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
  );
  for (const { port } of [silent, endless, foreign, cut, switching, { port: 1 }])
    expect(await statusWith(port)).toEqual(503);
  expect(origin.requests).toHaveLength(0);
});

tap.test('a client that leaves takes its question back', async () => {
  await using judge = await startHttpOrigin(() => {});
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [routeFor(origin.port, judge)] });
  {
    await using client = await openRawHttp(world.port);
    client.send(get('/'));
    await judge.seen(1);
  }
  await until(
    () => judge.requests[0]?.isAborted === true && judge.open === 0,
    5_000,
    () => 'the end of the question',
  );
});

tap.test('a connection to it that went stale costs nobody a request', async () => {
  await using judge = await startJudge(byCookie);
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [routeFor(origin.port, judge)] });
  for (let count = 0; count < 3; count++) {
    expect((await ask(world.port, get('/', 'Cookie: a'))).status).toEqual(200);
    judge.server.closeAllConnections();
  }
  expect(judge.requests.length >= 3).toBeTrue();
});

tap.test('it is asked by TLS, whose certificate is verified', async () => {
  const identity = await makeCertificate({ names: ['127.0.0.1', 'auth.test'] });
  await using judge = await startHttpOrigin((_, response) => void response.end(), { identity });
  await using origin = await startRecordingOrigin();
  const url = `https://127.0.0.1:${judge.port}/`;
  const statusWith = async (tls: IForwardAuth['tls']): Promise<number> => {
    await using world = await startProxy({
      denyPrivateTargets: false,
      routes: [routeFor(origin.port, judge, { url, ...(tls === undefined ? {} : { tls }) })],
    });
    return (await ask(world.port, get('/'))).status;
  };
  expect(await statusWith({ ca: identity.ca, servername: 'auth.test' })).toEqual(200);
  expect(await statusWith({ ca: identity.ca, servername: 'other.test' })).toEqual(503);
  expect(await statusWith(undefined)).toEqual(503);
});

tap.test(
  'requests of HTTP/2 and openings of WebSockets are asked about too, preflights that the proxy answers are not',
  async () => {
    await using judge = await startJudge(byCookie);
    await using origin = await startRecordingOrigin();
    await using world = await startProxy({
      http: { h2c: true },
      routes: [routeFor(origin.port, judge, {}, { headers: { cors: true } })],
    });
    await using client = await connectH2(world.port);
    const answers = await Promise.all([{}, { cookie: 'a=1' }].map((headers) => client.fetch('/h2', { headers })));
    expect(answers.map(({ status }) => status)).toEqual([401, 200]);
    expect((await ask(world.port, opening('/ws'))).status).toEqual(401);
    const preflight = get('/', 'Origin: https://b.test', 'Access-Control-Request-Method: PUT').replace(
      'GET',
      'OPTIONS',
    );
    expect((await ask(world.port, preflight)).status).toEqual(204);
    expect(judge.requests.map((request) => request.field('x-forwarded-uri')).sort()).toEqual(['/h2', '/h2', '/ws']);
  },
);

tap.test('a proxy that is told to ask itself notices', async () => {
  await using origin = await startRecordingOrigin();
  const http = { upstreamIdleTimeout: 100 };
  await using world = await startProxy({ http, routes: [makeHttpRoute(origin.port, { name: 'web' })] });
  const { port } = world;
  await world.proxy.updateRoutes([routeFor(origin.port, { port }, {}, { match: { ports: 0, path: '/*' } })]);
  expect([503, 508]).toContain((await ask(port, get('/'))).status);
  expect(origin.requests).toHaveLength(0);
});

tap.test('it is asked after a token was found good, and not about others', async () => {
  await using judge = await startJudge(byCookie);
  await using origin = await startRecordingOrigin();
  const { security } = routeFor(origin.port, judge);
  const both = { ...security, basicAuth: { users: { ann: 'word' } } };
  await using world = await startProxy({ routes: [makeHttpRoute(origin.port, { security: both })] });
  const field = `Authorization: Basic ${Buffer.from('ann:word').toString('base64')}`;
  const cases: [string[], number][] = [
    [[], 401],
    [['Cookie: a'], 401],
    [[field], 401],
    [[field, 'Cookie: a'], 200],
  ];
  for (const [fields, status] of cases) expect((await ask(world.port, get('/', ...fields))).status).toEqual(status);
  expect(judge.requests).toHaveLength(2);
  expect(origin.requests[0]?.field('authorization')).toBeNull();
});

tap.test(
  'a session is renewed: the client gets the cookie, the target the token, and neither what is the other’s',
  async () => {
    await using judge = await startJudge((_request, response) => {
      response.setHeader('Set-Cookie', ['session=new', 'csrf=1']).setHeader('Authorization', 'Bearer inner');
      response.setHeader('X-Session', 'told').setHeader('X-Other', 'untold').writeHead(202).end();
    });
    await using origin = await startHttpOrigin((_request, response) => {
      response.setHeader('Set-Cookie', 'own=1').setHeader('X-Session', 'of the target').end('ok');
    });
    const told = { responseHeaders: ['Authorization'], clientHeaders: ['Set-Cookie', 'X-Session'] };
    const own = { ...makeHttpRoute(0), name: 'own', match: { ports: 0, path: '/own' } };
    await using world = await startProxy({
      http: { h2c: true },
      routes: [
        routeFor(origin.port, judge, told),
        {
          ...own,
          action: { type: 'respond', respond: { status: 200, body: 'own' } },
          security: { forwardAuth: { url: `http://127.0.0.1:${judge.port}/`, ...told } },
        },
      ],
    });
    const answer = await ask(world.port, get('/', 'Authorization: Bearer outer'));
    const cookies = (fields: readonly string[]) =>
      fields.flatMap((text, at) => (at % 2 === 1 && /^set-cookie$/i.test(fields[at - 1] ?? '') ? [text] : []));
    expect(cookies(answer.message.fields)).toEqual(['own=1', 'session=new', 'csrf=1']);
    expect([answer.field('x-session'), answer.field('x-other')]).toEqual(['told', null]);
    expect(judge.requests[0]?.field('authorization')).toEqual('Bearer outer');
    const [seen] = origin.requests;
    expect(['authorization', 'set-cookie', 'x-session'].map((name) => seen?.field(name))).toEqual([
      ...['Bearer inner', null, null],
    ]);
    expect(cookies((await ask(world.port, get('/own'))).message.fields)).toEqual(['session=new', 'csrf=1']);
    await using h2 = await connectH2(world.port);
    expect((await h2.fetch('/')).headers['set-cookie']).toEqual(['own=1', 'session=new', 'csrf=1']);
  },
);

tap.test('where the server gives no Authorization, the target gets none', async () => {
  await using judge = await startJudge((_request, response) => void response.writeHead(204).end());
  await using origin = await startHttpOrigin();
  await using world = await startProxy({
    routes: [routeFor(origin.port, judge, { responseHeaders: ['authorization'] })],
  });
  expect((await ask(world.port, get('/', 'Authorization: Bearer outer'))).status).toEqual(200);
  expect(origin.requests[0]?.field('authorization')).toEqual(null);
});

export default tap.start();
