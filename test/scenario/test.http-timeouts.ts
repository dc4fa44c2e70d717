// Every limit on time that a request can reach, moved by a clock of the test's own: what the client gets, and what is no reason.

import type http from 'node:http';
import type { Socket } from 'node:net';
import type { IAnswerListener } from '../../ts/http/exchange-types.js';
import { FetchOrigin } from '../../ts/http/fetch-origin.js';
import type { IRouteConfig, ISmartProxyOptions, THttpHandler } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { type IFakeClock, makeFakeClock, settle } from '../helpers/fake-clock.js';
import { openRawHttp } from '../helpers/http-clients.js';
import { okAnswer, startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { startOrigin } from '../helpers/origins.js';
import { get, opening, post, reportsOf, switched } from '../helpers/requests.js';
import { type IStartedProxy, startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

interface ITimed extends IStartedProxy {
  readonly clock: IFakeClock;
}

/** Its time stands still; disposal checks that no timer is left. */
async function startTimed(route: IRouteConfig, options: Partial<ISmartProxyOptions> = {}): Promise<ITimed> {
  const clock = makeFakeClock();
  // By this clock nobody sends as many bytes a second as they should.
  const http = { minRequestBytesPerSecond: 0, minResponseBytesPerSecond: 0, ...options.http };
  const proxy = await startProxy({ routes: [route], metrics: false, ...options, http }, { clock });
  const dispose = proxy[Symbol.asyncDispose].bind(proxy);
  return Object.assign(proxy, {
    clock,
    async [Symbol.asyncDispose]() {
      await dispose();
      expect(clock.pending).toEqual(0);
    },
  });
}

const handlerRoute = (httpHandler: THttpHandler): IRouteConfig => ({
  match: { ports: 0, path: '/*' },
  action: { type: 'http-handler', httpHandler },
});

/** Lets what was sent arrive: the sides talk by the kernel, not by the clock. */
const arrived = async (proxy: IStartedProxy, bytes: number): Promise<void> => {
  await until(
    () => (proxy.proxy.getConnections()[0]?.bytesReceived ?? 0) >= bytes,
    5_000,
    () => `${bytes} bytes at the proxy`,
  );
  await settle();
};

tap.test('a head has its time as a whole, however its bytes dribble in', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startTimed(makeHttpRoute(origin.port), { http: { headersTimeout: 10_000 } });
  await using client = await openRawHttp(proxy.port);
  let sent = 0;
  for (const piece of ['GET / HTTP', '/1.1\r\nHo', 'st: a.te', 'st\r\nX']) {
    client.send(piece);
    sent += piece.length;
    await arrived(proxy, sent);
    proxy.clock.advance(2_400);
  }
  expect(client.answers.length).toEqual(0);
  proxy.clock.advance(500);
  expect([(await client.readAnswer()).status, await client.ended]).toEqual([408, 'fin']);
  client.finish();
  expect(await proxy.ends()).toEqual(['headers_timeout']);
});

tap.test('the time for an answer begins when the request is whole', async () => {
  await using origin = await startHttpOrigin(() => {});
  const route = makeHttpRoute(origin.port, { timeouts: { responseTimeout: 5_000 } });
  await using proxy = await startTimed(route);
  const reports = reportsOf(proxy);
  await using client = await openRawHttp(proxy.port, { methods: ['POST'] });
  client.send(post('/', '1', 4));
  for (const piece of ['2', '3', '4']) {
    const [seen] = await origin.seen(1);
    const had = seen?.body.length ?? 0;
    proxy.clock.advance(4_000);
    client.send(piece);
    await until(
      () => (seen?.body.length ?? 0) > had,
      5_000,
      () => 'content at the target',
    );
  }
  proxy.clock.advance(4_900);
  await settle();
  expect(client.answers.length).toEqual(0);
  proxy.clock.advance(200);
  expect((await client.readAnswer()).status).toEqual(504);
  const report = await reports.next();
  expect([report.code, report.durationMs]).toEqual(['RESPONSE_TIMEOUT', 17_000]);
});

tap.test('the time for an answer still counts where the end of the content had to wait', async () => {
  // An origin that takes a chunk, wants no more for a while, and has all of it by then.
  const { data, send } = FetchOrigin.prototype;
  let listener: IAnswerListener | null = null;
  FetchOrigin.prototype.send = function (head, given) {
    listener = given;
    send.call(this, head, given);
  };
  FetchOrigin.prototype.data = function (chunk) {
    data.call(this, chunk);
    return false;
  };
  try {
    const aborted: boolean[] = [];
    const route = handlerRoute((_request, { signal }) => {
      signal?.addEventListener('abort', () => aborted.push(true));
      return new Promise(() => {});
    });
    await using proxy = await startTimed(route, { responseTimeout: 5_000 });
    await using client = await openRawHttp(proxy.port, { methods: ['POST'] });
    const sent = post('/', 'content!');
    client.send(sent);
    await arrived(proxy, sent.length);
    (listener as IAnswerListener | null)?.originDrained();
    proxy.clock.advance(4_900);
    await settle();
    expect(client.answers.length).toEqual(0);
    proxy.clock.advance(200);
    expect((await client.readAnswer()).status).toEqual(504);
    expect(aborted).toEqual([true]);
  } finally {
    Object.assign(FetchOrigin.prototype, { data, send });
  }
});

tap.test('the time for a request as a whole: 408 while it comes, 504 while it waits, then a cut', async () => {
  const begun = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf';
  const cases = [
    { sends: post('/', 'half', 8), answers: '', status: 408, code: 'REQUEST_TIMEOUT' },
    { sends: get(), answers: '', status: 504, code: 'RESPONSE_TIMEOUT' },
    { sends: get(), answers: begun, status: 200, code: 'TIMEOUT' },
  ];
  for (const { sends, answers, status, code } of cases) {
    await using origin = await startOrigin((socket) => {
      socket.on('end', () => socket.end());
      socket.once('data', () => answers !== '' && socket.write(answers));
    });
    await using proxy = await startTimed(makeHttpRoute(origin.port), { http: { requestTimeout: 30_000 } });
    const reports = reportsOf(proxy);
    await using client = await openRawHttp(proxy.port, { methods: ['POST'] });
    client.send(sends);
    if (answers === '')
      await until(
        () => origin.sockets.length === 1,
        5_000,
        () => 'the request at the target',
      );
    else await client.readHead();
    await settle();
    proxy.clock.advance(29_900);
    await settle();
    expect([code, reports.all.length]).toEqual([code, 0]);
    proxy.clock.advance(200);
    const report = await reports.next();
    expect([report.status, report.code]).toEqual([status, code]);
    await until(
      () => client.answers.length === 1,
      5_000,
      () => 'an answer',
    );
    expect([client.answers[0]?.status, client.answers[0]?.isComplete]).toEqual([status, answers === '']);
    if (answers !== '') expect(await proxy.ends()).toEqual(['request_timeout']);
  }
});

tap.test('content that stops coming before an answer has the time of a stall, and no more', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startTimed(makeHttpRoute(origin.port, { timeouts: { stallTimeout: 60_000 } }));
  await using client = await openRawHttp(proxy.port, { methods: ['POST'] });
  const request = post('/', 'half', 100);
  client.send(request);
  await arrived(proxy, request.length);
  await until(
    () => origin.requests.length === 1,
    5_000,
    () => 'the request at the target',
  );
  // Each piece has the time anew.
  proxy.clock.advance(50_000);
  client.send('more');
  await arrived(proxy, request.length + 4);
  proxy.clock.advance(50_000);
  await settle();
  expect(client.answers.length).toEqual(0);
  proxy.clock.advance(11_000);
  expect((await client.readAnswer()).status).toEqual(408);
  await until(
    () => origin.open === 0,
    5_000,
    () => 'the end of the connection to the target',
  );
  client.reset();
  await proxy.ends();
});

