// gRPC through the whole proxy, with the client and the server of grpc-js.

import { status as grpcStatus } from '@grpc/grpc-js';
import type { IRouteConfig, ISmartProxyOptions } from '../../ts/index.js';
import { makeCertificate } from '../helpers/certificates.js';
import { connectGrpc, type IGrpcOutcome, startGrpcOrigin } from '../helpers/grpc.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startOrigin } from '../helpers/origins.js';
import { reportsOf } from '../helpers/requests.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

type TForward = Extract<IRouteConfig['action'], { type: 'forward' }>;

const routeTo = (port: number, more: Partial<TForward> = {}, route: Partial<IRouteConfig> = {}): IRouteConfig =>
  makeHttpRoute(port, {
    action: { type: 'forward', target: { host: '127.0.0.1', port }, backendProtocol: 'http2', ...more },
    ...route,
  });

const startFor = (routes: IRouteConfig[], options: Partial<ISmartProxyOptions> = {}) =>
  startProxy({ routes, http: { h2c: true }, ...options });

/** What a call without fault came to, and its messages as text. */
const told = ({ code, messages, head, trailers }: IGrpcOutcome) => [
  code,
  messages.map(String),
  head.get('x-first'),
  trailers.get('x-last'),
];

tap.test('calls of all four kinds pass, with metadata in front and behind', async () => {
  await using origin = await startGrpcOrigin();
  await using proxy = await startFor([routeTo(origin.port)]);
  await using client = connectGrpc(proxy.port);
  const metadata = { 'x-own': 'yes', 'x-own-bin': Buffer.from([1, 2, 254]) };
  const unary = await client.unary('unary', 'hello', { metadata });
  expect(told(unary)).toEqual([0, ['hello'], ['one'], ['two']]);
  expect(unary.head.get('x-bytes-bin')).toEqual([Buffer.from([0, 255])]);
  expect(origin.calls[0]?.get('x-own')).toEqual(['yes']);
  expect(origin.calls[0]?.get('x-own-bin')).toEqual([Buffer.from([1, 2, 254])]);
  const up = client.open('up');
  for (const part of ['a', 'b', 'c']) up.call.write(Buffer.from(part));
  up.call.end();
  expect(told(await up.outcome)).toEqual([0, ['abc'], ['one'], ['two']]);
  expect(told(await client.unary('down', 'xyz'))).toEqual([0, ['x', 'y', 'z'], ['one'], ['two']]);
  const both = client.open('both');
  for (const part of ['1', '2', '3']) {
    const answered = new Promise((resolve) => both.call.once('data', resolve));
    both.call.write(Buffer.from(part));
    // Each is answered before the next is asked.
    expect(String(await answered)).toEqual(part);
  }
  both.call.end();
  expect(told(await both.outcome)).toEqual([0, ['1', '2', '3'], ['one'], ['two']]);
  expect(origin.open).toEqual(0);
});

tap.test('by TLS on both sides, with large messages, compressed and not', async () => {
  const certificate = await makeCertificate({ names: ['a.test'] });
  await using origin = await startGrpcOrigin({ tls: certificate });
  const target = { host: '127.0.0.1', port: origin.port, tls: { servername: 'a.test', ca: certificate.ca } };
  const tls = { mode: 'terminate', certificate: { cert: certificate.cert, key: certificate.key } } as const;
  await using proxy = await startProxy({ routes: [routeTo(origin.port, { target, backendProtocol: 'auto', tls })] });
  const large = Buffer.alloc(3_000_000);
  for (let at = 0; at < large.length; at += 4) large.writeUInt32LE(at % 10_007, at);
  for (const compressed of [false, true]) {
    const options = compressed ? { 'grpc.default_compression_algorithm': 2 } : {};
    await using client = connectGrpc(proxy.port, certificate.ca, { 'grpc.use_local_subchannel_pool': 1, ...options });
    const { code, messages } = await client.unary('unary', large);
    expect([code, messages.length, large.equals(messages[0] ?? Buffer.alloc(0))]).toEqual([0, 1, true]);
    const received = proxy.proxy.getConnections().at(-1)?.bytesReceived ?? 0;
    expect([compressed, received < large.length]).toEqual([compressed, compressed]);
  }
});

tap.test('statuses of the target are its own, in trailers or in an answer that is nothing else', async () => {
  await using origin = await startGrpcOrigin();
  await using proxy = await startFor([routeTo(origin.port)]);
  await using client = connectGrpc(proxy.port);
  for (const code of [grpcStatus.NOT_FOUND, grpcStatus.ABORTED, grpcStatus.UNAUTHENTICATED]) {
    const outcome = await client.unary('fail', String(code));
    expect([outcome.code, outcome.details, outcome.trailers.get('x-last')]).toEqual([code, 'no, 100 % ü', ['two']]);
  }
  expect((await client.unary('unary', 'still')).code).toEqual(0);
});

tap.test('many calls share a connection; more than the target takes at a time wait or get another', async () => {
  await using origin = await startGrpcOrigin({ options: { 'grpc.max_concurrent_streams': 10 } });
  await using proxy = await startFor([routeTo(origin.port)]);
  await using client = connectGrpc(proxy.port);
  const names = Array.from({ length: 100 }, (_, n) => `call ${n}`);
  const outcomes = await Promise.all(names.map((name) => client.unary('unary', name)));
  expect(outcomes.map(({ code, messages }) => [code, String(messages[0])])).toEqual(names.map((name) => [0, name]));
  expect(proxy.proxy.getConnections().length).toEqual(1);
});

