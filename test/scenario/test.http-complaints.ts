// What people complain about in proxies for HTTP, each as a scenario that fails where the complaint would be right.

import { once } from 'node:events';
import type http from 'node:http';
import type { Socket } from 'node:net';
import { createGunzip } from 'node:zlib';
import type { ISmartProxyOptions, ITarget, TErrorCode } from '../../ts/index.js';
import { startBlackhole } from '../helpers/blackhole.js';
import { makeCertificate } from '../helpers/certificates.js';
import { makeFakeClock } from '../helpers/fake-clock.js';
import { fetchThrough, keepAliveAgent, openRawHttp, rawExchange } from '../helpers/http-clients.js';
import {
  okAnswer,
  startHttpOrigin,
  startRecordingOrigin,
  startSseOrigin,
  type TScripted,
} from '../helpers/http-origins.js';
import { makeHttpRoute, makeHttpsRoute } from '../helpers/http-routes.js';
import { watchInnerParts } from '../helpers/inner-parts.js';
import { closedPort, startOrigin } from '../helpers/origins.js';
import { get, opening, post, reportsOf, switched } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, long, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';
import { connectWebSocket, startWebSocketOrigin } from '../helpers/websockets.js';

const never = new Promise<never>(() => {});

/** What the client sends and what the target answers before one of them is reset, and how much the client sees by then. */
interface IResetStep {
  readonly sends: string;
  readonly answers?: TScripted;
  /** `head`: of the answer has come. `whole`: the answer has. Default: what was sent is with the target, if it is sent on. */
  readonly until?: 'head' | 'whole';
}

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const silent: TScripted = { from: 'head', steps: [{ wait: never }] };
const steps: Record<string, IResetStep> = {
  'nothing sent': { sends: '' },
  'head half sent': { sends: 'GET / HTTP/1.1\r\nHost: a.te' },
  'content half sent': { sends: post('/', 'half', 8), answers: silent },
  'no answer yet': { sends: get(), answers: silent },
  'answer head half sent': { sends: get(), answers: ['HTTP/1.1 200 OK\r\nContent-Le', { wait: never }] },
  'answer content half sent': {
    sends: get(),
    answers: ['HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf', { wait: never }],
    until: 'head',
  },
  'chunk half sent': { sends: get(), answers: [`${chunked}8\r\nhalf`, { wait: never }], until: 'head' },
  'idle after an answer': { sends: get(), answers: okAnswer(), until: 'whole' },
  'tunnel open': { sends: opening(), answers: [switched, { wait: never }], until: 'head' },
};

for (const isTls of [false, true]) {
  tap.test(`a peer's reset, whichever and whenever, ends no process${isTls ? ', TLS too' : ''}`, async () => {
    const certificate = await makeCertificate({ names: ['a.test'] });
    const tls = isTls ? { tls: { servername: 'a.test', ca: certificate.ca } } : {};
    const wrong: string[] = [];
    for (const [name, step] of Object.entries(steps)) {
      for (const who of ['client', 'target'] as const) {
        await using origin = await startRecordingOrigin(step.answers);
        const route = isTls ? makeHttpsRoute(origin.port, certificate) : makeHttpRoute(origin.port);
        await using proxy = await startProxy({ routes: [route] });
        await using client = await openRawHttp(proxy.port, tls);
        client.send(step.sends);
        if (step.answers !== undefined) await origin.seen(1);
        if (step.until === 'head') await client.readHead();
        if (step.until === 'whole') await client.readAnswer();
        if (who === 'client') client.reset();
        else for (const socket of origin.sockets) socket.resetAndDestroy();
        // An answer that was cut must not look whole.
        const isCut = who === 'target' && step.until === 'head';
        if (isCut && (await client.ended) === 'fin' && name !== 'tunnel open') {
          const [answer] = client.answers;
          if (answer?.isComplete || answer?.message.framing === 'close') wrong.push(`${name}: looks complete`);
        }
        if (who === 'target') client.finish();
        await proxy.ends();
        // The proxy serves on.
        const { answers } = await rawExchange(proxy.port, 'GET / HTTP/1.1\r\n\r\n', tls);
        if (answers[0]?.status !== 400) wrong.push(`${name}, ${who}: no answer afterwards`);
      }
    }
    expect(wrong).toEqual([]);
  });
}

