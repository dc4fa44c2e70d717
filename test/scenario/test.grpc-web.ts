// gRPC-Web of browsers through the whole proxy to a server of grpc-js.

import { once } from 'node:events';
import http from 'node:http';
import type { IRouteConfig } from '../../ts/index.js';
import { connectGrpc, startGrpcOrigin } from '../helpers/grpc.js';
import { connectH2 } from '../helpers/h2-clients.js';
import { startHttpOrigin } from '../helpers/http-origins.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const cors = { exposeHeaders: ['grpc-status', 'grpc-message'] };

function routeTo(port: number, more: Partial<IRouteConfig> = {}): IRouteConfig {
  const target = { host: '127.0.0.1', port };
  const action = { type: 'forward', target, backendProtocol: 'http2', grpcWeb: true } as const;
  return makeHttpRoute(port, { action, headers: { cors }, ...more });
}

/** A message as a frame. */
function frameOf(message: string | Uint8Array): Buffer {
  const bytes = Buffer.from(message);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

interface IRead {
  readonly messages: string[];
  /** The lines of the last frame; null: there was none. */
  readonly trailers: string[] | null;
}

/** What an answer's content says. */
function readFrames(content: Buffer): IRead {
  const messages: string[] = [];
  let trailers: string[] | null = null;
  for (let at = 0; at < content.length; ) {
    const length = content.readUInt32BE(at + 1);
    const text = content.toString('utf8', at + 5, at + 5 + length);
    expect(trailers).toBeNull();
    if (content[at] === 0x80) trailers = text.split('\r\n').slice(0, -1);
    else messages.push(text);
    at += 5 + length;
  }
  return { messages, trailers };
}

/** Parts with padding of their own, one behind the other. */
const fromText = (text: string): Buffer =>
  Buffer.concat((text.match(/[^=]{4}|[^=]{2,3}=+/g) ?? []).map((part) => Buffer.from(part, 'base64')));

/** A request as browsers send it, on a connection of its own. */
function begin(port: number, path: string, fields: http.OutgoingHttpHeaders, body?: Uint8Array | string) {
  const headers = { origin: 'https://a.test', 'x-grpc-web': '1', ...fields };
  const method = body === undefined ? 'OPTIONS' : 'POST';
  const request = http.request({ host: '127.0.0.1', port, method, path: `/test.Echo/${path}`, headers, agent: false });
  request.on('error', () => {});
  request.end(body);
  return request;
}

async function answerOf(request: http.ClientRequest): Promise<http.IncomingMessage> {
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  return answer;
}

/** A whole call. */
async function ask(port: number, path: string, type: string, body: Uint8Array | string) {
  const answer = await answerOf(begin(port, path, { 'content-type': type, accept: type }, body));
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return { status: answer.statusCode, headers: answer.headers, content: Buffer.concat(parts) };
}

tap.test('calls of browsers reach the target as gRPC; trailers are the last frame of the answer', async () => {
  await using origin = await startGrpcOrigin();
  await using proxy = await startProxy({ routes: [routeTo(origin.port)] });
  const unary = await ask(proxy.port, 'Unary', 'application/grpc-web+proto', frameOf('hello'));
  expect([unary.status, unary.headers['content-type']]).toEqual([200, 'application/grpc-web+proto']);
  expect([unary.headers['x-first'], unary.headers['access-control-allow-origin']]).toEqual(['one', '*']);
  const { messages, trailers } = readFrames(unary.content);
  expect(messages).toEqual(['hello']);
  expect([...(trailers ?? [])].sort()).toEqual(['grpc-message: OK', 'grpc-status: 0', 'x-last: two']);
  expect(origin.calls[0]?.get('x-grpc-web')).toEqual([]);
  const down = readFrames((await ask(proxy.port, 'Down', 'application/grpc-web', frameOf('xyz'))).content);
  expect(down.messages).toEqual(['x', 'y', 'z']);
  const fails = await ask(proxy.port, 'Fail', 'application/grpc-web', frameOf('5'));
  const failed = readFrames(fails.content);
  expect([fails.status, failed.messages]).toEqual([200, []]);
  expect(failed.trailers?.filter((line) => line.startsWith('grpc-'))).toEqual([
    'grpc-status: 5',
    'grpc-message: no,%20100%20%25%20%C3%BC',
  ]);
  expect(fails.headers['grpc-status']).toBeUndefined();
});

tap.test('base64 goes up and comes down, in parts that are padded wherever something has to go out', async () => {
  await using origin = await startGrpcOrigin();
  await using proxy = await startProxy({ routes: [routeTo(origin.port)] });
  // Its head and its message have padding of their own.
  const frame = frameOf('hello, hello');
  const body = frame.toString('base64', 0, 5) + frame.toString('base64', 5);
  const answer = await ask(proxy.port, 'Unary', 'application/grpc-web-text', body);
  expect(answer.headers['content-type']).toEqual('application/grpc-web-text+proto');
  const { messages, trailers } = readFrames(fromText(answer.content.toString()));
  expect([messages, trailers?.includes('grpc-status: 0')]).toEqual([['hello, hello'], true]);
  const large = 'x'.repeat(1_000_001);
  const big = await ask(proxy.port, 'Unary', 'application/grpc-web-text', frameOf(large).toString('base64'));
  expect(readFrames(fromText(big.content.toString())).messages[0] === large).toBeTrue();
  for (const wrong of ['not base64 *', 'AAAA.AAA', 'AAAAAA']) {
    const refused = await ask(proxy.port, 'Unary', 'application/grpc-web-text', wrong);
    const lines = readFrames(fromText(refused.content.toString())).trailers;
    expect([refused.status, lines?.[0]]).toEqual([200, 'grpc-status: 13']);
  }
});

tap.test('a stream of messages comes message by message, and its end reaches the target', async () => {
  await using origin = await startGrpcOrigin();
  await using proxy = await startProxy({ routes: [routeTo(origin.port)] });
  for (const type of ['application/grpc-web', 'application/grpc-web-text']) {
    const frame = frameOf(Buffer.from([0, 65]));
    const isText = type.endsWith('text');
    const request = begin(proxy.port, 'Down', { 'content-type': type }, isText ? frame.toString('base64') : frame);
    const answer = await answerOf(request);
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part)).on('error', () => {});
    const content = () => (isText ? fromText(Buffer.concat(parts).toString()) : Buffer.concat(parts));
    // The call goes on: what came is not held back until it ends.
    await until(
      () => content().length === 12,
      5_000,
      () => `two messages, has ${content().length} bytes`,
    );
    expect(readFrames(content())).toEqual({ messages: ['\0', 'A'], trailers: null });
    request.destroy();
    await until(
      () => origin.open === 0,
      5_000,
      () => 'the call to be given up',
    );
  }
});

