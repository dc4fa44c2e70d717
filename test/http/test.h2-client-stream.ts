import type http from 'node:http';
import { h2Error } from '../../ts/codec/http2-frame.js';
import type { ISmartProxyOptions } from '../../ts/index.js';
import { makeFakeClock, settle } from '../helpers/fake-clock.js';
import {
  connectRaw,
  type IRawFrame,
  rawData,
  rawHeaders,
  rawRequest,
  rawReset,
  rawSettingsAck,
  rawWindowUpdate,
} from '../helpers/h2-raw.js';
import { startHttpOrigin, startRecordingOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const h2c: Partial<ISmartProxyOptions> = { http: { h2c: true }, metrics: false };
const initialWindow = 4;

const codeOf = ({ payload }: IRawFrame): number => payload.readUInt32BE(0);
const isEnd = ({ flags }: IRawFrame): boolean => (flags & 1) !== 0;

tap.test('what is malformed ends its stream alone, and nothing of it reaches the target', async () => {
  await using origin = await startRecordingOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], ...h2c });
  await using client = await connectRaw(proxy.port);
  const bad = [
    rawRequest('/', 'GET', 'Upper', 'case'),
    rawRequest('/', 'GET', 'connection', 'keep-alive'),
    rawRequest('/', 'GET', 'transfer-encoding', 'chunked'),
    rawRequest('/', 'GET', 'x-split', 'a\r\nb: c'),
    rawRequest('/a b'),
    rawRequest('/', 'GET', ':path', '/other'),
    rawRequest('/', 'GET', 'content-length', '3'),
    [':method', 'GET', ':scheme', 'http', ':authority', 'a.test'],
  ];
  for (const [index, fields] of bad.entries()) {
    const stream = index * 2 + 1;
    client.send(rawHeaders(stream, fields, { end: true }));
    expect(codeOf(await client.next('RST_STREAM', stream))).toEqual(h2Error.protocol);
  }
  const good = bad.length * 2 + 1;
  client.send(rawHeaders(good, rawRequest('/good'), { end: true }));
  expect(client.fields(await client.next('HEADERS', good)).slice(0, 2)).toEqual([':status', '200']);
  expect(origin.requests.map(({ url }) => url)).toEqual(['/good']);
});

tap.test(
  'content that is not as long as announced is malformed, and the target does not take it for whole',
  async () => {
    await using origin = await startRecordingOrigin();
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], ...h2c });
    const reports = reportsOf(proxy);
    await using client = await connectRaw(proxy.port);
    const cases = [
      [rawData(1, 'abcdef', { end: true }), '3'],
      [rawData(3, 'ab', { end: true }), '3'],
      [rawData(5, 'a', { end: true }), '0'],
      [rawHeaders(7, ['x-sum', '1'], { end: true }), '3'],
    ] as const;
    for (const [index, [content, length]] of cases.entries()) {
      const stream = index * 2 + 1;
      client.send(rawHeaders(stream, rawRequest('/', 'POST', 'content-length', length)), content);
      expect(codeOf(await client.next('RST_STREAM', stream))).toEqual(h2Error.protocol);
    }
    await client.sync();
    expect(origin.requests.filter(({ message }) => message.isComplete && message.body.length > 0)).toEqual([]);
    expect(reports.all.every(({ status }) => status !== 200)).toBeTrue();
  },
);

tap.test('trailers that may be none are malformed', async () => {
  await using origin = await startHttpOrigin();
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], ...h2c });
  await using client = await connectRaw(proxy.port);
  client.send(rawHeaders(1, rawRequest('/', 'POST')), rawData(1, 'abc'), rawHeaders(1, [':path', '/'], { end: true }));
  expect(codeOf(await client.next('RST_STREAM', 1))).toEqual(h2Error.protocol);
  await until(
    () => origin.open === 0 || origin.requests.every(({ isComplete }) => !isComplete),
    5_000,
    () => 'no whole request at the target',
  );
});

tap.test('head and small content of an answer come together, without content the head is the end', async () => {
  const answer = (body: string) => ({ type: 'respond', respond: { status: 200, body } }) as const;
  const routes = ['/', '/empty'].map((path) =>
    makeHttpRoute(1, { name: path, match: { ports: 0, path }, action: answer(path === '/' ? 'hello' : '') }),
  );
  await using proxy = await startProxy({ routes, ...h2c });
  await using client = await connectRaw(proxy.port);
  client.send(rawHeaders(1, rawRequest('/'), { end: true }));
  const head = await client.next('HEADERS', 1);
  expect([isEnd(head), client.fields(head).includes('content-length')]).toEqual([false, true]);
  const data = await client.next('DATA', 1);
  expect([data.payload.toString(), isEnd(data)]).toEqual(['hello', true]);
  client.send(rawHeaders(3, rawRequest('/empty'), { end: true }));
  expect(isEnd(await client.next('HEADERS', 3))).toBeTrue();
  client.send(rawHeaders(5, rawRequest('/', 'HEAD'), { end: true }));
  expect(isEnd(await client.next('HEADERS', 5))).toBeTrue();
  expect(await client.sync()).toEqual([]);
});