tap.test('no socket is left of many WebSockets', async () => {
  const many = long ? 10_000 : 500;
  await using origin = await startWebSocketOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], settleMs: 10_000 });
  const openings = async (count: number) => {
    for (let done = 0; done < count; done++) {
      const client = await connectWebSocket(`ws://127.0.0.1:${proxy.port}/`);
      client.socket.send('a');
      await client.messages(1);
      if (done % 2 === 0) client.socket.close();
      else client.socket.terminate();
      await client.closed;
    }
  };
  await openings(20);
  const before = socketCount();
  await Promise.all(Array.from({ length: 20 }, () => openings(many / 20)));
  await until(
    () => proxy.proxy.getConnections().length === 0 && origin.sockets.size === 0 && socketCount() <= before,
    10_000,
    () => `${before} sockets, has ${socketCount()}; ${origin.sockets.size} at the target`,
  );
  expect(proxy.ended.length).toEqual(many + 20);
});

const socketCount = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

tap.test(
  'a client that leaves is known to the target without any time limit, whatever its request waits for',
  async () => {
    const begun = { 'before the answer': false, 'within the answer': true };
    for (const [when, answers] of Object.entries(begun)) {
      for (const how of ['finish', 'reset'] as const) {
        await using origin = await startHttpOrigin((_request, response) => {
          if (answers) response.write('some');
        });
        // For this proxy no time passes: what it waited for would never come.
        await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] }, { clock: makeFakeClock() });
        for (let round = 0; round < 3; round++) {
          await using client = await openRawHttp(proxy.port);
          client.send(get());
          const [seen] = (await origin.seen(round + 1)).slice(-1);
          if (answers) await client.readHead();
          client[how]();
          await until(
            () => seen?.isAborted === true,
            5_000,
            () => `the target to be told of a ${how} ${when}`,
          );
        }
      }
    }
  },
);

tap.test('a refused upgrade is relayed with its status, its fields and all of its content', async () => {
  const large = 'why not: '.repeat(40_000);
  await using origin = await startRecordingOrigin((_, n) =>
    n === 0
      ? `HTTP/1.1 403 No\r\nX-Why: no\r\nContent-Length: ${large.length}\r\n\r\n${large}`
      : `HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nwho is\r\n3\r\nit?\r\n0\r\n\r\n`,
  );
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)] });
  const reports = reportsOf(proxy);
  {
    await using client = await openRawHttp(proxy.port);
    client.send(opening());
    const answer = await client.readAnswer();
    expect([answer.status, answer.field('x-why'), answer.body === large]).toEqual([403, 'no', true]);
  }
  await using client = await openRawHttp(proxy.port);
  client.send(opening());
  const answer = await client.readAnswer();
  expect([answer.status, answer.field('www-authenticate'), answer.body]).toEqual([401, 'Basic', 'who isit?']);
  expect([(await reports.next()).status, (await reports.next()).status]).toEqual([403, 401]);
});

