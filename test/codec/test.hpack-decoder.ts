import fc from 'fast-check';
import { HpackEncoder } from '../../ts/codec/hpack-encoder.js';
import {
  block,
  bytesOf,
  encoded,
  indexed,
  integer,
  literal,
  makeDecoder,
  plainString,
  resize,
} from '../helpers/hpack.js';
import { expect, numRuns, tap } from '../helpers/tapbundle.js';
import { hpackExamples } from '../vectors/hpack-examples.js';

tap.test('the examples of RFC 7541 Appendix C are decoded, table and all', async () => {
  for (const example of hpackExamples) {
    const decoder = makeDecoder();
    if (example.tableBytes !== 4096) expect(decoder.decode(resize(example.tableBytes))).toEqual([]);
    for (const { hex, fields, tableBytes } of example.blocks) {
      expect([example.name, decoder.decode(bytesOf(hex)), decoder.tableBytes]).toEqual([
        example.name,
        fields,
        tableBytes,
      ]);
      expect(decoder.tooLarge).toEqual(false);
    }
  }
});

tap.test('an empty block is an empty list', async () => {
  expect(makeDecoder().decode(Buffer.alloc(0))).toEqual([]);
});

tap.test('new entries come first, duplicates are kept (RFC 7541 §2.3.2, §2.3.3)', async () => {
  const decoder = makeDecoder();
  decoder.decode(block(literal('a', '1'), literal('b', '2'), literal('a', '1')));
  expect(decoder.decode(block(indexed(62), indexed(63), indexed(64)))).toEqual(['a', '1', 'b', '2', 'a', '1']);
});

tap.test('an index behind both tables is refused (RFC 7541 §2.3.3)', async () => {
  expect(makeDecoder().decode(indexed(62))).toEqual(null);
  expect(makeDecoder().decode(block(literal('a', '1'), indexed(63)))).toEqual(null);
  expect(makeDecoder().decode(block(literal('a', '1'), integer(63, 6, 0x40), plainString('x')))).toEqual(null);
  expect(makeDecoder().decode(block(integer(62, 4), plainString('x')))).toEqual(null);
  expect(makeDecoder().decode(indexed(61))).toEqual(['www-authenticate', '']);
});

tap.test('index 0 is refused (RFC 7541 §6.1)', async () => {
  expect(makeDecoder().decode(bytesOf('80'))).toEqual(null);
  expect(makeDecoder().decode(bytesOf('82 80'))).toEqual(null);
});

tap.test('only literals with incremental indexing become entries (RFC 7541 §6.2)', async () => {
  const decoder = makeDecoder();
  expect(decoder.decode(block(literal('a', '1', 0), literal('b', '2', 0x10)))).toEqual(['a', '1', 'b', '2']);
  expect(decoder.tableBytes).toEqual(0);
  expect(decoder.decode(literal('c', '3', 0x40))).toEqual(['c', '3']);
  expect(decoder.tableBytes).toEqual(34);
});

tap.test('an entry counts for 32 more than its octets, and the oldest leave first (RFC 7541 §4.1, §4.4)', async () => {
  const decoder = makeDecoder();
  decoder.decode(resize(102));
  decoder.decode(block(literal('a', '1'), literal('b', '2'), literal('c', '3')));
  expect(decoder.tableBytes).toEqual(102);
  decoder.decode(literal('d', '4'));
  expect(decoder.decode(block(indexed(62), indexed(63), indexed(64)))).toEqual(['d', '4', 'c', '3', 'b', '2']);
  expect(decoder.decode(indexed(65))).toEqual(null);
});

tap.test('an entry may have the name of one that leaves for it (RFC 7541 §4.4)', async () => {
  const decoder = makeDecoder();
  decoder.decode(block(resize(64), literal('name', 'v')));
  expect(decoder.decode(block(integer(62, 6, 0x40), plainString('other')))).toEqual(['name', 'other']);
  expect(decoder.decode(indexed(62))).toEqual(['name', 'other']);
  expect(decoder.decode(indexed(63))).toEqual(null);
});

