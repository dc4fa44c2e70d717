// WebSockets through the whole proxy, with package `ws` at both ends and raw peers where bytes matter.

import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { IRouteConfig, IUpstreamTls, IWebSocketRules } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectTcp } from '../helpers/clients.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { startOrigin } from '../helpers/origins.js';
import { makeForwardRoute, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { makeFrame } from '../helpers/websocket-frames.js';
import { connectWebSocket, startWebSocketOrigin } from '../helpers/websockets.js';

const many = process.env.LONG === '1' ? 10_000 : 500;

/** A route for HTTP alone, with the rules for WebSockets. */
function makeRoute(port: number, websocket: IWebSocketRules = {}, more: Partial<IRouteConfig> = {}): IRouteConfig {
  const target = { host: '127.0.0.1', port };
  return {
    name: 'ws',
    match: { ports: 0, path: '/*' },
    action: { type: 'forward', target, websocket },
    ...more,
  };
}

/** The opening of a WebSocket as bytes; `more` fields stand in it too. */
const opening = (...more: string[]): string =>
  [
    'GET /chat HTTP/1.1',
    'Host: a.test',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...more,
    '',
    '',
  ].join('\r\n');

tap.test('messages of all kinds and sizes go both ways', async () => {
  await using origin = await startWebSocketOrigin();
  await using world = await startProxy({ routes: [makeRoute(origin.port)] });
  await using client = await connectWebSocket(`ws://127.0.0.1:${world.port}/chat?a=1`);
  const large = randomBytes(3_000_000);
  client.socket.send('text');
  client.socket.send(Buffer.from([0, 255]));
  client.socket.send('in ', { fin: false });
  client.socket.send('parts', { fin: true });
  client.socket.send('');
  client.socket.send(large);
  const received = await client.messages(5);
  expect(received.slice(0, 4)).toEqual(['text', Buffer.from([0, 255]), 'in parts', '']);
  expect(
    createHash('sha1')
      .update(received[4] as Buffer)
      .digest('hex'),
  ).toEqual(createHash('sha1').update(large).digest('hex'));
  expect(origin.requests[0]?.url).toEqual('/chat?a=1');
  client.socket.close(4001, 'enough');
  expect(await client.closed).toEqual({ code: 4001, reason: 'enough' });
  await until(
    () => origin.sockets.size === 0,
    5_000,
    () => 'the target to be left',
  );
});

tap.test('behind TLS likewise, with compression as the two ends agree', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startWebSocketOrigin(undefined, { perMessageDeflate: true });
  const route = makeRoute(origin.port, {}, { match: { ports: 0, domains: 'a.test' } });
  const { action } = route;
  if (action.type !== 'forward') throw new Error(action.type);
  action.tls = { mode: 'terminate', certificate: { cert: certificate.cert, key: certificate.key } };
  await using world = await startProxy({ routes: [route] });
  await using client = await connectWebSocket(`wss://127.0.0.1:${world.port}/`, {
    headers: { host: 'a.test' },
    rejectUnauthorized: false,
  });
  client.socket.send('x'.repeat(100_000));
  expect((await client.messages(1))[0]).toEqual('x'.repeat(100_000));
  expect(client.socket.extensions).toContain('permessage-deflate');
});

tap.test('a refused upgrade is relayed with its body, and is no tunnel', async () => {
  const server = http.createServer((_, response) => response.writeHead(401, { 'x-why': 'no' }).end('who are you?'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await using world = await startProxy({ routes: [makeRoute((server.address() as AddressInfo).port)] });
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`);
  socket.on('error', () => {});
  const [status, why, body] = await new Promise<[number, unknown, string]>((resolve) => {
    socket.on('unexpected-response', (_, response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve([response.statusCode ?? 0, response.headers['x-why'], text]));
    });
  });
  expect([status, why, body]).toEqual([401, 'no', 'who are you?']);
  socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

tap.test('what is sent early behind the opening is never a request to the target', async () => {
  for (const status of ['200 OK', '426 Upgrade Required']) {
    let seen = '';
    await using origin = await startOrigin((socket) => {
      socket.setEncoding('latin1');
      socket.on('data', (piece) => {
        seen += piece;
        socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nno`);
      });
    });
    await using world = await startProxy({ routes: [makeRoute(origin.port)] });
    await using client = await connectTcp(world.port);
    client.socket.write(`${opening()}GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const answer = (await client.end).toString('latin1');
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\n[^]*\r\n\r\nno$`));
    expect(answer.match(/HTTP\/1.1/g)?.length).toEqual(1);
    expect(seen).not.toContain('smuggled');
  }
});