tap.test('a kept connection that the target closes at the worst moment costs no request', async () => {
  for (const ending of ['fin', 'reset'] as const) {
    const posted: string[] = [];
    // Each second request of a connection meets a target that has just given it up, without having looked at it.
    await using origin = await startRecordingOrigin(({ index, method, url }) => {
      if (method === 'POST') posted.push(url);
      return index === 0 ? okAnswer() : { from: 'head', steps: [ending] };
    });
    // And some are closed between two requests, when the next one may be on its way.
    const target = { host: '127.0.0.1', port: origin.port };
    // A target that fails every other request needs the budget for that.
    const route = makeHttpRoute(0, { action: { type: 'forward', target, retry: { attempts: 3, budget: 1 } } });
    await using proxy = await startProxy({ routes: [route] });
    const reports = reportsOf(proxy);
    using agent = keepAliveAgent();
    for (let round = 0; round < 60; round++) {
      const { status } = await fetchThrough(proxy.port, `/${round}`, { agent });
      expect([ending, round, status]).toEqual([ending, round, 200]);
      if (round % 3 === 0) origin.sockets.at(-1)?.[ending === 'fin' ? 'end' : 'resetAndDestroy']();
    }
    for (let round = 0; round < 20; round++) {
      await fetchThrough(proxy.port, '/warm', { agent });
      const { status } = await fetchThrough(proxy.port, `/post/${round}`, { agent, method: 'POST', body: 'once' });
      expect([200, 502]).toContain(status);
    }
    expect(new Set(posted).size).toEqual(posted.length);
    expect(origin.faults.filter((fault) => !fault.includes('FIN'))).toEqual([]);
    expect(reports.all.filter(({ method, status }) => method === 'GET' && status !== 200)).toEqual([]);
  }
});

tap.test('a target that could not be had, did not answer, or was not there is told apart', async () => {
  await using blackhole = await startBlackhole();
  await using silence = await startOrigin(() => {});
  await using refusing = await startOrigin((socket) => socket.once('data', () => socket.resetAndDestroy()));
  await using leaving = await startOrigin((socket) => socket.once('data', () => socket.end()));
  await using babbling = await startOrigin((socket) =>
    socket.once('data', () => socket.write('SSH-2.0-babble\r\n\r\n')),
  );
  const to = (port: number, more: Partial<ITarget> = {}) => ({ host: '127.0.0.1', port, ...more });
  const cases: [string, ITarget, number, TErrorCode, Partial<ISmartProxyOptions>?][] = [
    ['refused', to(await closedPort()), 502, 'TARGET_UNREACHABLE'],
    ['unknown name', { host: 'nowhere.invalid', port: 80 }, 502, 'TARGET_UNRESOLVED'],
    ['reset before an answer', to(refusing.port), 502, 'TARGET_BROKE'],
    ['closed before an answer', to(leaving.port), 502, 'TARGET_BROKE'],
    ['not HTTP', to(babbling.port), 502, 'TARGET_MALFORMED'],
    ['not TLS', to(babbling.port, { tls: {} }), 502, 'TARGET_TLS'],
    ['none fits', to(silence.port, { match: { path: '/other' } }), 503, 'NO_TARGET'],
    ['silent', to(silence.port), 504, 'RESPONSE_TIMEOUT', { responseTimeout: 200 }],
    ['does not accept', to(blackhole.port), 504, 'TARGET_TIMEOUT', { connectionTimeout: 200 }],
  ];
  for (const [name, target, status, code, options] of cases) {
    const route = makeHttpRoute(0, { action: { type: 'forward', targets: [target] } });
    await using proxy = await startProxy({ routes: [route], ...options });
    const reports = reportsOf(proxy);
    // A POST is not tried twice, which would only take longer.
    await using client = await openRawHttp(proxy.port, { methods: ['POST', 'POST'] });
    for (let round = 0; round < 2; round++) {
      client.send(post('/', 'x'));
      const answer = await client.readAnswer();
      expect([name, answer.status]).toEqual([name, status]);
      const report = await reports.next();
      expect([name, report.status, report.code]).toEqual([name, status, code]);
    }
    expect(proxy.proxy.getMetrics().requests.byStatus()).toEqual(new Map([[status, 2]]));
  }
});

tap.test('a pool that is full is 503, and one that comes free in time is waited for', async () => {
  let free = (): void => {};
  using inner = watchInnerParts();
  await using origin = await startHttpOrigin((_request, response) => {
    free = () => response.end('free');
  });
  await using proxy = await startProxy({
    routes: [makeHttpRoute(origin.port)],
    http: { maxUpstreamConnections: 1, maxUpstreamQueue: 1 },
  });
  const reports = reportsOf(proxy);
  const first = fetchThrough(proxy.port, '/1');
  await origin.seen(1);
  const second = fetchThrough(proxy.port, '/2');
  await until(
    () => inner.upstreams.waiting === 1,
    5_000,
    () => 'the second to wait',
  );
  expect((await fetchThrough(proxy.port, '/3')).status).toEqual(503);
  const report = await reports.next();
  expect([report.path, report.code]).toEqual(['/3', 'POOL_EXHAUSTED']);
  free();
  await origin.seen(2);
  free();
  expect([(await first).text, (await second).text]).toEqual(['free', 'free']);
});

