import fc from 'fast-check';
import { ChunkedReader, chunkLimits, type IChunkLimits } from '../../ts/codec/http1-chunked.js';
import { chunkHead, chunkTail, lastChunk } from '../../ts/codec/http1-write.js';
import { latin1, readContent } from '../helpers/read-http1.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

interface IRead {
  readonly body: string;
  readonly used: number;
  readonly reader: ChunkedReader;
}

/** In pieces of `step` octets, each handed over from an offset of 2, until it takes no more. */
function readAll(text: string, step = text.length + 1, limits: IChunkLimits = chunkLimits): IRead {
  const reader = new ChunkedReader(limits);
  let body = '';
  let used = 0;
  while (used < text.length && !reader.done && reader.fault === null) {
    const piece = latin1(`zz${text.slice(used, used + step)}`);
    used +=
      reader.read(piece, 2, (chunk) => {
        body += chunk.toString('latin1');
      }) - 2;
  }
  return { body, used, reader };
}

tap.test('data comes out, and reading stops behind the last chunk', async () => {
  const text = '5\r\nhello\r\nA;x="y;\\"z"\r\n0123456789\r\n0\r\n\r\n';
  for (let step = 1; step <= text.length + 1; step++) {
    const { body, used, reader } = readAll(`${text}GET /`, step);
    expect([body, used, reader.done, reader.fault, reader.trailers]).toEqual([
      'hello0123456789',
      text.length,
      true,
      null,
      null,
    ]);
  }
});

tap.test('it is done with the last octet and not before', async () => {
  const text = '5\r\nhello\r\n0\r\nX: y\r\n\r\n';
  for (let length = 0; length < text.length; length++) {
    const { used, reader } = readAll(text.slice(0, length));
    expect([used, reader.done, reader.fault, reader.trailers]).toEqual([length, false, null, null]);
  }
  expect(readAll(text).reader.done).toEqual(true);
});

tap.test('data is not copied', async () => {
  const bytes = latin1('5\r\nhello\r\n0\r\n\r\n');
  const chunks: Buffer[] = [];
  new ChunkedReader().read(bytes, 0, (chunk) => chunks.push(chunk));
  const [chunk] = chunks;
  expect([chunks.length, chunk?.buffer === bytes.buffer, chunk?.byteOffset]).toEqual([1, true, bytes.byteOffset + 3]);
  // A buffer that holds data only is handed on as it is.
  const reader = new ChunkedReader();
  reader.read(latin1('5\r\n'), 0, () => {});
  const whole = latin1('hello');
  reader.read(whole, 0, (data) => expect(data).toBe(whole));
});

tap.test('a reader is done, and has its trailers, at the end of its content', async () => {
  const reader = new ChunkedReader();
  expect([reader.done, reader.trailers]).toEqual([false, null]);
  reader.read(latin1('5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n'), 0, () => {});
  expect([reader.done, reader.trailers, reader.fault]).toEqual([true, ['X', 'y'], null]);
});

tap.test('after a fault it takes nothing', async () => {
  const reader = new ChunkedReader();
  expect(reader.read(latin1('5\r\nhelloX'), 0, () => {})).toEqual(8);
  expect([reader.done, reader.fault]).toEqual([false, 'more data than the chunk size says']);
  expect(reader.read(latin1('\r\n0\r\n\r\n'), 0, () => {})).toEqual(0);
});

tap.test('a chunk size has a limit of digits, leading zeros among them (RFC 9112 §7.1)', async () => {
  expect(readAll('fffffffffffff\r\n').reader.fault).toEqual(null);
  expect(readAll('ffffffffffffff').reader.fault).toEqual('chunk size too long');
  expect(readAll('0000000000005\r\nhello\r\n0\r\n\r\n').body).toEqual('hello');
  expect(readAll('00000000000005\r\n').reader.fault).toEqual('chunk size too long');
});

tap.test('extensions of a message have one limit in all (RFC 9112 §7.1.1)', async () => {
  const limits = { ...chunkLimits, maxExtensionBytes: 10 };
  // What counts is all behind a `;`, and what ends it.
  expect(readAll('1;abc\r\nx\r\n1;abcde\r\nx\r\n0\r\n\r\n', 3, limits).reader.done).toEqual(true);
  expect(readAll('1;abc\r\nx\r\n1;abcdef\r\nx\r\n0\r\n\r\n', 3, limits).reader.fault).toEqual(
    'chunk extensions too large',
  );
  const sentence = `1;${'a'.repeat(100_000_000 / 1000)}`;
  const reader = new ChunkedReader();
  expect(reader.read(latin1(sentence), 0, () => {})).toEqual(2 + chunkLimits.maxExtensionBytes);
});

