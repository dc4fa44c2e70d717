// HTTP Basic authentication through the whole proxy: what passes, what does not, and what nobody may learn.

import { inspect } from 'node:util';
import { ConfigError, formatExplanation, type IRouteConfig, type IRouteContext, SmartProxy } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp, connectTls } from '../helpers/clients.js';
import { fetchThrough, openRawHttp, rawExchange } from '../helpers/http-clients.js';
import { startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get, opening, post, reportsOf } from '../helpers/requests.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { connectWebSocket, startWebSocketOrigin } from '../helpers/websockets.js';

const certificate = await makeCertificate({ names: ['a.test'] });

const basic = (userPass: string): string => `Basic ${Buffer.from(userPass).toString('base64')}`;
const field = (userPass: string): string => `Authorization: ${basic(userPass)}`;
const security = (username = 'ann', password = 'word') =>
  ({ authentication: { type: 'basic', credentials: [{ username, password }] } }) as const;
const ann = field('ann:word');
const challenge = 'Basic realm="restricted", charset="UTF-8"';

/** A route for all there is, which only its authentication makes one for HTTP. */
const closedRoute = (port: number, more: Partial<IRouteConfig> = {}): IRouteConfig =>
  makeForwardRoute(port, { security: security(), ...more });

/** The same inside TLS. */
const secureRoute = (port: number): IRouteConfig =>
  closedRoute(port, {
    match: { ports: 0, domains: 'a.test' },
    action: {
      type: 'forward',
      target: { host: '127.0.0.1', port },
      tls: { mode: 'terminate', certificate: { cert: certificate.cert, key: certificate.key } },
    },
  });

/** The statuses of one connection's answers, all requests sent at once. */
const statusesOf = async (port: number, requests: readonly string[], tls?: object): Promise<number[]> => {
  const options = { answers: requests.length, ...(tls === undefined ? {} : { tls }) };
  const { answers } = await rawExchange(port, requests.join(''), options);
  return answers.map(({ status }) => status);
};

for (const isTls of [false, true]) {
  const where = isTls ? 'inside TLS' : 'in the clear';
  const wish = isTls ? { tls: { servername: 'a.test' } } : {};
  const route = isTls ? secureRoute : closedRoute;

  tap.test(`each request of a connection needs credentials, ${where}, and the target never sees them`, async () => {
    await using origin = await startRecordingOrigin();
    await using world = await startProxy({ routes: [route(origin.port)] });
    const reports = reportsOf(world);
    await using client = await openRawHttp(world.port, wish);
    const asked: [string, number][] = [
      [get('/0'), 401],
      [get('/1', ann), 200],
      [get('/2'), 401],
      [get('/3', field('ann:wrong')), 401],
      [get('/4', ann, ann), 401],
      [get('/5', 'Authorization: Bearer x'), 401],
      [post('/6', 'content'), 401],
      [post('/7', 'content', 7, `authorization: ${basic('ann:word').replace('Basic', 'bAsIc')}`), 200],
      [get('/8', `Proxy-${ann}`), 401],
    ];
    for (const [request, status] of asked) {
      client.send(request);
      const answer = await client.readAnswer();
      expect([request.split('\r\n', 1), answer.status]).toEqual([request.split('\r\n', 1), status]);
      expect(answer.field('www-authenticate')).toEqual(status === 401 ? challenge : null);
      const report = await reports.next();
      expect([report.status, report.route]).toEqual([status, route(origin.port).name]);
    }
    expect(origin.requests.map(({ url }) => url)).toEqual(['/1', '/7']);
    expect(origin.requests.map((request) => request.field('authorization'))).toEqual([null, null]);
    expect(origin.faults).toEqual([]);
  });

  tap.test(`of pipelined requests those with credentials pass, ${where}`, async () => {
    await using origin = await startRecordingOrigin();
    await using world = await startProxy({ routes: [route(origin.port)] });
    const requests = [get('/0', ann), get('/1'), get('/2', ann), post('/3', 'GET /x HTTP/1.1\r\n\r\n'), get('/4', ann)];
    expect(await statusesOf(world.port, requests, wish.tls)).toEqual([200, 401, 200, 401, 200]);
    expect(origin.requests.map(({ url }) => url)).toEqual(['/0', '/2', '/4']);
  });

  tap.test(`a WebSocket is opened with credentials only, ${where}`, async () => {
    await using origin = await startWebSocketOrigin();
    await using world = await startProxy({ routes: [route(origin.port)] });
    expect(await statusesOf(world.port, [opening()], wish.tls)).toEqual([401]);
    const url = `${isTls ? 'wss' : 'ws'}://127.0.0.1:${world.port}/`;
    const options = {
      servername: 'a.test',
      rejectUnauthorized: false,
      headers: { host: 'a.test', authorization: basic('ann:word') },
    };
    await using client = await connectWebSocket(url, options);
    client.socket.send('hello');
    expect(await client.messages(1)).toEqual(['hello']);
    expect(origin.requests.map((request) => request.headers.authorization)).toEqual([undefined]);
  });
}