tap.test('behind an early answer a long rest is not wanted, and a short one is taken', async () => {
  const clock = makeFakeClock();
  const action = { type: 'respond', respond: { status: 403, body: 'no' } } as const;
  await using proxy = await startProxy({ routes: [makeHttpRoute(1, { action })], ...h2c }, { clock });
  await using client = await connectRaw(proxy.port);
  client.send(rawSettingsAck());
  client.send(rawHeaders(1, rawRequest('/', 'POST', 'content-length', '1000000')));
  await client.next('HEADERS', 1);
  expect(isEnd(await client.next('DATA', 1))).toBeTrue();
  // It may end its side by itself.
  expect((await client.sync()).filter(({ name }) => name === 'RST_STREAM')).toEqual([]);
  clock.advance(2_001);
  expect(codeOf(await client.next('RST_STREAM', 1))).toEqual(h2Error.noError);
  client.send(rawHeaders(3, rawRequest('/', 'POST', 'content-length', '10')));
  expect(isEnd(await client.next('DATA', 3))).toBeTrue();
  client.send(rawData(3, '0123456789', { end: true }));
  const rest = await client.sync();
  expect(rest.filter(({ name }) => name === 'RST_STREAM')).toEqual([]);
  expect(proxy.proxy.getConnections().length).toEqual(1);
});

tap.test('a short rest that does not come is not waited for', async () => {
  const clock = makeFakeClock();
  const action = { type: 'respond', respond: { status: 403 } } as const;
  await using proxy = await startProxy(
    { routes: [makeHttpRoute(1, { action })], metrics: false, http: { h2c: true, headersTimeout: 4_000 } },
    { clock },
  );
  await using client = await connectRaw(proxy.port);
  client.send(rawSettingsAck());
  await client.sync();
  client.send(rawHeaders(1, rawRequest('/', 'POST', 'content-length', '10')));
  expect(isEnd(await client.next('HEADERS', 1))).toBeTrue();
  clock.advance(4_001);
  expect(codeOf(await client.next('RST_STREAM', 1))).toEqual(h2Error.noError);
});

tap.test('a connection is kept whose request had come whole before its early answer', async () => {
  const clock = makeFakeClock();
  // Nobody listens there: the content waits until that is known.
  await using proxy = await startProxy(
    { routes: [makeHttpRoute(1)], metrics: false, http: { h2c: true, headersTimeout: 4_000 } },
    { clock },
  );
  await using client = await connectRaw(proxy.port);
  client.send(rawSettingsAck());
  await client.sync();
  client.send(rawHeaders(1, rawRequest('/', 'POST', 'content-length', '10')), rawData(1, '0123456789', { end: true }));
  expect(isEnd(await client.next('DATA', 1))).toBeTrue();
  await client.sync();
  clock.advance(4_001);
  expect((await client.sync()).map(({ name }) => name)).toEqual([]);
  expect(proxy.proxy.getConnections().length).toEqual(1);
});

tap.test('a client that opens no window is given up; one that opens a little, is not', async () => {
  const clock = makeFakeClock();
  const large = 'x'.repeat(40_000);
  await using origin = await startHttpOrigin((_request, response) => response.end(large));
  const route = makeHttpRoute(origin.port, { timeouts: { stallTimeout: 8_000 } });
  await using proxy = await startProxy({ routes: [route], ...h2c }, { clock });
  await using client = await connectRaw(proxy.port, initialWindow, 100);
  client.send(rawSettingsAck());
  await client.sync();
  client.send(rawHeaders(1, rawRequest('/'), { end: true }), rawHeaders(3, rawRequest('/'), { end: true }));
  await client.next('DATA', 1);
  await origin.seen(2);
  await client.sync();
  const seen: IRawFrame[] = [];
  for (let round = 0; round < 4; round++) {
    client.send(rawWindowUpdate(3, 100));
    seen.push(...(await client.sync()));
    await settle();
    clock.advance(4_001);
    await settle();
  }
  seen.push(...(await client.sync()));
  const resets = seen.filter(({ name }) => name === 'RST_STREAM');
  expect(resets.map((frame) => [frame.stream, codeOf(frame)])).toEqual([[1, h2Error.cancel]]);
  client.send(rawWindowUpdate(3, large.length));
  let last = await client.next('DATA', 3);
  while (!isEnd(last)) last = await client.next('DATA', 3);
});