tap.test('trailers are kept in order, without white space around them', async () => {
  const { reader } = readAll('0\r\nX-One: 1\r\nx-two:\t2 3 \t\r\nX-One:\r\nX: \xff\r\n\r\n');
  expect(reader.trailers).toEqual(['X-One', '1', 'x-two', '2 3', 'X-One', '', 'X', '\xff']);
});

tap.test(
  'trailers that frame or route are refused, others that need to come first are dropped (RFC 9110 §6.5.1)',
  async () => {
    const faultOf = (name: string) => readAll(`0\r\n${name}: x\r\n\r\n`).reader.fault;
    for (const name of [
      'Content-Length',
      'transfer-encoding',
      'HOST',
      'Connection',
      'TE',
      'Trailer',
      'Upgrade',
      'X-Forwarded-For',
      'Forwarded',
      'X-Real-IP',
    ]) {
      expect([name, faultOf(name)]).toEqual([name, 'trailer that may be none']);
    }
    for (const name of [
      'Authorization',
      'Cookie',
      'Set-Cookie',
      'Content-Type',
      'content-encoding',
      'Content_Length',
      'If-Match',
      'Proxy-Authorization',
    ]) {
      const { reader } = readAll(`0\r\nX: y\r\n${name}: x\r\n\r\n`);
      expect([name, reader.done, reader.trailers]).toEqual([name, true, ['X', 'y']]);
    }
    expect(readAll('0\r\nCookie: x\r\n\r\n').reader.trailers).toEqual(null);
    expect(readAll('0\r\nContent-Digest: x\r\n\r\n').reader.trailers).toEqual(['Content-Digest', 'x']);
  },
);

tap.test('the limits of trailers are exact from both sides', async () => {
  const limits = { ...chunkLimits, maxTrailerBytes: 20, maxTrailers: 2 };
  const read = (trailers: string) => readAll(`0\r\n${trailers}\r\n`, 4, limits).reader;
  expect(read(`X: ${'a'.repeat(17)}\r\n`).done).toEqual(true);
  expect(read(`X: ${'a'.repeat(18)}\r\n`).fault).toEqual('trailers too large');
  expect(read('X: a\r\nX: a\r\n').done).toEqual(true);
  expect(read('X: a\r\nX: a\r\nX: a\r\n').fault).toEqual('too many trailers');
});

const chunkTexts = fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }), { maxLength: 8 });
const names = fc.stringMatching(/^x-[a-z]{1,8}$/);
const trailerList = fc
  .array(fc.tuple(names, fc.stringMatching(/^[!-~]{0,10}$/)), { maxLength: 3 })
  .map((pairs) => pairs.flat());

tap.test('what is written is read again, in any pieces', async () => {
  fc.assert(
    fc.property(chunkTexts, trailerList, fc.integer({ min: 1, max: 50 }), (texts, trailers, step) => {
      const written = texts.map((text) => `${chunkHead(text.length)}${text}${chunkTail}`).join('');
      const bytes = latin1(`${written}${lastChunk(trailers.length > 0 ? trailers : null)}`);
      const content = readContent(bytes, 0, -1, step);
      expect(content).toEqual({
        body: texts.join(''),
        trailers: trailers.length > 0 ? trailers : null,
        end: bytes.length,
        fault: null,
      });
    }),
    { seed: 431, numRuns: numRuns() },
  );
});

const soup = fc
  .array(fc.constantFrom('5', 'hello', '\r\n', '\r', '\n', '0', ';', '=', '"', 'X: y', ' ', '\0', '\\', 'a'), {
    maxLength: 30,
  })
  .map((parts) => parts.join(''));

tap.test('no octets make it throw, and no cut changes what it reads', async () => {
  fc.assert(
    fc.property(soup, fc.integer({ min: 1, max: 5 }), (text, step) => {
      const [whole, cut] = [readAll(text), readAll(text, step)];
      expect([cut.body, cut.used, cut.reader.done, cut.reader.fault, cut.reader.trailers]).toEqual([
        whole.body,
        whole.used,
        whole.reader.done,
        whole.reader.fault,
        whole.reader.trailers,
      ]);
    }),
    { seed: 432, numRuns: numRuns() },
  );
});

export default tap.start();
