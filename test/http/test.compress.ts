// Compression of answers: when, how, and that it neither keeps bytes back nor piles them up.

import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import fc from 'fast-check';
import type { IRequestHead } from '../../ts/codec/http-message.js';
import type { ICompression } from '../../ts/config/types.js';
import type { TComplete } from '../../ts/config/with-defaults.js';
import { compressorFor, type ICompressedListener, type ICompressor } from '../../ts/http/compress.js';
import { chooseCoding, type TCoding } from '../../ts/http/compress-accept.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { until } from '../helpers/until.js';

const rule: TComplete<ICompression> = {
  algorithms: ['br', 'gzip', 'zstd'],
  minBytes: 1_024,
  types: ['text/*', 'application/json', 'application/*+json'],
};

const requestOf = (accepts: string | null, method = 'GET', more: string[] = []): IRequestHead => ({
  version: '1.1',
  method,
  target: '/',
  authority: 'a.test',
  host: 'a.test',
  fields: [...(accepts === null ? [] : ['Accept-Encoding', accepts]), ...more],
  contentLength: 0,
  expectsContinue: false,
  upgrade: null,
  close: false,
});

const headOf = (fields: string[] = [], contentLength = 5_000, status = 200) => ({
  status,
  reason: '',
  fields: ['Content-Type', 'text/html; charset=utf-8', ...fields],
  contentLength,
});

class Sink implements ICompressedListener {
  chunks: Uint8Array[] = [];
  pauses = 0;
  /** Nothing has come since the last pause. */
  isPaused = false;
  drains = 0;
  ended = false;
  error: Error | null = null;
  takes = true;

  compressed(chunk: Uint8Array): boolean {
    this.chunks.push(chunk);
    this.isPaused = false;
    return this.takes;
  }

  compressedPause(): void {
    this.pauses++;
    this.isPaused = true;
  }

  compressedEnd(): void {
    this.ended = true;
  }

  compressorDrained(): void {
    this.drains++;
  }

