// The admin interface of a whole proxy: what it shows of it, and what it does with it.

import { inspect } from 'node:util';
import { ConfigError, type IRouteConfig, SmartProxy } from '../ts/index.js';
import { askAdmin, openRaw } from './helpers/admin-world.js';
import { makeCertificate } from './helpers/certificates.js';
import { connectTcp } from './helpers/clients.js';
import { freePorts } from './helpers/free-port.js';
import { startEcho } from './helpers/origins.js';
import { makeForwardRoute, startProxy } from './helpers/start-proxy.js';
import { expect, tap } from './helpers/tapbundle.js';
import { until } from './helpers/until.js';

const canary = 'canary-0123456789-canary';
const httpHandler = () => new Response('handled');

const handled = (part: Partial<IRouteConfig> = {}): IRouteConfig => ({
  name: 'handled',
  match: { ports: 0, path: '/handled' },
  action: { type: 'http-handler', httpHandler },
  security: { basicAuth: { users: [{ username: 'ann', password: canary }] } },
  ...part,
});

const asker = (proxy: SmartProxy) => (method: string, path: string, body?: unknown) =>
  askAdmin(proxy.adminPort ?? 0, method, path, body === undefined ? {} : { body });

tap.test('a proxy without the option has no interface', async () => {
  await using world = await startProxy({});
  expect([world.proxy.adminPort, world.proxy.adminAddress]).toEqual([null, null]);
});

tap.test('it tells the state of the proxy from before its start to the end of its stop', async () => {
  await using echo = await startEcho();
  const route = makeForwardRoute(echo.port);
  const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: [route], admin: { port: 0 } });
  expect(proxy.adminAddress).toEqual(null);
  await proxy.start();
  const ask = asker(proxy);
  const { json: status } = await ask('GET', '/api/status');
  expect(status.state as string).toEqual('running');
  expect(status.ports as number[]).toEqual(proxy.getListeningPorts());
  expect([status.pid, status.node, status.routes]).toEqual([process.pid, process.versions.node, 1]);
  expect((await ask('GET', '/readyz')).status).toEqual(200);

  await using client = await connectTcp(proxy.getListeningPorts()[0] ?? 0);
  client.send('hello\r\n');
  await client.receive(7);
  const stopping = proxy.stop();
  const draining = await ask('GET', '/readyz');
  expect([draining.status, draining.body]).toEqual([503, 'draining\n']);
  expect((await ask('GET', '/api/connections')).json.total as number).toEqual(1);
  expect((await ask('GET', '/healthz')).status).toEqual(200);
  client.socket.end();
  await stopping;
  expect(proxy.adminPort).toEqual(null);
  await expect(ask('GET', '/healthz')).rejects.toThrow(/ECONNREFUSED|127\.0\.0\.1:0/);
});

tap.test('a port that is taken fails the start, and leaves nothing; the other way round too', async () => {
  await using taken = await startProxy({ admin: { port: 0 } });
  const [routePort = 0] = await freePorts(1);
  const routes: IRouteConfig[] = [{ match: { ports: routePort }, action: { type: 'block' } }];
  const admin = { port: taken.proxy.adminPort ?? 0 };
  const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes, admin });
  await expect(proxy.start()).rejects.toThrow(/cannot listen on 127.0.0.1:\d+ for the admin interface/);
  expect([proxy.getListeningPorts(), proxy.adminPort]).toEqual([[], null]);

  const [port = 0] = await freePorts(1);
  await using holder = await startProxy({ routes });
  expect(holder.port).toEqual(routePort);
  const other = new SmartProxy({ listenAddress: '127.0.0.1', routes, admin: { port } });
  await expect(other.start()).rejects.toThrow(String(routePort));
  expect(other.adminPort).toEqual(null);
  await using free = await startProxy({ admin: { port } });
  expect(free.proxy.adminPort).toEqual(port);
});

tap.test('without a token nothing but loopback is listened on', () => {
  expect(() => new SmartProxy({ routes: [], admin: { host: '0.0.0.0' } })).toThrow(ConfigError);
});