tap.test('what is sent early reaches the target behind its 101', async () => {
  const served: string[] = [];
  await using origin = await startWebSocketOrigin((socket) =>
    socket.on('message', (data) => served.push(String(data))),
  );
  await using world = await startProxy({ routes: [makeRoute(origin.port)] });
  await using client = await connectTcp(world.port);
  client.socket.write(Buffer.concat([Buffer.from(opening()), makeFrame('early', { opcode: 1, mask: [1, 2, 3, 4] })]));
  await until(
    () => served.length === 1,
    5_000,
    () => 'a message',
  );
  expect(served).toEqual(['early']);
});

tap.test('a target that switches without having understood the opening is found out', async () => {
  await using origin = await startOrigin((socket) => {
    socket.on('end', () => socket.end());
    socket.on('data', () =>
      socket.write('HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n'),
    );
  });
  await using world = await startProxy({ routes: [makeRoute(origin.port)] });
  await expect(connectWebSocket(`ws://127.0.0.1:${world.port}/`)).rejects.toThrow(/502/);
  await until(
    () => origin.open === 0,
    5_000,
    () => 'the target to be left',
  );
});

tap.test('who may not open one is refused before the target hears of it', async () => {
  await using origin = await startWebSocketOrigin();
  const refused = async (rules: IWebSocketRules, options = {}): Promise<string> => {
    await using world = await startProxy({ routes: [makeRoute(origin.port, rules)] });
    return await connectWebSocket(`ws://127.0.0.1:${world.port}/`, options).then(
      () => 'open',
      (error: Error) => error.message,
    );
  };
  expect(await refused({ enabled: false })).toContain('403');
  expect(await refused({ allowedOrigins: ['https://a.test'] }, { origin: 'https://b.test' })).toContain('403');
  expect(await refused({}, { protocolVersion: 8 })).toContain('426');
  expect([origin.opened.length, origin.sockets.size]).toEqual([0, 0]);
});

tap.test('an opening with content is refused; another protocol than WebSocket is not switched to', async () => {
  const seen: string[] = [];
  await using origin = await startOrigin((socket) => {
    socket.on('end', () => socket.end());
    socket.on('data', (piece) => {
      seen.push(piece.toString('latin1'));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  await using world = await startProxy({ routes: [makeRoute(origin.port)] });
  const ask = async (text: string): Promise<string> => {
    await using client = await connectTcp(world.port);
    client.socket.write(text);
    return (await client.end).toString('latin1');
  };
  expect(await ask(`${opening('Content-Length: 5')}hello`)).toMatch(/^HTTP\/1.1 400 /);
  expect(await ask(`${opening('Transfer-Encoding: chunked')}0\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
  expect(await ask(opening().replace('GET', 'POST'))).toMatch(/^HTTP\/1.1 400 /);
  expect(seen).toEqual([]);
  const h2c = 'GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';
  expect(await ask(`${h2c}Connection: Upgrade, HTTP2-Settings, close\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 [\s\S]*ok$/);
  expect(seen.length).toEqual(1);
  expect(seen.join('')).not.toMatch(/upgrade|http2-settings/i);
});

tap.test('the opening is changed as the route says', async () => {
  await using origin = await startWebSocketOrigin(undefined, {
    handleProtocols: (names) => [...names].at(-1) ?? false,
  });
  const rules: IWebSocketRules = {
    allowedOrigins: ['*.a.test'],
    subprotocols: ['v1', 'v2'],
    rewritePath: '/ws{path}',
    customHeaders: { 'x-from': '{clientIp}' },
  };
  await using world = await startProxy({ routes: [makeRoute(origin.port, rules)] });
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}/room?a=1`, ['v1', 'v2', 'v3'], {
    origin: 'https://x.a.test',
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  expect(socket.protocol).toEqual('v2');
  const [request] = origin.requests;
  expect([request?.url, request?.headers['x-from'], request?.headers['sec-websocket-protocol']]).toEqual([
    '/ws/room?a=1',
    '127.0.0.1',
    'v1, v2',
  ]);
  expect(request?.headers['x-forwarded-for']).toEqual('127.0.0.1');
  socket.terminate();
});

tap.test(`${many} WebSockets, closed in every way, leave no socket`, async () => {
  await using origin = await startWebSocketOrigin();
  await using world = await startProxy({ routes: [makeRoute(origin.port)], settleMs: 20_000 });
  const closeIn: ((socket: WebSocket, index: number) => void)[] = [
    (socket) => socket.close(1000),
    (socket) => socket.terminate(),
    (_, index) => origin.opened[index]?.close(1000),
    (_, index) => origin.opened[index]?.terminate(),
  ];
  const atOnce = 50;
  for (let done = 0; done < many; done += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, async (_, index) => {
        const client = await connectWebSocket(`ws://127.0.0.1:${world.port}/`);
        client.socket.send('a');
        await client.messages(1);
        closeIn[index % closeIn.length]?.(client.socket, done + index);
        await client.closed;
      }),
    );
  }
  await until(
    () => origin.sockets.size === 0 && world.proxy.getConnections().length === 0,
    10_000,
    () => `no socket, has ${origin.sockets.size} and ${world.proxy.getConnections().length}`,
  );
  expect(world.ended.length).toEqual(many);
  expect(origin.opened.length).toEqual(many);
});

