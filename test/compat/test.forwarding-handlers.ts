// Forwarding handlers by themselves: servers of others accept, the handlers forward.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import net from 'node:net';
import {
  ConfigError,
  type ForwardingHandler,
  ForwardingHandlerEvents,
  ForwardingHandlerFactory,
  type IConnectionRecord,
  type IForwardConfig,
  type IForwardingOptions,
  type TEnd,
} from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp, connectTls } from '../helpers/clients.js';
import { makeFakeDisk } from '../helpers/fake-store.js';
import { makeClientHello, sniOf } from '../helpers/make-client-hello.js';
import { closedPort, startEcho, startOrigin, startTlsOrigin } from '../helpers/origins.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const { cert, key, ca } = await makeCertificate({ names: ['a.test'], ips: ['127.0.0.1'] });
const customCert = { cert, key };
const at = (port: number) => ({ host: '127.0.0.1', port });

interface IStarted extends AsyncDisposable {
  readonly port: number;
  readonly handler: ForwardingHandler;
  readonly ended: { record: IConnectionRecord; end: TEnd }[];
}

/** A server that gives each of its connections to a handler. */
async function start(config: IForwardConfig, options: IForwardingOptions = {}): Promise<IStarted> {
  const handler = ForwardingHandlerFactory.createHandler(config, options);
  const ended: IStarted['ended'] = [];
  handler.on(ForwardingHandlerEvents.DISCONNECTED, (record, end) => void ended.push({ record, end }));
  const server = net.createServer((socket) => handler.handleConnection(socket));
  const port = await listen(server);
  return {
    ...{ handler, port, ended },
    async [Symbol.asyncDispose]() {
      await handler.stop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const ended = (started: IStarted, count = 1) =>
  until(
    () => started.ended.length >= count,
    5_000,
    () => `${count} ends, has ${started.ended.length}`,
  );

/** Answers each request with what it was asked, and its body. */
async function startHttp(): Promise<AsyncDisposable & { port: number }> {
  const server = http.createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      res.setHeader('x-seen', `${req.headers['x-forwarded-for']} ${req.headers['x-extra'] ?? ''}`);
      res.setHeader('x-proto', `${req.headers['x-forwarded-proto']}`);
      res.end(`${req.method} ${req.url} ${req.headers.host} ${Buffer.concat(chunks)}`);
    });
  });
  const port = await listen(server);
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`;

tap.test('http-only forwards requests, and nothing that is none', async () => {
  await using origin = await startHttp();
  const headers = { 'x-extra': '{sni}' };
  await using started = await start({ type: 'http-only', target: at(origin.port), advanced: { headers } });
  await using client = await connectTcp(started.port);
  client.send(get('/x?y'));
  const answer = (await client.end).toString();
  expect(answer).toMatch(/GET \/x\?y a\.test $/);
  expect(answer).toContain('127.0.0.1 a.test');
  await using other = await connectTcp(started.port);
  other.send('\x00\x01 no request');
  await other.closed;
  await ended(started, 2);
});

tap.test('https-passthrough forwards TLS as it came', async () => {
  await using origin = await startTlsOrigin({ cert, key }, 'hello');
  await using started = await start({ type: 'https-passthrough', target: at(origin.port) }, { domains: 'a.test' });
  await using client = await connectTls(started.port, { servername: 'a.test', ca });
  expect(await client.receive(6)).toEqual('hello\n');
  client.socket.end();
  await ended(started);
  expect(started.ended[0]?.record.sni).toEqual('a.test');
});

tap.test('https-terminate-to-http terminates TLS: requests, and whatever else is inside', async () => {
  await using origin = await startHttp();
  const config: IForwardConfig = { type: 'https-terminate-to-http', target: at(origin.port), https: { customCert } };
  await using started = await start(config);
  await using client = await connectTls(started.port, { servername: 'a.test', ca });
  client.send(get('/'));
  expect((await client.end).toString()).toMatch(/GET \/ a\.test $/);

  await using echo = await startEcho();
  await using bytes = await start({ ...config, target: at(echo.port) });
  await using plain = await connectTls(bytes.port, { servername: 'a.test', ca });
  plain.send('\x01\x02 bytes');
  expect(await plain.receive(8)).toEqual('\x01\x02 bytes');
});

tap.test('without a certificate of its own it has one ordered, for the names that it is told', async () => {
  await using origin = await startHttp();
  const config: IForwardConfig = { type: 'https-terminate-to-http', target: at(origin.port) };
  expect(() => ForwardingHandlerFactory.createHandler(config)).toThrow(/acme\.email/);
  await using started = await start(config, {
    domains: 'a.test',
    acme: { email: 'ops@a.test' },
    certificateStore: makeFakeDisk().open(),
    certProvisionFunction: () => ({ cert, key }),
  });
  await started.handler.initialize();
  let answer = '';
  const tryOnce = async () => {
    await using client = await connectTls(started.port, { servername: 'a.test', ca });
    client.send(get('/'));
    answer = (await client.end).toString();
  };
  // Until it has come, handshakes are refused.
  while (answer === '') await tryOnce().catch(() => {});
  expect(answer).toMatch(/GET \/ a\.test $/);
});

tap.test('https-terminate-to-https verifies the target, unless it is told not to', async () => {
  await using origin = await startTlsOrigin({ cert, key }, 'hello');
  const config = (upstream: object): IForwardConfig => ({
    type: 'https-terminate-to-https',
    target: at(origin.port),
    https: { customCert, upstream },
  });
  for (const upstream of [{ ca }, { rejectUnauthorized: false }]) {
    await using started = await start(config(upstream));
    await using client = await connectTls(started.port, { servername: 'a.test', ca });
    client.send('\x01');
    expect(await client.receive(7)).toEqual('hello\n\x01');
  }
  await using started = await start(config({}));
  await using client = await connectTls(started.port, { servername: 'a.test', ca });
  client.send('\x01');
  await client.closed;
  await ended(started);
  expect(started.ended[0]?.end).toEqual('target_tls_error');
});

tap.test(
  'direct forwards bytes, also of a target that speaks first; preserve is the port of the accepting server',
  async () => {
    await using origin = await startOrigin((socket) => socket.end('220 ready\r\n'));
    await using started = await start({ type: 'direct', target: at(origin.port) });
    await using client = await connectTcp(started.port);
    expect((await client.end).toString()).toEqual('220 ready\r\n');

    const ports: number[] = [];
    const pick = ({ port }: { port: number }) => {
      ports.push(port);
      return origin.port;
    };
    await using asked = await start({ type: 'direct', target: { host: '127.0.0.1', port: pick } });
    await using again = await connectTcp(asked.port);
    await again.end;
    expect(ports).toEqual([asked.port]);
  },
);

tap.test('several hosts are used in turn', async () => {
  const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  // One server at all addresses of loopback, which tells at which it was reached.
  const origin = net.createServer((socket) => socket.end(`${socket.localAddress}`)).listen(0, '0.0.0.0');
  await once(origin, 'listening');
  const { port } = origin.address() as AddressInfo;
  await using started = await start({ type: 'direct', target: { host: hosts, port } });
  const answers: string[] = [];
  for (let n = 0; n < 6; n++) {
    await using client = await connectTcp(started.port);
    answers.push((await client.end).toString());
  }
  expect(answers).toEqual([...hosts, ...hosts]);
  await new Promise((resolve) => origin.close(resolve));
});

tap.test('a socket handler gets every byte, and what it throws ends its connection alone', async () => {
  await using started = await start({
    type: 'socket-handler',
    socketHandler: async (socket, { clientIp }) => {
      await new Promise((resolve) => setImmediate(resolve));
      socket.once('data', (chunk) => socket.end(`${clientIp} ${chunk}`));
    },
  });
  await using client = await connectTcp(started.port);
  client.send('early');
  expect((await client.end).toString()).toEqual('127.0.0.1 early');
  await using broken = await start({
    type: 'socket-handler',
    socketHandler: () => {
      throw new Error('no');
    },
  });
  await using other = await connectTcp(broken.port);
  await other.closed;
  await ended(broken);
  expect(broken.ended[0]?.end).toEqual('handler_error');
});

for (const type of ['http-only', 'https-passthrough', 'https-terminate-to-http', 'direct'] as const) {
  tap.test(`${type}: a target that refuses closes its client, is told as an error, and harms nothing`, async () => {
    const https = type === 'https-terminate-to-http' ? { https: { customCert } } : {};
    await using started = await start({ type, target: at(await closedPort()), ...https });
    const errors: Error[] = [];
    for (const round of [1, 2]) {
      // Without a listener an error must not be thrown.
      if (round === 2) started.handler.on(ForwardingHandlerEvents.ERROR, (error) => errors.push(error));
      const isTls = type === 'https-terminate-to-http';
      await using client = await (isTls
        ? connectTls(started.port, { servername: 'a.test' })
        : connectTcp(started.port));
      if (type === 'http-only') client.send(get('/'));
      else client.send(makeClientHello({ extensions: [sniOf('a.test')] }));
      await client.closed;
      if (type === 'http-only') expect(client.received.toString()).toMatch(/^HTTP\/1\.1 502/);
      await ended(started, round);
    }
    if (type !== 'http-only')
      expect(errors.map((error) => (error as NodeJS.ErrnoException).code)).toEqual(['target_refused']);
  });
}

tap.test('a handler that was stopped closes what it is given, also if it was never begun', async () => {
  await using echo = await startEcho();
  for (const begins of [true, false]) {
    await using started = await start({ type: 'direct', target: at(echo.port) });
    if (begins) await started.handler.initialize();
    await started.handler.stop();
    await using client = await connectTcp(started.port);
    await client.closed;
  }
  expect(echo.sockets.length).toEqual(0);
});

tap.test('address lists hold', async () => {
  await using echo = await startEcho();
  await using started = await start({ type: 'direct', target: at(echo.port), security: { blockedIps: ['127.0.0.*'] } });
  await using client = await connectTcp(started.port);
  await client.closed;
  await ended(started);
  expect([started.ended[0]?.end, echo.sockets.length]).toEqual(['route_ip_blocked', 0]);
});

for (const type of ['http-only', 'https-terminate-to-http'] as const) {
  tap.test(`${type} answers requests that a server of Node's has read`, async () => {
    await using origin = await startHttp();
    const https = type === 'http-only' ? {} : { https: { customCert } };
    await using handler = ForwardingHandlerFactory.createHandler({ type, target: at(origin.port), ...https });
    const server = http.createServer((req, res) => handler.handleHttpRequest(req, res));
    const port = await listen(server);
    const url = `http://127.0.0.1:${port}`;
    const answer = await fetch(`${url}/x?y=1`);
    expect(await answer.text()).toEqual(`GET /x?y=1 127.0.0.1:${port} `);
    expect(answer.headers.get('x-seen')).toEqual('127.0.0.1');
    expect(answer.headers.get('x-proto')).toEqual(type === 'http-only' ? 'http' : 'https');
    const large = 'x'.repeat(3_000_000);
    const posted = await fetch(`${url}/p`, { method: 'POST', body: large });
    expect((await posted.text()).length).toEqual(`POST /p 127.0.0.1:${port} `.length + large.length);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('in '));
        controller.enqueue(Buffer.from('pieces'));
        controller.close();
      },
    });
    const streamed = await fetch(`${url}/s`, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit);
    expect(await streamed.text()).toEqual(`PUT /s 127.0.0.1:${port} in pieces`);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}

