import fc from 'fast-check';
import { HpackEncoder } from '../../ts/codec/hpack-encoder.js';
import { encoded, makeDecoder } from '../helpers/hpack.js';
import { startNghttp2Decoder, startNghttp2Encoder } from '../helpers/nghttp2-codec.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';

/** What nghttp2 lets through: octets of values, no white space around them. */
const value = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...['', '1', 'gzip, deflate', 'text/html; charset=utf-8', 'Mon, 21 Oct 2013 20:13:21 GMT', '*/*', 'no-cache'],
      ...['x'.repeat(500), 'y'.repeat(3000), 'z'.repeat(5000), '"\xe9\xff"', 'a\tb'],
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.oneof(fc.integer({ min: 33, max: 126 }), fc.integer({ min: 128, max: 255 })), { maxLength: 40 })
      .map((octets) => String.fromCharCode(...octets)),
  },
);
const name = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('accept', 'cache-control', 'x-own', 'server', 'vary', 'x-request-id', 'link'),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 300 }).map((n) => `x-${n}`) },
  { weight: 1, arbitrary: fc.stringMatching(/^[a-z][a-z0-9!#$%&'*+.^_`|~-]{0,30}$/).map((text) => `y${text}`) },
);
const path = fc.constantFrom('/', '/index.html', '/a', '/b/c?d=e', `/${'p'.repeat(100)}`);

/** Names that come twice stand together, as an object keeps them. */
const list = fc
  .tuple(path, fc.array(fc.tuple(name, fc.array(value, { minLength: 1, maxLength: 2 })), { maxLength: 12 }))
  .map(([target, groups]) => {
    const fields = [':method', 'GET', ':scheme', 'http', ':authority', 'a.test', ':path', target];
    const seen = new Set<string>();
    for (const [one, values] of groups) {
      if (seen.has(one)) continue;
      seen.add(one);
      for (const text of values) fields.push(one, text);
    }
    return fields;
  });

const step = fc.record({
  fields: list,
  resizes: fc.oneof(
    { weight: 4, arbitrary: fc.constant<number[]>([]) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(0, 33, 100, 1000, 4096, 16_384), { minLength: 1, maxLength: 2 }) },
  ),
});
const steps = fc.array(step, { minLength: 1, maxLength: 20 });

/** About six lists a run: the long form has more than 10^5 lists, both ways together. */
const runs = { seed: 766, numRuns: numRuns(100) };

tap.test('what nghttp2 encodes we decode, through all sizes of the table', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      await using encoder = await startNghttp2Encoder();
      const decoder = makeDecoder({ table: 16_384, list: 1_000_000 });
      decoder.setMaxTableBytes(4096);
      for (const { fields, resizes } of all) {
        for (const bytes of resizes) {
          await encoder.resize(bytes);
          decoder.setMaxTableBytes(bytes);
        }
        expect(decoder.decode(await encoder.encode(fields))).toEqual(fields);
      }
    }),
    runs,
  );
});

tap.test('what we encode nghttp2 decodes, through all sizes of the table', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      await using decoder = await startNghttp2Decoder();
      const encoder = new HpackEncoder();
      for (const { fields, resizes } of all) {
        for (const bytes of resizes) {
          await decoder.resize(bytes);
          encoder.setMaxTableBytes(bytes);
        }
        expect(await decoder.decode(encoded(encoder, fields))).toEqual(fields);
      }
    }),
    runs,
  );
});

export default tap.start();