tap.test('routes can be fetched, changed and put back, with their functions and passwords', async () => {
  await using world = await startProxy({
    routes: [handled(), { name: 'off', enabled: false, match: { ports: 0 }, action: { type: 'block' } }],
    admin: { port: 0 },
  });
  const ask = asker(world.proxy);
  const shown = await ask('GET', '/api/routes');
  expect(shown.body).not.toContain(canary);
  const { routes, keys } = shown.json as unknown as { routes: IRouteConfig[]; keys: (string | null)[] };
  expect(keys).toEqual(['handled', null]);
  const changed = routes.map((route) => ({ ...route, priority: 5 }));
  const answer = await ask('PUT', '/api/routes', { routes: changed });
  expect(answer.status).toEqual(200);
  expect((answer.json.routes as { changed: object[] }).changed).toEqual([{ key: 'handled', parts: ['priority'] }]);
  const get = (credentials: string) =>
    fetch(`http://127.0.0.1:${world.port}/handled`, {
      headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}`, connection: 'close' },
    });
  expect((await get('ann:wrong')).status).toEqual(401);
  expect(await (await get(`ann:${canary}`)).text()).toEqual('handled');
  // What was fetched before still says the same: nothing of it has changed.
  expect((await ask('PUT', '/api/routes', { routes })).status).toEqual(200);
  expect(((await ask('GET', '/api/status')).json.config as { updates: number }).updates).toEqual(2);
});

tap.test('functions are not lost by accident', async () => {
  await using world = await startProxy({ routes: [handled()], admin: { port: 0 } });
  const ask = asker(world.proxy);
  const plain = { name: 'plain', match: { ports: 0 }, action: { type: 'respond', respond: { status: 204 } } };
  expect((await ask('POST', '/api/plan', { routes: [plain] })).json.lost as string[]).toEqual([
    'routes[0].action.httpHandler',
  ]);
  const refused = await ask('PUT', '/api/routes', { routes: [plain] });
  expect([refused.status, refused.body.includes('routes[0].action.httpHandler')]).toEqual([409, true]);
  expect((await ask('GET', '/api/routes')).json.keys as string[]).toEqual(['handled']);
  const forced = await ask('PUT', '/api/routes', { routes: [plain], force: true });
  expect([forced.status, forced.json.lost]).toEqual([200, ['routes[0].action.httpHandler']]);
  expect((await fetch(`http://127.0.0.1:${world.port}/`, { headers: { connection: 'close' } })).status).toEqual(204);
});

tap.test('functions of an update that is under way are not lost by accident either', async () => {
  await using world = await startProxy({ admin: { port: 0 } });
  const ask = asker(world.proxy);
  const { routes } = (await ask('GET', '/api/routes')).json;
  const { proxy } = world;
  const update = proxy.updateRoutes.bind(proxy);
  const updates: Promise<unknown>[] = [];
  // The program's own gets its turn just before.
  proxy.updateRoutes = async (...given) => {
    updates.push(update([handled()]));
    return await update(...given);
  };
  const refused = await ask('PUT', '/api/routes', { routes });
  await Promise.all(updates);
  expect([refused.status, refused.body.includes('routes[0].action.httpHandler')]).toEqual([409, true]);
  expect((await ask('GET', '/api/routes')).json.keys as string[]).toEqual(['handled']);
});

tap.test('whoever may change routes may run no program of his own', async () => {
  await using world = await startProxy({ admin: { port: 0 } });
  const ask = asker(world.proxy);
  const tls = {
    mode: 'terminate',
    certificate: 'auto',
    acme: { email: 'a@b.test', challenges: ['dns-01'], dns: { command: ['/bin/false'] } },
  };
  const routes = [
    { match: { ports: 0, domains: 'a.test' }, action: { type: 'respond', respond: { status: 204 }, tls } },
  ];
  const refused = await ask('PUT', '/api/routes', { routes, force: true });
  const { faults } = refused.json.error as { faults: { path: string }[] };
  expect([refused.status, faults.map(({ path }) => path)]).toEqual([422, ['routes[0].action.tls.acme.dns.command']]);
  expect((await ask('GET', '/api/routes')).json.routes as object[]).toEqual([]);
  // What a file has may be planned.
  expect((await ask('POST', '/api/plan', { routes })).status).toEqual(200);
});

tap.test('faulty routes change nothing and are told one by one', async () => {
  await using world = await startProxy({ routes: [handled()], admin: { port: 0 } });
  const ask = asker(world.proxy);
  const before = world.proxy.getListeningPorts();
  const wrong = [
    { match: { ports: 'x' }, action: { type: 'block' } },
    { match: { ports: 1 }, action: { type: 'nonsense' } },
  ];
  for (const [method, path] of [
    ['PUT', '/api/routes'],
    ['POST', '/api/plan'],
  ] as const) {
    const { status, json } = await ask(method, path, { routes: wrong, force: true });
    const { faults } = json.error as { faults: { path: string }[] };
    expect([status, faults.map((fault) => fault.path)]).toEqual([
      422,
      ['routes[0].match.ports', 'routes[1].action.type'],
    ]);
  }
  const unknown = {
    ...handled(),
    action: { type: 'http-handler', httpHandler: { $kept: 'routes[0].action.httpHandler#x' } },
  };
  const { status, body } = await ask('PUT', '/api/routes', { routes: [unknown] });
  expect([status, body.includes('one that the routes in force have')]).toEqual([422, true]);
  expect(world.proxy.getListeningPorts()).toEqual(before);
  expect(((await ask('GET', '/api/status')).json.config as { updates: number }).updates).toEqual(0);
});

tap.test('a connection can be found and ended, which has a word of its own', async () => {
  await using echo = await startEcho();
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port, { name: 'echo' })], admin: { port: 0 } });
  const ask = asker(world.proxy);
  await using one = await connectTcp(world.port);
  await using other = await connectTcp(world.port);
  for (const client of [one, other]) {
    client.send('hello\r\n');
    await client.receive(7);
  }
  const list = async (query: string) => (await ask('GET', `/api/connections${query}`)).json as unknown as IList;
  expect(await list('?route=nothing')).toEqual({ total: 2, matched: 0, connections: [] });
  expect((await list('?client=127.0.0.1&limit=1')).connections).toHaveLength(1);
  expect([(await list('?client=::FFFF:127.0.0.1')).matched, (await list('?client=nobody')).matched]).toEqual([2, 0]);
  const { connections } = await list('?route=echo');
  const found = connections.find(({ clientPort }) => clientPort === one.socket.localPort);
  expect([found?.bytesReceived, found?.bytesSent, found?.route]).toEqual([7, 7, 'echo']);
  expect((await ask('DELETE', `/api/connections/${found?.id}`)).status).toEqual(200);
  await one.closed;
  expect(await world.ends()).toEqual(['closed_by_operator']);
  expect((await ask('DELETE', `/api/connections/${found?.id}`)).status).toEqual(404);
  other.send('still\r\n');
  await other.receive(14);
  other.socket.end();
  await world.ends();
});