tap.test('no bytes but HTTP reach the target of a plain route that asks for credentials', async () => {
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [closedRoute(origin.port)], initialDataTimeout: 200 });
  const others = [
    'SSH-2.0-x\r\n',
    '\0\x01\x02\x03\x04\x05\x06\x07',
    `${'x'.repeat(100)}\r\n`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ];
  for (const bytes of others) {
    await using client = await connectTcp(world.port);
    client.send(bytes);
    const received = await client.end;
    expect(received.includes('200')).toBeFalse();
  }
  await expect(connectTls(world.port, { servername: 'a.test' })).rejects.toThrow();
  {
    // A server that speaks first would be heard by whoever says nothing.
    await using silent = await connectTcp(world.port);
    expect((await silent.end).includes('200')).toBeFalse();
  }
  expect([origin.requests.length, origin.bytesOf(0).length]).toEqual([0, 0]);
  expect(world.proxy.getMetrics().connections.total).toEqual(others.length + 2);
});

tap.test('no bytes but HTTP reach the target from inside TLS, whichever ALPN is agreed on', async () => {
  await using origin = await startRecordingOrigin();
  // Handshakes have to be done by then.
  const limitMs = 1_500;
  const http = { headersTimeout: limitMs, keepAliveTimeout: limitMs };
  await using world = await startProxy({ routes: [secureRoute(origin.port)], initialDataTimeout: limitMs, http });
  for (const ALPNProtocols of [undefined, ['http/1.1']]) {
    for (const bytes of ['SSH-2.0-x\r\n', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', '']) {
      const options = { servername: 'a.test', ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) };
      await using client = await connectTls(world.port, options);
      if (bytes !== '') client.send(bytes);
      expect((await client.end).toString('latin1')).not.toContain(' 200 ');
    }
  }
  expect([origin.requests.length, origin.bytesOf(0).length]).toEqual([0, 0]);
});

tap.test('a preflight is answered without credentials where the route has CORS, and 401 where it has not', async () => {
  await using origin = await startRecordingOrigin();
  const open = makeHttpRoute(origin.port, {
    name: 'open',
    match: { ports: 0, path: '/cors' },
    headers: { cors: { allowOrigin: 'https://b.test', allowCredentials: true } },
    security: security(),
  });
  await using world = await startProxy({ routes: [open, closedRoute(origin.port)] });
  const origins = ['Origin: https://b.test', 'Access-Control-Request-Method: PUT'];
  const preflight = (path: string) => get(path, ...origins).replace('GET', 'OPTIONS');
  const requests = [preflight('/cors'), preflight('/none'), get('/cors', ...origins)];
  const { answers } = await rawExchange(world.port, requests.join(''), { answers: 3 });
  expect(answers.map(({ status }) => status)).toEqual([204, 401, 401]);
  // Scripts may learn that credentials are missing.
  const allowed = answers.map((answer) => answer.field('access-control-allow-origin'));
  expect(allowed).toEqual(['https://b.test', null, 'https://b.test']);
  expect(origin.requests).toHaveLength(0);
  const headers = { Origin: 'https://b.test', 'Access-Control-Request-Method': 'PUT' };
  const query = { port: world.port, protocol: 'http', method: 'OPTIONS', headers } as const;
  expect(world.proxy.explain({ ...query, path: '/cors' }).outcome).toEqual('forward');
  expect(world.proxy.explain({ ...query, path: '/none' }).status).toEqual(401);
});