tap.test(
  'such a request is answered by 502 where the target refuses, by 501 where no request is ever seen',
  async () => {
    const handlers = [
      ForwardingHandlerFactory.createHandler({ type: 'http-only', target: at(await closedPort()) }),
      ForwardingHandlerFactory.createHandler({ type: 'direct', target: at(await closedPort()) }),
    ];
    const server = http.createServer((req, res) => handlers[Number(req.url?.slice(1))]?.handleHttpRequest(req, res));
    const port = await listen(server);
    expect((await fetch(`http://127.0.0.1:${port}/0`)).status).toEqual(502);
    expect((await fetch(`http://127.0.0.1:${port}/1`)).status).toEqual(501);
    for (const handler of handlers) await handler.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  },
);

tap.test('what is meant for the server alone is not passed on, and no coding of a content is lost', async () => {
  await using origin = await startHttp();
  await using handler = ForwardingHandlerFactory.createHandler({ type: 'http-only', target: at(origin.port) });
  const server = http.createServer((req, res) => handler.handleHttpRequest(req, res));
  const port = await listen(server);
  const ask = async (head: string) => {
    await using client = await connectTcp(port);
    client.send(`${head}Host: a.test\r\n\r\n`);
    await client.closed;
    return client.received.toString();
  };
  const named = await ask('GET / HTTP/1.1\r\nConnection: close, X-Extra\r\nX-Extra: secret\r\n');
  expect(named).toContain(' 200 ');
  expect(named).not.toContain('secret');
  expect(await ask('GET / HTTP/1.1\r\nConnection: close\r\nX-Extra: told\r\n')).toContain('told');
  const coded = 'POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n';
  expect(await ask(coded)).toMatch(/^HTTP\/1\.1 501/);
  expect(await ask('DELETE /d HTTP/1.1\r\nConnection: close\r\n')).toMatch(/DELETE \/d a\.test $/);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Answers each request by these bytes, once its head is there, and tells what came. */
async function startRaw(answer: string): Promise<AsyncDisposable & { port: number; seen: () => string }> {
  let seen = '';
  const origin = await startOrigin((socket) => {
    let asked = '';
    socket.on('data', (bytes: Buffer) => {
      seen += bytes;
      asked += bytes;
      if (asked.includes('\r\n\r\n') && !asked.includes('answered')) {
        asked = 'answered';
        socket.end(answer);
      }
    });
  });
  return { port: origin.port, seen: () => seen, [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose]() };
}

/** What a server of Node's answers that hands its requests to a handler; what nobody catches fails the test. */
async function relayed(
  target: number,
  listener: (handler: ForwardingHandler, ...asked: Parameters<http.RequestListener>) => void,
  ...asked: string[]
): Promise<string[]> {
  await using handler = ForwardingHandlerFactory.createHandler({ type: 'http-only', target: at(target) });
  const server = http.createServer((req, res) => listener(handler, req, res));
  server.on('checkContinue', (req, res) => listener(handler, req, res));
  const port = await listen(server);
  const answers: string[] = [];
  for (const bytes of asked) {
    await using client = await connectTcp(port);
    client.send(bytes);
    if (bytes.includes('Expect')) {
      await until(
        () => client.received.toString().startsWith('HTTP/1.1 100'),
        5_000,
        () => 'to be asked for content',
      );
      client.send('hi');
    }
    await client.closed;
    answers.push(client.received.toString());
  }
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return answers;
}

tap.test('trailers that are announced, where there can be none, end nothing', async () => {
  const ask = (version: string) => `GET / HTTP/${version}\r\nHost: a.test\r\nTrailer: x\r\nConnection: close\r\n\r\n`;
  await using sized = await startRaw('HTTP/1.1 200 OK\r\nTrailer: x\r\nContent-Length: 2\r\n\r\nok');
  const [plain] = await relayed(sized.port, (handler, req, res) => handler.handleHttpRequest(req, res), ask('1.1'));
  expect(plain).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/);
  const chunked = 'HTTP/1.1 200 OK\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n';
  await using open = await startRaw(chunked);
  const both = [ask('1.0'), ask('1.1')];
  const [old, present] = await relayed(open.port, (handler, req, res) => handler.handleHttpRequest(req, res), ...both);
  expect(old).toMatch(/\r\n\r\nok$/);
  expect(present).toMatch(/Trailer: x[\s\S]*ok\r\n0\r\nx: 1\r\n\r\n$/);
});

tap.test('trailers of a request reach the target, and a client is told to go on', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  await using origin = await startOrigin((socket) => {
    let seen = '';
    socket.on('data', (bytes: Buffer) => {
      const before = seen;
      seen += bytes;
      if (seen.startsWith('PUT') && before === '') socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      if (/x: 1\r\n\r\n$|hi$/.test(seen)) socket.end(answer);
    });
  });
  const head = 'Host: a.test\r\nConnection: close\r\n';
  const answers = await relayed(
    origin.port,
    (handler, req, res) => handler.handleHttpRequest(req, res),
    `POST / HTTP/1.1\r\n${head}Trailer: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n`,
    `PUT / HTTP/1.1\r\n${head}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`,
  );
  expect(answers.map((each) => each.endsWith('ok'))).toEqual([true, true]);
});