tap.test('a client that wants one answer after the other is not given up while it takes the first', async () => {
  const clock = makeFakeClock();
  const large = 'x'.repeat(400_000);
  await using origin = await startHttpOrigin((_request, response) => response.end(large));
  const route = makeHttpRoute(origin.port, { timeouts: { stallTimeout: 8_000 } });
  await using proxy = await startProxy({ routes: [route], ...h2c }, { clock });
  await using client = await connectRaw(proxy.port, initialWindow, 1_000_000);
  client.send(rawSettingsAck());
  await client.sync();
  const whole = rawRequest('/', 'GET', 'priority', 'u=3');
  client.send(rawHeaders(1, whole, { end: true }), rawHeaders(3, whole, { end: true }));
  await origin.seen(2);
  await client.next('DATA', 1);
  const seen: IRawFrame[] = [];
  for (let round = 0; round < 6; round++) {
    client.send(rawWindowUpdate(0, 20_000));
    seen.push(...(await client.sync()));
    await settle();
    clock.advance(4_001);
    await settle();
  }
  expect(seen.filter(({ name, stream }) => name === 'RST_STREAM' || (name === 'DATA' && stream === 3))).toEqual([]);
  client.send(rawWindowUpdate(0, 1_000_000));
  let last = await client.next('DATA', 3);
  while (!isEnd(last)) last = await client.next('DATA', 3);
});

tap.test('answers of the proxy itself that the client opens no window for are not kept for ever', async () => {
  const clock = makeFakeClock();
  const http = { h2c: true, headersTimeout: 3_000, keepAliveTimeout: 30_000, maxHeaderBytes: 1_024 };
  const routes = [makeHttpRoute(1, { match: { ports: 0, domains: 'b.test' } })];
  await using proxy = await startProxy({ routes, metrics: false, http }, { clock });
  await using client = await connectRaw(proxy.port, initialWindow, 0);
  client.send(rawSettingsAck());
  await client.sync();
  client.send(rawHeaders(1, rawRequest('/'), { end: true }));
  expect(client.fields(await client.next('HEADERS', 1))[1]).toEqual('404');
  clock.advance(3_001);
  expect(codeOf(await client.next('RST_STREAM', 1))).toEqual(h2Error.cancel);
  client.send(rawHeaders(3, rawRequest('/', 'GET', 'x-large', 'x'.repeat(8_000)), { end: true }));
  expect(client.fields(await client.next('HEADERS', 3))[1]).toEqual('431');
  await client.sync();
  clock.advance(30_001);
  await client.next('GOAWAY');
  await client.untilEnded();
  client.socket.end();
  expect(await proxy.ends()).toEqual(['keep_alive_timeout']);
});

tap.test('a request that was reset gives its place at the target back, whatever it had come to', async () => {
  const pending: http.ServerResponse[] = [];
  await using origin = await startHttpOrigin((_request, response) => {
    pending.push(response);
    if (pending.length > 1) response.writeHead(200).write('half');
  });
  await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], ...h2c });
  const reports = reportsOf(proxy);
  await using client = await connectRaw(proxy.port);
  client.send(rawHeaders(1, rawRequest('/'), { end: true }));
  await origin.seen(1);
  client.send(rawHeaders(3, rawRequest('/'), { end: true }));
  await client.next('DATA', 3);
  client.send(rawReset(1, h2Error.cancel), rawReset(3, h2Error.cancel));
  await until(
    () => origin.open === 0,
    5_000,
    () => 'no connection at the target',
  );
  expect(reports.all.map(({ status }) => status)).toEqual([499, 499]);
});

tap.test('tunnels are not served', async () => {
  await using proxy = await startProxy({ routes: [makeHttpRoute(1)], ...h2c });
  await using client = await connectRaw(proxy.port);
  client.send(rawHeaders(1, [':method', 'CONNECT', ':authority', 'a.test:443']));
  expect(client.fields(await client.next('HEADERS', 1)).slice(0, 2)).toEqual([':status', '501']);
});

for (const [path, what] of [
  ['/slow', 'have waited for a while'],
  ['/begun', 'have begun to be answered'],
] as const) {
  tap.test(`a client that cancels many requests which ${what} keeps its connection`, async () => {
    const clock = makeFakeClock();
    await using origin = await startHttpOrigin((request, response) => {
      response.on('error', () => {});
      if (request.url === '/begun') response.write('half');
    });
    await using proxy = await startProxy({ routes: [makeHttpRoute(origin.port)], ...h2c }, { clock });
    await using client = await connectRaw(proxy.port);
    client.send(rawSettingsAck());
    let stream = -1;
    for (let batch = 0; batch < 12; batch++) {
      const streams = Array.from({ length: 100 }, () => (stream += 2));
      client.send(...streams.map((id) => rawHeaders(id, rawRequest(path), { end: true })));
      if (path === '/slow') {
        await client.sync();
        clock.advance(250);
      } else {
        const begun = new Set<number>();
        while (begun.size < 100) begun.add((await client.next('DATA')).stream);
      }
      client.send(...streams.map((id) => rawReset(id, h2Error.cancel)));
    }
    expect((await client.sync()).some(({ name }) => name === 'GOAWAY')).toBeFalse();
    expect(client.ended).toBeFalse();
  });
}

export default tap.start();
