// Handlers of the Fetch standard as origins: what they are given, what they give, and what they cannot break.

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { ProxyError } from '../../ts/base/errors.js';
import type { IRequestHead } from '../../ts/codec/http-message.js';
import type { IRouteContext, THttpHandler } from '../../ts/config/types.js';
import { FetchOrigin } from '../../ts/http/fetch-origin.js';
import { urlOf } from '../../ts/http/fetch-request.js';
import { makeListener } from '../helpers/answer-listener.js';
import { settle } from '../helpers/fake-clock.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const headOf = (changes: Partial<IRequestHead> = {}): IRequestHead => ({
  version: '1.1',
  method: 'GET',
  target: '/a?b=c',
  authority: 'a.test:8080',
  host: 'a.test',
  fields: ['Accept', '*/*', 'Cookie', 'a=1'],
  contentLength: 0,
  expectsContinue: false,
  upgrade: null,
  close: false,
  ...changes,
});

const context: IRouteContext = {
  port: 8080,
  clientIp: '192.0.2.1',
  clientPort: 1,
  serverIp: '192.0.2.2',
  isTls: false,
  connectionId: 'c1',
  timestamp: 0,
  signal: new AbortController().signal,
};

function run(handler: THttpHandler, head: Partial<IRequestHead> = {}) {
  const listener = makeListener();
  const abort = new AbortController();
  const logged: string[] = [];
  const log = (_fields: object, message: string) => void logged.push(message);
  let signalsMade = 0;
  const origin = new FetchOrigin({
    handler,
    contextOf: () => context,
    urlOf: (asked) => urlOf(asked, false),
    signalOf: () => {
      signalsMade++;
      return abort.signal;
    },
    logger: { debug: log, info: log, warn: log, error: log },
  });
  origin.send(headOf(head), listener);
  return { origin, listener, abort, logged, signals: () => signalsMade };
}

const encoder = new TextEncoder();
const post = { method: 'POST', contentLength: -1 } as const;

tap.test('a handler sees what was asked for, and its answer has a length', async () => {
  const { listener, signals } = run(async (request, given) => {
    const { method, url, headers } = request;
    const seen = [method, url, headers.get('host'), headers.get('cookie'), given.clientIp, request.body];
    return new Response(JSON.stringify(seen), { status: 201, statusText: 'Made', headers: { 'x-a': '1' } });
  });
  await listener.over;
  expect(JSON.parse(listener.text())).toEqual([
    'GET',
    'http://a.test:8080/a?b=c',
    'a.test:8080',
    'a=1',
    '192.0.2.1',
    null,
  ]);
  const { head } = listener;
  expect([head?.status, head?.reason, head?.contentLength]).toEqual([201, 'Made', listener.text().length]);
  expect(head?.fields.slice(0, 2)).toEqual(['content-type', 'text/plain;charset=UTF-8']);
  expect(head?.fields.includes('x-a')).toBeTrue();
  expect(listener.calls).toEqual(['head', 'data', 'end']);
  expect(signals()).toEqual(0);
});

tap.test('a synchronous handler and an answer without content do as well', async () => {
  const { listener } = run(() => new Response(null, { status: 200 }));
  await listener.over;
  expect(listener.calls).toEqual(['head', 'end']);
  expect(listener.head?.contentLength).toEqual(0);
  const empty = run(() => new Response('')).listener;
  await empty.over;
  expect([empty.head?.contentLength, empty.calls]).toEqual([0, ['head', 'end']]);
});

tap.test('each Set-Cookie stays a field of its own', async () => {
  const { listener } = run(() => {
    const headers = new Headers();
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    return new Response('x', { headers });
  });
  await listener.over;
  const fields = listener.head?.fields ?? [];
  expect(fields.filter((_, at) => fields[at - 1] === 'set-cookie')).toEqual(['a=1', 'b=2']);
});

tap.test('HEAD, 204 and 304 have no content, and its maker is told', async () => {
  const cancelled: string[] = [];
  const body = (name: string) => new ReadableStream({ cancel: () => void cancelled.push(name) }, { highWaterMark: 0 });
  const forHead = run(() => new Response(body('head'), { headers: { 'content-length': '7' } }), {
    method: 'HEAD',
  }).listener;
  await forHead.over;
  expect([forHead.calls, forHead.head?.contentLength]).toEqual([['head', 'end'], 7]);
  const unknown = run(() => new Response('abc'), { method: 'HEAD' }).listener;
  await unknown.over;
  expect(unknown.head?.contentLength).toEqual(-1);
  for (const [status, length] of [
    [204, 0],
    [205, 0],
    [304, -1],
  ] as const) {
    const { listener } = run(() => new Response(null, { status }));
    await listener.over;
    expect([status, listener.head?.contentLength, listener.chunks.length]).toEqual([status, length, 0]);
  }
  expect(cancelled).toEqual(['head']);
});

