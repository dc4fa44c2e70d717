import fc from 'fast-check';
import { Base64Decoder, Base64Encoder } from '../../ts/codec/base64-stream.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 });

tap.test('what is encoded in pieces is what is encoded at once', () => {
  fc.assert(
    fc.property(pieces, (given) => {
      const encoder = new Base64Encoder();
      const out = Buffer.concat([...given.map((piece) => encoder.push(piece)), encoder.flush()]);
      expect(out.toString()).toEqual(Buffer.concat(given).toString('base64'));
    }),
    { seed: 479, numRuns: numRuns() },
  );
});

tap.test('parts with padding of their own, cut anywhere, are decoded to what they were', () => {
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 9 }), (given, size) => {
      const text = Buffer.from(given.map((piece) => Buffer.from(piece).toString('base64')).join(''));
      const decoder = new Base64Decoder();
      const out: Buffer[] = [];
      for (let at = 0; at < text.length; at += size) {
        const part = decoder.push(text.subarray(at, at + size));
        if (part === null) throw new Error('refused');
        out.push(part);
      }
      expect(decoder.complete).toBeTrue();
      expect(Buffer.concat(out).equals(Buffer.concat(given))).toBeTrue();
    }),
    { seed: 479, numRuns: numRuns() },
  );
});

tap.test('what is no base64 is refused, and what is cut short is known', () => {
  for (const text of ['YQ=a', 'Y===', '====', 'YWE*', 'YWE\n', 'YWE-']) {
    expect([text, new Base64Decoder().push(Buffer.from(text))]).toEqual([text, null]);
  }
  const decoder = new Base64Decoder();
  expect(decoder.push(Buffer.from('YWJjZ'))).toEqual(Buffer.from('abc'));
  expect(decoder.complete).toBeFalse();
});

export default tap.start();
