// What the program around us hangs into the proxy and what fails there: it costs the request it was asked for, nothing else.

import { setTimeout as delay } from 'node:timers/promises';
import type { ILogger, IRouteConfig, TErrorCode, THttpHandler } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { openRawHttp } from '../helpers/http-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { get, post, reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

const fail = (): never => {
  throw new Error('by the program');
};
const failLater = async (): Promise<never> => {
  await delay(1);
  return fail();
};

const handle = (httpHandler: unknown): IRouteConfig['action'] => ({
  type: 'http-handler',
  httpHandler: httpHandler as THttpHandler,
});

const streamOf = (pull: (controller: ReadableStreamDefaultController<Uint8Array>) => unknown) =>
  new ReadableStream<Uint8Array>({ pull: (controller) => pull(controller) as Promise<void> });

/** By path: what fails there, and what the client gets; `cut`: an answer that is not whole. */
const cases: Record<string, { action: IRouteConfig['action']; status: number; cut?: true; code: TErrorCode }> = {
  '/host-throws': {
    action: { type: 'forward', target: { host: fail, port: 80 } },
    status: 500,
    code: 'TARGET_FUNCTION_FAILED',
  },
  '/host-rejects': {
    action: { type: 'forward', target: { host: failLater as never, port: 80 } },
    status: 500,
    code: 'TARGET_FUNCTION_FAILED',
  },
  '/host-nonsense': {
    action: { type: 'forward', target: { host: () => '', port: 80 } },
    status: 500,
    code: 'TARGET_FUNCTION_FAILED',
  },
  '/port-throws': {
    action: { type: 'forward', target: { host: '127.0.0.1', port: fail } },
    status: 500,
    code: 'TARGET_FUNCTION_FAILED',
  },
  '/port-nonsense': {
    action: { type: 'forward', target: { host: '127.0.0.1', port: () => 70_000 } },
    status: 500,
    code: 'TARGET_FUNCTION_FAILED',
  },
  '/handler-throws': { action: handle(fail), status: 500, code: 'HANDLER_FAILED' },
  '/handler-rejects': { action: handle(failLater), status: 500, code: 'HANDLER_FAILED' },
  '/handler-nothing': { action: handle(() => undefined), status: 500, code: 'HANDLER_FAILED' },
  '/handler-null': { action: handle(() => Promise.reject(null)), status: 500, code: 'HANDLER_FAILED' },
  '/stream-throws': {
    action: handle(() => new Response(streamOf(fail))),
    status: 500,
    code: 'HANDLER_FAILED',
  },
  '/stream-fails-later': {
    action: handle(() => {
      let count = 0;
      return new Response(
        streamOf(async (controller) => {
          await delay(5);
          if (++count > 2) fail();
          controller.enqueue(Buffer.from('some'));
        }),
      );
    }),
    status: 200,
    cut: true,
    code: 'HANDLER_FAILED',
  },
  '/stream-of-text': {
    action: handle(() => new Response(streamOf((controller) => controller.enqueue('text' as never)))),
    status: 500,
    code: 'HANDLER_FAILED',
  },
  '/used-body': {
    action: handle(async () => {
      const response = new Response('used');
      await response.text();
      return response;
    }),
    status: 500,
    code: 'HANDLER_FAILED',
  },
};

/** Everything of it throws. */
const hostileLogger = { debug: fail, info: fail, warn: fail, error: failLater as never } as unknown as ILogger;

for (const [circumstances, logger] of [
  ['', undefined],
  [', where the logger and all listeners fail too', hostileLogger],
] as const) {
  tap.test(`a function of the program that fails costs one request${circumstances}`, async () => {
    await using origin = await startHttpOrigin((_request, response) => response.end('ok'));
    const routes = [
      ...Object.entries(cases).map(([path, { action }]) => ({ name: path, match: { ports: 0, path }, action })),
      makeHttpRoute(origin.port, { name: 'other', match: { ports: 0, path: '/other' } }),
    ];
    await using proxy = await startProxy({ routes, ...(logger === undefined ? {} : { logger }) });
    const reports = reportsOf(proxy);
    if (logger !== undefined) {
      for (const event of ['connection', 'connection-end', 'request', 'target-down', 'error'] as const) {
        proxy.proxy.on(event, fail);
        proxy.proxy.on(event, failLater as never);
      }
    }
    await using bystander = await openRawHttp(proxy.port);
    for (const [path, { status, cut, code }] of Object.entries(cases)) {
      for (const request of [get(path), post(path, 'content')]) {
        await using client = await openRawHttp(proxy.port, { methods: [request.slice(0, request.indexOf(' '))] });
        client.send(request);
        const answer = cut ? await client.readHead() : await client.readAnswer();
        if (cut) await client.ended;
        expect([path, answer.status, answer.isComplete]).toEqual([path, status, cut !== true]);
        const report = await reports.next();
        expect([path, report.status, report.code]).toEqual([path, status, code]);
        // The same connection serves on, unless its answer was cut.
        if (cut) continue;
        client.send(get('/other'));
        expect([path, (await client.readAnswer()).body]).toEqual([path, 'ok']);
        await reports.next();
      }
      bystander.send(get('/other'));
      expect((await bystander.readAnswer()).body).toEqual('ok');
      await reports.next();
    }
  });
}

tap.test('a socket handler that fails behind TLS, right after it wrote, ends its connection alone', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  const { cert, key } = certificate;
  const tls = { mode: 'terminate', certificate: { cert, key } } as const;
  const ways = [
    { end: 'handler_error', fails: fail },
    { end: 'handler_error', fails: failLater },
    { end: 'normal', fails: (socket: { destroy(): void }) => socket.destroy() },
  ] as const;
  for (const { end, fails } of ways) {
    const action: IRouteConfig['action'] = {
      type: 'socket-handler',
      tls,
      socketHandler: (socket) => {
        socket.write(Buffer.alloc(3_000_000));
        return fails(socket) as never;
      },
    };
    await using proxy = await startProxy({ routes: [{ match: { ports: 0, domains: 'a.test' }, action }] });
    for (let round = 0; round < 3; round++) {
      await using client = await openRawHttp(proxy.port, { tls: { servername: 'a.test' } }).catch(() => null);
      await client?.ended;
    }
    expect(await proxy.ends(3)).toEqual([end, end, end]);
  }
});

export default tap.start();