tap.test('it holds while a connection to the target is waited for, and nobody blames the client', async () => {
  await using origin = await startHttpOrigin(() => {});
  const http = { requestTimeout: 5_000, maxUpstreamConnections: 1 };
  await using proxy = await startTimed(makeHttpRoute(origin.port), { http, connectionTimeout: 60_000 });
  const reports = reportsOf(proxy);
  await using busy = await openRawHttp(proxy.port);
  busy.send(get('/busy'));
  await origin.seen(1);
  proxy.clock.advance(1_000);
  await using waiting = await openRawHttp(proxy.port, { methods: ['POST'] });
  waiting.send(post('/waits', 'content!'));
  await until(
    () => proxy.proxy.getConnections().filter(({ route }) => route !== null).length === 2,
    5_000,
    () => 'both',
  );
  proxy.clock.advance(4_500);
  expect([(await reports.next()).path, (await busy.readAnswer()).status]).toEqual(['/busy', 504]);
  proxy.clock.advance(1_000);
  const report = await reports.next();
  expect([report.path, report.status]).toEqual(['/waits', 504]);
  expect((await waiting.readAnswer()).status).toEqual(504);
});

tap.test('a request waits for a place in a full pool as long as for a connection, then it is 503', async () => {
  await using origin = await startHttpOrigin(() => {});
  const http = { maxUpstreamConnections: 1 };
  await using proxy = await startTimed(makeHttpRoute(origin.port), { http, connectionTimeout: 5_000 });
  const reports = reportsOf(proxy);
  await using busy = await openRawHttp(proxy.port);
  busy.send(get('/busy'));
  await origin.seen(1);
  await using waiting = await openRawHttp(proxy.port);
  waiting.send(get('/waits'));
  await until(
    () => proxy.proxy.getConnections().filter(({ route }) => route !== null).length === 2,
    5_000,
    () => 'both',
  );
  await proxy.clock.advanceAsync(5_100);
  expect((await waiting.readAnswer()).status).toEqual(503);
  expect((await reports.next()).code).toEqual('POOL_EXHAUSTED');
});