tap.test('an entry larger than the table empties it and is no error (RFC 7541 §4.4)', async () => {
  const decoder = makeDecoder();
  const long = 'x'.repeat(64);
  expect(decoder.decode(block(resize(64), literal('a', '1')))).toEqual(['a', '1']);
  expect(decoder.decode(literal('b', long))).toEqual(['b', long]);
  expect(decoder.tableBytes).toEqual(0);
  expect(decoder.decode(indexed(62))).toEqual(null);
});

tap.test('a smaller table drops what does not fit any more (RFC 7541 §4.3)', async () => {
  const decoder = makeDecoder();
  decoder.decode(block(literal('a', '1'), literal('b', '2')));
  expect(decoder.decode(block(resize(34), indexed(62)))).toEqual(['b', '2']);
  expect(decoder.tableBytes).toEqual(34);
  expect(decoder.decode(block(resize(0), resize(4096)))).toEqual([]);
  expect(decoder.tableBytes).toEqual(0);
  expect(decoder.decode(indexed(62))).toEqual(null);
});

tap.test('a table of none takes no entry', async () => {
  const decoder = makeDecoder();
  expect(decoder.decode(block(resize(0), literal('a', '1'), literal('', '')))).toEqual(['a', '1', '', '']);
  expect(decoder.tableBytes).toEqual(0);
});

tap.test('a new size stands at the beginning of a block or is refused (RFC 7541 §4.2)', async () => {
  expect(makeDecoder().decode(block(resize(10), indexed(2)))).toEqual([':method', 'GET']);
  expect(makeDecoder().decode(block(indexed(2), resize(10)))).toEqual(null);
  expect(makeDecoder().decode(block(resize(10), indexed(2), resize(10)))).toEqual(null);
});

tap.test('two new sizes are taken, a third is refused (RFC 7541 §4.2)', async () => {
  expect(makeDecoder().decode(block(resize(0), resize(100), indexed(2)))).toEqual([':method', 'GET']);
  expect(makeDecoder().decode(block(resize(0), resize(100), resize(100)))).toEqual(null);
});

tap.test('a new size above the limit is refused (RFC 7541 §6.3)', async () => {
  expect(makeDecoder().decode(resize(4096))).toEqual([]);
  expect(makeDecoder().decode(resize(4097))).toEqual(null);
  expect(makeDecoder({ table: 65_536 }).decode(resize(65_536))).toEqual([]);
  expect(makeDecoder({ table: 65_536 }).decode(resize(65_537))).toEqual(null);
});

tap.test(
  'until a smaller table is acknowledged the usual one is good, and then it is not (RFC 9113 §4.3.1)',
  async () => {
    const decoder = makeDecoder({ table: 100 });
    expect(decoder.decode(block(resize(4096), indexed(2)))).toEqual([':method', 'GET']);
    decoder.setMaxTableBytes(100);
    expect(decoder.decode(block(resize(101), indexed(2)))).toEqual(null);
  },
);

tap.test('a reduction must be signalled by the next block (RFC 7541 §4.2, RFC 9113 §4.3.1)', async () => {
  const silent = makeDecoder();
  silent.setMaxTableBytes(100);
  expect(silent.decode(indexed(2))).toEqual(null);
  const larger = makeDecoder();
  larger.setMaxTableBytes(100);
  larger.setMaxTableBytes(4096);
  // The smallest on the way comes first.
  expect(larger.decode(block(resize(4096), indexed(2)))).toEqual(null);
  const right = makeDecoder();
  right.setMaxTableBytes(100);
  right.setMaxTableBytes(4096);
  expect(right.decode(block(resize(100), resize(4096), indexed(2)))).toEqual([':method', 'GET']);
  expect(right.decode(indexed(2))).toEqual([':method', 'GET']);
  const smaller = makeDecoder();
  smaller.setMaxTableBytes(100);
  expect(smaller.decode(block(resize(50), indexed(2)))).toEqual([':method', 'GET']);
});

tap.test('a limit that the table keeps already need not be signalled', async () => {
  const decoder = makeDecoder();
  decoder.decode(resize(50));
  decoder.setMaxTableBytes(100);
  expect(decoder.decode(indexed(2))).toEqual([':method', 'GET']);
});

