// A header block as it comes: HEADERS, then CONTINUATION until it is complete (RFC 9113 §4.3, §6.2, §6.10).

import { type FrameReader, h2Error, h2Flag } from '../codec/http2-frame.js';

export class H2Block {
  /** 0: none is open. */
  stream = 0;
  /** END_STREAM. */
  end = false;
  /** The stream is said to depend on itself (RFC 7540 §5.3.1). */
  selfDependent = false;
  /** CONTINUATION frames so far. */
  continuations = 0;
  bytes = 0;
  #parts: Buffer[] | null = null;

  /** HEADERS; `reader` is left at the fragment. @returns a code of RFC 9113 §7; 0 where padding and priority fit in. */
  begin(reader: FrameReader): number {
    const { flags, bytes, stream } = reader;
    let { at, end } = reader;
    const isPadded = (flags & h2Flag.padded) !== 0;
    const hasPriority = (flags & h2Flag.priority) !== 0;
    if (end - at < (isPadded ? 1 : 0) + (hasPriority ? 5 : 0)) return h2Error.frameSize;
    if (isPadded) end -= bytes[at++] as number;
    if (hasPriority) {
      if (at + 5 > end) return h2Error.protocol;
      this.selfDependent = (bytes.readUInt32BE(at) & 0x7fff_ffff) === stream;
      at += 5;
    } else this.selfDependent = false;
    if (at > end) return h2Error.protocol;
    this.stream = stream;
    this.end = (flags & h2Flag.endStream) !== 0;
    this.continuations = 0;
    this.bytes = end - at;
    reader.at = at;
    reader.end = end;
    return 0;
  }

  /** A fragment that is not the last. */
  keep({ bytes, at, end, lent }: FrameReader): void {
    const part = bytes.subarray(at, end);
    this.#parts ??= [];
    this.#parts.push(lent ? Buffer.from(part) : part);
  }

  /** The whole block, of which `reader` has the last fragment; none is open then. */
  complete({ bytes, at, end }: FrameReader): Buffer {
    const last = bytes.subarray(at, end);
    this.stream = 0;
    const parts = this.#parts;
    if (parts === null) return last;
    this.#parts = null;
    parts.push(last);
    return Buffer.concat(parts);
  }
}
