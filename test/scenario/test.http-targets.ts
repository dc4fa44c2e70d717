import type { IForwardAction, IRouteConfig, ITarget } from '../../ts/index.js';
import { fetchThrough, keepAliveAgent, openRawHttp } from '../helpers/http-clients.js';
import type { TServe } from '../helpers/http-origins.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { closedPort, startOrigin } from '../helpers/origins.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const say =
  (text: string, status = 200): TServe =>
  (_, response) =>
    response.writeHead(status).end(text);

/** A route to these local ports. */
function routeTo(ports: readonly number[], action: Partial<IForwardAction> = {}): IRouteConfig {
  const targets: ITarget[] = ports.map((port) => ({ host: '127.0.0.1', port }));
  return makeHttpRoute(0, { name: 'app', action: { type: 'forward', targets, ...action } });
}

const bodyOf = async (port: number, path = '/', options: Parameters<typeof fetchThrough>[2] = {}): Promise<string> => {
  const { status, body } = await fetchThrough(port, path, options);
  return `${status} ${body.toString()}`;
};

tap.test('requests of many clients share the connections to a target', async () => {
  await using origin = await startHttpOrigin(say('ok'));
  await using proxy = await startProxy({ routes: [routeTo([origin.port])] });
  for (let count = 0; count < 20; count++) expect(await bodyOf(proxy.port)).toEqual('200 ok');
  expect(origin.accepted).toEqual(1);
});

tap.test('a target that refuses costs nobody a request, not even a POST', async () => {
  await using origin = await startHttpOrigin(say('ok'));
  await using proxy = await startProxy({ routes: [routeTo([await closedPort(), origin.port])] });
  for (let count = 0; count < 10; count++) {
    expect(await bodyOf(proxy.port, '/', { method: count % 2 ? 'POST' : 'GET' })).toEqual('200 ok');
  }
  expect(origin.requests.length).toEqual(10);
});

tap.test('content is no hindrance to trying the next target, as long as none of it was sent', async () => {
  await using origin = await startHttpOrigin((request, response) => {
    request.on('end', () => response.end('ok'));
  });
  const healthCheck = { interval: 0, passive: false } as const;
  await using proxy = await startProxy({ routes: [routeTo([await closedPort(), origin.port], { healthCheck })] });
  for (const body of ['small', 'x'.repeat(300_000)]) {
    for (let count = 0; count < 4; count++) {
      expect(await bodyOf(proxy.port, '/', { method: 'POST', body, chunked: count > 1 })).toEqual('200 ok');
    }
    expect(origin.requests.at(-1)?.body.length).toEqual(body.length);
  }
});

tap.test('a GET is repeated on a new connection where a kept one was stale; a POST that was sent is not', async () => {
  await using origin = await startRecordingOrigin(({ index }) => (index === 0 ? okAnswer() : ['fin']));
  await using proxy = await startProxy({ routes: [routeTo([origin.port])] });
  for (let count = 0; count < 5; count++) expect(await bodyOf(proxy.port)).toEqual('200 ok');
  expect(await bodyOf(proxy.port, '/', { method: 'POST' })).toMatch(/^502 /);
  expect(origin.requests.filter(({ method }) => method === 'POST').length).toEqual(1);
});

tap.test('chunked content without a byte is repeated to its end', async () => {
  await using origin = await startRecordingOrigin(({ connection, index }) => {
    return connection === 0 && index === 1 ? ['reset'] : okAnswer();
  });
  await using proxy = await startProxy({ routes: [routeTo([origin.port])] });
  expect(await bodyOf(proxy.port)).toEqual('200 ok');
  expect(await bodyOf(proxy.port, '/', { method: 'PUT', chunked: true, body: '' })).toEqual('200 ok');
  expect(origin.requests.map(({ connection, message }) => [connection, message.isComplete])).toEqual([
    [0, true],
    [0, true],
    [1, true],
  ]);
});

tap.test('a client hears why its upload was refused, though the target resets the rest of it', async () => {
  await using origin = await startHttpOrigin((request, response) => {
    request.pause();
    response.writeHead(413, { connection: 'close' }).end('too big');
  });
  await using proxy = await startProxy({ routes: [routeTo([origin.port])] });
  for (let count = 0; count < 10; count++) {
    await using client = await openRawHttp(proxy.port);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000000\r\n\r\n');
    client.send(Buffer.alloc(5_000_000));
    const answer = await client.readAnswer();
    expect([answer.status, answer.body]).toEqual([413, 'too big']);
  }
});

tap.test('answers that the route counts as failed are asked for elsewhere', async () => {
  await using busy = await startHttpOrigin(say('busy', 503));
  await using origin = await startHttpOrigin(say('ok'));
  await using proxy = await startProxy({ routes: [routeTo([busy.port, origin.port], { retry: { statuses: [503] } })] });
  for (let count = 0; count < 6; count++) expect(await bodyOf(proxy.port)).toEqual('200 ok');
  expect(busy.requests.length).toEqual(3);
  expect(await bodyOf(proxy.port, '/', { method: 'POST' })).toEqual('503 busy');
});

