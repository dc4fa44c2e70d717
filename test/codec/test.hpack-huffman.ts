import fc from 'fast-check';
import { decodeHuffman, encodeHuffman, huffmanLength, mostDecoded } from '../../ts/codec/hpack-huffman.js';
import { bytesOf } from '../helpers/hpack.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const encode = (text: string): Buffer => {
  const into = Buffer.alloc(4 * text.length + 4);
  return into.subarray(0, encodeHuffman(text, into, 0));
};
const decode = (code: Buffer, room = mostDecoded(code.length)): string | null => {
  const into = Buffer.alloc(room);
  const length = decodeHuffman(code, 0, code.length, into);
  return length < 0 ? null : into.toString('latin1', 0, length);
};
const octets = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

tap.test('texts have the codes of RFC 7541 Appendix B', async () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', ''],
    ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
    ['no-cache', 'a8eb10649cbf'],
    ['custom-value', '25a849e95bb8e8b4bf'],
    ['302', '6402'],
    ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
    // One of each length: 13, 23, 28, 24, 30, 19, 20, 21, 22, 25, 26, 27 bits, with its padding.
    ['\0', 'ffc7'],
    ['\x01', 'ffffb1'],
    ['\x02', 'fffffe2f'],
    ['\t', 'ffffea'],
    ['\n', 'fffffff3'],
    ['\\', 'fffe1f'],
    ['\x80', 'fffe6f'],
    ['\x99', 'fffee7'],
    ['\x81', 'ffff4b'],
    ['\xc7', 'fffff67f'],
    ['\xc0', 'fffff83f'],
    ['\xcb', 'fffffbdf'],
  ];
  for (const [text, hex] of rows) {
    expect(encode(text).toString('hex')).toEqual(hex);
    expect(decode(bytesOf(hex))).toEqual(text);
  }
});

tap.test('codes of all octets together are as long as the table says', async () => {
  let all = '';
  for (let octet = 0; octet < 256; octet++) all += String.fromCharCode(octet);
  // The sum of the 256 lengths is 4664 bits without the end of string.
  expect(huffmanLength(all)).toEqual(encode(all).length);
  expect(decode(encode(all))).toEqual(all);
  expect(huffmanLength(all)).toEqual(583);
});

tap.test('what is encoded is decoded again, and as long as was foretold', async () => {
  fc.assert(
    fc.property(octets, (text) => {
      const code = encode(text);
      return code.length === huffmanLength(text) && decode(code) === text;
    }),
    { seed: 761, numRuns: numRuns() },
  );
});

tap.test('the end of string within a string is refused (RFC 7541 §5.2)', async () => {
  expect(decode(bytesOf('ffffffff'))).toEqual(null);
  expect(decode(bytesOf('ffffffffff'))).toEqual(null);
  // Behind an `a`, and before one.
  expect(decode(bytesOf('1fffffffff'))).toEqual(null);
  expect(decode(bytesOf('fffffffc3f'))).toEqual(null);
});

tap.test('padding of up to 7 ones is taken', async () => {
  // `a` has 5 bits, `&` 8, `(` 10.
  expect(decode(bytesOf('1f'))).toEqual('a');
  expect(decode(bytesOf('f8'))).toEqual('&');
  expect(decode(bytesOf('fe bf'))).toEqual('(');
  // `:` has 7 bits, so there is one of padding; `aaaaa` has 25, so there are seven.
  expect(decode(bytesOf('b9'))).toEqual(':');
  expect(decode(bytesOf('18c6 31ff'))).toEqual('aaaaa');
});

tap.test('padding longer than 7 bits is refused (RFC 7541 §5.2)', async () => {
  expect(decode(bytesOf('ff'))).toEqual(null);
  expect(decode(bytesOf('1fff'))).toEqual(null);
  expect(decode(bytesOf('f8ff'))).toEqual(null);
  expect(decode(bytesOf('18c6 31ff ff'))).toEqual(null);
});

tap.test('padding that is not of ones is refused (RFC 7541 §5.2)', async () => {
  for (const hex of ['18', '1e', '1b', 'b8', '1c', 'febe', 'fe80', '18c6 31fe']) {
    expect([hex, decode(bytesOf(hex))]).toEqual([hex, null]);
  }
});

tap.test('a code that the string cuts is refused', async () => {
  // The first bits of a code of 23.
  expect(decode(bytesOf('ffffb0').subarray(0, 2))).toEqual(null);
  expect(decode(bytesOf('fe'))).toEqual(null);
});

tap.test('what has no room is counted all the same', async () => {
  const code = encode('hello world');
  const into = Buffer.alloc(5);
  expect(decodeHuffman(code, 0, code.length, into)).toEqual(11);
  expect(into.toString('latin1')).toEqual('hello');
});

tap.test('any bytes are decoded as their own code, or refused, and give no more than was foretold', async () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      const code = Buffer.from(bytes);
      const text = decode(code);
      if (text === null) refused++;
      else if (text.length > mostDecoded(code.length) || !encode(text).equals(code)) throw new Error(text);
    }),
    { seed: 762, numRuns: numRuns() },
  );
  expect(refused).toBeGreaterThan(0);
});

export default tap.start();