tap.test('between requests the time for keeping counts, afresh each time', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startTimed(makeHttpRoute(origin.port), { http: { keepAliveTimeout: 65_000 } });
  await using client = await openRawHttp(proxy.port);
  for (let round = 0; round < 4; round++) {
    client.send(get());
    expect((await client.readAnswer()).status).toEqual(200);
    await settle();
    proxy.clock.advance(64_000);
  }
  proxy.clock.advance(2_000);
  expect(await client.ended).toEqual('fin');
  expect(await proxy.ends()).toEqual(['keep_alive_timeout']);
});

tap.test('connections to targets are kept for their time and no longer', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startTimed(makeHttpRoute(origin.port), { http: { upstreamIdleTimeout: 55_000 } });
  await using client = await openRawHttp(proxy.port);
  for (let round = 0; round < 3; round++) {
    client.send(get());
    await client.readAnswer();
    await settle();
    proxy.clock.advance(50_000);
  }
  expect(origin.sockets.length).toEqual(1);
  await proxy.clock.advanceAsync(10_000);
  await until(
    () => origin.open === 0,
    5_000,
    () => 'the connection to be closed',
  );
});

/** What was taken makes room for more, which the proxy passes on. */
const moved = (condition: () => boolean): Promise<void> => until(condition, 10_000, () => 'more to be passed on');

/** Until the kernels are full something moves. All ends are in this process: turns of its loop count, not time. */
async function stuck(passed: () => number): Promise<void> {
  let last = -1;
  for (let same = 0; same < 40; same++) {
    if (passed() !== last) same = 0;
    last = passed();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Reads `bytes` more or a little more, then pauses: a busy machine must not read everything meanwhile. */
async function take(socket: Socket, bytes: number): Promise<void> {
  let taken = 0;
  await new Promise<void>((resolve) => {
    const onData = (chunk: Buffer) => {
      taken += chunk.length;
      if (taken < bytes) return;
      socket.off('data', onData).pause();
      resolve();
    };
    socket.on('data', onData).resume();
  });
}

tap.test('who reads slowly is waited for, who does not read at all is not', async () => {
  const size = 60_000_000;
  await using origin = await startOrigin((socket) => {
    socket.on('end', () => socket.end());
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      socket.write(Buffer.alloc(size));
    });
  });
  const route = makeHttpRoute(origin.port, { timeouts: { stallTimeout: 60_000, inactivityTimeout: 90_000 } });
  await using proxy = await startTimed(route);
  await using client = await openRawHttp(proxy.port);
  client.send(get());
  await client.readHead();
  const passed = () => proxy.proxy.getConnections()[0]?.bytesSent ?? 0;
  for (let round = 0; round < 8; round++) {
    const before = passed();
    await take(client.socket, 4_000_000);
    await moved(() => passed() > before);
    for (let step = 0; step < 5; step++) proxy.clock.advance(10_000);
  }
  expect(proxy.ended.length).toEqual(0);
  await stuck(passed);
  for (let step = 0; step < 12; step++) proxy.clock.advance(10_000);
  expect(await proxy.ends()).toEqual(['stall_timeout']);
  client.socket.resume();
  await client.ended;
  expect(client.answers[0]?.isComplete).toBeFalse();
  await until(
    () => origin.open === 0,
    5_000,
    () => 'the target to be told',
  );
});

