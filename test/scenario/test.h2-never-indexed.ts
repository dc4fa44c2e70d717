// What one hop of HTTP/2 marks as never to be indexed is so on the next one too (RFC 7541 §6.2.3), both ways, whatever the proxy does
// with the fields between.

import { neverIndexed } from '../../ts/codec/never-indexed.js';
import type { IRouteConfig } from '../../ts/index.js';
import {
  connectRaw,
  literalBlock,
  RawPeer,
  rawData,
  rawHeaders,
  rawRequest,
  rawSettings,
  rawSettingsAck,
} from '../helpers/h2-raw.js';
import { makeHttpRoute } from '../helpers/http-routes.js';
import { startOrigin } from '../helpers/origins.js';
import { startProxy } from '../helpers/start-proxy.js';
import { expect, tap } from '../helpers/tapbundle.js';

/** Fields as literals that are never to be indexed. */
function neverBlock(fields: readonly string[]): Buffer {
  const block = literalBlock(fields);
  // Names and values are shorter than what a length of one octet can say.
  for (let at = 0; at < block.length; ) {
    block[at] = 0x10;
    at += 2 + (block[at + 1] ?? 0);
    at += 1 + (block[at] ?? 0);
  }
  return block;
}

const marked = (fields: readonly string[]): string[] => [...(neverIndexed(fields) ?? [])].sort();
const valueIn = (fields: readonly string[], name: string): string | undefined => fields[fields.indexOf(name) + 1];

/** Answers every request by the same fields, once marked and once not, and tells what it got. */
async function startMarking() {
  const requests: (readonly string[])[] = [];
  const trailers: (readonly string[])[] = [];
  const serve = async (peer: RawPeer): Promise<void> => {
    peer.send(rawSettings(8, 1), rawSettingsAck());
    for (;;) {
      const frame = await peer.next('HEADERS');
      const fields = peer.fields(frame);
      if (fields[0] !== ':method') {
        trailers.push(fields);
        continue;
      }
      requests.push(fields);
      const { stream } = frame;
      const make = valueIn(fields, 'x-plain') === '1' ? literalBlock : neverBlock;
      const head = Buffer.concat([literalBlock([':status', '200']), make(['x-told', 'answer'])]);
      peer.send(rawHeaders(stream, Buffer.concat([literalBlock([':status', '103']), make(['x-early', 'e'])])));
      peer.send(
        rawHeaders(stream, head),
        rawData(stream, 'ok'),
        rawHeaders(stream, make(['x-sum', '7']), { end: true }),
      );
    }
  };
  const origin = await startOrigin((socket) => void serve(new RawPeer(socket, true)).catch(() => {}));
  return { origin, requests, trailers, [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose]() };
}

const routes: Readonly<Record<string, Partial<IRouteConfig>>> = {
  'as they are': {},
  'changed by rules': { headers: { request: { 'x-more': '1' }, response: { 'x-more': '1' } } },
  'behind a password': { security: { basicAuth: { users: [{ username: 'u', password: 'p' }] } } },
};

for (const [how, more] of Object.entries(routes)) {
  tap.test(`marks of requests, answers, interim answers and trailers go on; fields ${how}`, async () => {
    await using target = await startMarking();
    const to = { host: '127.0.0.1', port: target.origin.port, backendProtocol: 'http2' } as const;
    const route = makeHttpRoute(0, { ...more, action: { type: 'forward', target: to } });
    await using proxy = await startProxy({ routes: [route], http: { h2c: true } });
    await using client = await connectRaw(proxy.port);
    client.send(rawSettingsAck());
    const password = ['authorization', `Basic ${Buffer.from('u:p').toString('base64')}`];
    for (const [nth, isMarked] of [false, true, true, false].entries()) {
      const stream = 2 * nth + 1;
      const make = isMarked ? neverBlock : literalBlock;
      const plain = rawRequest('/', 'POST', ...password, 'x-plain', isMarked ? '0' : '1').slice(0, -2);
      const block = [literalBlock(plain), literalBlock(['x-plain', isMarked ? '0' : '1']), make(['x-key', 'secret'])];
      client.send(rawHeaders(stream, Buffer.concat(block)), rawData(stream, 'x'));
      client.send(rawHeaders(stream, make(['x-end', 'secret']), { end: true }));
      const got: string[][] = [];
      for (let isLast = false; !isLast; ) {
        const frame = await client.next('HEADERS', stream);
        got.push(marked(client.fields(frame)));
        isLast = (frame.flags & 1) !== 0;
      }
      expect(got).toEqual(isMarked ? [['x-early'], ['x-told'], ['x-sum']] : [[], [], []]);
      const request = target.requests[nth] ?? [];
      expect([valueIn(request, 'x-key'), marked(request)]).toEqual(['secret', isMarked ? ['x-key'] : []]);
      await client.sync();
      expect([target.trailers[nth], marked(target.trailers[nth] ?? [])]).toEqual([
        ['x-end', 'secret'],
        isMarked ? ['x-end'] : [],
      ]);
    }
  });
}

tap.test('a WebSocket keeps them as well', async () => {
  await using target = await startMarking();
  const to = { host: '127.0.0.1', port: target.origin.port, backendProtocol: 'http2' } as const;
  await using proxy = await startProxy({
    routes: [makeHttpRoute(0, { action: { type: 'forward', target: to } })],
    http: { h2c: true },
  });
  await using client = await connectRaw(proxy.port);
  client.send(rawSettingsAck());
  const opening = [
    ':method',
    'CONNECT',
    ':protocol',
    'websocket',
    ':scheme',
    'http',
    ':authority',
    'a.test',
    ':path',
    '/',
  ];
  const block = [literalBlock([...opening, 'sec-websocket-version', '13']), neverBlock(['x-key', 'secret'])];
  client.send(rawHeaders(1, Buffer.concat(block)));
  const frames = [await client.next('HEADERS', 1), await client.next('HEADERS', 1)];
  expect(frames.map((frame) => marked(client.fields(frame)))).toEqual([['x-early'], ['x-told']]);
  expect(marked(target.requests[0] ?? [])).toEqual(['x-key']);
});

export default tap.start();