tap.test('a client that vanishes takes its target along, and the other way round', async () => {
  await using origin = await startWebSocketOrigin();
  await using world = await startProxy({ routes: [makeRoute(origin.port)] });
  await using first = await connectWebSocket(`ws://127.0.0.1:${world.port}/`);
  const [atTarget] = origin.sockets;
  (first.socket as unknown as { _socket: { resetAndDestroy(): void } })._socket.resetAndDestroy();
  await until(
    () => atTarget?.destroyed === true,
    5_000,
    () => 'the target to be left',
  );
  await using second = await connectWebSocket(`ws://127.0.0.1:${world.port}/`);
  for (const socket of origin.sockets) socket.resetAndDestroy();
  expect((await second.closed).code).toEqual(1006);
  expect(await world.ends(2)).toEqual(['client_error', 'target_error']);
});

tap.test('a WebSocket counts among the connections of its route for as long as it lives', async () => {
  await using origin = await startWebSocketOrigin();
  const route = makeRoute(origin.port, {}, { security: { maxConnections: 1 } });
  await using world = await startProxy({ routes: [route] });
  const url = `ws://127.0.0.1:${world.port}/`;
  await using first = await connectWebSocket(url);
  await expect(connectWebSocket(url)).rejects.toThrow(/503/);
  await world.ends(1);
  first.socket.terminate();
  await world.ends(1);
  await using second = await connectWebSocket(url);
  second.socket.send('a');
  expect(await second.messages(1)).toEqual(['a']);
});

tap.test('and among those of its target, which the balancer sees', async () => {
  await using busy = await startWebSocketOrigin();
  await using other = await startWebSocketOrigin();
  const targets = [busy, other].map(({ port }) => ({ host: '127.0.0.1', port }));
  const loadBalancing = { algorithm: 'least-connections' } as const;
  const action = { type: 'forward', targets, loadBalancing } as const;
  await using world = await startProxy({ routes: [{ match: { ports: 0, path: '/*' }, action }] });
  const url = `ws://127.0.0.1:${world.port}/`;
  const open = [await connectWebSocket(url), await connectWebSocket(url)];
  expect([busy.opened.length, other.opened.length]).toEqual([1, 1]);
  for (let round = 1; round <= 4; round++) {
    open.pop()?.socket.terminate();
    await until(
      () => world.proxy.getConnections().length === 1,
      5_000,
      () => 'one connection',
    );
    open.push(await connectWebSocket(url));
  }
  expect([busy.opened.length + other.opened.length, Math.min(busy.opened.length, other.opened.length)]).toEqual([6, 1]);
  for (const client of open) await client[Symbol.asyncDispose]();
});