tap.test(
  'browsers are asked nothing by a target: the proxy answers preflights, and its own errors fit the type',
  async () => {
    await using origin = await startGrpcOrigin();
    const closed = routeTo(1, { name: 'closed', match: { ports: 0, path: '/test.Echo/Both' } });
    await using proxy = await startProxy({ routes: [routeTo(origin.port), closed] });
    const preflight = await answerOf(
      begin(proxy.port, 'Unary', {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-grpc-web,grpc-timeout',
      }),
    );
    expect([preflight.statusCode, preflight.headers['access-control-allow-headers']]).toEqual([
      204,
      'content-type, x-grpc-web, grpc-timeout',
    ]);
    const refused = await ask(proxy.port, 'Both', 'application/grpc-web+proto', frameOf('x'));
    expect([refused.status, refused.headers['content-type']]).toEqual([200, 'application/grpc-web+proto']);
    expect(readFrames(refused.content).trailers?.[0]).toEqual('grpc-status: 14');
  },
);

tap.test('by HTTP/2 likewise; gRPC itself and other requests pass the same route as they are', async () => {
  await using origin = await startGrpcOrigin();
  await using plain = await startHttpOrigin((_, response) => response.end('<p>plain</p>'));
  const target = { host: '127.0.0.1', port: plain.port, backendProtocol: 'http1' } as const;
  const targets = [
    { ...target, match: { path: '/plain' } },
    { ...target, port: origin.port, backendProtocol: 'http2' },
  ];
  const action = { type: 'forward', targets, grpcWeb: true } as IRouteConfig['action'];
  await using proxy = await startProxy({ routes: [makeHttpRoute(0, { action })], http: { h2c: true } });
  await using client = await connectH2(proxy.port);
  const headers = { 'content-type': 'application/grpc-web' };
  const options = { method: 'POST', headers, body: frameOf('hello') };
  const answer = await client.fetch('/test.Echo/Unary', options);
  expect([answer.headers['content-type'], readFrames(answer.body).messages]).toEqual([
    'application/grpc-web+proto',
    ['hello'],
  ]);
  expect(answer.trailers).toEqual({});
  const foreign = await client.fetch('/plain', options);
  expect([foreign.status, foreign.text]).toEqual([200, '<p>plain</p>']);
  await using grpc = connectGrpc(proxy.port);
  expect((await grpc.unary('unary', 'as ever')).messages.map(String)).toEqual(['as ever']);
});

export default tap.start();
