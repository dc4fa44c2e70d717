// The HTTP engine on its own.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { ConfigError, HttpProxy, type IHttpProxyOptions, NetworkProxy } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp, connectTls } from '../helpers/clients.js';
import { startH2Origin } from '../helpers/h2-origins.js';
import { fetchThrough } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { startEcho } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { connectWebSocket, startWebSocketOrigin } from '../helpers/websockets.js';

const respond = (body: string) => ({ type: 'respond', respond: { status: 200, body } }) as const;
const get = (path: string, ...fields: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a.test', 'Connection: close', ...fields, '', ''].join('\r\n');

async function start(options: Partial<IHttpProxyOptions> = {}): Promise<HttpProxy> {
  const proxy = new HttpProxy({ port: 0, listenAddress: '127.0.0.1', ...options });
  await proxy.start();
  return proxy;
}

async function ask(port: number, text: string): Promise<string> {
  await using client = await connectTcp(port);
  client.socket.write(text);
  return (await client.end).toString('latin1');
}

tap.test('it serves its routes on its port, whatever ports they name', async () => {
  await using proxy = await start({
    routes: [{ match: { path: '/a', ports: 443 }, action: respond('one') }, { action: respond('rest') }],
  });
  const port = proxy.getListeningPort();
  expect(proxy.getListeningPorts()).toEqual([port]);
  expect(await ask(port, get('/a'))).toMatch(/^HTTP\/1.1 200 [\s\S]*\r\n\r\none$/);
  expect(await ask(port, get('/b'))).toMatch(/\r\n\r\nrest$/);
  expect(proxy.getMetrics().requests.total).toEqual(2);
  await proxy.stop({ graceMs: 0 });
  expect(proxy.getListeningPort()).toEqual(0);
});

tap.test('its routes are replaced at once, and only as a whole', async () => {
  await using proxy = await start({ routes: [{ action: respond('before') }] });
  const port = proxy.getListeningPort();
  await proxy.updateRouteConfigs([{ action: respond('after') }]);
  expect(await ask(port, get('/'))).toMatch(/after$/);
  await expect(proxy.updateRouteConfigs([{ action: { type: 'nothing' } as never }])).rejects.toThrow(ConfigError);
  expect(await ask(port, get('/'))).toMatch(/after$/);
  await proxy.updateRouteConfigs([]);
  expect(await ask(port, get('/'))).toMatch(/^HTTP\/1.1 404 /);
  expect(proxy.getListeningPort()).toEqual(port);
});

tap.test('bytes that are no HTTP do not get in', async () => {
  await using echo = await startEcho();
  const target = { host: '127.0.0.1', port: echo.port };
  await using proxy = await start({ routes: [{ action: { type: 'forward', target } }] });
  await using client = await connectTcp(proxy.getListeningPort());
  client.socket.write('\x00\x01\x02 hello');
  await once(client.socket, 'close');
  expect(echo.sockets.length).toEqual(0);
});

tap.test('it terminates TLS and opens WebSockets to targets', async () => {
  const { cert, key } = await makeCertificate({ names: ['a.test'] });
  await using origin = await startWebSocketOrigin();
  const target = { host: '127.0.0.1', port: origin.port };
  await using proxy = await start({
    routes: [
      {
        match: { domains: 'a.test' },
        action: { type: 'forward', target, tls: { mode: 'terminate', certificate: { cert, key } } },
      },
    ],
  });
  const url = `wss://127.0.0.1:${proxy.getListeningPort()}/`;
  await using client = await connectWebSocket(url, { headers: { host: 'a.test' }, rejectUnauthorized: false });
  client.socket.send('x');
  expect(await client.messages(1)).toEqual(['x']);
});

/** A server of somebody else's, that hands its sockets on. */
async function startOther(
  server: net.Server,
  event: string,
  proxy: HttpProxy,
): Promise<AsyncDisposable & { port: number }> {
  server.on(event, (socket: net.Socket) => proxy.handleConnection(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

for (const pauseOnConnect of [false, true]) {
  tap.test(`it serves sockets that others accepted${pauseOnConnect ? ' and paused' : ''}`, async () => {
    await using proxy = await start({ routes: [{ action: respond('served') }] });
    await using other = await startOther(net.createServer({ pauseOnConnect }), 'connection', proxy);
    expect(await ask(other.port, get('/'))).toMatch(/served$/);
    const [a, b] = [await ask(other.port, get('/1')), await ask(other.port, get('/2'))];
    expect([a, b].every((answer) => answer.endsWith('served'))).toBeTrue();
    await until(
      () => proxy.getConnections().length === 0,
      5_000,
      () => 'no connection',
    );
    expect(proxy.getMetrics().totals.connections).toEqual(3);
  });
}

tap.test('it needs no port of its own for them', async () => {
  const route = { match: { domains: 'a.test' }, action: respond('served') };
  await using proxy = new HttpProxy({ port: 80, routes: [route] }, { listens: false });
  await proxy.start();
  expect([proxy.getListeningPort(), proxy.getListeningPorts()]).toEqual([0, []]);
  await using other = await startOther(net.createServer(), 'connection', proxy);
  expect(await ask(other.port, 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')).toMatch(/served$/);
});

tap.test('and such whose TLS others have terminated', async () => {
  const identity = await makeCertificate({ names: ['a.test'] });
  await using proxy = await start({ routes: [{ action: respond('served') }] });
  await using other = await startOther(tls.createServer(identity), 'secureConnection', proxy);
  await using client = await connectTls(other.port, { servername: 'a.test' });
  client.socket.write(get('/'));
  expect((await client.end).toString()).toMatch(/served$/);
  await using broken = await connectTls(other.port, { servername: 'a.test' });
  broken.socket.write('GET / HTTP/1.1\r\n');
  await until(
    () => proxy.getConnections().some(({ usingNetworkProxy }) => usingNetworkProxy),
    5_000,
    () => 'a request half sent',
  );
  await proxy.stop({ graceMs: 0 });
  await once(broken.socket, 'close');
});

tap.test('a socket that is handed to one that does not run is closed', async () => {
  const proxy = new HttpProxy({ port: 0 });
  await using other = await startOther(net.createServer(), 'connection', proxy);
  await using client = await connectTcp(other.port);
  await once(client.socket, 'close');
  expect(proxy.getConnections()).toEqual([]);
});

tap.test('CORS is for every route that has none of its own', async () => {
  await using proxy = await start({
    cors: { allowOrigin: 'https://a.test' },
    routes: [
      { match: { path: '/own' }, headers: { cors: { allowOrigin: 'https://b.test' } }, action: respond('own') },
      { action: respond('any') },
    ],
  });
  const port = proxy.getListeningPort();
  const answer = await ask(port, get('/', 'Origin: https://a.test'));
  expect(answer).toMatch(/\r\naccess-control-allow-origin: https:\/\/a.test\r\n/i);
  expect(await ask(port, get('/own', 'Origin: https://b.test'))).toMatch(/allow-origin: https:\/\/b.test\r\n/i);
  expect(await ask(port, get('/own', 'Origin: https://a.test'))).not.toMatch(/allow-origin: https:\/\/a.test\r\n/i);
});

tap.test('its own options are those of the engine', async () => {
  await using proxy = await start({ headersTimeout: 1_500, routes: [{ action: respond('x') }] });
  await using client = await connectTcp(proxy.getListeningPort());
  client.socket.write('GET / HTTP/1.1\r\nHost: a.te');
  expect((await client.end).toString()).toMatch(/^HTTP\/1.1 408 /);
});

tap.test('targets are spoken to in the version that is said for all, unless a route says another', async () => {
  await using h2 = await startH2Origin();
  await using old = await startHttpOrigin();
  const to = (port: number, more: object = {}) =>
    ({ type: 'forward', target: { host: '127.0.0.1', port }, ...more }) as const;
  await using proxy = await start({
    backendProtocol: 'http2',
    routes: [{ match: { path: '/old' }, action: to(old.port, { backendProtocol: 'http1' }) }, { action: to(h2.port) }],
  });
  const port = proxy.getListeningPort();
  expect([(await fetchThrough(port, '/')).status, (await fetchThrough(port, '/old')).status]).toEqual([200, 200]);
  expect([h2.requests.length, old.requests.length]).toEqual([1, 1]);
});

tap.test('every fault is told at once, by its place', () => {
  const faultsOf = (options: object): string[] => {
    try {
      new HttpProxy(options as IHttpProxyOptions);
    } catch (error) {
      if (error instanceof ConfigError) return error.faults.map(({ path }) => path);
    }
    return [];
  };
  expect(faultsOf({ port: 70_000, backendProtocol: 'http3', stallTimeout: -1 })).toEqual([
    'port',
    'backendProtocol',
    'stallTimeout',
  ]);
  expect(faultsOf({ port: 0, backendProtocol: 'auto' })).toEqual([]);
  expect(faultsOf({ port: 0, nonsense: 1 })).toEqual(['nonsense']);
  expect(faultsOf({ port: 0, keepAliveTimeout: -1, connectionPoolSize: 'many' })).toEqual([
    'keepAliveTimeout',
    'connectionPoolSize',
  ]);
  expect(faultsOf({ port: 0, routes: [{ action: { type: 'forward' } }] }).length).toBeGreaterThan(0);
});

tap.test('its older name is the same class', () => {
  expect(NetworkProxy).toEqual(HttpProxy);
});

export default tap.start();