tap.test('content of a request streams to the handler, at its pace', async () => {
  const { origin, listener } = run(async (request) => new Response(await request.text()), { ...post });
  expect(origin.data(encoder.encode('first '))).toBeTrue();
  await settle();
  origin.data(encoder.encode('second'));
  origin.end();
  await listener.over;
  expect(listener.text()).toEqual('first second');
});

tap.test('a handler that does not read stops the client, and may answer all the same', async () => {
  let answer: () => void = () => {};
  let request: Request | null = null;
  const { origin, listener } = run(
    (given) => {
      request = given;
      return new Promise((resolve) => {
        answer = () => resolve(new Response('done'));
      });
    },
    { ...post },
  );
  const chunk = new Uint8Array(40_000);
  await settle();
  expect(origin.data(chunk)).toBeTrue();
  expect(origin.data(chunk)).toBeFalse();
  await settle();
  expect(listener.drains).toEqual(0);
  answer();
  await listener.over;
  expect(listener.text()).toEqual('done');
  // What comes later goes nowhere.
  expect(origin.data(chunk)).toBeTrue();
  expect(request === null).toBeFalse();
});

tap.test('reading makes room for the client', async () => {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const { origin, listener } = run(
    (request) => {
      reader = request.body?.getReader();
      return new Promise(() => {});
    },
    { ...post, contentLength: 100_000 },
  );
  await settle();
  expect(origin.data(new Uint8Array(70_000))).toBeFalse();
  const { value } = (await reader?.read()) ?? {};
  await settle();
  expect([value?.byteLength, listener.drains]).toEqual([70_000, 1]);
  origin.cancel();
});

tap.test('a handler that wants no content lets the client finish', async () => {
  const { origin, listener } = run(
    async (request) => {
      await request.body?.cancel();
      return new Promise(() => {});
    },
    { ...post },
  );
  await settle();
  for (let at = 0; at < 5; at++) expect(origin.data(new Uint8Array(100_000))).toBeTrue();
  origin.end();
  expect(listener.calls).toEqual([]);
  origin.cancel();
});

tap.test('GET with content is served without it', async () => {
  const { origin, listener } = run((request) => new Response(String(request.body)), { contentLength: 5 });
  expect(origin.data(encoder.encode('hello'))).toBeTrue();
  origin.end();
  await listener.over;
  expect(listener.text()).toEqual('null');
});

tap.test('events go out as they come, the head before the first', async () => {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
  });
  const { listener } = run(() => new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
  await until(
    () => listener.pauses === 1,
    2_000,
    () => 'the head',
  );
  expect([listener.head?.contentLength, listener.calls]).toEqual([-1, ['head']]);
  controller?.enqueue(encoder.encode('data: 1\n\n'));
  await until(
    () => listener.pauses === 2,
    2_000,
    () => 'an event',
  );
  expect(listener.text()).toEqual('data: 1\n\n');
  controller?.close();
  await listener.over;
  expect(listener.calls).toEqual(['head', 'data', 'end']);
});

tap.test('a reader that holds stops the handler', async () => {
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulls++;
        if (pulls > 20) controller.close();
        else controller.enqueue(new Uint8Array(1_000));
      },
    },
    { highWaterMark: 0 },
  );
  const { origin, listener } = run(() => new Response(body));
  listener.onData = () => {
    if (listener.chunks.length === 3) origin.hold();
  };
  await until(
    () => listener.chunks.length === 3,
    2_000,
    () => 'three chunks',
  );
  for (let turn = 0; turn < 5; turn++) await settle();
  expect([listener.chunks.length, pulls <= 4]).toEqual([3, true]);
  origin.pull();
  await listener.over;
  expect([listener.chunks.length, listener.ended]).toEqual([20, true]);
});

const failing: Readonly<Record<string, THttpHandler>> = {
  throws: () => {
    throw new Error('no');
  },
  rejects: () => Promise.reject(new Error('no')),
  'throws nothing at all': () => {
    throw undefined;
  },
  'gives no Response': () => ({ status: 200 }) as unknown as Response,
  'gives undefined': () => undefined as unknown as Response,
  'gives the network error': () => Response.error(),
  'gives content that was read': async () => {
    const response = new Response('x');
    await response.text();
    return response;
  },
  'gives content that somebody reads': () => {
    const response = new Response('x');
    response.body?.getReader();
    return response;
  },
  'gives a getter that throws': () =>
    Object.defineProperty(new Response('x'), 'headers', {
      get: () => {
        throw new Error('no');
      },
    }),
};

tap.test('a handler that fails before its answer is a failure of the operator, and logged', async () => {
  for (const [what, handler] of Object.entries(failing)) {
    const { listener, logged } = run(handler);
    await listener.over;
    const error = listener.failure?.error;
    const facts = error instanceof ProxyError ? [error.code, error.status] : [];
    expect([what, facts, listener.calls, logged]).toEqual([
      what,
      ['HANDLER_FAILED', 500],
      ['failed'],
      ['http handler failed'],
    ]);
  }
});

