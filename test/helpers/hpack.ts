// Header blocks for tests: written octet by octet as RFC 7541 has them, apart from the codec.

import { HpackDecoder } from '../../ts/codec/hpack-decoder.js';
import type { HpackEncoder, IByteSink } from '../../ts/codec/hpack-encoder.js';
import type { TFields } from '../../ts/codec/http-message.js';

export const bytesOf = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex');

export const makeDecoder = (limits: { table?: number; list?: number; fields?: number } = {}): HpackDecoder =>
  new HpackDecoder({
    maxTableBytes: limits.table ?? 4096,
    maxListBytes: limits.list ?? 16_384,
    maxFields: limits.fields ?? 100,
  });

/** RFC 7541 §5.1 */
export function integer(value: number, prefix: number, flags = 0): Buffer {
  const full = 2 ** prefix - 1;
  if (value < full) return Buffer.of(flags | value);
  const octets = [flags | full];
  let rest = value - full;
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push(128 + (rest % 128));
  return Buffer.from([...octets, rest]);
}

/** Not Huffman coded. */
export const plainString = (text: string): Buffer =>
  Buffer.concat([integer(text.length, 7), Buffer.from(text, 'latin1')]);

/** A field with a name of its own; `how` is the first octet: 0x40 adds an entry, 0 does not, 0x10 never. */
export const literal = (name: string, value: string, how = 0x40): Buffer =>
  Buffer.concat([Buffer.of(how), plainString(name), plainString(value)]);

export const indexed = (index: number): Buffer => integer(index, 7, 0x80);
export const resize = (bytes: number): Buffer => integer(bytes, 5, 0x20);
export const block = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts);

export class TestSink implements IByteSink {
  buffer = Buffer.alloc(16);
  at = 0;

  room(bytes: number): void {
    if (this.buffer.length - this.at >= bytes) return;
    const larger = Buffer.alloc(2 * (this.at + bytes));
    this.buffer.copy(larger);
    this.buffer = larger;
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.at);
  }
}

export function encoded(encoder: HpackEncoder, fields: TFields): Buffer {
  const sink = new TestSink();
  encoder.encode(fields, sink);
  return Buffer.from(sink.bytes);
}