tap.test('integers are read as RFC 7541 Appendix C.1 writes them', async () => {
  // 1337 with a prefix of 5 bits, as a size.
  expect(makeDecoder().decode(bytesOf('3f9a0a'))).toEqual([]);
  // 31 - 5 bits all set - and a zero behind them.
  expect(makeDecoder().decode(bytesOf('3f00'))).toEqual([]);
  // Zeros behind the number, within reason.
  expect(makeDecoder().decode(bytesOf('3f80808000'))).toEqual([]);
});

tap.test('an integer that does not end is refused (RFC 7541 §5.1)', async () => {
  for (const hex of ['ff', 'ff80', '3f', '7f', '0f', '1f80', '40', '400161', '4001617f', '400161 7f80']) {
    expect([hex, makeDecoder().decode(bytesOf(hex))]).toEqual([hex, null]);
  }
});

tap.test('an integer that is too large or too long is refused (RFC 7541 §5.1)', async () => {
  for (const hex of [
    '3fffffffffffffffff7f',
    'ffffffffff0f',
    'ff8080808000',
    '3f8080808000',
    '7fffffffffff01',
    '007fffffffffffffffffff01',
    // 2^32 + 2, which 32 bits take for 2.
    'ff83ffffff0f',
    '8083808080808080808001',
  ]) {
    expect([hex, makeDecoder().decode(bytesOf(hex))]).toEqual([hex, null]);
  }
});

tap.test('a string longer than the block is refused (RFC 7541 §5.2)', async () => {
  for (const hex of ['40', '4002 61', '4001 61', '4001 6102 62', '4001 6182 1f', '0001 61ff', '4182 f1']) {
    expect([hex, makeDecoder().decode(bytesOf(hex))]).toEqual([hex, null]);
  }
});

tap.test('Huffman code that is wrong is refused in names and values (RFC 7541 §5.2)', async () => {
  for (const code of ['84ffffffff', '81ff', '82 1fff', '8118']) {
    expect(makeDecoder().decode(bytesOf(`40 0161 ${code}`))).toEqual(null);
    expect(makeDecoder().decode(bytesOf(`40 ${code} 0161`))).toEqual(null);
    // Also where nobody keeps the text.
    expect(makeDecoder({ list: 0 }).decode(bytesOf(`00 0161 ${code}`))).toEqual(null);
  }
});

tap.test('a list up to its limits is given, above them it is too large (RFC 9113 §6.5.2)', async () => {
  const two = block(literal('a', '1', 0), literal('b', '22', 0));
  const right = makeDecoder({ list: 69 });
  expect(right.decode(two)).toEqual(['a', '1', 'b', '22']);
  expect(right.tooLarge).toEqual(false);
  const small = makeDecoder({ list: 68 });
  expect(small.decode(two)).toEqual(['a', '1']);
  expect(small.tooLarge).toEqual(true);
  const few = makeDecoder({ fields: 1 });
  expect(few.decode(two)).toEqual(['a', '1']);
  expect(few.tooLarge).toEqual(true);
  expect(few.decode(literal('c', '3', 0))).toEqual(['c', '3']);
  expect(few.tooLarge).toEqual(false);
});

tap.test('once too large nothing more is collected, however small', async () => {
  const decoder = makeDecoder({ list: 100 });
  const fields = decoder.decode(block(literal('a', '1', 0), literal('b', 'x'.repeat(60), 0), literal('c', '3', 0)));
  expect(fields).toEqual(['a', '1']);
  expect(decoder.tooLarge).toEqual(true);
});

tap.test('the table is right behind a list that was too large', async () => {
  const decoder = makeDecoder({ list: 100 });
  const long = 'x'.repeat(200);
  decoder.decode(block(literal('a', long), literal('b', '2'), literal(long, '3'), literal('c', long, 0)));
  expect(decoder.tooLarge).toEqual(true);
  expect(decoder.decode(indexed(63))).toEqual(['b', '2']);
  expect(decoder.tableBytes).toEqual(233 + 34 + 233);
  // The names and values that were too long for the list are entries all the same.
  const other = makeDecoder({ list: 300 });
  other.decode(block(literal('z', 'y'.repeat(400)), literal('a', long)));
  expect(other.tooLarge).toEqual(true);
  expect(other.decode(indexed(62))).toEqual(['a', long]);
});

