import fc from 'fast-check';
import { HpackEncoder } from '../../ts/codec/hpack-encoder.js';
import type { TFields } from '../../ts/codec/http-message.js';
import { bytesOf, encoded, makeDecoder, TestSink } from '../helpers/hpack.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { hpackExamples } from '../vectors/hpack-examples.js';

const hexOf = (encoder: HpackEncoder, ...fields: readonly string[]): string => encoded(encoder, fields).toString('hex');
const example = (name: string) => hpackExamples.find((one) => one.name === name)?.blocks ?? [];

tap.test('requests are written as RFC 7541 Appendix C.4 has them', async () => {
  const encoder = new HpackEncoder();
  expect(example('C.4').length).toEqual(3);
  for (const { hex, fields } of example('C.4')) expect(encoded(encoder, fields)).toEqual(bytesOf(hex));
});

tap.test('fields of the static table take an octet', async () => {
  const encoder = new HpackEncoder();
  expect(hexOf(encoder, ':method', 'POST', ':scheme', 'https', ':path', '/index.html')).toEqual('838785');
  expect(hexOf(encoder, ':status', '500', 'accept-encoding', 'gzip, deflate')).toEqual('8e90');
});

tap.test('fields that came before take an octet', async () => {
  const encoder = new HpackEncoder();
  const fields = ['server', 'x', 'vary', 'accept', 'x-own', 'y'];
  expect(encoded(encoder, fields).length).toBeGreaterThan(10);
  expect(hexOf(encoder, ...fields)).toEqual('c0bfbe');
});

tap.test('one name may have several values in the table, and the newest name is used', async () => {
  const encoder = new HpackEncoder();
  encoded(encoder, ['x-own', '1', 'x-own', '2', 'x-own', '3']);
  expect(hexOf(encoder, 'x-own', '1', 'x-own', '2', 'x-own', '3')).toEqual('c0bfbe');
  expect(hexOf(encoder, 'x-own', '4')).toEqual('7e0134');
});

tap.test('secrets are never indexed, by anybody (RFC 7541 §7.1.3)', async () => {
  const secrets = ['authorization', 'cookie', 'set-cookie', 'proxy-authorization', 'proxy-authenticate', 'x-api-key'];
  const encoder = new HpackEncoder();
  const decoder = makeDecoder();
  for (const name of secrets) {
    const first = encoded(encoder, [name, 'very secret']);
    expect([name, (first[0] as number) >> 4]).toEqual([name, 1]);
    expect(encoded(encoder, [name, 'very secret'])).toEqual(first);
    expect(decoder.decode(first)).toEqual([name, 'very secret']);
  }
  expect(decoder.tableBytes).toEqual(0);
});

tap.test('what is seldom the same twice does not become an entry', async () => {
  const encoder = new HpackEncoder();
  const decoder = makeDecoder();
  const fields = [
    ...['date', 'Mon, 21 Oct 2013 20:13:21 GMT', 'content-length', '123', 'etag', '"a"', 'x-request-id', 'abc'],
    ...[':path', '/search?q=1', ':path', `/${'x'.repeat(64)}`, 'location', '/x', 'x-forwarded-for', '192.0.2.1'],
  ];
  const first = encoded(encoder, fields);
  expect(decoder.decode(first)).toEqual(fields);
  expect(decoder.tableBytes).toEqual(0);
  expect(encoded(encoder, fields)).toEqual(first);
  // A path without a query may come again.
  expect(decoder.decode(encoded(encoder, [':path', '/a']))).toEqual([':path', '/a']);
  expect(hexOf(encoder, ':path', '/a')).toEqual('be');
});

tap.test('a field that would push out most others does not become an entry', async () => {
  const encoder = new HpackEncoder();
  const long = 'x'.repeat(3072 - 32 - 5);
  encoded(encoder, ['x-own', long]);
  expect(hexOf(encoder, 'x-own', long)).toEqual('be');
  const larger = encoded(encoder, ['x-new', `${long}x`]);
  expect(encoded(encoder, ['x-new', `${long}x`])).toEqual(larger);
});

