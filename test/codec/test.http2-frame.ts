import fc from 'fast-check';
import { FrameReader, h2Error, h2Preface } from '../../ts/codec/http2-frame.js';
import { rawData, rawFrame, rawHeaders, rawPing, rawRequest, rawSettings } from '../helpers/h2-raw.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

interface ISeen {
  readonly kind: string;
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly length: number;
  content: string;
}

/** All that is read from the chunks; parts of one DATA frame joined. Lent memory is overwritten, as a socket would. */
function readAll(chunks: readonly Buffer[], expectsPreface = false): ISeen[] {
  const reader = new FrameReader(expectsPreface);
  const seen: ISeen[] = [];
  for (const given of chunks) {
    const chunk = Buffer.from(given);
    reader.push(chunk, true);
    for (let kind = reader.next(); kind !== 'none'; kind = reader.next()) {
      const { type, flags, stream, length } = reader;
      const content = reader.bytes.toString('latin1', reader.at, reader.end);
      const last = seen.at(-1);
      if (kind === 'data' && !reader.first && last) last.content += content;
      else if (kind === 'broken')
        seen.push({ kind, type: 0, flags: 0, stream: 0, length: reader.fault, content: reader.why });
      else seen.push({ kind, type, flags, stream, length, content });
    }
    chunk.fill(0xee);
  }
  return seen;
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

const sample = Buffer.concat([
  rawSettings(3, 100),
  rawHeaders(1, rawRequest('/'), { pad: 3 }),
  rawData(1, 'hello'),
  rawData(1, 'padded', { pad: 20 }),
  rawData(1, 0, { pad: 0 }),
  rawData(1, 0),
  rawFrame(0x99, 7, 5, Buffer.alloc(300, 'u')),
  rawPing('12345678'),
  rawFrame(0x99, 0, 0),
  rawData(0x8000_0003, 5_000, { end: true }),
]);

tap.test('reads whole frames with their payload, and content without its padding', async () => {
  const seen = readAll([sample]);
  expect(seen.map(({ kind }) => kind)).toEqual([
    ...['frame', 'frame', 'data', 'data', 'data', 'data', 'frame', 'frame', 'frame', 'data'],
  ]);
  expect(seen[2]?.content).toEqual('hello');
  expect(seen[3]?.content).toEqual('padded');
  expect(seen[3]?.length).toEqual(27);
  expect(seen[7]?.content).toEqual('12345678');
});

tap.test('leaves the reserved bit of a stream number away (RFC 9113 §4.1)', async () => {
  const last = readAll([sample]).at(-1);
  expect(last?.stream).toEqual(3);
  expect(last?.flags).toEqual(1);
  expect(last?.content.length).toEqual(5_000);
});

tap.test('reads the same from any two parts', async () => {
  const whole = readAll([sample]);
  for (let at = 0; at < 700; at++) expect(readAll([sample.subarray(0, at), sample.subarray(at)])).toEqual(whole);
});

tap.test('reads the same whatever way the bytes are cut, in memory that is used again', async () => {
  const frame = fc.oneof(
    fc
      .tuple(fc.nat(16_000), fc.boolean(), fc.option(fc.nat(255), { nil: undefined }))
      .map(([size, end, pad]) => rawData(1, size, pad === undefined ? { end } : { end, pad })),
    fc
      .tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 200), fc.nat(255), fc.uint8Array({ maxLength: 400 }))
      .map(([type, flags, payload]) => rawFrame(type, flags, 3, payload)),
    fc.constant(rawFrame(0, 8, 1)),
    fc.constant(rawFrame(0, 8, 1, Buffer.of(9, 1, 2))),
    fc.constant(rawFrame(4, 0, 0, Buffer.alloc(16_385))),
  );
  const stream = fc.tuple(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(60_000), { maxLength: 30 }));
  fc.assert(
    fc.property(stream, ([frames, cuts]) => {
      const bytes = Buffer.concat([h2Preface, ...frames]);
      expect(readAll(cut(bytes, cuts), true)).toEqual(readAll([bytes], true));
    }),
    { seed: 753, numRuns: numRuns(200) },
  );
});

tap.test('reads small frames the same in small parts', async () => {
  const frame = fc
    .tuple(fc.constantFrom(0, 0, 1, 3, 4, 6, 6, 8, 200), fc.constantFrom(0, 1), fc.uint8Array({ maxLength: 9 }))
    .map(([type, flags, payload]) => rawFrame(type, flags, 1, payload));
  const stream = fc.tuple(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(250), { maxLength: 60 }));
  fc.assert(
    fc.property(stream, ([frames, cuts]) => {
      const bytes = Buffer.concat(frames);
      expect(readAll(cut(bytes, cuts))).toEqual(readAll([bytes]));
    }),
    { seed: 753, numRuns: numRuns(500) },
  );
});

tap.test('reads byte by byte, preface included', async () => {
  const bytes = Buffer.concat([h2Preface, sample]);
  const bytewise = Array.from(bytes, (byte) => Buffer.of(byte));
  expect(readAll(bytewise, true)).toEqual(readAll([sample]));
});

tap.test('says at the first wrong octet that it is no preface (RFC 9113 §3.4)', async () => {
  const broken = readAll([Buffer.from('PRI * HTTP/2.0\r\n\r\nSX')], true);
  expect(broken).toEqual([
    { kind: 'broken', type: 0, flags: 0, stream: 0, length: h2Error.protocol, content: 'preface' },
  ]);
  expect(readAll([Buffer.from('GET / HTTP/1.1\r\n')], true)[0]?.kind).toEqual('broken');
  expect(readAll([Buffer.from('PRI * HTTP/2.0\r\n\r\nS')], true)).toEqual([]);
});

tap.test('refuses a frame that is longer than we allow by its head alone (RFC 9113 §4.2)', async () => {
  for (const type of [0, 1, 4, 9, 0x99]) {
    const head = rawFrame(type, 0, 1, Buffer.alloc(16_385)).subarray(0, 9);
    expect(readAll([head])[0]?.length).toEqual(h2Error.frameSize);
    expect(readAll([rawFrame(type, 0, 1, Buffer.alloc(16_384))])[0]?.kind).not.toEqual('broken');
  }
});

tap.test(
  'refuses padding that is longer than the frame, and a frame without its pad length (RFC 9113 §6.1)',
  async () => {
    expect(readAll([rawFrame(0, 8, 1, Buffer.of(3, 1, 1))])[0]?.length).toEqual(h2Error.protocol);
    expect(readAll([rawFrame(0, 8, 1, Buffer.of(2, 1, 1))])[0]?.content).toEqual('');
    expect(readAll([rawFrame(0, 8, 1)])[0]?.length).toEqual(h2Error.frameSize);
  },
);

tap.test('knows nothing more once it is broken', async () => {
  const seen = readAll([rawFrame(0, 8, 1), rawPing('12345678')]);
  expect(seen.length).toEqual(1);
});

tap.test('says whether the bytes end within a frame that is no content', async () => {
  const partialAfter = (bytes: Buffer): boolean => {
    const reader = new FrameReader(false);
    reader.push(bytes, false);
    while (reader.next() !== 'none');
    return reader.partial;
  };
  expect(partialAfter(rawPing('12345678'))).toBeFalse();
  expect(partialAfter(rawPing('12345678').subarray(0, 4))).toBeTrue();
  expect(partialAfter(rawPing('12345678').subarray(0, 12))).toBeTrue();
  expect(partialAfter(rawData(1, 100).subarray(0, 50))).toBeFalse();
});

export default tap.start();