tap.test('a request that the program has changed or answered meanwhile ends nothing', async () => {
  const ask = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';
  await using origin = await startRaw('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntheir');
  const [changed] = await relayed(
    origin.port,
    (handler, req, res) => handler.handleHttpRequest(Object.assign(req, { url: '/ a' }), res),
    ask,
  );
  expect(changed).toMatch(/^HTTP\/1\.1 400 /);
  const [answered] = await relayed(
    origin.port,
    (handler, req, res) => {
      handler.handleHttpRequest(req, res);
      res.writeHead(200, { connection: 'close' }).write('ou');
      handler.once(ForwardingHandlerEvents.DISCONNECTED, () => res.end('rs'));
    },
    ask,
  );
  expect(answered).toMatch(/ou\r\n2\r\nrs\r\n0\r\n\r\n$/);
});

tap.test('options for connections of its own do not concern requests that others have read', async () => {
  await using origin = await startHttp();
  await using handler = ForwardingHandlerFactory.createHandler(
    { type: 'http-only', target: at(origin.port) },
    { admin: { port: 0 }, acceptProxyProtocol: true, proxyIPs: ['127.0.0.1'] },
  );
  const server = http.createServer((req, res) => handler.handleHttpRequest(req, res));
  const port = await listen(server);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toEqual(200);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

tap.test('targets learn by what a client came to a server that read its request', async () => {
  await using origin = await startHttp();
  await using handler = ForwardingHandlerFactory.createHandler({ type: 'http-only', target: at(origin.port) });
  const listener: http.RequestListener = (req, res) => handler.handleHttpRequest(req, res);
  const [plain, secure] = [http.createServer(listener), https.createServer({ cert, key }, listener)];
  const client = await connectTls(await listen(secure), { ca, servername: 'a.test' });
  client.send(get('/'));
  await client.closed;
  expect(client.received.toString()).toContain('x-proto: https');
  const answer = await fetch(`http://127.0.0.1:${await listen(plain)}/`);
  expect(answer.headers.get('x-proto')).toEqual('http');
  for (const each of [plain, secure]) {
    each.closeAllConnections();
    await new Promise((resolve) => each.close(resolve));
  }
});

tap.test('beyond the limit of connections such requests are refused, and nothing ends', async () => {
  let waiting: http.ServerResponse | null = null;
  const origin = http.createServer((_, res) => {
    waiting = res;
  });
  await using handler = ForwardingHandlerFactory.createHandler(
    { type: 'http-only', target: at(await listen(origin)) },
    { maxConnections: 1 },
  );
  const server = http.createServer((req, res) => handler.handleHttpRequest(req, res));
  const url = `http://127.0.0.1:${await listen(server)}/`;
  const first = fetch(url);
  await until(
    () => waiting !== null,
    5_000,
    () => 'a request at the target',
  );
  expect((await fetch(url)).status).toBeGreaterThan(499);
  (waiting as http.ServerResponse | null)?.end('done');
  expect(await (await first).text()).toEqual('done');
  for (const each of [origin, server]) {
    each.closeAllConnections();
    await new Promise((resolve) => each.close(resolve));
  }
});

tap.test('long heads of answers pass, where they may be long', async () => {
  const origin = http.createServer((_, res) => res.setHeader('x-long', 'x'.repeat(40_000)).end());
  await using handler = ForwardingHandlerFactory.createHandler(
    { type: 'http-only', target: at(await listen(origin)) },
    { http: { maxHeaderBytes: 60_000 } },
  );
  const server = http.createServer((req, res) => handler.handleHttpRequest(req, res));
  await using client = await connectTcp(await listen(server));
  client.send(get('/'));
  await client.closed;
  expect(client.received.toString()).toMatch(/^HTTP\/1\.1 200 [\s\S]*x{40000}/);
  for (const each of [origin, server]) {
    each.closeAllConnections();
    await new Promise((resolve) => each.close(resolve));
  }
});

for (const enableHalfOpen of [false, true]) {
  const also = enableHalfOpen ? ', also where one that only closed its side is waited for' : '';
  tap.test(`a client that leaves aborts such a request${also}`, async () => {
    const left: Promise<unknown>[] = [];
    await using origin = await startOrigin((socket) => void left.push(once(socket.resume(), 'end')));
    await using handler = ForwardingHandlerFactory.createHandler(
      { type: 'http-only', target: at(origin.port) },
      { enableHalfOpen },
    );
    const server = http.createServer((req, res) => handler.handleHttpRequest(req, res));
    await using client = await connectTcp(await listen(server));
    client.send(get('/'));
    await until(
      () => left.length === 1,
      5_000,
      () => 'a connection at the target',
    );
    client.socket.destroy();
    await left[0];
    await new Promise((resolve) => server.close(resolve));
  });
}

const faultsOf = (config: object): string[] => {
  try {
    ForwardingHandlerFactory.validateConfig(config as IForwardConfig);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path }) => path).sort();
    throw error;
  }
  return [];
};