  compressorFailed(error: Error): void {
    this.error = error;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function start(accepts: string): { compressor: ICompressor; sink: Sink } {
  const sink = new Sink();
  const compressor = compressorFor(requestOf(accepts), headOf(), rule, sink);
  if (compressor === null) throw new Error('not compressed');
  return { compressor, sink };
}

const ended = (sink: Sink) =>
  until(
    () => sink.ended,
    5_000,
    () => 'the end',
  );

tap.test('the coding with the highest weight wins, of equals ours', () => {
  const cases: [string | null, TCoding | null][] = [
    [null, null],
    ['', null],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP;Q=0.5, br;q=0.4', 'gzip'],
    ['br;q=0, gzip;q=0', null],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['*;q=0', null],
    ['identity', null],
    ['identity, gzip', 'gzip'],
    ['identity;q=1, gzip;q=0.5', null],
    ['identity;q=0.5, gzip', 'gzip'],
    ['gzip;q=2', null],
    ['gzip;q=x, br;q=0.001', 'br'],
    ['gzip ; q=0.8 , br ; q=1.000', 'br'],
    ['deflate', null],
  ];
  for (const [accepted, coding] of cases)
    expect([accepted, chooseCoding(accepted, rule.algorithms)]).toEqual([accepted, coding]);
});

tap.test('what is not worth it, not ours or not whole stays as it is', () => {
  const untouched: [string, IRequestHead, ReturnType<typeof headOf>][] = [
    ['small', requestOf('gzip'), headOf([], 1_023)],
    ['encoded', requestOf('gzip'), headOf(['Content-Encoding', 'br'])],
    ['no-transform', requestOf('gzip'), headOf(['Cache-Control', 'public, no-transform'])],
    ['asked for so', requestOf('gzip', 'GET', ['cache-control', 'No-Transform']), headOf()],
    ['part', requestOf('gzip'), headOf(['Content-Range', 'bytes 0-1/2'], 5_000, 206)],
    ['nothing', requestOf('gzip'), headOf([], 0, 204)],
    ['unchanged', requestOf('gzip'), headOf([], 5_000, 304)],
    ['digest', requestOf('gzip'), headOf(['Repr-Digest', 'sha-256=:x:'])],
    ['image', requestOf('gzip'), { ...headOf(), fields: ['Content-Type', 'image/png'] }],
    ['unknown', requestOf('gzip'), { ...headOf(), fields: [] }],
    ['almost text', requestOf('gzip'), { ...headOf(), fields: ['Content-Type', 'textual/x'] }],
  ];
  for (const [what, request, head] of untouched) {
    const before = [...head.fields];
    expect([what, compressorFor(request, head, rule, new Sink()), head.fields]).toEqual([what, null, before]);
  }
});

tap.test('a client that takes no coding gets the content as it is, and caches are told why', () => {
  for (const request of [requestOf(null), requestOf('deflate'), requestOf('gzip;q=0', 'HEAD')]) {
    const head = headOf(['ETag', '"1"']);
    expect(compressorFor(request, head, rule, new Sink())).toEqual(null);
    expect(head.fields.slice(-4)).toEqual(['ETag', '"1"', 'Vary', 'Accept-Encoding']);
  }
});

tap.test('the head says what became of the content', () => {
  const given = headOf(['ETag', '"1"', 'Accept-Ranges', 'bytes', 'Vary', 'Origin']);
  const compressor = compressorFor(requestOf('gzip'), given, rule, new Sink());
  expect(compressor?.head).toEqual({
    status: 200,
    reason: '',
    contentLength: -1,
    fields: [
      'Content-Type',
      'text/html; charset=utf-8',
      'etag',
      'W/"1"',
      'Vary',
      'Origin',
      'Vary',
      'Accept-Encoding',
      'Content-Encoding',
      'gzip',
    ],
  });
  compressor?.cancel();
  const weak = compressorFor(requestOf('br'), headOf(['ETag', 'W/"1"'], -1), rule, new Sink());
  expect(weak?.head.fields.includes('W/"1"')).toBeTrue();
  weak?.cancel();
  for (const type of ['Application/JSON', 'application/problem+json;x=y', 'text/event-stream']) {
    const json = compressorFor(requestOf('br'), { ...headOf(), fields: ['Content-Type', type] }, rule, new Sink());
    expect(json === null).toBeFalse();
    json?.cancel();
  }
});

tap.test('HEAD is told what GET would be', () => {
  const sink = new Sink();
  const compressor = compressorFor(requestOf('gzip', 'HEAD'), headOf(['ETag', '"1"']), rule, sink);
  const { contentLength, fields } = compressor?.head ?? {};
  expect([contentLength, fields?.includes('gzip'), fields?.includes('W/"1"')]).toEqual([-1, true, true]);
  compressor?.end(null);
  expect([sink.chunks, sink.ended]).toEqual([[], true]);
});

const unpack: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: zlib.gunzipSync,
  br: zlib.brotliDecompressSync,
};

tap.test('what was pushed comes out again, however it was cut and flushed', async () => {
  const step = fc.record({ text: fc.string({ maxLength: 3_000 }), flush: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('gzip', 'br'), fc.array(step, { maxLength: 10 }), async (coding, steps) => {
      const { compressor, sink } = start(coding);
      for (const { text, flush } of steps) {
        compressor.push(Buffer.from(text));
        if (flush) compressor.flush();
      }
      compressor.end(null);
      await ended(sink);
      const whole = unpack[coding]?.(sink.bytes).toString();
      expect(whole).toEqual(Buffer.from(steps.map(({ text }) => text).join('')).toString());
    }),
    { numRuns: numRuns(60), seed: 7 },
  );
});

tap.test('a flush lets everything out that was pushed', async () => {
  for (const coding of ['gzip', 'br']) {
    const { compressor, sink } = start(coding);
    const reader = coding === 'gzip' ? zlib.createGunzip() : zlib.createBrotliDecompress();
    let seen = '';
    reader.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    let given = 0;
    for (let event = 0; event < 5; event++) {
      compressor.push(Buffer.from(`data: ${event}\n\n`));
      compressor.flush();
      // The coding's own head may come, with a pause, a turn before the content.
      await until(
        () => {
          if (sink.isPaused) for (; given < sink.chunks.length; given++) reader.write(sink.chunks[given]);
          return seen.includes(`data: ${event}\n\n`);
        },
        5_000,
        () => `event ${event} by ${coding}, and a pause`,
      );
    }
    compressor.cancel();
    reader.destroy();
  }
});

tap.test('a client that takes no more stops the origin, and memory stays bounded', async () => {
  const { compressor, sink } = start('gzip');
  sink.takes = false;
  // Noise, which does not get smaller.
  const noise = randomBytes(65_536);
  let pushed = 0;
  while (compressor.push(noise)) pushed++;
  await until(
    () => sink.chunks.length > 0,
    5_000,
    () => 'the first output',
  );
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  // How much input fits before the output is full is up to Node's streams; then there is no more room.
  expect([pushed < 5, sink.chunks.length < 5, sink.drains < 3]).toEqual([true, true, true]);
  sink.takes = true;
  compressor.drained();
  compressor.end(['x-sum', '1']);
  await ended(sink);
  expect(zlib.gunzipSync(sink.bytes).length).toEqual((pushed + 1) * noise.length);
});

tap.test('nothing comes after a cancel, also in the middle of work', async () => {
  const { compressor, sink } = start('br');
  for (let at = 0; at < 10; at++) compressor.push(Buffer.alloc(10_000, at));
  compressor.flush();
  compressor.cancel();
  expect(compressor.push(Buffer.from('late'))).toBeTrue();
  compressor.flush();
  const { length } = sink.chunks;
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([sink.chunks.length, sink.ended, sink.error, sink.pauses]).toEqual([length, false, null, 0]);
});

tap.test('zstd is offered where Node has it', async () => {
  const has = 'createZstdCompress' in zlib;
  const sink = new Sink();
  const compressor = compressorFor(requestOf('zstd'), headOf(), rule, sink);
  expect(compressor !== null).toEqual(has);
  if (compressor === null) return;
  compressor.push(Buffer.from('zstd '.repeat(1_000)));
  compressor.flush();
  await until(
    () => sink.chunks.length > 0,
    5_000,
    () => 'flushed output',
  );
  compressor.end(null);
  await ended(sink);
  const unzstd = Reflect.get(zlib, 'zstdDecompressSync') as (bytes: Buffer) => Buffer;
  expect(unzstd(sink.bytes).toString()).toEqual('zstd '.repeat(1_000));
});

export default tap.start();