tap.test(
  'a circuit breaker keeps requests from a target that fails, and all fail fast if there is no other',
  async () => {
    await using failing = await startHttpOrigin(say('no', 500));
    await using origin = await startHttpOrigin(say('ok'));
    const circuitBreaker = { failures: 3, openMs: 60_000 };
    await using pair = await startProxy({ routes: [routeTo([failing.port, origin.port], { circuitBreaker })] });
    const answers: string[] = [];
    for (let count = 0; count < 12; count++) answers.push(await bodyOf(pair.port));
    expect(answers.filter((answer) => answer === '500 no').length).toEqual(3);
    await using alone = await startProxy({ routes: [routeTo([failing.port], { circuitBreaker })] });
    for (let count = 0; count < 3; count++) expect(await bodyOf(alone.port)).toEqual('500 no');
    const asked = failing.requests.length;
    expect(await bodyOf(alone.port)).toMatch(/^503 /);
    expect(failing.requests.length).toEqual(asked);
  },
);

tap.test('a sticky cookie leads a client back to its target', async () => {
  await using one = await startHttpOrigin(say('one'));
  await using other = await startHttpOrigin(say('other'));
  await using proxy = await startProxy({
    routes: [routeTo([one.port, other.port], { loadBalancing: { sticky: true } })],
  });
  const first = await fetchThrough(proxy.port, '/');
  const [cookie = ''] = String(first.headers['set-cookie'] ?? '').split(';');
  expect(cookie).toMatch(/^sp_target=[\w-]{16}$/);
  for (let count = 0; count < 6; count++) {
    const again = await fetchThrough(proxy.port, '/', { headers: { cookie } });
    expect(again.body.toString()).toEqual(first.body.toString());
    expect(again.headers['set-cookie']).toEqual(undefined);
  }
});

tap.test('targets are chosen by the path and the method of each request, on one connection of the client', async () => {
  await using api = await startHttpOrigin(say('api'));
  await using write = await startHttpOrigin(say('write'));
  await using any = await startHttpOrigin(say('any'));
  const targets: ITarget[] = [
    { host: '127.0.0.1', port: api.port, match: { path: '/api/*' } },
    { host: '127.0.0.1', port: write.port, match: { method: ['POST'] }, priority: 1 },
    { host: '127.0.0.1', port: any.port },
  ];
  await using proxy = await startProxy({
    routes: [makeHttpRoute(0, { name: 'app', action: { type: 'forward', targets } })],
  });
  using agent = keepAliveAgent();
  expect(await bodyOf(proxy.port, '/api/x', { agent })).toEqual('200 api');
  expect(await bodyOf(proxy.port, '/x', { agent })).toEqual('200 any');
  expect(await bodyOf(proxy.port, '/api/x', { agent, method: 'POST' })).toEqual('200 write');
  expect(proxy.proxy.getMetrics().connections.total).toEqual(1);
});

tap.test('probes by HTTP find a target that accepts but is not well', async () => {
  await using sick = await startHttpOrigin((request, response) => {
    response.writeHead(request.url === '/health' ? 500 : 200).end('sick');
  });
  await using well = await startHttpOrigin(say('well'));
  const healthCheck = { path: '/health', interval: 20, unhealthyThreshold: 2 };
  await using proxy = await startProxy({ routes: [routeTo([sick.port, well.port], { healthCheck })] });
  const down: string[] = [];
  proxy.proxy.on('target-down', (target, why) => down.push(`${target} ${why}`));
  await until(
    () => down.length > 0,
    5_000,
    () => 'a target that is down',
  );
  expect(down).toEqual([`127.0.0.1:${sick.port} unhealthy: 2 failed probes, last: it answered 500`]);
  for (let count = 0; count < 4; count++) expect(await bodyOf(proxy.port)).toEqual('200 well');
});

tap.test('a target that wants PROXY headers gets a connection for each client, named once', async () => {
  const heads: string[] = [];
  await using origin = await startOrigin((socket) => {
    let got = '';
    socket.on('data', (bytes) => {
      got += bytes.toString('latin1');
      if (!got.endsWith('\r\n\r\n')) return;
      heads.push(got);
      got = '';
      socket.write(okAnswer());
    });
    socket.on('end', () => socket.end());
  });
  await using proxy = await startProxy({ routes: [routeTo([origin.port], { sendProxyProtocol: true })] });
  {
    using agent = keepAliveAgent();
    for (let count = 0; count < 3; count++) expect(await bodyOf(proxy.port, '/', { agent })).toEqual('200 ok');
    using other = keepAliveAgent();
    expect(await bodyOf(proxy.port, '/', { agent: other })).toEqual('200 ok');
  }
  expect(origin.sockets.length).toEqual(2);
  expect(heads.map((head) => head.startsWith('PROXY TCP4 127.0.0.1 '))).toEqual([true, false, false, true]);
  await until(
    () => origin.open === 0,
    5_000,
    () => 'the end of connections whose clients left',
  );
});

tap.test('connections to targets outlive an update of the routes', async () => {
  await using origin = await startHttpOrigin(say('ok'));
  await using proxy = await startProxy({ routes: [routeTo([origin.port])] });
  await bodyOf(proxy.port);
  await proxy.proxy.updateRoutes([{ ...routeTo([origin.port]), headers: { response: { 'X-New': 'yes' } } }]);
  const { headers } = await fetchThrough(proxy.port, '/');
  expect(headers['x-new']).toEqual('yes');
  expect(origin.accepted).toEqual(1);
});

export default tap.start();