tap.test('every fault is told at once, by its place in the configuration', async () => {
  expect(faultsOf({ type: 'http-only', target: at(80) })).toEqual([]);
  expect(
    faultsOf({
      type: 'https-terminate-to-http',
      target: { host: 5, port: 70_000 },
      typo: 1,
      https: { customCert: { cert } },
      security: { allowedIps: ['10.0.0.0/8', 'nonsense'], maxConnections: -1 },
      advanced: { timeout: -5, portRanges: [{ from: 1, to: 2 }], keepAlive: true },
      http: { redirectToHttps: true, headers: { 'bad name': 'x' } },
    }),
  ).toEqual(
    [
      'advanced.keepAlive',
      'advanced.portRanges',
      'advanced.timeout',
      'http.headers["bad name"]',
      'http.redirectToHttps',
      'https.customCert.key',
      'security.allowedIps[1]',
      'security.maxConnections',
      'target.host',
      'target.port',
      'typo',
    ].sort(),
  );
  expect(faultsOf({ type: 'other', target: at(80) })).toEqual(['type']);
  expect(faultsOf({ type: 'direct' })).toEqual(['target']);
  expect(faultsOf({ type: 'https-passthrough', target: at(80), http: { headers: { a: 'b' } } })).toEqual([
    'http.headers',
  ]);
  for (const type of ['http-only', 'https-passthrough', 'direct']) {
    expect(faultsOf({ type, target: at(80), https: { customCert } })).toEqual(['https.customCert']);
  }
  expect(faultsOf({ type: 'socket-handler', target: at(80) })).toEqual(['socketHandler', 'target']);
  expect(() => ForwardingHandlerFactory.createHandler({ type: 'other' as 'direct', target: at(80) })).toThrow(
    /http-only/,
  );
});

tap.test('what is assumed can be asked', async () => {
  const base: IForwardConfig = { type: 'https-terminate-to-http', target: at(80) };
  expect(ForwardingHandlerFactory.applyDefaults(base).acme).toEqual({
    enabled: true,
    maintenance: true,
    production: false,
  });
  expect(ForwardingHandlerFactory.applyDefaults({ ...base, https: { customCert } }).acme).toEqual(undefined);
  expect(ForwardingHandlerFactory.applyDefaults({ type: 'http-only', target: at(80) }).http).toEqual({ enabled: true });
});

export default tap.start();