tap.test('when the proxy stops both ends are told by Close 1001', async () => {
  const codes: number[] = [];
  await using origin = await startWebSocketOrigin((socket) => socket.on('close', (code) => codes.push(code)));
  await using world = await startProxy({ routes: [makeRoute(origin.port)] });
  const url = `ws://127.0.0.1:${world.port}/`;
  await using one = await connectWebSocket(url);
  await using two = await connectWebSocket(url);
  // Whatever waited for the end of the grace would outlast the test.
  await world.proxy.stop({ graceMs: 600_000 });
  expect([(await one.closed).code, (await two.closed).code]).toEqual([1001, 1001]);
  await until(
    () => codes.length === 2,
    5_000,
    () => 'both closes at the target',
  );
  expect([codes, await world.ends(2)]).toEqual([
    [1001, 1001],
    ['shutdown', 'shutdown'],
  ]);
});

tap.test('a WebSocket that opens while the proxy stops is told at once', async () => {
  let open = (): void => {};
  await using origin = await startWebSocketOrigin(undefined, {
    verifyClient: (_, callback) => {
      open = () => callback(true);
    },
  });
  await using world = await startProxy({ routes: [makeRoute(origin.port)] });
  const opened = connectWebSocket(`ws://127.0.0.1:${world.port}/`);
  await until(
    () => origin.sockets.size === 1,
    5_000,
    () => 'the opening at the target',
  );
  const stopped = world.proxy.stop({ graceMs: 20_000 });
  await until(
    () => world.proxy.getListeningPorts().length === 0,
    5_000,
    () => 'the ports to close',
  );
  await new Promise((resolve) => setImmediate(resolve));
  open();
  await using client = await opened;
  expect((await client.closed).code).toEqual(1001);
  await stopped;
  expect(await world.ends(1)).toEqual(['shutdown']);
});

tap.test('an open one outlives the limits of requests, and ends by those of its route', async () => {
  const clock = makeFakeClock();
  await using origin = await startWebSocketOrigin();
  const timeouts = { inactivityTimeout: 600_000, responseTimeout: 5_000 };
  const route = makeRoute(origin.port, {}, { timeouts });
  const http = { keepAliveTimeout: 1_000, headersTimeout: 1_000, requestTimeout: 2_000, upstreamIdleTimeout: 1_000 };
  await using world = await startProxy({ routes: [route], http }, { clock });
  await using client = await connectWebSocket(`ws://127.0.0.1:${world.port}/`);
  clock.advance(599_000);
  client.socket.send('a');
  expect(await client.messages(1)).toEqual(['a']);
  clock.advance(590_000);
  expect(world.ended.length).toEqual(0);
  clock.advance(60_000);
  expect(await world.ends(1)).toEqual(['inactivity_timeout']);
  expect((await client.closed).code).toEqual(1006);
});

tap.test('TLS to the target is verified for WebSockets as for requests, and they end like others', async () => {
  const { cert, key } = await makeCertificate({ names: ['b.test'] });
  const server = https.createServer({ cert, key });
  const webSockets = new WebSocketServer({ server });
  webSockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data, { binary: false })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const routeWith = (upstream: IUpstreamTls): IRouteConfig => ({
    match: { ports: 0, path: '/*' },
    action: { type: 'forward', target: { host: '127.0.0.1', port, tls: upstream } },
  });
  await using strict = await startProxy({ routes: [routeWith({ servername: 'b.test' })] });
  await expect(connectWebSocket(`ws://127.0.0.1:${strict.port}/`)).rejects.toThrow(/502/);
  await using world = await startProxy({ routes: [routeWith({ servername: 'b.test', rejectUnauthorized: false })] });
  await using client = await connectWebSocket(`ws://127.0.0.1:${world.port}/`);
  const large = 'x'.repeat(500_000);
  client.socket.send(large);
  expect((await client.messages(1))[0] === large).toBeTrue();
  client.socket.terminate();
  await until(
    () => webSockets.clients.size === 0,
    5_000,
    () => 'the target to be left',
  );
  await world.proxy.stop({ graceMs: 0 });
  await new Promise((resolve) => server.close(resolve));
});

tap.test('through two proxies, none is left on either once the far end is gone', async () => {
  await using origin = await startWebSocketOrigin();
  await using inner = await startProxy({ routes: [makeRoute(origin.port)] });
  await using outer = await startProxy({ routes: [makeRoute(inner.port)] });
  await using client = await connectWebSocket(`ws://127.0.0.1:${outer.port}/`);
  client.socket.send('a');
  await client.messages(1);
  for (const socket of origin.sockets) socket.destroy();
  expect((await client.closed).code).toEqual(1006);
  await until(
    () => inner.proxy.getConnections().length + outer.proxy.getConnections().length === 0,
    5_000,
    () => 'no connection on either',
  );
});

