// Frames of HTTP/2 as we send them, one behind the other in memory that grows, until they are taken together.

import type { HpackEncoder, IByteSink } from './hpack-encoder.js';
import type { TFields } from './http-message.js';
import { frameHeadBytes, h2Flag, h2Frame } from './http2-frame.js';

export class FrameWriter implements IByteSink {
  buffer: Buffer = nothing;
  at = 0;
  /** A header block that nothing follows yet: where it begins, where it ends, whose it is. */
  #blockAt = 0;
  #blockEnd = -1;
  #blockStream = 0;

  room(bytes: number): void {
    const needed = this.at + bytes;
    if (needed <= this.buffer.length) return;
    const wanted = Math.max(needed, this.buffer.length * 2, spareBytes);
    const larger =
      wanted === spareBytes ? (spare.pop() ?? Buffer.allocUnsafeSlow(spareBytes)) : Buffer.allocUnsafeSlow(wanted);
    this.buffer.copy(larger, 0, 0, this.at);
    giveSpare(this.buffer);
    this.buffer = larger;
  }

  /** The head of a frame whose payload the caller appends. */
  head(length: number, type: number, flags: number, stream: number): void {
    this.room(frameHeadBytes + length);
    this.#putHead(this.at, length, type, flags, stream);
    this.at += frameHeadBytes;
  }

  /** The head of a DATA frame whose payload is written by itself. */
  dataHead(length: number, flags: number, stream: number): void {
    this.room(frameHeadBytes);
    this.#putHead(this.at, length, h2Frame.data, flags, stream);
    this.at += frameHeadBytes;
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** `settings`: identifiers and values in turn. */
  settings(settings: readonly number[]): void {
    this.head(settings.length * 3, h2Frame.settings, 0, 0);
    for (let next = 0; next < settings.length; next += 2) {
      this.at = this.buffer.writeUInt16BE(settings[next] as number, this.at);
      this.at = this.buffer.writeUInt32BE(settings[next + 1] as number, this.at);
    }
  }

  settingsAck(): void {
    this.head(0, h2Frame.settings, h2Flag.ack, 0);
  }

  /** `bytes`: 8 octets from `at`. */
  ping(isAck: boolean, bytes: Buffer, at: number): void {
    this.head(8, h2Frame.ping, isAck ? h2Flag.ack : 0, 0);
    this.at += bytes.copy(this.buffer, this.at, at, at + 8);
  }

  rstStream(stream: number, code: number): void {
    this.head(4, h2Frame.rstStream, 0, stream);
    this.at = this.buffer.writeUInt32BE(code, this.at);
  }

  windowUpdate(stream: number, bytes: number): void {
    this.head(4, h2Frame.windowUpdate, 0, stream);
    this.at = this.buffer.writeUInt32BE(bytes, this.at);
  }

  /** `why`: ASCII, for whoever debugs the peer. */
  goaway(lastStream: number, code: number, why: string): void {
    this.head(8 + why.length, h2Frame.goaway, 0, 0);
    this.at = this.buffer.writeUInt32BE(lastStream, this.at);
    this.at = this.buffer.writeUInt32BE(code, this.at);
    this.at += this.buffer.write(why, this.at, 'latin1');
  }

  /** HEADERS, and CONTINUATION where the peer takes no frame so large. */
  headers(encoder: HpackEncoder, fields: TFields, stream: number, end: boolean, maxFrameBytes: number): void {
    this.room(frameHeadBytes);
    const begin = this.at;
    this.at += frameHeadBytes;
    encoder.encode(fields, this);
    const length = this.at - begin - frameHeadBytes;
    const endFlag = end ? h2Flag.endStream : 0;
    if (length <= maxFrameBytes) this.#putHead(begin, length, h2Frame.headers, endFlag | h2Flag.endHeaders, stream);
    else this.#split(begin, length, stream, endFlag, maxFrameBytes);
    this.#blockAt = begin;
    this.#blockEnd = this.at;
    this.#blockStream = stream;
  }

  /** Ends a stream by the header block that was written last. False: it is not the stream's, or has gone. */
  endHeaders(stream: number): boolean {
    if (this.#blockStream !== stream || this.#blockEnd !== this.at) return false;
    const at = this.#blockAt + 4;
    this.buffer[at] = (this.buffer[at] as number) | h2Flag.endStream;
    return true;
  }

  /** All that was written; its memory is the caller's. null: nothing. */
  take(): Buffer | null {
    const { buffer, at } = this;
    if (at === 0) return null;
    this.at = 0;
    this.#blockEnd = -1;
    this.buffer = nothing;
    if (at > copiedBytes) return buffer.subarray(0, at);
    const copy = Buffer.from(buffer.subarray(0, at));
    giveSpare(buffer);
    return copy;
  }

  #split(begin: number, length: number, stream: number, endFlag: number, maxFrameBytes: number): void {
    const frames = Math.ceil(length / maxFrameBytes);
    this.room((frames - 1) * frameHeadBytes);
    const { buffer } = this;
    const from = begin + frameHeadBytes;
    // From the last to the second: each moves behind the heads before it.
    for (let frame = frames - 1; frame > 0; frame--) {
      const partAt = from + frame * maxFrameBytes;
      const partEnd = Math.min(partAt + maxFrameBytes, from + length);
      const to = partAt + frame * frameHeadBytes;
      buffer.copyWithin(to, partAt, partEnd);
      const flags = frame === frames - 1 ? h2Flag.endHeaders : 0;
      this.#putHead(to - frameHeadBytes, partEnd - partAt, h2Frame.continuation, flags, stream);
    }
    this.#putHead(begin, maxFrameBytes, h2Frame.headers, endFlag, stream);
    this.at += (frames - 1) * frameHeadBytes;
  }

  #putHead(at: number, length: number, type: number, flags: number, stream: number): void {
    const { buffer } = this;
    buffer[at] = length >>> 16;
    buffer[at + 1] = length >>> 8;
    buffer[at + 2] = length;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = stream >>> 24;
    buffer[at + 6] = stream >>> 16;
    buffer[at + 7] = stream >>> 8;
    buffer[at + 8] = stream;
  }
}

const nothing = Buffer.alloc(0);
/** So much is copied where it is taken (into a pool of Node's), and the memory it was written in serves the next. */
const copiedBytes = 4_000;
/** Connections write in turn: their memory is shared, and an idle one has none. */
const spareBytes = 16_384;
const maxSpares = 8;
const spare: Buffer[] = [];

function giveSpare(buffer: Buffer): void {
  if (buffer.length === spareBytes && spare.length < maxSpares) spare.push(buffer);
}