tap.test('Huffman code is written where it is shorter', async () => {
  expect(hexOf(new HpackEncoder(), 'date', '000')).toEqual(`0f12${'82'}${'0001'}`);
  expect(hexOf(new HpackEncoder(), 'date', '\xff\xff')).toEqual('0f1202ffff');
  expect(hexOf(new HpackEncoder(), 'date', '')).toEqual('0f1200');
});

tap.test('a smaller table of the peer is signalled and kept to (RFC 7541 §4.2)', async () => {
  const encoder = new HpackEncoder();
  encoded(encoder, ['x-own', '1', 'x-own', '2']);
  encoder.setMaxTableBytes(38);
  // Size 38, then the one entry that stays.
  expect(hexOf(encoder, 'x-own', '2')).toEqual('3f07be');
  expect(encoded(encoder, ['x-own', '1']).length).toBeGreaterThan(1);
});

tap.test('a table of none holds nothing', async () => {
  const encoder = new HpackEncoder();
  encoder.setMaxTableBytes(0);
  const first = encoded(encoder, ['x-own', '1']);
  expect(first[0]).toEqual(0x20);
  expect(encoded(encoder, ['x-own', '1'])).toEqual(first.subarray(1));
});

tap.test('of several sizes the smallest and the last are signalled (RFC 7541 §4.2)', async () => {
  const encoder = new HpackEncoder();
  encoded(encoder, ['x-own', '1']);
  for (const bytes of [1000, 0, 500]) encoder.setMaxTableBytes(bytes);
  expect(hexOf(encoder, ':method', 'GET')).toEqual('20 3fd503 82'.replaceAll(' ', ''));
  expect(hexOf(encoder, ':method', 'GET')).toEqual('82');
  encoder.setMaxTableBytes(4096);
  expect(hexOf(encoder, ':method', 'GET')).toEqual('3fe11f82');
});

tap.test('a size that was smaller in between is signalled although it is the old one again', async () => {
  const encoder = new HpackEncoder();
  encoded(encoder, ['x-own', '1']);
  encoder.setMaxTableBytes(0);
  encoder.setMaxTableBytes(4096);
  expect(hexOf(encoder, ':method', 'GET')).toEqual('203fe11f82');
});

tap.test('of a larger table no more than the usual is used, and nothing said', async () => {
  const encoder = new HpackEncoder();
  encoder.setMaxTableBytes(65_536);
  expect(hexOf(encoder, ':method', 'GET')).toEqual('82');
});

tap.test('it writes behind what the sink has, in a memory that may be replaced', async () => {
  const sink = new TestSink();
  sink.at = 9;
  new HpackEncoder().encode([':method', 'GET', 'x', 'y'.repeat(5000)], sink);
  expect(sink.buffer[9]).toEqual(0x82);
  expect(makeDecoder().decode(sink.bytes.subarray(9))).toEqual([':method', 'GET', 'x', 'y'.repeat(5000)]);
});

const text = fc.oneof(
  fc.constantFrom('', '1', 'text/html', 'gzip, deflate', '200', '/', 'x'.repeat(100), 'y'.repeat(1500)),
  fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);
const name = fc.oneof(
  fc.constantFrom(':status', ':path', ':authority', 'accept-encoding', 'cookie', 'date', 'x-own', 'server', 'etag'),
  fc.integer({ min: 0, max: 200 }).map((n) => `x-${n}`),
);
const list = fc.array(fc.tuple(name, text), { maxLength: 12 }).map((pairs): TFields => pairs.flat());
const step = fc.record({ list, resizes: fc.array(fc.constantFrom(0, 40, 100, 4095, 4096, 10_000), { maxLength: 2 }) });

tap.test('what is encoded is decoded again, whatever the sizes of the table', async () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = makeDecoder({ table: 10_000, list: 1_000_000 });
      for (const { list: fields, resizes } of steps) {
        for (const bytes of resizes) {
          encoder.setMaxTableBytes(bytes);
          decoder.setMaxTableBytes(bytes);
        }
        expect(decoder.decode(encoded(encoder, fields))).toEqual([...fields]);
        expect(decoder.tooLarge).toEqual(false);
      }
    }),
    { seed: 765, numRuns: numRuns(300) },
  );
});

export default tap.start();