tap.test('a target that takes content slowly is waited for, one that takes none is not', async () => {
  await using origin = await startOrigin((socket) => socket.on('end', () => socket.end()).pause());
  await using proxy = await startTimed(makeHttpRoute(origin.port, { timeouts: { stallTimeout: 60_000 } }));
  const reports = reportsOf(proxy);
  await using client = await openRawHttp(proxy.port, { methods: ['POST'] });
  const size = 60_000_000;
  client.send(post('/', '', size));
  client.send(Buffer.alloc(size));
  await until(
    () => origin.sockets.length === 1,
    5_000,
    () => 'the request',
  );
  const [socket] = origin.sockets;
  const passed = () => proxy.proxy.getConnections()[0]?.bytesReceived ?? 0;
  for (let round = 1; round <= 6; round++) {
    const before = passed();
    if (socket !== undefined) await take(socket, 4_000_000);
    await moved(() => passed() > before);
    proxy.clock.advance(50_000);
  }
  expect(reports.all.length).toEqual(0);
  await stuck(passed);
  proxy.clock.advance(61_000);
  const report = await reports.next();
  expect([report.status, report.code]).toEqual([504, 'RESPONSE_TIMEOUT']);
  expect((await client.readAnswer()).status).toEqual(504);
  socket?.resume();
  await until(
    () => origin.open === 0,
    5_000,
    () => 'the target to be left',
  );
  // Who still sends is listened to for a while.
  proxy.clock.advance(3_000);
  await proxy.ends();
});

for (const isTls of [false, true]) {
  const route = async (port: number, timeouts: IRouteConfig['timeouts']) => {
    const more = timeouts === undefined ? {} : { timeouts };
    return isTls ? makeHttpsRoute(port, await makeCertificate({ names: ['a.test'] }), more) : makeHttpRoute(port, more);
  };
  const open = (port: number, methods: string[] = []) =>
    openRawHttp(port, isTls ? { methods, tls: { servername: 'a.test' } } : { methods });

  tap.test(`bytes in one direction only are activity${isTls ? ', TLS too' : ''}`, async () => {
    const streams: http.ServerResponse[] = [];
    await using origin = await startHttpOrigin((_request, response) => streams.push(response));
    await using proxy = await startTimed(await route(origin.port, { inactivityTimeout: 60_000, responseTimeout: 0 }));
    await using client = await open(proxy.port, ['POST']);
    client.send(post('/', '1', 8));
    const [seen] = await origin.seen(1);
    for (let round = 2; round <= 8; round++) {
      proxy.clock.advance(50_000);
      client.send(String(round));
      await until(
        () => seen?.body.length === round,
        5_000,
        () => `${round} bytes at the target`,
      );
    }
    for (let round = 1; round <= 8; round++) {
      proxy.clock.advance(50_000);
      streams[0]?.write('x');
      await client.when(() => client.answers[0]?.body.length === round);
    }
    expect(proxy.ended.length).toEqual(0);
    // What went to the client is seen when its progress is looked at, every 15 s.
    proxy.clock.advance(76_000);
    expect(await proxy.ends()).toEqual(['inactivity_timeout']);
    await until(
      () => seen?.isAborted === true,
      5_000,
      () => 'the target to be told',
    );
  });

  tap.test(`the age of a connection ends whatever it does${isTls ? ', TLS too' : ''}`, async () => {
    for (const [sends, answers, isDone] of [
      [get(), okAnswer(), true],
      [get(), 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf', false],
      [opening(), switched, false],
    ] as const) {
      await using origin = await startOrigin((socket) => {
        socket.on('end', () => socket.end());
        socket.once('data', () => socket.write(answers));
      });
      await using proxy = await startTimed(await route(origin.port, { maxConnectionLifetime: 600_000 }), {
        http: { keepAliveTimeout: 3_600_000 },
      });
      await using client = await open(proxy.port);
      client.send(sends);
      if (isDone) await client.readAnswer();
      else await client.readHead();
      proxy.clock.advance(599_000);
      await settle();
      expect(proxy.ended.length).toEqual(0);
      proxy.clock.advance(2_000);
      expect(await proxy.ends()).toEqual(['max_lifetime']);
      await client.ended;
      await until(
        () => origin.open === (isDone ? 1 : 0),
        5_000,
        () => 'the target to be left',
      );
    }
  });
}

export default tap.start();