tap.test('a deadline goes to the target as it is; a call that its client gives up is given up there', async () => {
  await using origin = await startGrpcOrigin();
  await using proxy = await startFor([routeTo(origin.port)]);
  await using client = connectGrpc(proxy.port);
  const late = await client.unary('wait', '', { deadline: Date.now() + 300 });
  expect(late.code).toEqual(grpcStatus.DEADLINE_EXCEEDED);
  await until(
    () => origin.calls.length === 1 && origin.open === 0,
    5_000,
    () => `the call to end, has ${origin.open}`,
  );
  const stream = client.open('down');
  stream.call.end(Buffer.from([0, 1]));
  await new Promise((resolve) => stream.call.once('data', resolve));
  stream.call.cancel();
  expect((await stream.outcome).code).toEqual(grpcStatus.CANCELLED);
  const waiting = client.open('wait');
  waiting.call.end(Buffer.alloc(0));
  await until(
    () => origin.calls.length === 3,
    5_000,
    () => 'the call at the target',
  );
  waiting.call.cancel();
  await until(
    () => origin.open === 0,
    5_000,
    () => `no call, has ${origin.open}`,
  );
  expect((await client.unary('unary', 'still')).code).toEqual(0);
});

tap.test('what the proxy itself says is a status of gRPC', async () => {
  await using silent = await startOrigin(() => {});
  await using origin = await startGrpcOrigin();
  const at = (path: string) => ({ match: { ports: 0, path: `/test.Echo/${path}` }, name: path });
  const closed = await startOrigin(() => {});
  await closed[Symbol.asyncDispose]();
  const credentials = [{ username: 'a', password: 'b' }];
  const authentication = { type: 'basic', credentials } as const;
  await using proxy = await startFor([
    routeTo(closed.port, {}, at('Unary')),
    routeTo(origin.port, {}, { ...at('Fail'), security: { authentication } }),
    routeTo(origin.port, {}, { ...at('Wait'), timeouts: { responseTimeout: 50 } }),
    routeTo(origin.port, {}, { ...at('Up'), security: { ipBlockList: ['127.0.0.1'] } }),
    routeTo(silent.port, {}, { ...at('Both'), timeouts: { connectionTimeout: 50 } }),
  ]);
  const reports = reportsOf(proxy);
  await using client = connectGrpc(proxy.port);
  const codes: Record<string, number> = {};
  for (const name of ['unary', 'fail', 'wait', 'up', 'down', 'both'] as const) {
    codes[name] = (await client.unary(name, 'x')).code;
  }
  expect(codes).toEqual({
    unary: grpcStatus.UNAVAILABLE,
    fail: grpcStatus.UNAUTHENTICATED,
    wait: grpcStatus.DEADLINE_EXCEEDED,
    up: grpcStatus.PERMISSION_DENIED,
    down: grpcStatus.UNIMPLEMENTED,
    both: grpcStatus.UNAVAILABLE,
  });
  expect(reports.all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  expect(reports.all.map(({ code }) => code)).toEqual([
    'TARGET_UNREACHABLE',
    null,
    'RESPONSE_TIMEOUT',
    null,
    null,
    'TARGET_TIMEOUT',
  ]);
});

tap.test('a target that goes in the midst of a call ends it, and the next call finds another', async () => {
  const gone = await startGrpcOrigin();
  await using stays = await startGrpcOrigin();
  const targets = [gone, stays].map(({ port }, n) => ({ host: '127.0.0.1', port, backup: n === 1 }));
  const action = { type: 'forward', targets, backendProtocol: 'http2' } as const;
  await using proxy = await startFor([makeHttpRoute(0, { action })]);
  await using client = connectGrpc(proxy.port);
  const both = client.open('both');
  both.call.write(Buffer.from('a'));
  await new Promise((resolve) => both.call.once('data', resolve));
  await gone[Symbol.asyncDispose]();
  const { code } = await both.outcome;
  expect([grpcStatus.INTERNAL, grpcStatus.UNAVAILABLE].includes(code)).toBeTrue();
  expect((await client.unary('unary', 'again')).code).toEqual(0);
  expect([gone.calls.length, stays.calls.length]).toEqual([1, 1]);
});

tap.test('when the proxy stops calls under way are finished, and clients are told to go elsewhere', async () => {
  await using origin = await startGrpcOrigin();
  await using proxy = await startFor([routeTo(origin.port)]);
  await using client = connectGrpc(proxy.port);
  const both = client.open('both');
  both.call.write(Buffer.from('a'));
  await new Promise((resolve) => both.call.once('data', resolve));
  const stopped = proxy.proxy.stop({ graceMs: 20_000 });
  await until(
    () => proxy.proxy.getListeningPorts().length === 0,
    5_000,
    () => 'the ports to close',
  );
  both.call.write(Buffer.from('b'));
  both.call.end();
  expect(told(await both.outcome)).toEqual([0, ['a', 'b'], ['one'], ['two']]);
  await stopped;
});

export default tap.start();