tap.test('a string that fits neither the list nor the table is no text, plain or coded', async () => {
  const decoder = makeDecoder({ list: 100 });
  decoder.decode(literal('a', '1'));
  const coded = block(bytesOf('40 0161'), integer(10_000, 7, 0x80), Buffer.alloc(10_000));
  expect(decoder.decode(coded)).toEqual([]);
  expect(decoder.tooLarge).toEqual(true);
  expect(decoder.tableBytes).toEqual(0);
  expect(decoder.decode(literal('a', 'x'.repeat(10_000)))).toEqual([]);
  expect(decoder.tooLarge).toEqual(true);
});

tap.test('a bomb of one large entry named again and again stays flat', async () => {
  const decoder = makeDecoder();
  decoder.decode(literal('a', 'x'.repeat(4000)));
  const bomb = Buffer.alloc(100_000, 0x80 | 62);
  const fields = decoder.decode(bomb);
  expect(decoder.tooLarge).toEqual(true);
  expect(fields?.length).toEqual(8);
  expect(decoder.tableBytes).toEqual(4033);
});

tap.test('a bomb of empty fields stays flat', async () => {
  const decoder = makeDecoder({ list: 1_000_000 });
  const fields = decoder.decode(Buffer.concat(new Array<Buffer>(10_000).fill(literal('', ''))));
  expect(decoder.tooLarge).toEqual(true);
  expect(fields?.length).toEqual(200);
  expect(decoder.tableBytes).toEqual(4096);
});

/** Right blocks of one connection, by our encoder. */
const connection = fc.array(
  fc.array(
    fc.tuple(
      fc.constantFrom('a', 'accept', 'cookie', 'x-long-name-of-a-field', ':path', 'date'),
      fc.constantFrom('', '1', '/', 'text/html', 'x'.repeat(300), '\xff\x00\x80'),
    ),
    { maxLength: 8 },
  ),
  { minLength: 1, maxLength: 4 },
);
const change = fc.record({
  at: fc.nat(2000),
  how: fc.constantFrom('insert', 'replace', 'remove'),
  octet: fc.oneof(fc.constantFrom(0x80, 0xff, 0x3f, 0x20, 0x7f, 0x40, 0), fc.nat(255)),
});

tap.test('mutated blocks never throw, and never grow what is kept', async () => {
  let refused = 0;
  fc.assert(
    fc.property(
      connection,
      fc.array(change, { maxLength: 3 }),
      fc.constantFrom(40, 400, 16_384),
      (lists, changes, list) => {
        const encoder = new HpackEncoder();
        const decoder = makeDecoder({ list, fields: 6 });
        for (const fields of lists) {
          const octets = [...encoded(encoder, fields.flat())];
          for (const { at, how, octet } of changes) {
            octets.splice(at % (octets.length + 1), how === 'insert' ? 0 : 1, ...(how === 'remove' ? [] : [octet]));
          }
          const read = decoder.decode(Buffer.from(octets));
          if (decoder.tableBytes > 4096) throw new Error(`${decoder.tableBytes} bytes`);
          if (read === null) {
            refused++;
            return;
          }
          let bytes = 0;
          for (const text of read) bytes += text.length + 16;
          if (bytes > list || read.length > 12) throw new Error(`${bytes} bytes, ${read.length / 2} fields`);
        }
      },
    ),
    { seed: 763, numRuns: numRuns() },
  );
  expect(refused).toBeGreaterThan(0);
});

tap.test('random bytes never throw', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const decoder = makeDecoder({ fields: 10 });
      const read = decoder.decode(Buffer.from(bytes));
      return (read === null || read.length <= 20) && decoder.tableBytes <= 4096;
    }),
    { seed: 764, numRuns: numRuns() },
  );
});

export default tap.start();
