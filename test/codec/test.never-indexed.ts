import { HpackDecoder } from '../../ts/codec/hpack-decoder.js';
import { HpackEncoder } from '../../ts/codec/hpack-encoder.js';
import { requestBlock, responseBlock, trailerBlock } from '../../ts/codec/http2-fields.js';
import { markNeverIndexed, neverIndexed, withMarks } from '../../ts/codec/never-indexed.js';
import { encoded } from '../helpers/hpack.js';
import { expect, tap } from '../helpers/tapbundle.js';

const makeDecoder = (): HpackDecoder =>
  new HpackDecoder({ maxTableBytes: 4_096, maxListBytes: 16_384, maxFields: 100 });
const text = (octets: string): Buffer => Buffer.concat([Buffer.of(octets.length), Buffer.from(octets)]);
const namesOf = (fields: readonly string[] | null): string[] => [...(neverIndexed(fields ?? []) ?? [])];

tap.test('a list has the marks that were made, and those of the list it was made of; others have none', () => {
  const fields = ['x-a', '1', 'x-b', '2'];
  expect(neverIndexed(fields)).toBeNull();
  markNeverIndexed(fields, 'x-b');
  markNeverIndexed(fields, 'x-a');
  markNeverIndexed(fields, 'x-b');
  expect(namesOf(fields)).toEqual(['x-b', 'x-a']);
  const copy = withMarks(fields, [...fields]);
  expect([namesOf(copy), neverIndexed([...fields])]).toEqual([['x-b', 'x-a'], null]);
  expect(neverIndexed(withMarks(['x-c', '3'], ['x-c', '3']))).toBeNull();
});

tap.test(
  'the decoder marks what its sender never indexes, whichever way the name is said, and no secrets that we know',
  () => {
    const decoder = makeDecoder();
    const marked = Buffer.concat([
      ...[Buffer.of(0x10), text('x-own'), text('1')],
      // user-agent, authorization, and `:path` of the static table.
      ...[Buffer.of(0x1f, 58 - 15), text('2'), Buffer.of(0x1f, 23 - 15), text('3'), Buffer.of(0x14), text('/4')],
    ]);
    const fields = decoder.decode(marked);
    expect(fields).toEqual(['x-own', '1', 'user-agent', '2', 'authorization', '3', ':path', '/4']);
    expect(namesOf(fields)).toEqual(['x-own', 'user-agent', ':path']);
    const plain = Buffer.concat([
      Buffer.of(0x00),
      text('x-own'),
      text('1'),
      Buffer.of(0x40),
      text('x-more'),
      text('2'),
    ]);
    expect(neverIndexed(decoder.decode(plain) ?? [])).toBeNull();
    // Of the dynamic table.
    expect(namesOf(decoder.decode(Buffer.concat([Buffer.of(0x1f, 62 - 15), text('3')])))).toEqual(['x-more']);
  },
);

tap.test(
  'the encoder writes what is marked as never indexed, even where it is in a table, and puts it into none',
  () => {
    const encoder = new HpackEncoder();
    const list = ['x-own', 'v', ':method', 'GET', 'user-agent', 'u'];
    const first = encoded(encoder, list);
    expect(first[0]).toEqual(0x40);
    expect(encoded(encoder, list).length).toEqual(3);
    const marked = [...list, 'x-new', 'n'];
    for (const name of ['x-own', ':method', 'user-agent', 'x-new']) markNeverIndexed(marked, name);
    const decoder = makeDecoder();
    decoder.decode(first);
    for (const _ of [1, 2]) {
      const block = encoded(encoder, marked);
      // Each has a literal of its own, with a name of its table or without.
      const [own, method, agent, fresh] = [
        Buffer.of(0x1f, 63 - 15),
        Buffer.of(0x12),
        Buffer.of(0x1f, 58 - 15),
        Buffer.of(0x10),
      ];
      for (const start of [own, method, agent, fresh]) expect(block.includes(start)).toBeTrue();
      const fields = decoder.decode(block);
      expect([fields, namesOf(fields)]).toEqual([marked, ['x-own', ':method', 'user-agent', 'x-new']]);
    }
    expect(encoded(encoder, list).length).toEqual(3);
  },
);

tap.test('blocks of requests, answers and trailers have the marks of what they are made of', () => {
  const fields = ['X-Own', 'v'];
  markNeverIndexed(fields, 'x-own');
  const request = {
    ...{
      version: '2' as const,
      method: 'GET',
      target: '/',
      authority: 'a.test',
      host: 'a.test',
      fields,
      contentLength: 0,
    },
    ...{ expectsContinue: false, upgrade: null, close: false },
  } as const;
  const response = { status: 200, reason: '', fields, contentLength: 0 };
  for (const block of [requestBlock(request, 'https'), responseBlock(response, false), trailerBlock(fields)]) {
    expect(namesOf(block)).toEqual(['x-own']);
  }
  expect(neverIndexed(trailerBlock(['X-Own', 'v']))).toBeNull();
});

export default tap.start();