tap.test('handlers and functions get the request without its credentials', async () => {
  const contexts: IRouteContext[] = [];
  await using origin = await startHttpOrigin();
  const host = (context: IRouteContext): string => {
    contexts.push(context);
    return '127.0.0.1';
  };
  await using world = await startProxy({
    routes: [
      {
        name: 'handler',
        match: { ports: 0, path: '/handler' },
        security: security(),
        action: {
          type: 'http-handler',
          httpHandler: (request, context) => {
            contexts.push(context);
            return new Response(JSON.stringify([request.headers.get('authorization'), request.headers.get('x-a')]));
          },
        },
      },
      makeHttpRoute(origin.port, {
        name: 'own',
        headers: { request: { Authorization: 'Bearer of-the-proxy' } },
        action: { type: 'forward', target: { host, port: origin.port } },
        security: security(),
      }),
    ],
  });
  const headers = { authorization: basic('ann:word'), 'x-a': '1' };
  const { status, text } = await fetchThrough(world.port, '/handler', { headers });
  expect([status, text]).toEqual([200, '[null,"1"]']);
  expect((await fetchThrough(world.port, '/handler')).status).toEqual(401);
  expect((await fetchThrough(world.port, '/x', { headers })).status).toEqual(200);
  expect(origin.requests[0]?.field('authorization')).toEqual('Bearer of-the-proxy');
  expect(contexts.map((context) => [context.headers?.authorization, context.headers?.['x-a']])).toEqual([
    [undefined, '1'],
    [undefined, '1'],
  ]);
});

tap.test('a route without authentication leaves Authorization to its target', async () => {
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  expect(await statusesOf(world.port, [get('/', ann)])).toEqual([200]);
  expect(origin.requests[0]?.field('authorization')).toEqual(basic('ann:word'));
});

tap.test('what route, action and defaults ask for must all be there', async () => {
  await using origin = await startRecordingOrigin();
  const two = (...names: string[]) => ({
    authentication: {
      type: 'basic' as const,
      credentials: names.map((username) => ({ username, password: 'word' })),
      realm: names.join(' '),
    },
  });
  const target = { host: '127.0.0.1', port: origin.port };
  await using world = await startProxy({
    defaults: { security: two('ann', 'bob', 'eve') },
    routes: [
      {
        name: 'own',
        match: { ports: 0, path: '/own' },
        security: two('ann', 'bob'),
        action: { type: 'forward', target, security: two('ann', 'eve') },
      },
      makeForwardRoute(origin.port, { name: 'all' }),
    ],
  });
  const own = ['ann', 'bob', 'eve'].map((name) => get('/own', field(`${name}:word`)));
  const all = ['ann', 'bob', 'eve', 'zoe'].map((name) => get('/', field(`${name}:word`)));
  expect(await statusesOf(world.port, [...own, ...all])).toEqual([200, 401, 401, 200, 200, 200, 401]);
  const { answers } = await rawExchange(world.port, get('/own') + get('/'), { answers: 2 });
  const realms = answers.map((answer) => /realm="(.*?)"/.exec(answer.field('www-authenticate') ?? '')?.[1]);
  expect(realms).toEqual(['ann bob', 'ann bob eve']);
});

tap.test('no spelling of a path leads past the credentials of another route', async () => {
  await using origin = await startRecordingOrigin();
  const admin = makeHttpRoute(origin.port, {
    name: 'admin',
    match: { ports: 0, path: '/admin/*' },
    security: security(),
  });
  await using world = await startProxy({ routes: [makeHttpRoute(origin.port), admin] });
  const paths = ['/admin/x', '/x/../admin/x', '/%61dmin/x', '/admin%2fx', '/admin;a/x', '/./admin/x'];
  const statuses = await statusesOf(
    world.port,
    paths.map((path) => get(path)),
  );
  expect(statuses).toEqual([401, 401, 401, 400, 400, 401]);
  expect(origin.requests).toHaveLength(0);
});

tap.test('a connection that is kept needs the credentials of new routes from its next request on', async () => {
  await using origin = await startRecordingOrigin();
  const route = (more: Partial<IRouteConfig> = {}) => makeHttpRoute(origin.port, { name: 'web', ...more });
  await using world = await startProxy({ routes: [route()] });
  await using client = await openRawHttp(world.port);
  const ask = async (...fields: string[]): Promise<number> => {
    client.send(get('/', ...fields));
    return (await client.readAnswer()).status;
  };
  expect(await ask()).toEqual(200);
  await world.proxy.updateRoutes([route({ security: security() })]);
  expect([await ask(), await ask(ann)]).toEqual([401, 200]);
  await world.proxy.updateRoutes([route({ security: security('ann', 'new') })]);
  expect([await ask(ann), await ask(field('ann:new'))]).toEqual([401, 200]);
});