tap.test('a client that left is 499, at whatever step', async () => {
  await using blackhole = await startBlackhole();
  await using silence = await startOrigin(() => {});
  for (const [port, sends] of [
    [blackhole.port, get()],
    [silence.port, get()],
    [silence.port, post('/', 'half', 8)],
  ] as const) {
    for (const how of ['finish', 'reset'] as const) {
      await using proxy = await startProxy({ routes: [makeHttpRoute(port)] });
      const reports = reportsOf(proxy);
      await using client = await openRawHttp(proxy.port);
      client.send(sends);
      await until(
        () => proxy.proxy.getConnections()[0]?.route !== null,
        5_000,
        () => 'the request to be routed',
      );
      client[how]();
      const report = await reports.next();
      expect([report.status, report.code]).toEqual([499, 'CLIENT_LEFT']);
      await proxy.ends();
    }
  }
});

tap.test('each event of a stream arrives before the next is sent', async () => {
  for (const compression of [false, true]) {
    await using origin = await startSseOrigin();
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port, { compression })] });
    await using client = await listen(proxy.port, compression ? { 'accept-encoding': 'gzip' } : {});
    expect(client.encoding).toEqual(compression ? 'gzip' : undefined);
    for (let event = 1; event <= 30; event++) {
      origin.emit(`event ${event}`);
      await client.heard(`data: event ${event}\n\n`);
    }
    origin.finish();
    await client.heard(': end');
  }
});

tap.test('a stream is not cut while data flows, however long it lasts beyond the time for an answer', async () => {
  for (const compression of [false, true]) {
    const clock = makeFakeClock();
    await using origin = await startSseOrigin();
    const timeouts = { responseTimeout: 10_000, inactivityTimeout: 30_000, stallTimeout: 5_000 };
    const route = makeHttpRoute(origin.port, { compression, timeouts });
    await using proxy = await startProxy({ routes: [route], http: { headersTimeout: 1_000 } }, { clock });
    await using client = await listen(proxy.port, compression ? { 'accept-encoding': 'gzip' } : {});
    for (let event = 1; event <= 20; event++) {
      clock.advance(20_000);
      origin.emit(`event ${event}`);
      await client.heard(`data: event ${event}\n\n`);
    }
    origin.finish();
    await client.heard(': end');
  }
});

interface IListener extends AsyncDisposable {
  readonly encoding: string | undefined;
  /** Resolves once this has come; `: end` stands for the end of the stream, in order. */
  heard(text: string): Promise<void>;
}

async function listen(port: number, headers: http.OutgoingHttpHeaders): Promise<IListener> {
  const { default: client } = await import('node:http');
  const request = client.get({ port, host: '127.0.0.1', agent: false, headers: { host: 'a.test', ...headers } });
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const encoding = response.headers['content-encoding'];
  let text = '';
  const decoded = encoding === 'gzip' ? response.pipe(createGunzip({ flush: 2 })) : response;
  decoded.on('error', () => {});
  decoded.setEncoding('utf8');
  decoded.on('data', (piece: string) => {
    text += piece;
  });
  decoded.on('end', () => {
    text += ': end';
  });
  return {
    encoding,
    heard: (wanted) =>
      until(
        () => text.includes(wanted),
        5_000,
        () => `${JSON.stringify(wanted)}, has ${JSON.stringify(text.slice(-200))}`,
      ),
    async [Symbol.asyncDispose]() {
      request.destroy();
      const { socket } = request as { socket: Socket | null };
      if (socket !== null && !socket.closed) await once(socket, 'close');
    },
  };
}

export default tap.start();