const breaking: Readonly<Record<string, () => Response>> = {
  'fails in the middle': () => {
    let pulls = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await settle();
          await settle();
          if (pulls++ === 0) controller.enqueue(encoder.encode('half'));
          else controller.error(new Error('broke'));
        },
      }),
    );
  },
  'is longer than it says': () => new Response('hello', { headers: { 'content-length': '4' } }),
  'is shorter than it says': () => new Response('hello', { headers: { 'content-length': '6' } }),
  'is no bytes': () =>
    new Response(
      new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue('text' as unknown as Uint8Array);
        },
      }),
      { headers: { 'content-length': '4' } },
    ),
};

tap.test('content that breaks after the head is a failure, never an end', async () => {
  for (const [what, make] of Object.entries(breaking)) {
    const { listener } = run(make);
    await listener.over;
    expect([what, listener.calls[0], listener.calls.at(-1), listener.ended]).toEqual([what, 'head', 'failed', false]);
  }
});

tap.test('a stated length that is right is kept', async () => {
  const { listener } = run(() => new Response('hello', { headers: { 'content-length': '5' } }));
  await listener.over;
  expect([listener.head?.contentLength, listener.head?.fields.includes('content-length'), listener.text()]).toEqual([
    5,
    false,
    'hello',
  ]);
});

tap.test('a client that leaves fails the content, cancels the answer and hears nothing', async () => {
  const seen: string[] = [];
  const { origin, listener, abort, logged } = run(
    async (request) => {
      request.signal.addEventListener('abort', () => seen.push('abort'));
      await request.text().catch((error: Error) => seen.push(error.name));
      return new Response(new ReadableStream({ cancel: () => void seen.push('cancel') }));
    },
    { ...post },
  );
  await settle();
  abort.abort();
  origin.cancel();
  await until(
    () => seen.length === 3,
    2_000,
    () => `three signs, not ${seen}`,
  );
  expect(seen).toEqual(['abort', 'AbortError', 'cancel']);
  expect([listener.calls, logged]).toEqual([[], []]);
});

tap.test('a client that leaves in the middle of the answer cancels it', async () => {
  const seen: string[] = [];
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000)),
    cancel: () => {
      seen.push('cancel');
      throw new Error('in cancel');
    },
  });
  const { origin, listener } = run(() => new Response(body));
  listener.onData = () => {
    if (listener.chunks.length === 2) origin.cancel();
  };
  await until(
    () => seen.length === 1,
    2_000,
    () => 'a cancelled stream',
  );
  for (let turn = 0; turn < 3; turn++) await settle();
  expect([listener.chunks.length, listener.calls.at(-1)]).toEqual([2, 'data']);
});

tap.test('methods that Fetch forbids are refused without the handler', async () => {
  let ran = false;
  const handler = () => {
    ran = true;
    return new Response('x');
  };
  for (const [method, status] of [
    ['CONNECT', 501],
    ['TRACE', 405],
    ['TRACK', 405],
    ['trace', 405],
  ] as const) {
    const { listener } = run(handler, { method });
    await listener.over;
    expect([method, listener.head?.status]).toEqual([method, status]);
  }
  expect(ran).toBeFalse();
});

tap.test('a request that has no URL is malformed', async () => {
  for (const head of [{ authority: 'a.test:99999' }, { authority: '[::' }] as const) {
    const { listener } = run(() => new Response('x'), head);
    await listener.over;
    expect(listener.head?.status).toEqual(400);
  }
});

tap.test('fields of a handler hold nothing but what a field may hold', async () => {
  const fake = { [Symbol.toStringTag]: 'Response', status: 200, statusText: 'a\r\nb', body: null, url: '' };
  const headers = [
    ['x-a', 'b\r\nX-Evil: 1\0'],
    ['x b', '1'],
    ['', '1'],
    ['x:y', '2'],
    ['ok', 'é'],
  ];
  const { listener } = run(() => ({ ...fake, headers }) as unknown as Response);
  await listener.over;
  expect(listener.head?.fields).toEqual(['x-a', 'b  X-Evil: 1', 'ok', 'é']);
  expect(listener.head?.reason).toEqual('a  b');
});

tap.test('the signal is one for the request and its copies, made when asked for', async () => {
  const { listener, abort, signals } = run(async (request) => {
    await settle();
    const copy = request.clone();
    const other = new Request('http://b.test/', request);
    abort.abort();
    return new Response([request.signal.aborted, copy.signal.aborted, other.signal.aborted].join());
  });
  await listener.over;
  expect(listener.failure?.error.message).toEqual(undefined);
  expect(listener.text()).toEqual('true,true,true');
  expect(signals() > 0).toBeTrue();
});

tap.test('what a handler fetched is passed on decoded, without the coding it came with', async () => {
  const packed = gzipSync('hello '.repeat(100));
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length });
    response.end(packed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { listener } = run(() => fetch(`http://127.0.0.1:${port}/`));
  await listener.over;
  server.closeAllConnections();
  server.close();
  expect(listener.text()).toEqual('hello '.repeat(100));
  expect(listener.head?.fields.includes('content-encoding')).toBeFalse();
});

export default tap.start();