tap.test('explain foretells 401, and what lets in', async () => {
  await using origin = await startRecordingOrigin();
  await using world = await startProxy({ routes: [closedRoute(origin.port, { name: 'web' })] });
  const ask = (headers: Record<string, string>, more: object = {}) =>
    world.proxy.explain({ port: world.port, protocol: 'http', headers, ...more });
  const refused = ask({});
  expect([refused.outcome, refused.status, refused.route?.key]).toEqual(['refused', 401, 'web']);
  expect(refused.steps.at(-1)?.text).toEqual('route web asks for credentials of "restricted": the request has none');
  expect(ask({ Authorization: basic('ann:wrong') }).status).toEqual(401);
  expect(ask({ authorization: basic('ann:word') }).outcome).toEqual('forward');
  expect(world.proxy.explain({ port: world.port, tls: true, domain: 'a.test' }).outcome).toEqual('no_route');
  expect(world.proxy.explain({ port: world.port, protocol: 'other' }).outcome).toEqual('no_route');
});

tap.test(
  'no password, sent or configured, is in a log line, an event, an explanation, a plan or an error',
  async () => {
    const [secret, tried] = ['canary-configured', 'canary-tried'];
    const hidden = [secret, tried].flatMap((word) => [
      word,
      basic(`ann:${word}`).slice(6),
      Buffer.from(word).toString('hex'),
    ]);
    const told: string[] = [];
    const tell = (...what: unknown[]): void => void told.push(inspect(what, { depth: 8 }));
    const logger = { debug: tell, info: tell, warn: tell, error: tell };
    await using origin = await startRecordingOrigin((_, n) => (n === 0 ? ['reset'] : 'HTTP/1.1 nonsense\r\n\r\n'));
    const routes = [
      closedRoute(origin.port, { security: security('ann', secret) }),
      makeHttpRoute(0, {
        name: 'throws',
        match: { ports: 0, path: '/throws' },
        security: security('ann', secret),
        action: {
          type: 'http-handler',
          httpHandler: (request, context) => {
            throw new Error(inspect([[...request.headers], context.headers]));
          },
        },
      }),
    ];
    await using world = await startProxy({ routes, logger });
    for (const name of ['connection', 'connection-end', 'request', 'route-update', 'error'] as const) {
      world.proxy.on(name, (...args: unknown[]) => tell(name, args));
    }
    const reports = reportsOf(world);
    const requests = [
      get('/', field(`ann:${tried}`)),
      get('/', field(`ann:${secret}`)),
      get('/', field(`ann:${secret}`)),
      get('/throws', field(`ann:${secret}`)),
      get('/throws', field(`ann:${tried}`), 'X: \0'),
    ];
    for (const request of requests)
      tell((await rawExchange(world.port, request, { answers: 1 })).answers.map(({ body }) => body));
    await until(
      () => reports.all.length >= 4,
      5_000,
      () => `4 reports, has ${reports.all.length}`,
    );
    for (const word of [secret, tried]) {
      const explanation = world.proxy.explain({
        port: world.port,
        protocol: 'http',
        headers: { Authorization: basic(`ann:${word}`) },
      });
      tell(explanation, formatExplanation(explanation));
    }
    tell(await world.proxy.updateRoutes([{ ...routes[0], security: security('ann', `${secret}2`) } as IRouteConfig]));
    tell(world.proxy.getMetrics(), world.proxy.getConnections(), inspect(world.proxy, { depth: 8 }));
    try {
      new SmartProxy({
        routes: [
          closedRoute(1, { security: security(secret, `${tried}\n`) }),
          closedRoute(1, { security: security(`${tried}:x`) }),
        ],
      });
      throw new Error('it was accepted');
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      tell(error, String(error));
    }
    expect(told.length).toBeGreaterThan(15);
    const all = told.join('\n');
    expect(hidden.filter((text) => all.includes(text))).toEqual([]);
  },
);

export default tap.start();