tap.test('WebSockets of unchanged routes, and of changed ones, live through updates', async () => {
  await using origin = await startWebSocketOrigin();
  const others = await startOrigin((socket) => socket.end());
  await using world = await startProxy({ routes: [makeRoute(origin.port)] });
  await using client = await connectWebSocket(`ws://127.0.0.1:${world.port}/`);
  for (let round = 1; round <= 20; round++) {
    const other = makeForwardRoute(others.port, { match: { ports: 0, path: `/other/${round}` } });
    await world.proxy.updateRoutes([makeRoute(origin.port, { pingInterval: round % 2 ? 0 : 50_000 }), other]);
    client.socket.send(`round ${round}`);
    expect((await client.messages(round)).at(-1)).toEqual(`round ${round}`);
  }
  expect([origin.opened.length, world.ended.length]).toEqual([1, 0]);
  await others[Symbol.asyncDispose]();
});

tap.test('the proxy pings clients, and lets go of those that are dead', async () => {
  await using origin = await startWebSocketOrigin();
  const clock = makeFakeClock();
  const route = makeRoute(origin.port, { pingInterval: 20_000, pingTimeout: 5_000 });
  await using world = await startProxy({ routes: [route] }, { clock });
  const url = `ws://127.0.0.1:${world.port}/`;
  await using alive = await connectWebSocket(url);
  await using dead = await connectWebSocket(url, { autoPong: false });
  clock.advance(5_000);
  for (let round = 1; round <= 3; round++) {
    const answered = new Promise((resolve) => origin.opened[0]?.once('pong', resolve));
    clock.advance(15_000);
    await answered;
    clock.advance(5_000);
    expect((await dead.closed).code).toEqual(1011);
  }
  expect(await world.ends(1)).toEqual(['ping_timeout']);
  alive.socket.send('still here');
  expect(await alive.messages(1)).toEqual(['still here']);
});

tap.test('messages over the limit close both ends with 1009, whoever sent them', async () => {
  const codes: number[] = [];
  const heard: number[] = [];
  await using origin = await startWebSocketOrigin((socket) => {
    socket.on('close', (code) => codes.push(code));
    socket.on('message', (data) => {
      heard.push((data as Buffer).length);
      if (String(data) === 'more') socket.send(Buffer.alloc(5_000));
      else socket.send(data);
    });
  });
  await using world = await startProxy({ routes: [makeRoute(origin.port, { maxPayload: 1_000 })] });
  const url = `ws://127.0.0.1:${world.port}/`;
  await using sender = await connectWebSocket(url, { perMessageDeflate: true });
  expect(sender.socket.extensions).toEqual('');
  sender.socket.send(Buffer.alloc(1_000));
  await sender.messages(1);
  sender.socket.send(Buffer.alloc(1_001));
  await using asker = await connectWebSocket(url);
  asker.socket.send('more');
  expect([(await sender.closed).code, (await asker.closed).code]).toEqual([1009, 1009]);
  expect(asker.received.length).toEqual(0);
  await until(
    () => codes.length === 2,
    5_000,
    () => 'both closes at the target',
  );
  expect([codes, heard.sort()]).toEqual([
    [1009, 1009],
    [1_000, 4],
  ]);
  expect(await world.ends(2)).toEqual(['message_too_large', 'message_too_large']);
});

tap.test('a slow reader holds its sender back, and gets everything', async () => {
  await using origin = await startWebSocketOrigin((socket) => {
    const piece = Buffer.alloc(65_536, 7);
    for (let count = 0; count < 400; count++) socket.send(piece);
  });
  await using world = await startProxy({ routes: [makeRoute(origin.port, { pingInterval: 60_000 })] });
  await using client = await connectWebSocket(`ws://127.0.0.1:${world.port}/`);
  client.socket.pause();
  const socket = [...origin.sockets][0];
  await until(
    () => (socket?.writableLength ?? 0) > 1_000_000,
    5_000,
    () => 'bytes to wait at the target',
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(socket?.writableLength).toBeGreaterThan(1_000_000);
  client.socket.resume();
  const received = await client.messages(400);
  expect(received.every((piece) => piece.length === 65_536)).toBeTrue();
});

export default tap.start();