interface IList {
  readonly total: number;
  readonly matched: number;
  readonly connections: { id: string; clientPort: number; route: string; bytesReceived: number; bytesSent: number }[];
}

tap.test('figures are those that the proxy counts, route by route', async () => {
  await using echo = await startEcho();
  await using world = await startProxy({
    routes: [
      makeForwardRoute(echo.port, { name: 'echo', match: { ports: 0, protocol: 'other' } }),
      handled({ security: {} }),
    ],
    admin: { port: 0 },
  });
  await using client = await connectTcp(world.port);
  client.send('hello\r\n');
  await client.receive(7);
  client.socket.end();
  await world.ends();
  for (const path of ['handled', 'nothing']) {
    await (await fetch(`http://127.0.0.1:${world.port}/${path}`, { headers: { connection: 'close' } })).text();
  }
  await world.ends(2);
  const { body } = await asker(world.proxy)('GET', '/metrics');
  const lines = body.split('\n').filter((line) => !line.startsWith('#'));
  for (const line of [
    'smartproxy_ready 1',
    'smartproxy_connections_accepted_total 3',
    'smartproxy_route_connections_total{route="echo"} 1',
    'smartproxy_route_received_bytes_total{route="echo"} 7',
    'smartproxy_route_requests_total{route="handled",class="2xx"} 1',
    'smartproxy_requests_total{code="200"} 1',
    'smartproxy_requests_total{code="404"} 1',
    'smartproxy_connection_duration_seconds_count 3',
    'smartproxy_request_duration_seconds_count 2',
    `smartproxy_target_up{target="127.0.0.1:${echo.port}"} 1`,
  ]) {
    expect(lines).toContain(line);
  }
  // No client is a label: their number has no bound.
  expect(/127\.0\.0\.1(?!:\d+")/.test(lines.join('\n'))).toBeFalse();
});

tap.test('a certificate is told once, with all routes that share it', async () => {
  const certificate = await makeCertificate({ names: ['a.test', 'b.test'] });
  const tls = { mode: 'terminate', certificate } as const;
  const routes = ['a.test', 'b.test'].map(
    (domains): IRouteConfig => ({
      name: domains,
      match: { ports: 0, domains },
      action: { type: 'respond', respond: { status: 204 }, tls },
    }),
  );
  await using world = await startProxy({ routes, admin: { port: 0 } });
  const { json, body } = await asker(world.proxy)('GET', '/api/certificates');
  const certificates = json.certificates as { names: string[]; routes: string[]; notAfter: number }[];
  expect(certificates.map(({ names, routes: keys }) => [names, keys])).toEqual([
    [
      ['a.test', 'b.test'],
      ['a.test', 'b.test'],
    ],
  ]);
  expect(certificates[0]?.notAfter ?? 0).toBeGreaterThan(Date.now());
  expect(body).not.toContain('PRIVATE');
});

tap.test('events come as they happen, and cost nothing when nobody listens', async () => {
  await using echo = await startEcho();
  await using world = await startProxy({ routes: [makeForwardRoute(echo.port, { name: 'echo' })], admin: { port: 0 } });
  const opening = 'GET /api/events?kinds=connection,route-update,request HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const stream = await openRaw(world.proxy.adminPort ?? 0, opening);
  await until(
    () => world.proxy.listenerCount('request') === 1,
    10_000,
    () => 'a listener',
  );
  await using client = await connectTcp(world.port);
  client.send('hello\r\n');
  await client.receive(7);
  await world.proxy.updateRoutes([makeForwardRoute(echo.port, { name: 'renamed' })]);
  await until(
    () => stream.text().includes('"renamed"'),
    10_000,
    () => `the update; has ${stream.text()}`,
  );
  const events = [...stream.text().matchAll(/^data: (.*)$/gm)].map(
    ([, text = '']) => JSON.parse(text) as { kind: string },
  );
  expect(events.map(({ kind }) => kind)).toEqual(['connection', 'route-update']);
  await stream[Symbol.asyncDispose]();
  await until(
    () => world.proxy.listenerCount('request') === 0,
    10_000,
    () => 'no listener',
  );
  client.socket.end();
});

tap.test('a stop that is asked for is answered, and then done', async () => {
  for (const own of [false, true]) {
    const asked: (number | null)[] = [];
    const control = own ? { control: { stop: (graceMs: number | null) => void asked.push(graceMs) } } : {};
    const proxy = new SmartProxy({ listenAddress: '127.0.0.1', routes: [handled()], admin: { port: 0 } }, control);
    await proxy.start();
    expect((await asker(proxy)('POST', '/api/stop', { graceMs: 0 })).status).toEqual(202);
    if (own) {
      await until(
        () => asked.length === 1,
        10_000,
        () => 'the program to be asked',
      );
      expect([asked, proxy.getListeningPorts().length]).toEqual([[0], 1]);
      await proxy.stop();
    }
    await until(
      () => proxy.adminPort === null,
      10_000,
      () => 'the end',
    );
    expect(proxy.getListeningPorts()).toEqual([]);
  }
});

tap.test('a program whose stop throws is logged, and goes on', async () => {
  const lines: object[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => void lines.push(fields) };
  const control = {
    stop: () => {
      throw new Error('not now');
    },
  };
  await using world = await startProxy({ admin: { port: 0 }, logger }, { control });
  expect((await asker(world.proxy)('POST', '/api/stop')).status).toEqual(202);
  await until(
    () => lines.length > 0,
    10_000,
    () => 'a line',
  );
  expect(lines).toEqual([{ why: 'not now' }]);
});

tap.test('a reload is what the program makes of it', async () => {
  const routes: IRouteConfig[] = [{ name: 'a', match: { ports: 0 }, action: { type: 'block' } }];
  let proxy: SmartProxy | null = null;
  const control = {
    reload: async () => (proxy as SmartProxy).updateRoutes([{ ...routes[0], name: 'b' } as IRouteConfig]),
  };
  await using world = await startProxy({ routes, admin: { port: 0 } }, { control });
  ({ proxy } = world);
  const { json } = await asker(proxy)('POST', '/api/reload');
  expect(json.routes as object).toEqual({ added: ['b'], removed: ['a'], changed: [] });
});

tap.test('no secret is in any answer, event or log line', async () => {
  const told: string[] = [];
  const tell = (...what: unknown[]): void => void told.push(inspect(what, { depth: 8 }));
  const token = `token-${canary}`;
  const security = { basicAuth: { users: [{ username: 'ann', password: canary }] } };
  await using world = await startProxy({
    routes: [handled({ security, headers: { request: { 'X-Up': `Bearer ${canary}` } } })],
    admin: { port: 0, token },
    logger: { debug: tell, info: tell, warn: tell, error: tell },
  });
  const port = world.proxy.adminPort ?? 0;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  await askAdmin(port, 'GET', '/api/status', { headers: { authorization: `Bearer wrong-${canary}` } });
  const paths = ['status', 'routes', 'connections', 'statistics', 'certificates', 'targets', 'nftables'];
  for (const path of paths.map((each) => `/api/${each}`).concat('/metrics', '/', '/admin.js')) {
    const { status, body } = await askAdmin(port, 'GET', path, { headers });
    expect([path, status]).toEqual([path, 200]);
    told.push(body);
  }
  const bodies = [{ port: world.port, method: 'GET' }, { routes: [{ name: canary.slice(0, 3), x: canary }] }];
  for (const [index, path] of ['/api/explain', '/api/plan'].entries()) {
    told.push((await askAdmin(port, 'POST', path, { headers, body: bodies[index] })).body);
  }
  expect(told.length).toBeGreaterThan(12);
  expect(told.filter((text) => text.includes(canary))).toEqual([]);
});

export default tap.start();
