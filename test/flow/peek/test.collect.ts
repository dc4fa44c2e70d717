// First bytes are read until a decoder has its answer, and nobody notices that they were.

import type { Socket } from 'node:net';
import { Duplex, Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TDecoded } from '../../../ts/codec/decoded.js';
import { collect, type ICollected } from '../../../ts/flow/peek/collect.js';
import { settle } from '../../helpers/fake-clock.js';
import { expect, tap } from '../../helpers/tapbundle.js';

/** A stream to which a test adds what it likes. */
function makeSource(): { readonly stream: Readable; readonly socket: Socket } {
  const stream = new Readable({ read: () => {} });
  return { stream, socket: stream as unknown as Socket };
}

const none = Buffer.alloc(0);

/** Done with `count` bytes; says exactly how many it needs. */
const wants =
  (count: number, seen: number[] = []) =>
  (bytes: Buffer): TDecoded<string> => {
    seen.push(bytes.length);
    if (bytes.length < count) return { kind: 'short', need: count };
    return { kind: 'done', value: bytes.toString('latin1', 0, count), used: count };
  };

tap.test('the decoder is asked when it may know, not with every byte', async () => {
  const { stream, socket } = makeSource();
  const seen: number[] = [];
  const found: ICollected<string>[] = [];
  collect(socket, none, wants(100, seen), (collected) => found.push(collected));
  for (let at = 0; at < 120; at++) {
    stream.push('x');
    await settle();
  }
  expect(seen).toEqual([1, 100]);
  expect(found).toHaveLength(1);
  expect(found[0]?.bytes.length).toEqual(100);
  expect(found[0]?.ended).toBeFalse();
  expect(stream.listenerCount('readable')).toEqual(0);
});

tap.test('a decoder that asks for no more than it has is asked again with the next byte at the earliest', async () => {
  const { stream, socket } = makeSource();
  let asked = 0;
  const stop = collect(
    socket,
    none,
    (): TDecoded<never> => {
      asked++;
      return { kind: 'short', need: 0 };
    },
    () => {},
  );
  stream.push('abc');
  await settle();
  await settle();
  expect(asked).toEqual(1);
  stream.push('d');
  await settle();
  expect(asked).toEqual(2);
  stop();
});

tap.test('bytes that come one by one take the memory of bytes, not of buffers', async (t) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const sources = Array.from({ length: 20 }, makeSource);
  const texts: string[] = [];
  for (const { socket } of sources) {
    collect(socket, none, wants(5_001), ({ result }) => texts.push(result.kind === 'done' ? result.value : ''));
  }
  await settle();
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < 5_000; at++) {
    for (const { stream } of sources) stream.push(Buffer.from(String(at % 10)));
    await settle();
  }
  collectGarbage();
  const perByte = (process.memoryUsage().heapUsed - before) / 100_000;
  t.diagnostic(`${perByte.toFixed(1)} bytes of heap for each byte`);
  expect(perByte).toBeLessThan(10);
  for (const { stream } of sources) stream.push('x');
  await settle();
  expect(new Set(texts)).toEqual(new Set([`${'0123456789'.repeat(500)}x`]));
  expect(texts).toHaveLength(20);
});

tap.test('bytes in hand are tried first, in the same tick', async () => {
  const { socket } = makeSource();
  const found: ICollected<string>[] = [];
  collect(socket, Buffer.from('abcdef'), wants(4), (collected) => found.push(collected));
  expect(found[0]?.result).toEqual({ kind: 'done', value: 'abcd', used: 4 });
  expect(found[0]?.bytes.toString()).toEqual('abcdef');
});

tap.test('the end of the stream makes `short` final', async () => {
  const { stream, socket } = makeSource();
  const found: ICollected<string>[] = [];
  collect(socket, none, wants(10), (collected) => found.push(collected));
  stream.push('abc');
  stream.push(null);
  await settle();
  await settle();
  expect(found).toEqual([{ result: { kind: 'short', need: 10 }, bytes: Buffer.from('abc'), ended: true }]);
});

tap.test('bytes that came together with the end can be put back and read', async () => {
  const { stream, socket } = makeSource();
  let text = '';
  let ends = 0;
  collect(socket, none, wants(10), ({ bytes }) => {
    stream.unshift(bytes);
    stream.on('data', (chunk) => {
      text += chunk;
    });
    stream.on('end', () => ends++);
  });
  stream.push('abc');
  await settle();
  stream.push(null);
  await settle();
  await settle();
  expect(text).toEqual('abc');
  expect(ends).toEqual(1);
});

tap.test('a stream that ends without a byte says so once', async () => {
  const { stream, socket } = makeSource();
  const found: ICollected<string>[] = [];
  collect(socket, none, wants(1), (collected) => found.push(collected));
  stream.push(null);
  await settle();
  await settle();
  expect(found).toHaveLength(1);
  expect(found[0]?.ended).toBeTrue();
});

tap.test('a stopped collection reads nothing and calls nobody', async () => {
  const { stream, socket } = makeSource();
  let called = false;
  const stop = collect(socket, none, wants(2), () => {
    called = true;
  });
  stream.push('a');
  await settle();
  stop();
  stream.push('bc');
  stream.push(null);
  await settle();
  expect(called).toBeFalse();
  expect(stream.readableLength).toEqual(2);
});

tap.test('a stream that errs calls nobody', async () => {
  const duplex = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  duplex.on('error', () => {});
  let called = false;
  collect(duplex as unknown as Socket, none, wants(2), () => {
    called = true;
  });
  duplex.push('a');
  await settle();
  duplex.destroy(new Error('reset'));
  await settle();
  expect(called).toBeFalse();
});

export default tap.start();
